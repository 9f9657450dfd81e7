"""Figures of a design against the lines of its budget."""

from __future__ import annotations

from trigger_lut.cards.base import Measured
from trigger_lut.cards.firmware import SynthCard, TimingCard
from trigger_lut.cards.stage_cards import BudgetLine
from trigger_lut.config.budget import Spec


def keeps(budget: float, found: float | None, *, at_least: bool = False) -> bool:
    """Return whether a figure is measured and keeps to a budget."""
    return found is not None and (found >= budget if at_least else found <= budget)


def judged(
    quantity: str,
    budget: float,
    found: Measured,
    *,
    at_least: bool = False,
    counts: bool = True,
    reason: str | None = None,
) -> BudgetLine:
    """Judge one line of a budget. What was not measured is not met, nor what does not count.

    reason: why it does not count, or why it may be missed.
    """
    met = counts and keeps(budget, found.value, at_least=at_least)
    return BudgetLine(
        quantity=quantity,
        budget=budget,
        at_least=at_least,
        found=found.value,
        source=found.source,
        met=met,
        reason=None if met else reason,
    )


def missed(line: BudgetLine) -> str:
    """Say by how much a line of a budget is missed."""
    if line.found is None:
        return f"{line.quantity} was not measured, budget {line.budget:g}"
    why = [line.reason] if line.reason is not None else []
    if not keeps(line.budget, line.found, at_least=line.at_least):
        off = abs(line.found - line.budget)
        share = f", {100 * off / line.budget:.1f} %" if line.budget else ""
        why.insert(0, f"{off:g} too {'low' if line.at_least else 'many'}{share}")
    return f"{line.quantity} {line.found:g} ({line.source}), budget {line.budget:g}: {'; '.join(why)}"


def budget_lines(spec: Spec, synth: SynthCard, timing: TimingCard) -> list[BudgetLine]:
    """Judge LUTs, clock, latency, initiation interval, DSP and BRAM. A latency counts only at a clock that is met."""
    clock_mhz = spec.target.clock_mhz
    clock = judged("clock_mhz", clock_mhz, timing.fmax_mhz_estimate, at_least=True, reason=timing.clock_obstacle)
    late = None if clock.met else f"counts only at the target's clock of {clock_mhz:g} MHz, which is not reached"
    return [
        judged("luts", spec.budget.luts, synth.luts),
        clock,
        judged("latency_ns", spec.budget.latency_ns, timing.latency_ns, counts=clock.met, reason=late),
        judged("ii", spec.budget.ii, timing.ii),
        judged("dsp", spec.budget.dsp, synth.dsp),
        judged("bram18", spec.budget.bram18, synth.bram18),
    ]
