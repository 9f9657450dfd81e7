"""The pipeline is cut again where the netlist is too slow: which paths are broken, and when the search ends."""

import contextlib
import re
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import made_cards
import networks
import pytest
from delay_models import with_stage

from trigger_lut.config.budget import DesignBudget
from trigger_lut.cost_model import delay
from trigger_lut.cost_model.operations import operation_delays
from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl import build as rtl
from trigger_lut.firmware.rtl import pipeline
from trigger_lut.synthesis import timing_closure
from trigger_lut.synthesis.timing_closure import Pipeline, close_timing, longer

FAMILY = "xcup"
MODEL = with_stage(1.4, FAMILY)
STAGE_NS = MODEL.stage_ns


def cut(seed, delays=None):
    comb = rtl.live_logic(networks.random_network(seed))
    delays = operation_delays(comb, MODEL.delays) if delays is None else delays
    return comb, pipeline.stage_numbers(comb, MODEL, delays_ns=delays), delays


def in_a_row(comb, stages, delays):
    """Operations that take time, in a row in one stage up to each one."""
    delays_in_a_row = []
    for n, op in enumerate(comb.ops):
        delays_in_a_row.append(
            max((delays_in_a_row[a] for a in op.addr if stages[a] == stages[n]), default=0) + (delays[n] > 0)
        )
    return delays_in_a_row


def together(comb, stages, end):
    """The operations of one stage that lead to one of them, itself among them."""
    operations = {end}
    for n in range(end, -1, -1):
        if n in operations:
            operations |= {a for a in comb.ops[n].addr if stages[a] == stages[end]}
    return operations


@pytest.mark.parametrize("seed", range(4))
def test_longer_late_paths_are_broken(seed):
    comb, stages, delays = cut(seed)
    rows = in_a_row(comb, stages, delays)
    late = {n: 1.05 for n, row in enumerate(rows) if row > 1}
    assert late
    for end in late:
        alone, longer_ns = longer(comb, stages, delays_ns=delays, late={end: 1.05}, stage_ns=STAGE_NS)
        assert alone is None
        assert all(before <= after <= STAGE_NS for before, after in zip(delays, longer_ns, strict=True))
        grown = {n for n, (before, after) in enumerate(zip(delays, longer_ns, strict=True)) if after > before}
        assert grown <= together(comb, stages, end)
        again = pipeline.stage_numbers(comb, MODEL, delays_ns=longer_ns)
        assert pipeline.stage_paths(comb, again, delays_ns=longer_ns)[again[end] - 1] <= STAGE_NS + delay.TOLERANCE
        assert {again[n] for n in grown} != {again[end]}, "the path is in one stage again"


@pytest.mark.parametrize("seed", range(2))
def test_longer_repeated_each_operation_alone(seed):
    comb, stages, delays = cut(seed)
    for _ in range(200):
        late = {n: 1.05 for n, row in enumerate(in_a_row(comb, stages, delays)) if row > 0}
        alone, delays = longer(comb, stages, delays_ns=delays, late=late, stage_ns=STAGE_NS)
        if alone is not None:
            break
        stages = pipeline.stage_numbers(comb, MODEL, delays_ns=delays)
    assert max(in_a_row(comb, stages, delays)) == 1
    assert delays[alone] > 0


class Netlists:
    """In place of synthesis: how slow the cuts are, one after the other; the last figure stays."""

    def __init__(self, monkeypatch, fmax_mhz, late=None):
        self.left, self.cuts, self.late = list(fmax_mhz), [], late
        monkeypatch.setattr(timing_closure, "_synthesized", self.synthesized)
        monkeypatch.setattr(timing_closure, "_late", self.found_late)

    def synthesized(self, network, spec, comb, stages):
        fmax = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        self.cuts.append(stages)
        cycles, met = max(stages, default=1), fmax >= spec.target.clock_mhz
        return Pipeline(stages, cycles, 100, 50, fmax, met, cycles, 1), {}

    def found_late(self, comb, stages, module, spec):
        if self.late is not None:
            return self.late(comb, stages)
        rows = in_a_row(comb, stages, operation_delays(comb, delay.delays(spec.target.family)))
        return {rows.index(max(rows)): 1.05}


def spec(cycles=20):
    return made_cards.spec(luts=1000, latency_ns=2.5 * cycles)


NETWORK = networks.random_network(3)


def test_closing_first_cut_fast_enough_stays(monkeypatch):
    netlists = Netlists(monkeypatch, [400.0])
    closure = close_timing(NETWORK, spec())
    assert (closure.clock_met, closure.syntheses, closure.obstacle) == (True, 1, "")
    assert len(netlists.cuts) == 1


def test_closing_slow_cut_cut_again(monkeypatch):
    netlists = Netlists(monkeypatch, [350.0, 380.0, 401.0])
    closure = close_timing(NETWORK, spec())
    assert (closure.clock_met, closure.syntheses, closure.stages) == (True, 3, netlists.cuts[2])
    assert len(set(netlists.cuts)) == 3
    assert max(netlists.cuts[0]) <= max(netlists.cuts[1]) <= max(netlists.cuts[2])


def test_closing_budget_used_up_fastest_kept(monkeypatch):
    planned = pipeline.stage_numbers(rtl.live_logic(NETWORK), delay.DelayModel(2.5, FAMILY))
    netlists = Netlists(monkeypatch, [350.0, 380.0, 370.0])
    closure = close_timing(NETWORK, spec(max(planned)))
    assert not closure.clock_met
    assert closure.latency_cycles == max(planned)
    assert closure.cycles_needed == max(planned) + 1
    assert re.fullmatch(
        rf"the next cut takes {max(planned) + 1} cycles, the budget grants {max(planned)}", closure.obstacle
    )
    assert closure.fmax_mhz == max([350.0, 380.0, 370.0][: len(netlists.cuts)])


def test_closing_never_fast_enough_ends(monkeypatch):
    Netlists(monkeypatch, [300.0])
    closure = close_timing(NETWORK, spec(100))
    assert not closure.clock_met
    assert closure.syntheses <= timing_closure.SYNTHESES


def test_closing_one_operation_too_long_named(monkeypatch):
    def table_alone(comb, stages):
        rows = in_a_row(comb, stages, operation_delays(comb, MODEL.delays))
        return {next(n for n, row in enumerate(rows) if row == 1 and comb.ops[n].opcode == 8): 1.3}

    Netlists(monkeypatch, [300.0], table_alone)
    closure = close_timing(NETWORK, spec())
    assert (closure.clock_met, closure.syntheses) == (False, 1)
    assert re.fullmatch(r"a table of \d address bits takes longer than a clock period", closure.obstacle)


@pytest.mark.parametrize(("luts", "times"), [(1000, None), (60_000, 1.3)])
def test_late_paths_of_a_large_design_are_longer(monkeypatch, luts, times):
    """A path of 1.9 ns fits 400 MHz in a small design, and is too long in one of 60,000 LUTs."""
    arrivals = [SimpleNamespace(arrivals_ns={7: 1.9})]
    monkeypatch.setattr(timing_closure, "registered_operations", lambda comb, stages, module: {7: {(1, 3)}})
    monkeypatch.setattr(timing_closure, "netlist_stages", lambda module, family: arrivals)
    module = {"cells": {str(n): {"type": "LUT6"} for n in range(luts)}}
    late = timing_closure._late(None, [1] * 5, module, made_cards.spec())
    assert list(late) == ([] if times is None else [3])
    if times is not None:
        assert late[3] == pytest.approx(1.9 / 2.25 * delay.GROWTH.factor(luts))
        assert late[3] > times


class Wholes:
    """In place of the synthesis of a design that shares hardware: Fmax of the whole, one after the other."""

    def __init__(self, monkeypatch, fmax_mhz):
        self.left, self.clocks = list(fmax_mhz), []
        monkeypatch.setattr(timing_closure, "_netlist", lambda *_, **__: (None, {}))
        monkeypatch.setattr(timing_closure, "_pipeline", self.pipeline)
        monkeypatch.setattr(timing_closure, "_close", self.closed)

    def closed(self, network, spec, most):
        self.clocks.append(spec.target.clock_mhz)
        return Pipeline((1,), 1, 10, 5, 900.0, True, 1, 1)

    def pipeline(self, built, module, spec, stages):
        fmax = self.left.pop(0)
        return Pipeline(stages, 9, 100, 50, fmax, fmax >= spec.target.clock_mhz, 9, 1)


def closed_shared(monkeypatch, *fmax_mhz):
    network = networks.shared_network(3, positions=5)
    wholes = Wholes(monkeypatch, fmax_mhz)
    budget = {"luts": 10_000, "latency_ns": 2.5 * 60, "ii": 5}
    closure = close_timing(network, spec(60).model_copy(update={"budget": DesignBudget(**budget)}))
    assert closure.cuts, "hardware is shared"
    return closure, wholes


def test_closing_parts_again_for_a_faster_clock(monkeypatch):
    """In the whole design paths are longer than in a part alone."""
    closure, wholes = closed_shared(monkeypatch, 380.0, 401.0)
    assert (closure.clock_met, closure.fmax_mhz, closure.obstacle) == (True, 401.0, "")
    assert sorted(set(wholes.clocks)) == [400.0, pytest.approx(400 * 400 / 380 * 1.02)]
    assert closure.syntheses == 2 + len(wholes.clocks)


def test_closing_parts_no_faster_ends_with_the_fastest(monkeypatch):
    closure, wholes = closed_shared(monkeypatch, 380.0, 379.0, 500.0)
    assert (closure.clock_met, closure.fmax_mhz) == (False, 380.0)
    assert closure.obstacle.startswith("a path between two parts")
    assert wholes.left == [500.0]


class Aside:
    """In place of processes for parts: each part gets this result."""

    def __init__(self, latency_cycles, clock_met=True, killed=False):
        self.result_of_a_part = Pipeline((1,), latency_cycles, 10, 5, 900.0, clock_met, latency_cycles, 1)
        self.killed = killed

    def __call__(self, jobs):
        return contextlib.nullcontext(self)

    def submit(self, function, network, spec, most):
        return self

    def result(self):
        if self.killed:
            raise BrokenProcessPool
        return self.result_of_a_part


def closed_aside(monkeypatch, aside, cycles=60, jobs=2):
    """Close the parts of a shared design; return how many were cut again in this process."""
    monkeypatch.setattr(timing_closure, "LEAST_LUTS_ASIDE", 1)
    monkeypatch.setattr(timing_closure, "workers", aside)
    wholes = Wholes(monkeypatch, [401.0])
    budget = {"luts": 10_000, "latency_ns": 2.5 * cycles, "ii": 5}
    network = networks.shared_network(3, positions=5)
    close_timing(network, spec(cycles).model_copy(update={"budget": DesignBudget(**budget)}), jobs=jobs)
    return len(wholes.clocks)


def test_parts_cut_aside_are_taken_where_cycles_suffice(monkeypatch):
    parts = closed_aside(monkeypatch, Aside(1), jobs=1)
    assert parts > 1, "one job cuts them all in this process"
    assert closed_aside(monkeypatch, Aside(1)) == 0
    assert closed_aside(monkeypatch, Aside(50)) == parts - 1, "the first part has taken the cycles of the others"
    assert closed_aside(monkeypatch, Aside(50, clock_met=False)) == parts - 1


def test_killed_process_of_a_part_is_a_clear_error(monkeypatch):
    with pytest.raises(ToolFailedError, match=r"processes was killed\. Expected memory for all of them"):
        closed_aside(monkeypatch, Aside(1, killed=True))
