"""Proof word by word: right Verilog is proven, whatever way sums are built in; any other is not."""

import json
import re
from dataclasses import replace
from pathlib import Path

import made_cards
import numpy as np
import pytest
from networks import random_codes, random_graph, random_network

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import LinearLayer, Network, TableLayer
from trigger_lut.network.reference_model import evaluate
from trigger_lut.synthesis.yosys import run_yosys
from trigger_lut.verification.formal.cell_library import library_holds, part_of
from trigger_lut.verification.formal.circuit import Circuit, read_modules
from trigger_lut.verification.formal.network_forms import network_forms
from trigger_lut.verification.formal.normal_form import Algebra, FormError
from trigger_lut.verification.formal.prove import prove_both_ways
from trigger_lut.verification.formal.rom_contents import UNDEFINED, table_entries
from trigger_lut.verification.formal.word_level import prove_words, read_verilog


def built(network, folder):
    project = write_rtl(network, folder / "rtl", spec=made_cards.spec())
    return project, read_verilog(project)


def hybrid(seed=0, inputs=20):
    """Sums of many weighted bits, ReLU, tables behind them: out of reach of SAT."""
    rng = np.random.default_rng(seed)
    bits, wide = KIF(0, 1, 0), KIF(0, 6, 0)
    weights = rng.integers(-9, 10, (inputs, 4))
    none, some = np.zeros(4, dtype=int), rng.integers(-5, 6, 4)
    linear = LinearLayer("linear", (bits,) * inputs, ("WRAP",) * inputs, weights, some, fraction_bits=none, relu=True)
    entries = rng.integers(-30, 31, (4, 2, 32))
    tables = TableLayer(
        "tables", (wide,) * 4, ("SAT",) * 4, np.full((4, 2), 5), entries, none[:2], fraction_bits=none[:2]
    )
    return Network((bits,) * inputs, (linear, tables), classes=("a", "b"))


@pytest.mark.parametrize("seed", range(8))
def test_networks_of_tables_are_proven(tmp_path, seed):
    network = random_network(seed)
    project, verilog = built(network, tmp_path)
    proof = prove_words(network, project, verilog=verilog)
    assert set(proof.open) == {""}
    assert proof.registers == project.latency_cycles_planned


def test_graphs_of_all_kinds_of_layers_are_proven(tmp_path):
    """Most: largest values of which low bits or some members play no part may be written in more than one way."""
    reasons = []
    for seed in range(12):
        network = random_graph(seed)
        project, verilog = built(network, tmp_path / str(seed))
        reasons += prove_words(network, project, verilog=verilog).open
    assert reasons.count("") >= 0.8 * len(reasons)


def test_a_hybrid_that_sat_leaves_open_is_proven(tmp_path):
    network = hybrid()
    project, verilog = built(network, tmp_path)
    assert prove_words(network, project, verilog=verilog).open == ("", "")


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit_of_a_table_is_not_proven(tmp_path, seed):
    network = hybrid(seed) if seed % 2 else random_network(seed)
    project, verilog = built(network, tmp_path)
    codes = random_codes(network, 2000)
    wrong = flipped(network, choose_flip(network, codes, seed=seed))
    changed = (evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0)
    reasons = prove_words(wrong, project, verilog=verilog).open
    assert changed.any()
    assert all(reason for reason, differs in zip(reasons, changed, strict=True) if differs)


def test_a_changed_weight_is_not_proven(tmp_path):
    network = hybrid()
    project, verilog = built(network, tmp_path)
    linear = network.layers[0]
    for o in range(4):
        weights = linear.weights.copy()
        weights[3, o] += 1
        wrong = replace(network, layers=(replace(linear, weights=weights), network.layers[1]))
        assert all(prove_words(wrong, project, verilog=verilog).open)


def edited(project, pattern, change, suffix):
    """The project with the first place of a file changed that a pattern finds; the place."""
    for path in project.files:
        text = path.read_text()
        if path.stem.endswith(suffix) and (match := re.search(pattern, text)):
            path.write_text(text[: match.start()] + change(match) + text[match.end() :])
            return match[0]
    raise AssertionError(f"no {pattern} in {suffix}")


CHANGES = {
    "an adder subtracts": (r"(shift_adder #\([^)]*),0\)", lambda m: f"{m[1]},1)", "logic0"),
    "an operand of an adder is cut": (r"(op_\d+ \(v\d+\[)(\d+):0\],", lambda m: f"{m[1]}{int(m[2]) - 1}:0],", "logic0"),
    "an output is halved": (r"(assign data_out\[\d+:0\] = )(.*);", lambda m: f"{m[1]}{m[2]} >> 1;", "top"),
    "a stage has no register": (
        r"(INTERNAL_logic1_inp.*= )stage1_inp",
        lambda m: f"{m[1]}INTERNAL_logic0_outp",
        "core",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_verilog_is_not_proven(tmp_path, change):
    network = random_network(1)
    project, _ = built(network, tmp_path)
    edited(project, *CHANGES[change])
    proof = prove_words(network, project, verilog=read_verilog(project))
    assert any(proof.open)


def test_an_output_that_does_not_fit_the_bus_is_not_proven(tmp_path):
    """Modulo what the bus holds it would be the same."""
    network = hybrid()
    project, verilog = built(network, tmp_path)
    linear, tables = network.layers
    wrong = replace(network, layers=(linear, replace(tables, bias=tables.bias + (1 << project.outputs[0].bits))))
    reasons = prove_words(wrong, project, verilog=verilog).open
    assert all("is not seen to fit" in reason for reason in reasons)
    wrong = replace(network, layers=(linear, replace(tables, fraction_bits=tables.fraction_bits + 1)))
    assert all("is not seen to fit" in reason for reason in prove_words(wrong, project, verilog=verilog).open)
    fewer = replace(network, outputs=network.output_values[:1])
    assert prove_words(fewer, project, verilog=verilog).open == (
        "the network's inputs or outputs are not those of the buses",
    )


def test_a_path_that_crosses_fewer_registers_is_said_so(tmp_path):
    network = random_network(1)
    project, _ = built(network, tmp_path)
    planned = project.latency_cycles_planned
    edited(
        project, r"assign valid_out = valid\[(\d+)\];", lambda m: f"assign valid_out = valid[{int(m[1]) - 1}];", "top"
    )
    proof = prove_words(network, project, verilog=read_verilog(project))
    assert proof.registers is None
    assert set(proof.open) == {f"valid_out: {planned - 1} registers from valid_in, {planned} planned"}
    other = replace(project, latency_cycles_planned=project.latency_cycles_planned + 1)
    write_rtl(network, project.folder, spec=made_cards.spec())
    assert all("registers" in reason for reason in prove_words(network, other, verilog=read_verilog(other)).open)


def test_a_library_that_computes_something_else_is_noticed(tmp_path):
    network = random_network(1)
    project, verilog = built(network, tmp_path)
    assert verilog.library_holds
    edited(project, r"in0_ext \+ in1_ext", lambda m: "in0_ext + in1_ext + 1", "shift_adder")
    verilog = read_verilog(project)
    assert not verilog.library_holds
    assert set(prove_words(network, project, verilog=verilog).open) == {"alkaid's library is not what it is taken for"}


ADDERS = ("BW_INPUT0", "BW_INPUT1", "SIGNED0", "SIGNED1", "BW_OUT", "DROP_LSBS", "SHIFT1", "IS_SUB")


@pytest.mark.parametrize(
    ("module", "values"),
    [
        ("shift_adder", dict(zip(ADDERS, (5, 4, 1, 0, 7, 1, -2, 1), strict=True))),
        ("shift_adder", dict(zip(ADDERS, (3, 6, 0, 1, 9, 0, 3, 0), strict=True))),
        ("mux", {"BW_INPUT0": 3, "BW_INPUT1": 5, "SIGNED0": 1, "SIGNED1": 0, "BW_OUT": 6, "SHIFT1": -1}),
        ("negative", {"BW_IN": 4, "BW_OUT": 6, "IN_SIGNED": 1}),
    ],
)
def test_modules_of_the_library_are_what_is_said_of_them(tmp_path, module, values):
    import alkaid.codegen.rtl

    (source,) = Path(alkaid.codegen.rtl.__file__).parent.glob(f"verilog/source/{module}.v")
    netlist, holder = tmp_path / "netlist.json", tmp_path / "holder.v"
    given = ", ".join(f".{key}({value})" for key, value in values.items())
    holder.write_text(f"module holder; {module} #({given}) part (); endmodule")
    commands = [f'read_verilog "{source}" "{holder}"', "hierarchy -top holder", "proc", f'write_json "{netlist}"']
    run_yosys(commands, netlist, what=module)
    modules = json.loads(netlist.read_text())["modules"]
    (name,) = (name for name in modules if name != "holder")
    part = part_of(module, modules[name]["parameter_default_values"])
    assert library_holds(modules, {name: part}, seconds=30)
    other = replace(part, sign=-part.sign) if part.kind == "sum" else replace(part, operands=part.operands[::-1])
    assert not library_holds(modules, {name: other}, seconds=30), "negative control"


def test_tables_are_read_with_what_they_leave_open(tmp_path):
    network = random_network(2)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    modules = read_modules(project)
    text = "".join(path.read_text() for path in project.files)
    names = [name for name in modules if "table_" in name]
    assert names
    for name in names:
        body = text[text.index(f"module {name}(") :].split("endmodule")[0]
        written = {int(a, 16): v for a, v in re.findall(r"'h([0-9A-F]+): out = \d+'h([0-9A-FX]+);", body)}
        entries = table_entries(modules[name])
        wanted = [
            int(written[a], 16) if a in written and "X" not in written[a] else UNDEFINED for a in range(len(entries))
        ]
        assert entries.tolist() == wanted
    adder = next((m for n, m in modules.items() if n.endswith("shift_adder")), None)
    if adder is not None:
        with pytest.raises(FormError, match="is not followed"):
            table_entries(adder)


def test_words_are_what_simulation_says(tmp_path):
    """The forms of the outputs, evaluated, are the simulated Verilog's codes."""
    from verification.test_formal_normal_form import value

    network = hybrid(3)
    project, verilog = built(network, tmp_path)
    codes = random_codes(network, 300)
    algebra = Algebra()
    circuit, at = Circuit(verilog.modules, project.top, algebra=algebra), 0
    for kif in network.inputs:
        circuit.give(circuit.port("data_in")[at : at + kif.bits], algebra.input(kif.lo, kif.hi))
        at += kif.bits
    simulated, at = simulate_rtl(project, codes)[0], 0
    for o, kif in enumerate(network.output_formats()):
        form = circuit.word(circuit.port("data_out")[at : at + kif.bits]).form
        at += kif.bits
        size = (1 << kif.bits) - 1
        np.testing.assert_array_equal(value(algebra, form, codes) & size, simulated[:, o] & size)


@pytest.mark.parametrize("seed", range(10))
def test_forms_of_a_network_are_what_the_reference_says(seed):
    """Every way of rounding and overflow; SAT_SYM at the lowest code of its format too."""
    from verification.test_formal_normal_form import value

    network = random_graph(seed)
    codes = np.concatenate([random_codes(network, 300), [[kif.lo for kif in network.inputs]]])
    algebra = Algebra()
    inputs = [algebra.input(kif.lo, kif.hi) for kif in network.inputs]
    wanted = evaluate(network, codes)
    for o, form in enumerate(network_forms(network, algebra, inputs=inputs)):
        np.testing.assert_array_equal(value(algebra, form, codes), wanted[:, o])


def test_the_lowest_code_is_saturated_where_that_is_symmetric():
    kif, none = KIF(1, 2, 0), np.zeros(1, dtype=int)
    table = TableLayer(
        "t", (kif,), ("SAT_SYM",), np.array([[3]]), np.arange(8).reshape(1, 1, 8), none, fraction_bits=none
    )
    algebra = Algebra()
    (form,) = network_forms(Network((kif,), (table,)), algebra, inputs=[algebra.input(kif.lo, kif.hi)])
    assert (form.lo, form.hi) == (1, 7), "the entry of -4 is not read"


def test_both_ways_together(tmp_path, monkeypatch):
    network = random_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    proof = prove_both_ways(network, project, seconds=30, seed=1, folder=tmp_path)
    assert {(x.status, x.by) for x in proof.outputs} == {("proven", "words")}
    assert (proof.gates, proof.control_caught) == ({}, True)
    monkeypatch.setattr("trigger_lut.verification.formal.word_level.library_holds", lambda *_, **__: False)
    proof = prove_both_ways(network, project, seconds=30, seed=1, folder=tmp_path)
    assert {(x.status, x.by) for x in proof.outputs} == {("proven", "SAT")}
    assert (set(proof.gates), proof.control_caught) == ({"reference", "firmware"}, True)
    proof = prove_both_ways(network, project, seconds=0, seed=1, folder=tmp_path)
    assert {(x.status, x.detail) for x in proof.outputs} == {("sampled", "not asked for")}


def test_proof_that_also_accepts_a_wrong_network_is_no_proof(tmp_path, monkeypatch):
    network = random_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    monkeypatch.setattr("trigger_lut.verification.formal.word_level._compared", lambda *_, **__: "")
    assert prove_both_ways(network, project, seconds=30, seed=1, folder=tmp_path).control_caught is False


def test_a_network_without_a_flip_has_no_control(tmp_path, monkeypatch):
    def none(*_, **__):
        raise FirmwareError("no entry that the vectors reach shows")

    network = random_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    monkeypatch.setattr("trigger_lut.verification.formal.prove.choose_flip", none)
    proof = prove_both_ways(network, project, seconds=30, seed=1, folder=tmp_path)
    assert (proof.control, proof.control_caught) == ("no entry that the vectors reach shows", None)
