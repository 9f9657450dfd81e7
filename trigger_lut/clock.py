"""The clock that a synthesized netlist reaches by the delay model, set against the target's.

One function gives the figure for all who judge it: the pipeline's cut, training, the cards and the pages.
"""

from __future__ import annotations

from trigger_lut.delay_model import fmax_mhz

DIGITS = 3  # of a clock in MHz


def fmax_estimate_mhz(path_ns: float, family: str) -> float:
    """Return the largest clock in MHz of a netlist whose longest path takes `path_ns` of logic; an estimate."""
    return round(fmax_mhz(path_ns, family), DIGITS)
