"""From branches to codes: C++ and Python are what `ingest` computes, with ties, empty and overfull lists and NaN."""

import io
import sys

import awkward as ak
import numpy as np
import pytest
from hardware_objects import formats_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.columns import fill_values
from trigger_lut.data.nonfinite import Nonfinite
from trigger_lut.data.quantize import Tally
from trigger_lut.data.records import row_type
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.emulator.compile import STRICT
from trigger_lut.firmware.front_end import cpp
from trigger_lut.firmware.front_end import python as emulator
from trigger_lut.firmware.front_end.description import front_end
from trigger_lut.firmware.front_end.files import event_lines, front_end_files
from trigger_lut.utils.programs import cxx_compiler, run_program

FORMAT = {"signed": True, "width": 8, "integer": 5}
NO_CODES = -(1 << 40)


def data_set(**changes):
    """Jets of hardware integers with ties, electrons of physical values, and missing momentum."""
    content = {
        "name": "d",
        "files": ["x.root"],
        "tree": "t",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["a", "b"]},
        "features": [
            {"name": "met", "scale": {"signed": False, "width": 8, "lsb": 0.5}},
            {"name": "phi", "scale": {"signed": True, "width": 7, "lsb": "pi/64"}, "nonfinite": {"replace": -1}},
            {
                "name": "ht",
                "expression": "sum(jet_pt[jet_pt > 4])",
                "format": {"signed": False, "width": 9, "integer": 9},
            },
            {"name": "lead", "expression": "nth(jet_pt, 0, -1) % 7", "format": FORMAT},
        ],
        "objects": {
            "jet": {
                "count": 4,
                "sort_by": "jet_pt",
                "select": "((jet_id & 2) > 0) & (jet_pt > 2)",
                "pad": -1,
                "mask": "there",
                "features": [
                    {"name": "pt", "expression": "jet_pt * 0.5", "format": FORMAT},
                    {"name": "place", "expression": "jet_place", "format": {"signed": False, "width": 5, "integer": 5}},
                    {
                        "name": "share",
                        "expression": "jet_pt / sum(jet_pt)",
                        "scale": {"signed": False, "width": 6, "lsb": 0.02, "rounding": "floor"},
                    },
                ],
            },
            "electron": {
                "count": 3,
                "sort_by": "abs(el_eta)",
                "features": [
                    {"name": "eta", "expression": "el_eta", "format": FORMAT, "nonfinite": {"replace": 0.25}},
                    {
                        "name": "phi",
                        "expression": "deltaphi(el_phi, phi)",
                        "scale": {"signed": True, "width": 7, "lsb": "pi/64"},
                        "nonfinite": "drop",
                    },
                ],
            },
        },
    }
    return DataSet.model_validate(content | changes)


def lists(rng, counts, draw):
    return ak.unflatten(draw(rng, int(counts.sum())), counts)


def events(count, seed=0):
    """Branches with few different values, so that most events have ties; a tenth of the lists are empty."""
    rng = np.random.default_rng(seed)
    jets, electrons = (rng.integers(0, most, count) * (rng.random(count) > 0.1) for most in (12, 6))
    eta = rng.normal(size=int(electrons.sum())).round(1).astype(np.float32)
    eta[rng.random(len(eta)) < 0.01] = np.nan
    phi = rng.uniform(-np.pi, np.pi, count)
    phi[rng.random(count) < 0.01] = np.inf
    return {
        "met": rng.exponential(40, count).astype(np.float32),
        "phi": phi,
        "jet_pt": lists(rng, jets, lambda r, n: r.integers(0, 16, n).astype(np.int32)),
        "jet_id": lists(rng, jets, lambda r, n: r.integers(0, 8, n).astype(np.uint8)),
        "jet_place": ak.local_index(ak.unflatten(np.zeros(jets.sum()), jets)),
        "el_eta": ak.unflatten(eta, electrons),
        "el_phi": lists(rng, electrons, lambda r, n: r.uniform(-4, 4, n)),
        "label": rng.integers(0, 2, count),
    }


def of_ingest(described, formats, branches, count):
    """Codes (N, C) as `ingest` computes them; NO_CODES throughout where it drops or refuses the event."""
    rows = np.zeros(count, row_type(described))
    rows["entry"] = np.arange(count)
    with np.errstate(over="ignore"):
        fill_values(described, branches, entry=rows["entry"], keep=rows["entry"], rows=rows)
    every = channels(described)
    values, finite = rows["values"], np.isfinite(rows["values"])
    refused = np.zeros(count, bool)
    for n, channel in enumerate(every):
        action = channel.feature.nonfinite or described.nonfinite
        refused |= ~finite[:, n] if isinstance(action, str) else False
    kept = rows[~refused]
    kept = Nonfinite(described, every, ["x"]).treat(kept)
    assert len(kept) == count - refused.sum()
    codes = np.full((count, len(every)), NO_CODES, np.int64)
    for n, (channel, kif) in enumerate(zip(every, formats, strict=True)):
        tally = Tally(channel, kif, classes=1)
        none = np.zeros(len(kept), np.int64)
        codes[~refused, n] = tally.encode(np.ascontiguousarray(kept["values"][:, n]), none, filled=none == 0)
    assert values.shape == codes.shape
    return codes


def parsed(text, columns):
    rows = [[NO_CODES] * columns if line == "-" else list(map(int, line.split())) for line in text.splitlines()]
    return np.array(rows, dtype=np.int64).reshape(-1, columns)


HEADER = """#pragma once
#include <cstddef>
#include <cstdint>
namespace trigger_lut_d {{
inline constexpr std::size_t n_inputs = {n};
inline constexpr std::size_t n_outputs = 1;
using input_t = std::int32_t;
using output_t = std::int32_t;
inline void evaluate(const input_t* in, output_t* out) noexcept {{ out[0] = in[0]; }}
}}
"""


def program(described, folder, edit=lambda text: text):
    """The compiled example, with a network that is a copy of the first input."""
    (folder / "trigger_lut_d.h").write_text(HEADER.format(n=len(described["channels"])))
    for name, text in front_end_files(described, "d").items():
        (folder / name.rsplit("/", 1)[-1]).write_text(edit(text) if name.endswith("_inputs.cpp") else text)
    sources = [folder / "inputs.cpp", folder / "trigger_lut_d_inputs.cpp"]
    command = [cxx_compiler(), *STRICT, "-O2", "-ffp-contract=off", "-o", folder / "inputs", *sources]
    run_program(command, what="C++ compiler")
    return folder / "inputs"


def in_cpp(binary, described, branches, count):
    events_file = binary.with_name("events.txt")
    events_file.write_text(event_lines(described, branches, count=count))
    return parsed(run_program([binary, events_file], what="inputs"), len(described["channels"]))


def in_python(described, branches, count):
    codes = []
    for event in emulator.events_in(described, io.StringIO(event_lines(described, branches, count=count))):
        try:
            codes.append(emulator.codes_of(described, event))
        except emulator.NoCodesError:
            codes.append([NO_CODES] * len(described["channels"]))
    return np.array(codes, dtype=np.int64)


def test_cpp_and_python_are_what_ingest_computes(tmp_path):
    count = 4000
    described, branches = data_set(), events(count)
    formats = formats_of(described)
    plain = front_end(described, formats, branches=branches)
    expected = of_ingest(described, formats, branches, count)
    assert (expected[:, 0] == NO_CODES).any()
    assert (expected[:, 0] != NO_CODES).mean() > 0.9
    assert (in_cpp(program(plain, tmp_path), plain, branches, count) != expected).sum() == 0
    assert (in_python(plain, branches, count) != expected).sum() == 0


COUNTS = ak.unflatten(np.arange(10, dtype=np.int32), [3, 0, 7])
ALONE = {
    "integer": ({"features": [{"name": "x", "format": FORMAT}], "objects": {}}, {"x": np.arange(-1, 2)}),
    "real": ({"features": [{"name": "x", "format": FORMAT}], "objects": {}}, {"x": np.array([0.5, -1, np.nan])}),
    "scaled": (
        {"features": [{"name": "x", "scale": {"signed": True, "width": 4, "lsb": 2}}], "objects": {}},
        {"x": np.arange(3, dtype=np.uint8)},
    ),
    "list of integers": (
        {"features": [], "objects": {"a": {"count": 2, "features": [{"name": "x", "format": FORMAT}]}}},
        {"x": COUNTS},
    ),
    "list of real values": (
        {"features": [], "objects": {"a": {"count": 2, "sort_by": "x", "features": [{"name": "x", "format": FORMAT}]}}},
        {"x": COUNTS / 2},
    ),
    "reduction": (
        {"features": [{"name": "n", "expression": "sum(x)", "format": FORMAT}], "objects": {}},
        {"x": COUNTS},
    ),
}


@pytest.mark.parametrize("kind", ALONE)
def test_events_of_one_kind_of_branch_alone(tmp_path, kind):
    changes, branches = ALONE[kind]
    description = data_set(**changes)
    formats = formats_of(description)
    described = front_end(description, formats, branches=branches)
    expected = of_ingest(description, formats, branches, 3)
    np.testing.assert_array_equal(in_python(described, branches, 3), expected)
    np.testing.assert_array_equal(in_cpp(program(described, tmp_path), described, branches, 3), expected)


def test_the_events_have_ties_empty_and_overfull_lists():
    branches = events(4000)
    passed = branches["jet_pt"][((branches["jet_id"] & 2) > 0) & (branches["jet_pt"] > 2)]
    lengths = ak.to_numpy(ak.num(passed))
    ties = [len(set(row)) < len(row) for row in passed.tolist()]
    assert np.mean(ties) > 0.1
    assert (lengths == 0).any()
    assert (lengths > 4).any()


BROKEN = {
    "ties in another order": ("return key[a] > key[b]", "return key[a] != key[b] ? key[a] > key[b] : a > b"),
    "sorted the other way": ("return key[a] > key[b]", "return key[a] < key[b]"),
    "not rounded to 32 bits": ("const double exact = static_cast<double>(value)", "const double exact = wide"),
    "a half goes down": ("std::floor(scaled)", "std::ceil(scaled - 1)"),
    "not saturated": ("std::max(std::floor(scaled), channel.low)", "std::floor(scaled)"),
    "cut off too early": ("filled = slot < ", "filled = slot + 1 < "),
    "padded with 0": (" : -1.0;", " : 0.0;"),
    "not selected": ("(event.jet_id[i]) & ", "(event.jet_id[i]) | "),
    "NaN is not replaced": ("if (!channel.replaced) return false", "return false"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_step_is_noticed(tmp_path, name):
    count = 3000
    described, branches = data_set(), events(count)
    old, new = BROKEN[name]
    formats = formats_of(described)
    plain = front_end(described, formats, branches=branches)

    def edit(text):
        assert old in text, text
        return text.replace(old, new)

    codes = in_cpp(program(plain, tmp_path, edit), plain, branches, count)
    expected = of_ingest(described, formats, branches, count)
    assert codes.shape != expected.shape or (codes != expected).any()


def test_equal_keys_keep_the_order_of_the_list_in_python():
    described = data_set()
    branches = events(10)
    branches |= {
        "jet_pt": ak.Array([[5, 9, 5, 9, 5]] * 10),
        "jet_id": ak.values_astype(ak.Array([[2] * 5] * 10), np.uint8),
        "jet_place": ak.Array([[0, 1, 2, 3, 4]] * 10),
    }
    plain = front_end(described, formats_of(described), branches=branches)
    codes = in_python(plain, branches, 1)[0]
    names = [channel.name for channel in channels(described)]
    assert [codes[names.index(f"jet_{slot}_place")] for slot in range(4)] == [1, 3, 0, 2]


EXPRESSIONS = [
    "x + y * 2 - z / 3",
    "x % y",
    "-x ** 2",
    "x ** 2 + +y",
    "where(x > y, x, z)",
    "minimum(x, maximum(y, z))",
    "floor(x * 4)",
    "clip(x, -1, 1.5)",
    "(x > 0) & ~(y > 1) | (z < x)",
    "-1 < x < y",
    "sqrt(abs(x))",
    "isnan(x) + isfinite(y)",
    "sum(a)",
    "mean(a)",
    "min(a)",
    "max(a * x)",
    "num(a)",
    "any(a > x)",
    "all(a > b)",
    "sum(a > 0)",
    "nth(a, 1)",
    "sum(sort(a, b)[:, 0:2])",
    "sum(a[b > 0])",
    "a[:, 2]",
    "a[..., 0]",
    "sum(a[:, 1:3] * x)",
    "max(sort(a))",
    "deltaphi(x, y)",
    "(n >> 1) & 5",
    "(n << 2 | 1) % 8",
    "n * 1.5",
    "(u & 6) > 2",
    "sum((m & 1) > 0)",
    "min(a[a > 100])",
    "count(a[a > x]) / 2",
    "sort(a)[:, 1]",
    "sum(a / sum(b))",
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A program of all expressions, each with a fine format."""
    fine = {"signed": True, "width": 16, "integer": 7}
    features = [
        {"name": f"f{n}", "expression": text, "format": fine, "nonfinite": {"replace": 63}}
        for n, text in enumerate(EXPRESSIONS)
    ]
    described = data_set(features=features, objects={})
    one = drawn([[0.0] * 3], [[]], [[]], [0], [0], [[]])
    plain = front_end(described, formats_of(described), branches=one)
    return described, plain, program(plain, tmp_path_factory.mktemp("front"))


def drawn(numbers, a, b, n, u, m):
    x, y, z = np.array(numbers, dtype=float).T
    typed = {"a": (a, float), "b": (b, float), "m": (m, np.int16)}
    listed = {key: ak.values_astype(ak.from_iter([*rows, [0.0]])[:-1], kind) for key, (rows, kind) in typed.items()}
    return {"x": x, "y": y, "z": z, "n": np.array(n, np.int64), "u": np.array(u, np.uint16), "label": x * 0, **listed}


NUMBERS = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.25, -3.7, 1e-3, 12.5, 1e30, float("inf"), float("-inf"), float("nan")]
)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(-9, 9)), max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(NUMBERS, NUMBERS, NUMBERS, PAIRS, st.integers(-9, 9), st.integers(0, 9)), min_size=1, max_size=30
    )
)
def test_each_expression_is_the_same_for_any_numbers(everything, rows):
    described, plain, binary = everything
    columns = list(zip(*rows, strict=True))
    parts = [[[pair[k] for pair in row] for row in columns[3]] for k in range(3)]
    branches = drawn(list(zip(*columns[:3], strict=True)), parts[0], parts[1], columns[4], columns[5], parts[2])
    expected = of_ingest(described, formats_of(described), branches, len(rows))
    cpp_codes, python_codes = in_cpp(binary, plain, branches, len(rows)), in_python(plain, branches, len(rows))
    for n, text in enumerate(EXPRESSIONS):
        assert cpp_codes[:, n].tolist() == expected[:, n].tolist(), text
        assert python_codes[:, n].tolist() == expected[:, n].tolist(), text


def test_functions_of_the_library_are_named(everything):
    described = data_set(features=[{"name": "l", "expression": "log(met) + hypot(met, phi)", "format": FORMAT}])
    source = cpp.inputs_source(front_end(described, formats_of(described), branches=events(3)), "trigger_lut_d")
    assert "// The last bit of hypot, log depends on the library" in source
    assert "last bit" not in cpp.inputs_source(everything[1], "trigger_lut_d")


def test_lists_of_different_lengths_have_no_codes(tmp_path):
    described, branches = data_set(), events(20)
    plain = front_end(described, formats_of(described), branches=branches)
    branches["jet_place"] = ak.Array([[*row, 0] for row in branches["jet_place"].tolist()])
    assert (in_cpp(program(plain, tmp_path), plain, branches, 20) == NO_CODES).all()
    assert (in_python(plain, branches, 20) == NO_CODES).all()


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("met", ak.Array(["a", "b"]), "branch 'met': the emulator does not read text"),
        ("jet_pt", ak.Array([[[1.0]], [[2.0]]]), "branch 'jet_pt': the emulator does not read lists of lists"),
        ("met", ak.Array([[1.0], [2.0]]), "expected one number per event, found a list"),
        ("jet_place", np.zeros(2), "expected a list per event for each expression"),
        ("jet_id", ak.Array([[1.0], [2.0]]), "& .* need integers in the emulator"),
    ],
)
def test_what_has_no_emulator_is_refused(name, array, message):
    described = data_set()
    with pytest.raises(FirmwareError, match=message):
        front_end_files(front_end(described, formats_of(described), branches=events(2) | {name: array}), "d")


def test_members_have_names_that_cpp_can_have():
    assert cpp.member_names(dict.fromkeys(["Jet.pt", "Jet_pt", "class", "1st", "_x", "a__b"])) == {
        "Jet.pt": "Jet_pt",
        "Jet_pt": "b_Jet_pt",
        "class": "b_class",
        "1st": "b_1st",
        "_x": "b_x",
        "a__b": "a_b",
    }


def test_the_script_runs_without_this_package(tmp_path):
    described, branches = data_set(), events(30)
    plain = front_end(described, formats_of(described), branches=branches)
    for path, text in front_end_files(plain, "d").items():
        (tmp_path / path.rsplit("/", 1)[-1]).write_text(text)
    (tmp_path / "events.txt").write_text(event_lines(plain, branches, count=30))
    command = [sys.executable, "-I", tmp_path / "inputs.py", tmp_path / "inputs.json", tmp_path / "events.txt"]
    printed = run_program(command, what="inputs.py")
    assert (parsed(printed, len(plain["channels"])) == of_ingest(described, formats_of(described), branches, 30)).all()
