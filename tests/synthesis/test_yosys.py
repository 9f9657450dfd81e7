"""Verilog through Yosys: the counts of a design, and failures that are told."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import made_cards
import networks
import numpy as np
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.firmware import SynthCard
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import DelayModel, delays
from trigger_lut.cost_model.luts import estimate
from trigger_lut.errors import CardError, NotReproducibleError, ToolFailedError
from trigger_lut.firmware.rtl.build import RtlProject, write_rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer, save_network
from trigger_lut.stages.synth import run as synth
from trigger_lut.synthesis import netlist, yosys
from trigger_lut.synthesis.net_names import net_names
from trigger_lut.synthesis.netlist_cycles import check_cycles
from trigger_lut.synthesis.static_timing import stages
from trigger_lut.synthesis.timing_closure import measure


def spec(family: str = "xcup", clock_mhz: float = 360) -> Spec:
    return made_cards.spec(target={**made_cards.TARGET, "family": family, "clock_mhz": clock_mhz})


def one_table(width: int, seed: int = 0) -> Network:
    """One output bit of random table entries."""
    kif = KIF(0, width, 0)
    entries = np.random.default_rng(seed).integers(0, 2, (1, 1, 1 << width))
    layer = TableLayer("t", (kif,), ("WRAP",), np.array([[width]]), entries, np.array([0]), fraction_bits=np.array([0]))
    return Network((kif,), (layer,))


def used(project: RtlProject, family: str = "xcup") -> netlist.Resources:
    return netlist.resources(netlist.cell_counts(yosys.synthesize(list(project.files), project.top, family=family)))


def write_inputs(folder: Path, project: RtlProject, design: Spec, network: Network) -> list[Path]:
    save_network(network, folder / "network.npz")
    paths = [folder / f"{name}.json" for name in ("spec", "train", "firmware")]
    write_card(design, paths[0])
    write_card(made_cards.train(luts=100.0), paths[1])
    write_card(made_cards.firmware_of(project, paths[0], folder / "network.npz"), paths[2])
    return [paths[0], folder / "network.npz", *paths[1:]]


def test_a_six_bit_table_is_one_lut(tmp_path):
    resources = used(write_rtl(one_table(6), tmp_path / "rtl", spec=spec()))
    # one flip-flop for the output, one for valid
    assert resources == netlist.Resources(luts=1, ff=2, carry=0, dsp=0, bram18=0)


def wide_tables(width: int = 11) -> Network:
    """Two outputs of one smooth table each; one has nine bits, which a block RAM holds with parity."""
    kif = KIF(0, width, 0)
    x = np.linspace(-1, 1, 1 << width)
    entries = np.stack([np.round(255 * np.tanh(3 * x)), np.round(15 * np.sin(5 * x))]).astype(np.int64)[None]
    widths, zeros = np.full((1, 2), width), np.zeros(2, dtype=np.int64)
    return Network((kif,), (TableLayer("t", (kif,), ("WRAP",), widths, entries, zeros, fraction_bits=zeros),))


def test_wide_table_without_a_grant_stays_in_luts():
    network = one_table(12)
    built = measure(network, spec())
    assert 32 <= built.luts <= 100
    assert estimate(network, DelayModel(1000 / 360, "xcup")).luts == pytest.approx(built.luts, rel=0.6)


def test_granted_block_ram_is_counted_and_evaluated(tmp_path):
    network = wide_tables()
    project = write_rtl(network, tmp_path / "rtl", spec=spec())
    modules = {n: yosys.synthesize(list(project.files), project.top, family="xcup", bram18=n) for n in (1, 4)}
    resources = {n: netlist.resources(netlist.cell_counts(module)) for n, module in modules.items()}
    assert {n: used.bram18 for n, used in resources.items()} == {1: 1, 4: 2}
    assert resources[4].luts < resources[1].luts
    for module in modules.values():
        check_cycles(module, project.latency_cycles_planned, design="wide")
        net_names(network, module, design="wide")
        assert sum(s.registers for s in stages(module, "xcup")) == netlist.resources(netlist.cell_counts(module)).ff
    slowest = {n: netlist.longest_path(module, "xcup").delay_ns for n, module in modules.items()}
    assert slowest[4] >= delays("xcup").block_ram

    # Negative controls: any one bit of a block RAM, parity among them.
    rng = np.random.default_rng(1)
    for name in ("INIT_02", "INITP_00"):
        changed = copy.deepcopy(modules[4])
        ram = next(c for c in changed["cells"].values() if c["type"] == "RAMB18E2" and "1" in c["parameters"][name])
        bits = list(ram["parameters"][name])
        at = int(rng.choice([n for n, bit in enumerate(bits) if bit != "x"]))
        bits[at] = "10"[int(bits[at])]
        ram["parameters"][name] = "".join(bits)
        with pytest.raises(NotReproducibleError, match="the netlist after synthesis is not bit-exact"):
            net_names(network, changed, design="wide")


def test_card_of_a_random_network(tmp_path):
    design = spec()
    network = networks.random_network(4, prune=0.2)
    project = write_rtl(network, tmp_path / "rtl", spec=design)
    paths = write_inputs(tmp_path, project, design, network)
    card = in_order(synth, *paths, tmp_path / "synth.json")
    assert read_card(SynthCard, tmp_path / "synth.json") == card
    assert 0.5 * project.cost < card.luts.value < 1.5 * project.cost
    assert card.luts.value == sum(n for kind, n in card.cells.items() if kind.startswith("LUT"))
    assert card.ff.value >= project.latency_cycles_planned
    assert (card.dsp.value, card.bram18.value) == (0, 0)
    assert card.logic_levels.source == "yosys-levels"
    assert card.logic_levels.value >= 1
    assert 0.1 < card.path_ns_estimate < 20
    assert card.luts_estimate.source == "estimate"
    assert card.luts_estimate_error == pytest.approx((100 - card.luts.value) / card.luts.value)
    assert len(card.stages) == project.latency_cycles_planned
    assert sum(stage.luts for stage in card.stages) == card.luts.value
    assert sum(stage.registers for stage in card.stages) == card.ff.value
    assert max(stage.logic_ns for stage in card.stages) == card.path_ns_estimate
    assert max(stage.logic_levels for stage in card.stages) == card.logic_levels.value
    assert card.netlist_vectors > 0
    named = [name for stage in card.stages for name in stage.path]
    assert any(re.fullmatch(r"lut_dense_\d, output \d, edge from input \d", name) for name in named)
    assert set(card.inputs) == {*map(str, paths), *map(str, project.files)}

    # Negative controls: neither another network nor Verilog that the firmware stage did not write is synthesized.
    other = tmp_path / "other.npz"
    save_network(networks.random_network(5), other)
    with pytest.raises(CardError, match=r"other\.npz: changed since .*firmware\.json was written\."):
        in_order(synth, paths[0], other, *paths[2:], tmp_path / "again.json")
    project.files[0].write_text(project.files[0].read_text() + "// touched\n")
    with pytest.raises(CardError, match=r"_top\.v: changed since .*firmware\.json was written\."):
        in_order(synth, *paths, tmp_path / "again.json")
    assert not (tmp_path / "again.json").exists()


def test_a_slower_clock_needs_fewer_registers(tmp_path):
    network = networks.random_network(4, (4, 2), prune=0.0)
    fast, slow = (used(write_rtl(network, tmp_path / str(mhz), spec=spec(clock_mhz=mhz))) for mhz in (600, 100))
    assert slow.ff < fast.ff


def test_a_constant_network_needs_a_valid_bit_alone(tmp_path):
    resources = used(write_rtl(networks.random_network(4, prune=1.0), tmp_path / "rtl", spec=spec("xc7")), "xc7")
    assert resources == netlist.Resources(luts=0, ff=1, carry=0, dsp=0, bram18=0)


def test_netlist_without_memories_is_that_of_the_whole_script(tmp_path, monkeypatch):
    """Libraries of block RAM and special cells are not read; other options are another netlist."""
    project = write_rtl(networks.random_network(3), tmp_path / "rtl", spec=spec())

    def cells(run_as: str) -> list[tuple[str, str]]:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / run_as))
        module = yosys.synthesize(list(project.files), project.top, family="xcup")
        return sorted((cell["type"], str(cell["parameters"])) for cell in module["cells"].values())

    counts = cells("parts")

    def whole(top, family, *, files, netlist, own=yosys.passes, **options):
        commands = own(top, family, files=files, netlist=netlist, **options)
        first, last = (n for n, command in enumerate(commands) if command.startswith("synth_xilinx"))
        return [*commands[: first - 2], commands[first].partition(" -run")[0], *commands[last + 1 :]]

    monkeypatch.setattr(yosys, "passes", whole)
    assert cells("whole") == counts
    monkeypatch.setattr(yosys, "OPTIONS", f"{yosys.OPTIONS} -nocarry")
    assert cells("other options") != counts


def test_yosys_runs_once_a_user_for_the_same_verilog(tmp_path, monkeypatch):
    """In other folders and stages too. A changed byte is another netlist."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runs = []

    def counted(*args, own=yosys.run_yosys, **options):
        runs.append(args)
        return own(*args, **options)

    monkeypatch.setattr(yosys, "run_yosys", counted)
    first, second = tmp_path / "first.v", tmp_path / "second.v"
    first.write_text("module a(input [3:0] x, output y); assign y = ^x; endmodule\n")
    second.write_text(first.read_text())
    netlists = [yosys.synthesize([path], "a", family="xcup") for path in (first, second)]
    assert len(runs) == 1
    assert netlists[0] == netlists[1]
    second.write_text("module a(input [3:0] x, output y); assign y = &x; endmodule\n")
    changed = yosys.synthesize([second], "a", family="xcup")
    assert len(runs) == 2
    assert changed["cells"] != netlists[0]["cells"]
    yosys.synthesize([first], "a", family="xc7")
    assert len(runs) == 3


def test_yosys_errors_are_not_swallowed(tmp_path):
    broken = tmp_path / "broken.v"
    broken.write_text("module top(input a, output b); nowhere n(a, b); endmodule\n")
    with pytest.raises(ToolFailedError, match=r"(?s)^Yosys ended with status \d+ on top:.*ERROR: Module `.nowhere'"):
        yosys.synthesize([broken], "top", family="xcup")


def test_yosys_with_blanks_in_tmpdir_runs(tmp_path, monkeypatch):
    """ABC within Yosys splits the path of its temporary folder at blanks."""
    blank = tmp_path / "my files"
    blank.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(blank))
    monkeypatch.setenv("TMPDIR", str(blank))
    source, netlist = blank / "a.v", blank / "a.json"
    source.write_text("module a(input [3:0] x, output y); assign y = ^x; endmodule\n")
    yosys.run_yosys(yosys.passes("a", "xcup", files=[source], netlist=netlist), netlist, what="a")
    assert "LUT4" in netlist.read_text()
