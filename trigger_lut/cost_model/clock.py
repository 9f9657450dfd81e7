"""The clock that a synthesized netlist reaches by the delay model, set against the target's.

One function gives the figure for all who judge it: the pipeline's cut, training, the cards and the pages.
"""

from __future__ import annotations

from trigger_lut.cards.base import NOT_MEASURED, Measured
from trigger_lut.cards.estimates import FmaxInterval
from trigger_lut.cost_model.delay import CHECKED_DESIGNS, CHECKED_FAMILY, PERIOD_RATIOS, UNMEASURED, fmax_mhz

DIGITS = 3  # of a clock in MHz


def fmax_estimate_mhz(path_ns: float, family: str, *, luts: float) -> float:
    """Return the largest clock in MHz that a netlist reaches; an estimate.

    Parameters
    ----------
    path_ns : float
        Logic on its longest path in ns.
    family : str
        Family as Yosys names it.
    luts : float
        LUTs of the netlist: large designs are slower.

    Returns
    -------
    float
        Clock in MHz, to three decimals.
    """
    return round(fmax_mhz(path_ns, family, luts=luts), DIGITS)


def fmax_measured(estimate_mhz: float, family: str, *, synthesizer: str) -> Measured:
    """Return an estimated Fmax as a figure with its source; not measured for a family without delay figures.

    Parameters
    ----------
    estimate_mhz : float
        Clock in MHz by `fmax_estimate_mhz`.
    family : str
        Family of the target.
    synthesizer : str
        Program that made the netlist.

    Returns
    -------
    Measured
    """
    if family in UNMEASURED:
        return Measured(value=None, source=NOT_MEASURED)
    return Measured(value=estimate_mhz, source=f"{synthesizer}-delay-model")


def fmax_interval(estimate_mhz: float, family: str, *, probability: float = 0.95) -> FmaxInterval | None:
    """Return the interval of an estimated Fmax.

    Parameters
    ----------
    estimate_mhz : float
        Clock in MHz by `fmax_estimate_mhz`.
    family : str
        Family as Yosys names it.
    probability : float
        A key of `delay.PERIOD_RATIOS`.

    Returns
    -------
    FmaxInterval or None
        None for a family without published designs.
    """
    if family != CHECKED_FAMILY:
        return None
    shortest, longest = PERIOD_RATIOS[probability]
    return FmaxInterval(
        low_mhz=round(estimate_mhz / longest, 1),
        high_mhz=round(estimate_mhz / shortest, 1),
        probability=probability,
        designs=CHECKED_DESIGNS,
    )
