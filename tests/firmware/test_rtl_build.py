"""Verilog and alkaid's interpreter against the integer reference: 0 differences, and faults are seen."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import made_cards
import networks
import numpy as np
import pytest

from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.features import LEAST_FRACTION
from trigger_lut.cost_model import latency
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.errors import CardError, FirmwareError, NotReproducibleError, ToolFailedError
from trigger_lut.firmware.rtl import build as rtl
from trigger_lut.firmware.rtl import pipeline, verilator, vhdl_top
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network import reference_model
from trigger_lut.network.network import Network, TableLayer, with_layer


def spec(clock_mhz: float = 360, family: str = "xcup") -> Spec:
    return made_cards.spec("a-design", target={**made_cards.TARGET, "clock_mhz": clock_mhz, "family": family})


def flip_a_bit(network: Network) -> Network:
    """The lowest bit of one table of the last layer, in all its entries."""
    layer = network.layers[-1]
    i, o = layer.edges()[0]
    tables = layer.tables.copy()
    tables[i, o, : 1 << int(layer.widths[i, o])] ^= 1
    return dataclasses.replace(network, layers=(*network.layers[:-1], dataclasses.replace(layer, tables=tables)))


def single(values: list[int], kif: KIF, bias: int = 0) -> Network:
    """One channel, one output, one table."""
    table = np.array(values, dtype=np.int64)[None, None]
    width = np.array([[table.shape[2].bit_length() - 1]])
    layer = TableLayer("one", (kif,), ("WRAP",), width, table, np.array([bias]), fraction_bits=np.array([2]))
    return Network((kif,), (layer,))


def every_code(kif: KIF) -> np.ndarray:
    return np.arange(kif.lo, kif.hi + 1)[:, None]


def mismatches(network: Network, codes: np.ndarray) -> int:
    outputs = rtl.interpret(rtl.trace(network), network, codes=codes)
    return int((outputs != reference_model.evaluate(network, codes)).sum())


SHAPES = [(4, 5, 3), (1, 3, 2), (3, 4), (2, 3, 3, 2), (5, 1, 4), (6, 6, 4)]


@pytest.mark.parametrize("seed", range(60))
def test_interpreter_equals_reference(seed):
    network = networks.random_network(
        seed, SHAPES[seed % len(SHAPES)], max_bits=(6, 3, 8)[seed % 3], prune=(0.3, 0.7, 0.0, 0.9)[seed % 4]
    )
    assert mismatches(network, networks.random_codes(network, 1000, seed)) == 0


@pytest.mark.parametrize("values", [[0, 5], [7, 0], [0, -5], [-8, 0], [-3, 4], [0, -1], [0, 1], [0, -128], [0, 96]])
@pytest.mark.parametrize("kif", [KIF(1, 1, 0), KIF(0, 1, 0), KIF(1, -1, 4), KIF(0, 3, -2)])
def test_tables_of_one_bit(values, kif):
    """alkaid would multiply here; ours are laid out as bits."""
    for bias in (0, 3, -17):
        network = single(values, kif, bias)
        assert mismatches(network, every_code(kif)) == 0


def test_interpreter_sees_a_flipped_bit():
    network = networks.random_network(0)
    codes = networks.random_codes(network, 200)
    outputs = rtl.interpret(rtl.trace(flip_a_bit(network)), network, codes=codes)
    o = network.layers[-1].edges()[0][1]
    assert ((outputs != reference_model.evaluate(network, codes)).any(axis=0) == (np.arange(3) == o)).all()


def test_interpreter_does_not_round_what_is_off_the_grid():
    network = networks.random_network(0)
    layer = network.layers[-1]
    coarser = dataclasses.replace(
        network, layers=(*network.layers[:-1], dataclasses.replace(layer, fraction_bits=layer.fraction_bits - 1))
    )
    message = r"^alkaid: output \d of vector \d+, \S+\.5 steps, is off its integer grid$"
    with pytest.raises(ToolFailedError, match=message):
        rtl.interpret(rtl.trace(network), coarser, codes=networks.random_codes(network, 200))


@pytest.mark.parametrize("seed", range(40))
def test_interpreter_equals_reference_on_graphs(seed):
    """Places, padding, arithmetic layers, branches, RND, SAT_SYM."""
    network = networks.random_graph(seed, channels=(6, 3, 9)[seed % 3])
    assert mismatches(network, networks.random_codes(network, 500, seed)) == 0


def test_interpreter_sees_a_changed_weight():
    network = networks.random_graph(0)
    layer = network.layers[2]
    codes = networks.random_codes(network, 200)
    changed = with_layer(network, 2, bias=layer.bias + 64, relu=False)
    outputs = rtl.interpret(rtl.trace(changed), network, codes=codes)
    assert (outputs != reference_model.evaluate(network, codes)).any()


# units, pruned share, clock in MHz: ordinary; fast clock, three layers; one channel; outputs partly constant
BUILT = [((4, 5, 3), 0.3, 360), ((2, 3, 3, 2), 0.2, 600), ((1, 3, 2), 0.0, 160), ((3, 3, 4), 0.8, 480)]


@pytest.mark.parametrize(("units", "prune", "clock_mhz"), BUILT)
def test_verilog_equals_reference(tmp_path, units, prune, clock_mhz):
    network = networks.random_network(11, units, prune=prune)
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=spec(clock_mhz))
    codes = networks.random_codes(network, 5000)
    outputs, cycles, ii = rtl.simulate_rtl(project, codes)
    assert np.array_equal(outputs, reference_model.evaluate(network, codes))
    assert ii == 1
    assert (
        cycles
        == project.latency_cycles_planned
        == latency.network_cycles(network, DelayModel(1000 / clock_mhz, "xcup"))
    )


def test_undefined_entries_are_left_to_the_default(tmp_path, monkeypatch):
    """The text is alkaid's without the lines of these entries; `default` and `others` remain."""
    network = networks.random_network(11, (4, 5, 3))
    short = rtl.write_rtl(network, tmp_path / "short", spec=spec())
    for module in (rtl, vhdl_top):
        monkeypatch.setattr(module, "UNDEFINED_ENTRY", re.compile("(?!)"))
    whole = rtl.write_rtl(network, tmp_path / "whole", spec=spec())
    for kind, entry in (("files", r"\d+'h\w+: out = \d+'hX+;"), ("vhdl", r'when \d+ => outp <= "X+";')):
        texts = [[path.read_text().splitlines() for path in getattr(project, kind)] for project in (short, whole)]
        assert texts[0] != texts[1], "the network has such entries"
        assert texts[0] == [[line for line in text if not re.fullmatch(entry, line.strip())] for text in texts[1]]


@pytest.mark.parametrize(("seed", "clock_mhz"), [(0, 360), (4, 480)])
def test_verilog_of_a_graph_equals_reference(tmp_path, seed, clock_mhz):
    network = networks.random_graph(seed)
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=spec(clock_mhz))
    codes = networks.random_codes(network, 3000)
    outputs, cycles, ii = rtl.simulate_rtl(project, codes)
    assert np.array_equal(outputs, reference_model.evaluate(network, codes))
    assert (cycles, ii) == (project.latency_cycles_planned, 1)


@pytest.mark.parametrize("seed", range(24))
def test_predicted_latency_of_a_graph_is_nearly_the_built_one(tmp_path, seed):
    """Adders of arithmetic layers are estimated from formats, and built from ranges: never more than a cycle apart."""
    clock_mhz = (160, 360, 480)[seed % 3]
    network = networks.random_graph(seed)
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=spec(clock_mhz))
    assert (
        abs(project.latency_cycles_planned - latency.network_cycles(network, DelayModel(1000 / clock_mhz, "xcup"))) <= 1
    )


def any_cut(comb, rng):
    """Stages of all operations: none before its operands, some of them later, the outputs' in the last one."""
    stages = []
    for op in comb.ops:
        first = max((stages[a] for a in op.addr), default=1)
        stages.append(1 if op.opcode in pipeline.FREE else first + int(rng.integers(0, 2)))
    return stages


@pytest.mark.parametrize("network", [networks.random_network(11), networks.random_graph(2)])
def test_verilog_any_cut_equals_reference(tmp_path, network):
    stages = any_cut(rtl.live_logic(network), np.random.default_rng(1))
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=spec(), stages=stages)
    codes = networks.random_codes(network, 2000)
    outputs, cycles, ii = rtl.simulate_rtl(project, codes)
    assert np.array_equal(outputs, reference_model.evaluate(network, codes))
    assert (cycles, ii) == (max(stages), 1)
    assert rtl.read_project(project.folder).stages == tuple(stages)


def test_a_pruned_network_is_constant_verilog(tmp_path):
    network = networks.random_network(5, prune=1.0)
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=spec())
    outputs, cycles, _ = rtl.simulate_rtl(project, networks.random_codes(network, 10))
    assert outputs.tolist() == [network.layers[-1].bias.tolist()] * 10
    assert cycles == 1
    assert [p.name for p in project.files] == ["design_a_design_top.v"]


def test_verilog_shows_a_flipped_bit_and_a_wrong_pipeline(tmp_path):
    """Negative controls of the simulation: another table, and a valid bit that is one cycle early."""
    network = networks.random_network(1)
    codes = networks.random_codes(network, 300)
    project = rtl.write_rtl(flip_a_bit(network), tmp_path / "flipped", spec=spec())
    outputs, cycles, _ = rtl.simulate_rtl(project, codes)
    assert (outputs != reference_model.evaluate(network, codes)).any()

    assert cycles > 1
    top = project.files[0]
    early = re.sub(r"valid_out = valid\[\d+\]", f"valid_out = valid[{cycles - 2}]", top.read_text())
    assert early != top.read_text()
    top.write_text(early)
    with pytest.raises(NotReproducibleError, match=r"gives other data when there are gaps in valid_in$"):
        rtl.simulate_rtl(project, codes)

    top.write_text(top.read_text().replace("endmodule", "endmodul"))
    with pytest.raises(ToolFailedError, match=r"^Verilator ended with status"):
        rtl.simulate_rtl(project, codes)


@pytest.mark.parametrize("seed", range(24))
def test_predicted_latency_is_the_built_one(tmp_path, seed):
    clock_mhz, family = (160, 360, 480, 600)[seed % 4], ("xcup", "xcu", "xc7")[seed % 3]
    network = networks.random_network(seed, SHAPES[seed % len(SHAPES)], prune=(0.3, 0.7, 0.0)[seed % 3])
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=spec(clock_mhz, family))
    predicted = latency.network_cycles(network, DelayModel(1000 / clock_mhz, family))
    # Random tables can coincide or be constant in part: what is left of the logic may take a stage less.
    assert project.latency_cycles_planned == predicted - (seed in (1, 9, 19))


def test_project_is_read_back(tmp_path):
    project = rtl.write_rtl(networks.random_network(2), tmp_path / "rtl", spec=spec())
    assert rtl.read_project(project.folder) == project
    assert project.top == "design_a_design_top"
    assert project.cost > 0
    project.files[1].unlink()
    with pytest.raises(CardError, match=f"incomplete RTL project. Expected {project.files[1].name},"):
        rtl.read_project(project.folder)
    with pytest.raises(CardError, match=r"nowhere: no RTL project\. Expected project\.json"):
        rtl.read_project(tmp_path / "nowhere")


def test_every_module_carries_the_designs_name(tmp_path):
    """Two designs fit into one FPGA: no module has the same name."""
    project = rtl.write_rtl(networks.random_network(7), tmp_path / "rtl", spec=spec())
    modules = [m for p in project.files for m in re.findall(r"^module (\w+)", p.read_text(), re.MULTILINE)]
    assert len(modules) == len(set(modules)) > 3
    assert all(m.startswith("design_a_design_") for m in modules)


def both(first: rtl.RtlProject, second: rtl.RtlProject, folder: Path) -> rtl.RtlProject:
    """One module with both designs on the same input, as a project of all their files."""
    (width_in, one, two), cycles = (
        [sum(kif.bits for kif in formats) for formats in (first.inputs, first.outputs, second.outputs)],
        first.latency_cycles_planned,
    )
    top = folder / "both.v"
    top.write_text(
        "`timescale 1 ns / 1 ps\n"
        f"module both (input wire clk, input wire valid_in, input wire [{width_in - 1}:0] data_in, "
        f"output wire valid_out, output wire [{one + two - 1}:0] data_out);\n"
        "wire valid_a, valid_b;\n"
        f"{first.top} a (.clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid_a), "
        f".data_out(data_out[{one - 1}:0]));\n"
        f"{second.top} b (.clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid_b), "
        f".data_out(data_out[{one + two - 1}:{one}]));\n"
        "assign valid_out = valid_a & valid_b;\nendmodule\n"
    )
    files = (top, *first.files, *second.files)
    return rtl.RtlProject(folder, "both", files, (), first.inputs, first.outputs + second.outputs, cycles, 0.0)


def test_two_versions_of_a_design_share_a_simulation(tmp_path):
    """Names of modules, entities and packages carry the version; without versions they collide."""
    network = networks.random_network(1)
    other, codes = flip_a_bit(network), networks.random_codes(network, 300)
    first, second = (
        rtl.write_rtl(one, tmp_path / f"v{n}", spec=spec(), version=n)
        for n, one in enumerate((network, other), start=1)
    )
    assert (first.top, second.top) == ("design_a_design_v1_top", "design_a_design_v2_top")
    outputs, *_ = rtl.simulate_rtl(both(first, second, tmp_path), codes)
    expected = [reference_model.evaluate(one, codes) for one in (network, other)]
    assert (outputs != np.concatenate(expected, axis=1)).sum() == 0
    units = [
        {u for p in project.vhdl for u in re.findall(r"^(?:entity|package) (\w+) is", p.read_text(), re.M)}
        for project in (first, second)
    ]
    assert units[0]
    assert not units[0] & units[1]

    same = [rtl.write_rtl(one, tmp_path / f"none{n}", spec=spec()) for n, one in enumerate((network, other))]
    with pytest.raises(ToolFailedError, match="Duplicate declaration of module"):
        rtl.simulate_rtl(both(*same, tmp_path), codes)


def test_the_same_network_gives_the_same_verilog(tmp_path):
    network = networks.random_network(3)
    first, second = (rtl.write_rtl(network, tmp_path / name, spec=spec()) for name in ("first", "second"))
    assert [p.read_bytes() for p in first.files] == [p.read_bytes() for p in second.files]


def test_buses_hold_every_format():
    rng = np.random.default_rng(0)
    formats = tuple(KIF(int(k), int(i), int(f)) for k, i, f in rng.integers((0, -1, 2), (2, 9, 20), (40, 3)))
    codes = np.stack([rng.integers(kif.lo, kif.hi + 1, 50) for kif in formats], axis=1)
    packed = verilator.pack(codes, formats)
    assert packed.shape == (50, -(-sum(kif.bits for kif in formats) // 32))
    assert np.array_equal(verilator.unpack(packed, formats), codes)


def test_entries_too_large_are_refused():
    with pytest.raises(FirmwareError) as caught:
        rtl.trace(single([0, 1 << 23], KIF(0, 1, 0)))
    assert str(caught.value) == (
        "one: a table entry or bias of 8388608 is too large for the RTL generator, expected less than 8388608"
    )


def test_files_lie_where_the_project_says(tmp_path):
    project = rtl.write_rtl(networks.random_network(2), tmp_path / "rtl", spec=spec())
    verilog = set(Path(tmp_path / "rtl").glob("*.v"))
    assert verilog == set(project.files)
    assert "create_clock -period 2.778" in (tmp_path / "rtl" / "design_a_design_top.xdc").read_text()


def test_verilator_library_is_made_once_and_after_removal(tmp_path, monkeypatch):
    libraries = []

    def run(command, **_):
        if "-o" in command:
            libraries.append(command[command.index("-o") + 1])
            libraries[-1].touch()
        return ""

    (tmp_path / "include").mkdir()
    for name in verilator.LIBRARY:
        (tmp_path / "include" / f"{name}.cpp").write_text(name)
    monkeypatch.setattr(verilator, "run_program", run)
    monkeypatch.setattr(verilator, "_FOLDERS", [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = verilator.verilator_library(tmp_path, "c++")
    assert verilator.verilator_library(tmp_path, "c++") == first
    assert len(libraries) == 2
    shutil.rmtree(first[0].parent)
    assert verilator.verilator_library(tmp_path, "c++") == first
    assert [path.is_file() for path in first] == [True, True]
    (tmp_path / "include/verilated.cpp").write_text("another version")
    other = verilator.verilator_library(tmp_path, "c++")
    assert not set(first) & set(other)
    given = verilator.scratch_folder() / "verilated.o"
    given.touch()
    assert verilator.verilator_library(tmp_path, "c++")[0] == given


def test_simulation_is_compiled_once_a_user_for_the_same_verilog(tmp_path, monkeypatch):
    """Another process finds it. A changed byte of Verilog is another simulation, with other outputs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    built = []
    monkeypatch.setattr(
        verilator, "_build", lambda *args, own=verilator._build, **kwargs: built.append(own(*args, **kwargs))
    )
    project = rtl.write_rtl(single([0, 1, 2, 3, 3, 2, 1, 0], KIF(0, 3, 0)), tmp_path / "rtl", spec=spec())
    codes = np.arange(8)[:, None]
    outputs = rtl.simulate_rtl(project, codes)[0]
    monkeypatch.setattr(verilator, "_FOLDERS", [])  # as in another process
    assert np.array_equal(rtl.simulate_rtl(project, codes)[0], outputs)
    assert len(built) == 1
    table = next(path for path in project.files if "table" in path.name)
    text = table.read_text()
    table.write_text(re.sub(r"(: out = \d+'[bh])0*1\b", r"\g<1>0", text, count=1))
    assert table.read_text() != text
    assert not np.array_equal(rtl.simulate_rtl(project, codes)[0], outputs)
    assert len(built) == 2


def test_coarsest_steps_of_inputs_are_those_of_alkaid(tmp_path: Path) -> None:
    """The limit of data sets; beyond it alkaid's own precision of an input is another one."""
    for name, fraction in (("at", LEAST_FRACTION), ("beyond", LEAST_FRACTION - 1)):
        network = single([0, 1, 2, 3, 3, 2, 1, 0], KIF(1, 2 - fraction, fraction))
        if name == "at":
            assert rtl.write_rtl(network, tmp_path / name, spec=spec()).files
        else:
            with pytest.raises(AssertionError, match="fractional"):
                rtl.write_rtl(network, tmp_path / name, spec=spec())
