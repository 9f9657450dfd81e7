"""Latency and clock of a design, from the measurements of simulation and synthesis."""

from __future__ import annotations

from typing import Any

from trigger_lut.cards.base import Measured
from trigger_lut.cards.estimates import FmaxInterval
from trigger_lut.cards.firmware import SynthCard, VerifyCard
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.clock import fmax_estimate_mhz, fmax_interval, fmax_measured
from trigger_lut.cost_model.delay import GROWTH, SMALLEST_CHECKED_LUTS, UNMEASURED, delays
from trigger_lut.errors import CardError

ROUNDING_NS = 1e-6


def timing_figures(design: Spec, verified: VerifyCard, *, synthesized: SynthCard) -> dict[str, Any]:
    """Compute the fields of a TimingCard without its provenance.

    Parameters
    ----------
    design : Spec
        Design with budget and target.
    verified : VerifyCard
        Latency and initiation interval of the RTL simulation.
    synthesized : SynthCard
        Resources and longest path of the netlist.

    Returns
    -------
    dict
        Values by field.

    Raises
    ------
    CardError
        If the netlist has no longest path.
    """
    if synthesized.path_ns_estimate is None:
        raise CardError(f"synth.json of {design.design}: path_ns_estimate: missing. Run the synth stage again.")
    latency_ns = verified.latency_cycles_measured * design.target.clock_period_ns
    allowed = design.target.latency_allowed_ns
    limit = min(design.budget.latency_ns, allowed if allowed is not None else design.budget.latency_ns)
    luts = synthesized.luts.value or 0
    family = design.target.family
    measured = family not in UNMEASURED
    fmax = fmax_estimate_mhz(synthesized.path_ns_estimate, family, luts=luts)
    interval = fmax_interval(fmax, family)
    clock_met = measured and fmax >= design.target.clock_mhz
    obstacle = synthesized.clock_obstacle if measured else f"there are no delay figures of {family}"
    return {
        "design": design.design,
        "clock_mhz": design.target.clock_mhz,
        "latency_cycles": Measured(value=verified.latency_cycles_measured, source="rtl-simulation"),
        "latency_ns": Measured(value=round(latency_ns, 6), source="rtl-simulation"),
        "ii": Measured(value=verified.ii_measured, source="rtl-simulation"),
        "latency_ns_budget": design.budget.latency_ns,
        "latency_allowed_ns": allowed,
        "logic_levels": synthesized.logic_levels,
        "fmax_mhz_estimate": fmax_measured(fmax, family, synthesizer=synthesized.luts.source),
        "fmax_mhz_interval": interval,
        "fmax_model": _model(synthesized.path_ns_estimate, family, luts, interval),
        "clock_met": clock_met,
        "clock_obstacle": None if clock_met else obstacle,
        "latency_met": clock_met and latency_ns <= limit + ROUNDING_NS,
        "ii_met": verified.ii_measured <= design.budget.ii,
    }


def _model(path_ns: float, family: str, luts: float, interval: FmaxInterval | None) -> str:
    if family in UNMEASURED:
        planned = UNMEASURED[family].planned_as
        return f"none: no source of delay figures of {family}; the pipeline is cut by those of {planned}"
    d, growth = delays(family), GROWTH.factor(luts)
    larger = f", {growth:.2f} times as long in a design of {luts:.0f} LUTs" if growth > 1 else ""
    small = f"; no published design is as small as {luts:.0f} LUTs" if luts < SMALLEST_CHECKED_LUTS else ""
    checked = f"not checked: no published design of {family}" if interval is None else f"measured {interval}{small}"
    return (
        f"estimate, not a timing run: longest path of the netlist, with {path_ns:.2f} ns of logic{larger} and "
        f"{d.register} ns for a register. Delays of {family}: LUT {d.lut} ns, wire {d.net} ns, carry chain {d.carry} "
        f"ns; {checked}"
    )
