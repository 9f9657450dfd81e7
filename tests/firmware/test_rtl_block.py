"""Verilog and VHDL of networks whose blocks use their hardware in several cycles, simulated against the network."""

import re

import numpy as np
import pytest
from helpers.made_cards import spec
from helpers.networks import random_codes, random_graph, shared_network

from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, fold_choices, shareable

SPEC = spec("folded", latency_ns=1000)


def written(network, folder, instances, members=0):
    chosen = shareable(network)[members]
    return write_rtl(network, folder, spec=SPEC, cuts=(Cut(0, chosen.layers, instances),))


def check(project, network, vectors=300):
    codes = random_codes(network, vectors)
    outputs, latency, ii = simulate_rtl(project, codes)
    assert np.array_equal(outputs, evaluate(network, codes))
    assert (latency, ii) == (project.latency_cycles_planned, project.ii)


@pytest.mark.parametrize(("seed", "instances"), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 1), (5, 1)])
def test_sums_maxima_and_stored_values(tmp_path, seed, instances):
    network = shared_network(seed)
    project = written(network, tmp_path / "rtl", instances)
    assert project.ii == -(-5 // instances)
    assert read_project(project.folder) == project
    check(project, network)


def test_fast_clock(tmp_path):
    """Where the clock leaves no time to choose the first word from the port, all words come from registers."""
    network = shared_network(7, positions=6)
    (chosen, *_) = shareable(network)
    fast = SPEC.model_copy(update={"target": SPEC.target.model_copy(update={"clock_mhz": 800.0})})
    projects = [
        write_rtl(network, tmp_path / f"rtl{n}", spec=one, cuts=(Cut(0, chosen.layers, 1),))
        for n, one in enumerate((SPEC, fast))
    ]
    blocks = [project.parts[0] for project in projects]
    waits = [block.latency_cycles_planned - block.parts[0].latency_cycles_planned - block.ii for block in blocks]
    assert waits == [1, 2]
    for project in projects:
        check(project, network)
    if has_ghdl():
        codes = random_codes(network, 40)
        assert np.array_equal(simulate_vhdl(projects[1], codes)[0], evaluate(network, codes))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2, 3))])
def test_windows_and_layers_in_front(tmp_path, seed):
    network = random_graph(seed)
    for members, shared in enumerate(shareable(network)):
        instances = fold_choices(shared.positions, 100)[seed % 2 and -1]
        check(written(network, tmp_path / f"rtl{members}", instances, members), network)


@pytest.mark.skipif(not has_ghdl(), reason="GHDL is not installed")
def test_vhdl(tmp_path):
    network = shared_network(6)
    project = written(network, tmp_path / "rtl", 2)
    codes = random_codes(network, 40)
    outputs, latency, ii = simulate_vhdl(project, codes)
    assert np.array_equal(outputs, evaluate(network, codes))
    assert (latency, ii) == (project.latency_cycles_planned, project.ii)


FLAWS = {
    "an accumulator that loses its highest bit": (
        r"out0 <= (value0 .*);",
        r"out0 <= (\1) & ~(1 << ($bits(out0) - 1));",
    ),
    "the first word one cycle early": (r"first = started\[(\d+)\]", lambda m: f"first = started[{int(m[1]) - 1}]"),
    "the first word one cycle late": (r"first = started\[(\d+)\]", lambda m: f"first = started[{int(m[1]) + 1}]"),
    "a word that is used twice": (r": count \+", ": (count == 2 ? count - 1 : count) +"),
    "an event that is not dropped": (r"last = !valid_in && ", "last = "),
    "inputs that are not kept": (r"kept6 <= valid_in \? (.*) : kept6", r"kept6 <= \1"),
    "a value that is stored one cycle early": (r"<= started\[(\d+)\]", lambda m: f"<= started[{int(m[1]) - 1}]"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_flaws_are_noticed(tmp_path, flaw):
    network = shared_network(0)
    project = written(network, tmp_path / "rtl", 1)
    check(project, network)
    path = project.folder / f"{project.parts[0].top}.v"
    pattern, replacement = FLAWS[flaw]
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count
    path.write_text(text)
    with pytest.raises((NotReproducibleError, AssertionError)):
        check(project, network)


def test_power_up(tmp_path):
    """Any contents of the registers at the start are gone before the first output: no run has a reset."""
    network = shared_network(1)
    project = written(network, tmp_path / "rtl", 1)
    text = "".join(path.read_text() for path in project.files)
    assert "reset" not in text.replace("No reset", "")
    check(project, network, 1)
