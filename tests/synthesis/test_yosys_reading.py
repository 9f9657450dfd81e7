"""Large Verilog that Yosys reads in pieces is the Verilog that it reads whole."""

import made_cards
import pytest
from networks import random_network

from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.synthesis import yosys, yosys_reading
from trigger_lut.verification.faults.instrument import texts_of, write_instrumented
from trigger_lut.verification.faults.sites import candidates
from trigger_lut.verification.formal.module_graphs import module_graph
from trigger_lut.verification.formal.prove import prove_both_ways
from trigger_lut.verification.formal.sat import equivalent

MODULE = "module {name}(input [1:0] in, output reg [1:0] out);\nalways @(*) out = in + 2'd{n};\nendmodule\n"


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(yosys_reading, "LARGEST_BYTES", 300)
    monkeypatch.setattr(yosys_reading, "PIECE_BYTES", 2000)


def modules(count, name="m{n}"):
    return "".join(MODULE.format(name=name.format(n=n), n=n % 4) for n in range(count))


def test_a_design_is_the_same_in_pieces(tmp_path, monkeypatch, request):
    network = random_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    faults = candidates(texts_of(project), project.top)["table"][:3]
    (tmp_path / "faulty").mkdir()
    faulty = write_instrumented(project, faults, folder=tmp_path / "faulty", filled=True)
    whole = yosys.synthesize(list(project.files), project.top, family="xcup")
    graph = module_graph(faulty, project.top)
    request.getfixturevalue("small_pieces")
    cut = [path for path in (*project.files, *faulty) if len(yosys_reading.pieces(path)) > 1]
    assert {path.name for path in cut} == {f"{project.top.removesuffix('_top')}_core_tables.v"}
    assert len(cut) == 2, "with and without faults"
    monkeypatch.setattr(yosys, "cached", _uncached(tmp_path))
    again = yosys.synthesize(list(project.files), project.top, family="xcup")
    assert abs(len(again["cells"]) - len(whole["cells"])) <= 2
    assert equivalent(module_graph(faulty, project.top), graph, seconds=30).verdict == "proven"
    proof = prove_both_ways(network, project, seconds=30, seed=1, folder=tmp_path)
    assert {output.status for output in proof.outputs} == {"proven"}
    assert proof.control_caught


def test_pieces_are_the_file(tmp_path, small_pieces):
    text = "`timescale 1 ns / 1 ps\n/* verilator lint_off DECLFILENAME */\n" + modules(100)
    path = tmp_path / "a.v"
    path.write_text(text)
    parts = yosys_reading.pieces(path)
    assert len(parts) > 3
    assert "".join(parts) == text
    assert max(map(len, parts)) <= 2000
    assert all(part.endswith("endmodule\n") for part in parts)


@pytest.mark.parametrize(
    "sign",
    [
        "/*\nendmodule\n*/\n",
        "// synopsys translate_off\n",
        "`define x 1\n",
        'module s; initial $display("\nendmodule\n"); endmodule\n',
        "module \\endmodule ; endmodule\n",
        "module p #(parameter W = 1) (input [W-1:0] a); endmodule\n",
        "/* verilator lint_off X */ /*\n",
    ],
)
def test_what_might_be_read_otherwise_in_pieces_is_read_whole(tmp_path, small_pieces, sign):
    path = tmp_path / "a.v"
    path.write_text(modules(50) + sign + modules(50, name="n{n}"))
    assert yosys_reading.pieces(path) == []


def test_a_module_twice_is_an_error_in_pieces_too(tmp_path, small_pieces):
    path = tmp_path / "a.v"
    path.write_text(modules(60) + MODULE.format(name="m1", n=3))
    assert len(yosys_reading.pieces(path)) > 1
    with pytest.raises(ToolFailedError, match=r"(?i)re-?definition of module"):
        module_graph([path], "m1")


def test_a_file_that_is_small_or_missing_is_left_to_yosys(tmp_path):
    path = tmp_path / "a.v"
    commands = [f'read_verilog -sv "{path}"', "proc"]
    assert yosys_reading.in_pieces(commands, tmp_path) == commands
    path.write_text(modules(1))
    assert yosys_reading.in_pieces(commands, tmp_path) == commands
    assert yosys_reading.in_pieces([], tmp_path) == []


def _uncached(folder):
    def cached(name, made_of, *, build):
        path = folder / f"again_{name}"
        build(path)
        return path

    return cached
