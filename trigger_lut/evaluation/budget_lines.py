"""Comparison of a design's figures with its budget."""

from __future__ import annotations

from trigger_lut.cards.base import Measured
from trigger_lut.cards.firmware import SynthCard, TimingCard
from trigger_lut.cards.stage_cards import BudgetLine
from trigger_lut.config.budget import Spec

FIGURES = {
    "luts": ("LUTs", "", "many"),
    "clock_mhz": ("clock", " MHz", "high"),
    "latency_ns": ("latency", " ns", "long"),
    "ii": ("initiation interval", " cycles", "long"),
    "dsp": ("DSP slices", "", "many"),
    "bram18": ("BRAM18", "", "many"),
}
"""Name, unit and word for too much of each quantity of a budget."""


def is_within(budget: float, measured: float | None, *, at_least: bool = False) -> bool:
    """Return True if a figure is measured and within a budget."""
    return measured is not None and (measured >= budget if at_least else measured <= budget)


def judge(
    quantity: str,
    budget: float,
    *,
    measured: Measured,
    at_least: bool = False,
    counts: bool = True,
    reason: str | None = None,
) -> BudgetLine:
    """Judge one line of a budget. A figure that was not measured misses its budget.

    Parameters
    ----------
    quantity : str
        Name of the figure.
    budget : float
        Limit, in the unit of the figure.
    measured : Measured
        The figure.
    at_least : bool
        True if the limit is a minimum.
    counts : bool
        False if the figure misses its budget whatever its value.
    reason : str or None
        Reason for a miss.

    Returns
    -------
    BudgetLine
        The line with its verdict.
    """
    met = counts and is_within(budget, measured.value, at_least=at_least)
    return BudgetLine(
        quantity=quantity,
        budget=budget,
        at_least=at_least,
        measured=measured.value,
        source=measured.source,
        met=met,
        reason=None if met else reason,
    )


def describe_miss(line: BudgetLine) -> str:
    """Describe by how much a line of a budget is missed.

    Parameters
    ----------
    line : BudgetLine
        A line that is not met.

    Returns
    -------
    str
        Name, figure, budget, source and reason.
    """
    name, unit, excess = FIGURES.get(line.quantity, (line.quantity, "", "many"))
    limit = f"{'at least ' * line.at_least}{line.budget:,g}{unit}"
    if line.measured is None:
        return f"{name}: not measured, budget {limit}"
    why = [line.reason] if line.reason is not None else []
    if not is_within(line.budget, line.measured, at_least=line.at_least):
        off = abs(line.measured - line.budget)
        percent = f", {100 * off / line.budget:.1f} %" if line.budget else ""
        why.insert(0, f"{off:,g}{unit} too {'low' if line.at_least else excess}{percent}")
    return f"{name}: {line.measured:,g} of {limit} ({line.source}): {'; '.join(why)}"


def budget_lines(spec: Spec, synth: SynthCard, *, timing: TimingCard) -> list[BudgetLine]:
    """Judge LUTs, clock, latency, initiation interval, DSP and BRAM.

    Parameters
    ----------
    spec : Spec
        Design with budget and target.
    synth : SynthCard
        Resources after synthesis.
    timing : TimingCard
        Latency and clock. The latency counts only if the clock is met.

    Returns
    -------
    list of BudgetLine
        One for each quantity.
    """
    clock_mhz = spec.target.clock_mhz
    clock = judge(
        "clock_mhz", clock_mhz, measured=timing.fmax_mhz_estimate, at_least=True, reason=timing.clock_obstacle
    )
    late = None if clock.met else f"counts only at the target's clock of {clock_mhz:g} MHz, which is not reached"
    return [
        judge("luts", spec.budget.luts, measured=synth.luts if synth.device is None else synth.device.luts),
        clock,
        judge("latency_ns", spec.budget.latency_ns, measured=timing.latency_ns, counts=clock.met, reason=late),
        judge("ii", spec.budget.ii, measured=timing.ii),
        judge("dsp", spec.budget.dsp, measured=synth.dsp),
        judge("bram18", spec.budget.bram18, measured=synth.bram18),
    ]
