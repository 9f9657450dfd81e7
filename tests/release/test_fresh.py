"""The checker's own vectors, the formats and sources that a release states, and results that its code writes."""

import json
import os

import numpy as np
import pytest

from trigger_lut.errors import DataError, FirmwareError, NotReproducibleError, ToolFailedError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.release.compare import Vectors
from trigger_lut.release.fresh import FRESH, drawn_seed, fresh_vectors, require_enough, require_formats
from trigger_lut.release.inside import FIGURES, OUTPUTS
from trigger_lut.release.sandbox import MOST_SAID, _results
from trigger_lut.release.sources import found_in, require_plain

FORMATS = (KIF(True, 3, 2), KIF(False, 4, 0))
SHIPPED = np.array([[-3, 1], [0, 2], [5, 3]])


def test_fresh_vectors_hold_the_ends_and_follow_from_the_seed():
    codes, description = fresh_vectors(FORMATS, SHIPPED, seed=3)
    assert len(codes) >= FRESH
    assert "corners of the ranges" in description
    for n, kif in enumerate(FORMATS):
        assert (codes[:, n].min(), codes[:, n].max()) == (kif.lo, kif.hi)
    assert (codes == fresh_vectors(FORMATS, SHIPPED, seed=3)[0]).all()
    assert (codes != fresh_vectors(FORMATS, SHIPPED, seed=4)[0]).any()
    assert drawn_seed() != drawn_seed()


def test_few_or_equal_vectors_are_too_few():
    wide = (KIF(True, 15, 0),)
    different = np.arange(1000)[:, None]
    assert require_enough(different, wide) == "1000 different ones in 1000 lines"
    for few in (different[:999], np.zeros((4000, 1), dtype=int)):
        with pytest.raises(DataError, match="Expected at least 1000 different ones"):
            require_enough(few, wide)
    assert require_enough(np.arange(8)[:, None], (KIF(False, 4, 0),))  # of 16 that there are


def stated():
    entries = [{"fraction": kif.f, "min": kif.lo, "max": kif.hi} for kif in FORMATS]
    layer = {"fraction": [2, 0], "sites": [[0, 1]]}
    network = {"inputs": entries, "outputs": [dict(e) for e in entries], "layers": [layer], "output_values": [2, 3]}
    rtl = RtlProject(None, "top", (), (), FORMATS, FORMATS, 1, 1.0)
    return network, rtl, FORMATS, [2, 0]


@pytest.mark.parametrize("changed", ["inputs", "outputs", "layers", "hls inputs", "hls fractions"])
def test_other_formats_are_found_where_codes_agree(changed):
    network, rtl, inputs, fractions = stated()
    assert require_formats(network, rtl, hls_inputs=inputs, hls_fractions=fractions)
    if changed in ("inputs", "outputs"):
        network[changed][0]["fraction"] = 1
    elif changed == "layers":
        network["layers"][0]["fraction"] = [1, 0]
    elif changed == "hls inputs":
        inputs = (KIF(True, 2, 3), KIF(False, 4, 0))
    else:
        fractions = [1, 0]
    with pytest.raises(DataError, match="other formats than rtl"):
        require_formats(network, rtl, hls_inputs=inputs, hls_fractions=fractions)


def test_some_vectors_are_of_both_kinds():
    vectors = Vectors(np.arange(100)[:, None], np.arange(100)[:, None] * 2, 60)
    for count, shipped in ((10, 5), (90, 50), (200, 60)):
        some = vectors.some(count)
        assert (len(some.codes), some.shipped) == (min(count, 100), shipped)
        assert (some.codes[:shipped] < 60).all()
        assert (some.codes[shipped:] >= 60).all()
        assert len(np.unique(some.codes)) == len(some.codes)
        outputs = some.expected.copy()
        assert "0 mismatches" in some.same(some.expected, outputs)
        outputs[-1] += 1
        with pytest.raises(NotReproducibleError, match=r"fresh vector .*its inputs: 99$"):
            some.same(some.expected, outputs)


PLAIN = {
    ".v": "`timescale 1 ns / 1 ps\n// verilator lint_off UNUSEDSIGNAL\n"
    '(* shreg_extract = "no" *) reg a;\nalways @(*) b = $signed(a);\n',
    ".vhd": 'signal a: std_logic_vector(1 downto 0) := "00"; -- a "translate_off" in a name\n',
}


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".v", "// synopsys translate_off\n"),
        (".v", "/* verilator public */"),
        (".v", "`ifdef SYNTHESIS\n"),
        (".v", '"//" `define a b'),
        (".v", 'initial $system("id");'),
        (".v", "(* full_case *) case (a)"),
        (".v", 'import "DPI-C" function int f();'),
        (".v", "assign \\a = b;"),
        (".vhd", "-- synthesis translate_off\n"),
        (".vhd", "attribute foreign of f: function is a;"),
        (".vhd", "use std.env.all;"),
    ],
)
def test_text_that_tools_read_differently_is_refused(tmp_path, suffix, text):
    (tmp_path / "rtl/bench").mkdir(parents=True)
    (tmp_path / "rtl/bench" / f"tb{suffix}").write_text(text)
    source = tmp_path / "rtl" / f"a{suffix}"
    source.write_text(PLAIN[suffix])
    assert require_plain(tmp_path).startswith("1 files")
    source.write_text(PLAIN[suffix] + text)
    with pytest.raises(FirmwareError, match="is not in generated firmware"):
        require_plain(tmp_path)
    assert found_in(PLAIN[suffix], suffix) is None


def test_results_of_a_form_are_plain_integers_in_regular_files(tmp_path):
    def write():
        for name in (OUTPUTS, FIGURES):
            (tmp_path / name).unlink(missing_ok=True)
        np.save(tmp_path / OUTPUTS, np.ones((2, 3), dtype=np.int64))
        (tmp_path / FIGURES).write_text(json.dumps({"ii": 1}))

    def link(name):
        (tmp_path / name).rename(tmp_path / "elsewhere")
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")

    def pipe(name):
        (tmp_path / name).unlink()
        os.mkfifo(tmp_path / name)

    write()
    ran = _results(tmp_path)
    assert (ran.outputs.shape, ran.figures) == ((2, 3), {"ii": 1})
    for spoil in (
        lambda: link(OUTPUTS),
        lambda: link(FIGURES),
        lambda: pipe(OUTPUTS),
        lambda: (tmp_path / OUTPUTS).unlink(),
        lambda: np.save(tmp_path / OUTPUTS, np.ones((2, 3))),
        lambda: np.save(tmp_path / OUTPUTS, np.array([[{}]], dtype=object)),
        lambda: (tmp_path / FIGURES).write_text('{"ii": 1.0}'),
        lambda: (tmp_path / FIGURES).write_text("[" * 5000),
        lambda: (tmp_path / FIGURES).write_text(" " * (MOST_SAID + 1)),
    ):
        write()
        spoil()
        with pytest.raises(ToolFailedError, match="wrote results of another form"):
            _results(tmp_path)
