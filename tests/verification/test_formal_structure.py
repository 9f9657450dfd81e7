"""A pipeline of plain Verilog is proven. Anything else never is, whatever its function is."""

import numpy as np
import pytest
from aiger import yosys_graph
from small_pipeline import small_network, small_project

from trigger_lut.errors import ToolFailedError
from trigger_lut.verification.formal import prove as stage
from trigger_lut.verification.formal.circuit import Circuit, read_modules
from trigger_lut.verification.formal.module_graphs import module_graph
from trigger_lut.verification.formal.netlist_graph import netlist_graph, read_netlist
from trigger_lut.verification.formal.normal_form import Algebra, FormError
from trigger_lut.verification.formal.prove import prove_both_ways
from trigger_lut.verification.formal.sat import equivalent, evaluated, with_outputs
from trigger_lut.verification.formal.word_level import prove_words, read_verilog

OUTPUT = "assign data_out[2:0] = {stage[2:0]};"
LOADED = "stage[2:0] <= looked_up[2:0];"
DECLARED = "wire [2:0] looked_up;"
VALID = "assign valid_out = valid[0];"
LATER = "reg [2:0] later; always @(posedge clk) later <= stage; assign data_out = later;"
TABLE = "module small_table_a(input [1:0] in, output reg [2:0] out);\n"
INSTANCE = "small_table_a op_1 (data_in, looked_up[2:0]);"

FAULTS = {
    # the valid bit
    "valid stuck": ([(VALID, "assign valid_out = 1'b1;")], "valid_out: expected valid_in behind registers"),
    "valid with a constant": ([(VALID, "assign valid_out = valid[0] | 1'b1;")], "valid_out: expected valid_in"),
    "valid inverted": ([("valid <= valid_in", "valid <= ~valid_in")], "valid_out: expected valid_in behind registers"),
    "valid late": ([("[0:0] valid", "[1:0] valid"), ("1'b0", "2'b0"), ("<= valid_in", "<= {valid[0], valid_in}"),
                    ("valid[0];\n", "valid[1];\n")], "valid_out: 2 registers from valid_in, 1 planned"),
    "valid early": ([(VALID, "assign valid_out = valid_in;")], "valid_out: 0 registers from valid_in, 1 planned"),
    "valid of the data": ([("valid <= valid_in", "valid <= data_in[0]")], "valid_out: expected valid_in"),
    # registers of the data
    "data late": ([(OUTPUT, LATER)], "data_out[0]: 2 registers from data_in, 1 planned"),
    "data early": ([(OUTPUT, "assign data_out = looked_up;")], "data_out[0]: 0 registers from data_in, 1 planned"),
    "one bit late": ([(OUTPUT, "reg late; always @(posedge clk) late <= stage[2]; "
                       "assign data_out = {late, stage[1:0]};")], "data_out[2]: 2 registers from data_in"),
    "an event in the next": ([(OUTPUT, "reg p; always @(posedge clk) p <= stage[0] & data_in[0]; "
                               "assign data_out = stage ^ {2'b0, p};")], "data_out[0]: 1 to 2 registers from data_in"),
    "a hold": ([(LOADED, "stage[2:0] <= valid_in ? looked_up : stage;")], "stage[0]: depends on itself"),
    "a counter": ([(OUTPUT, "reg [7:0] n; always @(posedge clk) n <= n + 8'd1; "
                    "assign data_out = stage ^ {3{n == 8'd0}};")], "depends on itself"),
    "data of the valid bit": ([(LOADED, "stage[2:0] <= looked_up & {3{valid_in}};")],
                              "data_out[0]: depends on valid_in"),
    "a slow constant": ([(OUTPUT, "reg a; reg b; always @(posedge clk) a <= 1'b1; always @(posedge clk) b <= a; "
                          "assign data_out = stage & {3{b}};")], "data_out[0]: 2 registers from a constant, at most 1"),
    # the clock
    "a clock of the valid bit": ([("posedge clk) begin", "posedge valid_in) begin")], "rising edge of the port clk"),
    "a clock of the data": ([(DECLARED, DECLARED + " wire c; assign c = data_in[0];"),
                             ("posedge clk) begin", "posedge c) begin")], "rising edge of the port clk"),
    "a gated clock": ([(DECLARED, DECLARED + " wire c; assign c = clk & valid_in;"),
                       ("posedge clk) begin", "posedge c) begin")], "the clock in logic"),
    "an inverted clock": ([(DECLARED, DECLARED + " wire c; assign c = ~clk;"),
                           ("posedge clk) begin", "posedge c) begin")], "falling edge"),
    "the clock as data": ([(LOADED, "stage[2:0] <= looked_up ^ {3{clk}};")], "the clock in logic"),
    "the clock stored": ([(LOADED, "stage[2:0] <= {looked_up[2:1], clk};")], "stores the clock"),
    "the clock at an output": ([(OUTPUT, "assign data_out = {stage[2:1], clk};")], "the clock at an output"),
    # ports
    "a port too narrow": ([("[2:0] data_out\n", "[1:0] data_out\n"), (OUTPUT, "assign data_out = stage[1:0];")],
                          "port data_out: expected an output of 3 bits, found an output of 2 bits"),
    "an added port": ([("input wire valid_in", "input wire valid_in, input wire spare")], "port spare: expected none"),
    "a missing port": ([("input wire valid_in,", ""), ("<= valid_in", "<= 1'b1")], "port valid_in: expected an input"),
    # drivers
    "two drivers": ([(OUTPUT, OUTPUT + " assign data_out[0] = valid[0];")], "multiple conflicting drivers"),
    "a net and a constant": ([(OUTPUT, OUTPUT + " assign data_out[0] = 1'b1;")], "Yosys"),
    "two inputs on a net": ([(OUTPUT, OUTPUT + " wire t; assign t = data_in[0]; assign t = data_in[1];")], "Yosys"),
    "two cells on a net": ([(DECLARED, DECLARED + " small_table_a op_2 (data_in, looked_up);")], "conflicting drivers"),
    "an undriven bit": ([(OUTPUT, "assign data_out[1:0] = stage[1:0];")], "data_out [2] is used but has no driver"),
    "a loop of logic": ([(DECLARED, "wire [2:0] looked_up; wire w; assign w = ~w;"),
                         (LOADED, "stage[2:0] <= looked_up ^ {3{w}};")], "Yosys"),
    "a port that is cut off": ([("looked_up[2:0]);", "looked_up[1:0]);")], "looked_up [2] is used but has no driver"),
    "a net read against its assignment": ([(OUTPUT, "wire [2:0] again; wire [2:0] none; assign again = none; "
                                            "small_table_a op_2 (data_in, again); reg [2:0] r; "
                                            "always @(posedge clk) r <= none; assign data_out = r;")],
                                          "module small_top: again[0] has several drivers"),
    "a net joined to an output": ([(OUTPUT, "wire [2:0] none; assign data_out = stage; assign data_out = none;")],
                                  "module small_top: data_out[0] has several drivers"),
    "an assigned input": ([(INSTANCE, "wire [1:0] none; assign data_in = none; small_table_a op_1 (none, looked_up);")],
                          "an assignment to 'data_in'"),
    "an assigned input of a module": ([(TABLE, "module small_wire(input [1:0] in, output [1:0] out);\n"
                                        "wire [1:0] none; assign in = none; assign out = none; endmodule\n" + TABLE),
                                       (INSTANCE, "wire [1:0] code; small_wire op_0 (data_in, code); "
                                        "small_table_a op_1 (code, looked_up);")],
                                      "an assignment to 'in'"),
    "an output of an instance in braces": ([(OUTPUT, "wire a; wire [1:0] b; wire [1:0] none; assign b = none; "
                                             "small_table_a op_2 (data_in, {a, b}); reg [2:0] r; "
                                             "always @(posedge clk) r <= {a, none}; assign data_out = r;")],
                                           "module small_top: b[0] has several drivers"),
    "a table of a constant": ([(OUTPUT, "wire [1:0] code; wire [2:0] zero; assign code = 2'd1 + 2'd2; "
                                "small_table_a op_2 (code, zero); assign data_out = stage ^ zero;")],
                              "zero[0]: a case statement of constants"),
    "a flat table of a constant": ([(TABLE, "module small_flat(input [1:0] in, output reg [2:0] out);\n"
                                     "always @(*) case (in)\n2'h3: out = 3'h0;\ndefault: out = 3'h1;\nendcase\n"
                                     "endmodule\n" + TABLE),
                                    (OUTPUT, "wire [2:0] zero; small_flat op_2 (2'd3, zero); "
                                     "assign data_out = stage ^ zero;")], "a case statement of constants"),
    "a bit out of range": ([(OUTPUT, "assign data_out = {stage[3:2], stage[0]};")], "Yosys warns"),
    "a word that counts up": ([(DECLARED, "localparam A = -2; wire [A:0] up; assign up = 3'd0; " + DECLARED)],
                              "up: expected a word that counts down to bit 0"),
    # modules that stay boxes
    "a latch": ([("default: out = {3{1'bx}};\n", ""), ("2'h3: out = 3'h0;\n", "")], "Latch inferred"),
    "a register in a box": ([(TABLE, "module small_table_a(input c, input [1:0] in, output [2:0] out);\n"
                              "reg [2:0] r; assign out = r; always @(posedge c) r <= {1'b0, in}; endmodule\n"
                              "module spare (input [1:0] in, output reg [2:0] out);\n"),
                             ("(data_in, looked", "(clk, data_in, looked")], "expected logic alone"),
    "an x in another box": ([(TABLE, "module small_mux(input [1:0] key, output reg [2:0] out);\n"
                              "always @(*) case (key)\n"
                              "2'h0: out = 3'h0;\ndefault: out = {3{1'bx}};\nendcase\nendmodule\n" + TABLE),
                             (INSTANCE, "small_mux op_1 (data_in, looked_up);")], "reads the constant x"),
    "a box of two outputs": ([(TABLE, "module small_mux(input [1:0] in, output a, output [1:0] b);\n"
                               "assign a = in[0]; assign b = in; endmodule\n" + TABLE),
                              (INSTANCE, "small_mux op_1 (data_in, looked_up[2], looked_up[1:0]);")],
                             "expected the output out, found a, b"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_no_pipeline_is_refused_with_a_reason(tmp_path, what):
    changes, reason = FAULTS[what]
    project = small_project(tmp_path, *changes)
    structure = read_verilog(project).structure
    assert reason in structure.reason(0), structure
    assert structure.registers is None


def test_the_pipeline_is_proven_in_words_and_by_sat(tmp_path, monkeypatch):
    project = small_project(tmp_path)
    proof = prove_both_ways(small_network(), project, seconds=20, seed=1, folder=tmp_path)
    assert [(x.status, x.by) for x in proof.outputs] == [("proven", "words")]
    assert (proof.registers, proof.control_caught) == (1, True)
    monkeypatch.setattr("trigger_lut.verification.formal.word_level._compared", lambda *_, **__: "not compared")
    proof = prove_both_ways(small_network(), project, seconds=20, seed=1, folder=tmp_path)
    assert [(x.status, x.by) for x in proof.outputs] == [("proven", "SAT")]
    assert (proof.registers, proof.control_caught) == (1, True)
    # Negative control of SAT's own: a proof that holds for anything is no proof.
    monkeypatch.setattr(stage, "equivalent", lambda *_, **__: stage.Result("proven"))
    assert prove_both_ways(small_network(), project, seconds=20, seed=1, folder=tmp_path).control_caught is False


@pytest.mark.parametrize("what", ["a hold", "a counter"])
def test_words_of_a_register_that_reads_itself_end(tmp_path, what):
    """The sums alone find the loop, without the check of the structure."""
    project, algebra = small_project(tmp_path, *FAULTS[what][0]), Algebra()
    circuit = Circuit(read_modules(project), project.top, algebra=algebra)
    circuit.give(circuit.port("data_in"), algebra.input(0, 3))
    circuit.give(circuit.port("valid_in"), algebra.input(0, 1))
    with pytest.raises(FormError, match="depends on itself"):
        circuit.word(circuit.port("data_out"))


SAME = {
    "a constant as late as the data": [
        (OUTPUT, "reg a; always @(posedge clk) a <= 1'b1; assign data_out = stage & {3{a}};")
    ],
    "a box that is no table": [
        (
            TABLE,
            "module small_mux(input [1:0] key, output [2:0] out);\n"
            "assign out = {~key[0], key[1] & ~key[0], ~(key[1] & key[0])};\nendmodule\n" + TABLE,
        ),
        (INSTANCE, "small_mux op_1 (data_in, looked_up);"),
    ],
    "an entry of x that nothing reaches": [
        ("2'h3: out = 3'h0;", "2'h3: out = 3'hX;"),
        (INSTANCE, INSTANCE.replace("data_in", "{data_in[1] & ~data_in[0], data_in[0]}")),
        (LOADED, "stage[2:0] <= looked_up & {3{~(data_in[1] & data_in[0])}};"),
    ],
}


@pytest.mark.parametrize("what", SAME)
def test_another_pipeline_of_the_same_function_is_proven(tmp_path, what):
    proof = prove_both_ways(small_network(), small_project(tmp_path, *SAME[what]), seconds=20, seed=1, folder=tmp_path)
    assert [x.status for x in proof.outputs] == ["proven"], proof


UNDEFINED = {
    "a missing entry": [("2'h3: out = 3'h0;\n", "")],
    "an entry of x": [("2'h3: out = 3'h0;", "2'h3: out = 3'hX;")],
    "an entry of x that is masked": [
        ("2'h3: out = 3'h0;", "2'h3: out = 3'hX;"),
        (LOADED, "stage[2:0] <= looked_up & {3{~(data_in[1] & data_in[0])}};"),
    ],
}


@pytest.mark.parametrize("what", UNDEFINED)
def test_x_that_is_reached_is_a_failure_with_its_input(tmp_path, what):
    """Entry 3 is 0 in the network: an x that was read as 0 would be proven."""
    proof = prove_both_ways(
        small_network(), small_project(tmp_path, *UNDEFINED[what]), seconds=20, seed=1, folder=tmp_path
    )
    (output,) = proof.outputs
    assert output.status == "different"
    assert output.detail.startswith("inputs [3]: expected 0, found a value that is not defined")


def test_a_counterexample_that_does_not_compile_is_said(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ToolFailedError("Verilator ended with status 1:\nmore")

    monkeypatch.setattr(stage, "simulate_rtl", broken)
    project = small_project(tmp_path, ("2'h3: out = 3'h0;", "2'h3: out = 3'h4;"))
    (output,) = prove_both_ways(small_network(), project, seconds=20, seed=1, folder=tmp_path).outputs
    assert output.status == "different"
    assert output.detail == "inputs [3]: expected 0; the simulation cannot show it: Verilator ended with status 1:"


def test_words_beyond_their_memory_are_left_to_sat(tmp_path, monkeypatch):
    monkeypatch.setattr("trigger_lut.verification.formal.word_level.Algebra", lambda: Algebra(memory_bytes=100))
    project = small_project(tmp_path)
    (reason,) = prove_words(small_network(), project, verilog=read_verilog(project)).open
    assert reason.startswith("an input: an integer of 4 values: with 0.0 GB in use")
    (output,) = prove_both_ways(small_network(), project, seconds=20, seed=1, folder=tmp_path).outputs
    assert (output.status, output.by) == ("proven", "SAT")


def test_a_limit_of_memory_leaves_outputs_open(tmp_path, monkeypatch):
    monkeypatch.setattr("trigger_lut.verification.formal.word_level._compared", lambda *_, **__: "not compared")
    project = small_project(tmp_path)
    verilog = read_verilog(project)
    monkeypatch.setattr(stage, "read_verilog", lambda _: verilog)
    monkeypatch.setattr("trigger_lut.verification.formal.netlist_reader.PROGRAM_BYTES", 16 << 20)
    (output,) = prove_both_ways(small_network(), project, seconds=20, seed=1, folder=tmp_path).outputs
    assert output.status == "sampled"
    assert output.detail == "not compared; SAT: Yosys: reference takes more than 0.0 GB of memory"


def test_abc_beyond_its_memory_leaves_it_open(tmp_path):
    graph = stage.rtl_graph(small_project(tmp_path))
    result = equivalent(graph, graph, seconds=5, memory_bytes=8 << 20)
    assert result.verdict == "open"
    assert "limit of memory is 0.0 GB" in result.reason


EXPRESSIONS = (
    "a + b", "a - c", "-a", "~c", "a & c", "a | b", "a ^ c", "{5{a == c[3:0]}}", "b != d", "a < c", "b >= d", "a > c",
    "b <= d", "&a", "|c", "!c", "a && c", "a || c", "a * c", "b * d", "b * 4'sd5", "b * -4'sd3", "a << 2", "b <<< 1",
    "c >> 1", "d >>> 2", "a[0] ? c : a", "d >>> 9", "$signed(c) >>> 1", "b + d", "b - d",
    "a * 7'd64",
)  # fmt: skip


def test_gates_are_what_yosys_makes_of_cells(tmp_path):
    """All kinds of cells at once, against the and-inverter graph of Yosys' own mapping."""
    wide = 7
    lines = [
        "module cells (input wire [15:0] data_in, output wire [" + f"{wide * len(EXPRESSIONS) - 1}:0] data_out);",
        "wire [3:0] a = data_in[3:0]; wire signed [3:0] b = data_in[7:4];",
        "wire [4:0] c = data_in[12:8]; wire signed [2:0] d = data_in[15:13];",
    ]
    for n, text in enumerate(EXPRESSIONS):
        lines.append(f"assign data_out[{wide * n + wide - 1}:{wide * n}] = {text};")
    source = tmp_path / "cells.v"
    source.write_text("\n".join([*lines, "endmodule", ""]))
    own = netlist_graph(read_netlist(source, "cells"), "cells", groups=[wide] * len(EXPRESSIONS))
    yosys = yosys_graph([source], "cells", folder=tmp_path)
    bits = list(range(wide * len(EXPRESSIONS)))
    assert not any(own.outputs[len(bits) :]), "nothing is undefined"
    rng = np.random.default_rng(1)
    for _ in range(200):
        inputs = rng.integers(0, 2, 16).tolist()
        assert evaluated(with_outputs(own, bits), inputs) == evaluated(yosys, inputs)
    assert equivalent(with_outputs(own, bits), yosys, seconds=30).verdict == "proven"
    assert equivalent(module_graph([source], "cells"), yosys, seconds=30).verdict == "proven"
