"""The pipeline's cut against Yosys: a plan that is too optimistic is cut again, and what no cut helps is named."""

import dataclasses

import made_cards
import networks
import numpy as np
import pytest

from trigger_lut.cost_model import delay
from trigger_lut.firmware.rtl import build as rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer
from trigger_lut.synthesis import timing_closure
from trigger_lut.synthesis.netlist import longest_path
from trigger_lut.synthesis.timing_closure import close_timing, measure
from trigger_lut.synthesis.yosys import synthesize
from trigger_lut.utils.workers import workers


def spec(clock_mhz, cycles, ii=1):
    target = {**made_cards.TARGET, "clock_mhz": clock_mhz}
    budget = {"luts": 1000, "latency_ns": 1000 / clock_mhz * (cycles + 0.1), "ii": ii}
    return made_cards.spec(target=target, budget=budget)


def test_closing_optimistic_plan_reaches_clock(monkeypatch, tmp_path):
    network, asked = networks.random_network(3, (3, 4, 2)), spec(450, 12)
    monkeypatch.setattr(delay, "FILL", 3.0)
    planned = rtl.write_rtl(network, tmp_path / "planned", spec=asked)
    closure = close_timing(network, asked)
    assert closure.clock_met
    assert closure.syntheses > 1
    assert closure.latency_cycles > planned.latency_cycles_planned
    project = rtl.write_rtl(network, tmp_path / "cut", spec=asked, stages=closure.stages)
    assert project.latency_cycles_planned == closure.latency_cycles
    path_ns = longest_path(synthesize(list(project.files), project.top, family="xcup"), "xcup").delay_ns
    assert delay.fmax_mhz(path_ns, "xcup") == pytest.approx(closure.fmax_mhz, abs=0.01)


def test_closing_table_longer_than_period_named():
    kif = KIF(1, 5, 3)
    entries = np.random.default_rng(1).integers(-100, 100, (1, 1, 512))
    layer = TableLayer("one", (kif,), ("WRAP",), np.array([[9]]), entries, np.array([0]), fraction_bits=np.array([2]))
    closure = close_timing(Network((kif,), (layer,)), spec(900, 12))
    assert not closure.clock_met
    assert closure.fmax_mhz < 900
    assert closure.obstacle == "a table of 9 address bits takes longer than a clock period"
    slower = spec(closure.fmax_mhz - 1, 12)
    assert close_timing(Network((kif,), (layer,)), slower) == dataclasses.replace(closure, clock_met=True, obstacle="")


@pytest.mark.parametrize("shared", [False, True])
def test_first_cut_enough_while_cycles_are_left(monkeypatch, shared):
    """The first measurement of a training; without spare cycles, and for all others, all cuts are made."""
    network = networks.shared_network(4, positions=3, channels=2) if shared else networks.random_network(3, (3, 4, 2))
    monkeypatch.setattr(delay, "FILL", 3.0)

    def budget(cycles):
        return spec(450, cycles, ii=2 if shared else 1)

    closed = measure(network, budget(40))
    first = measure(network, budget(40), first_cut=True)
    assert (first.cuts, closed.cuts > 1) == (1, True)
    assert first.latency_cycles < closed.latency_cycles
    assert first.fmax_mhz < 450 <= closed.fmax_mhz
    assert first.luts == pytest.approx(closed.luts, rel=0.2)
    tight = budget(first.latency_cycles)
    assert measure(network, tight, first_cut=True) == measure(network, tight)


def test_parts_cut_side_by_side_are_those_of_one_job(monkeypatch):
    network, asked = networks.shared_network(3, positions=5), spec(450, 60, ii=5)
    alone = close_timing(network, asked)
    assert len(alone.stages) > 1, "hardware is shared"
    monkeypatch.setattr(timing_closure, "LEAST_LUTS_ASIDE", 0)
    started = []
    monkeypatch.setattr(timing_closure, "workers", lambda jobs: started.append(jobs) or workers(jobs))
    assert close_timing(network, asked, jobs=2) == alone
    assert started[0] == 2
