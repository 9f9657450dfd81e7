"""Regrowth of what a network may take: removed edges, and bits of widths, until its budget is used.

The counterpart of `pruning`, for networks that ended below their budget. An edge is a large part of a small network,
spans shrink while a network is fine-tuned, and Yosys may count fewer LUTs than estimated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.layers.arguments import FRACTION_LIMIT
from trigger_lut.network.network import Network
from trigger_lut.training.edge_widths import widths_before
from trigger_lut.training.pruning import live, saliency

MAX_EVALUATIONS = 48  # networks at most that are counted on the way
ROUNDING = 12**-0.5  # standard deviation of what rounding to a grid of 1 takes away


@dataclass(frozen=True)
class Growth:
    """One width that may be larger.

    worth     Gain in the standard deviation of the edge's output, in units of the mean edge of its layer.
    variable  `input_width` or `output_fraction` of a layer.
    index     Edge in it.
    value     Value of the variable after growth.
    """

    worth: float
    variable: Any
    index: tuple[int, ...]
    value: float


def growths(layers: list[Any], network: Callable[[], Network], *, codes: np.ndarray) -> list[Growth]:
    """List growths by one step, of most worth first: removed edges come back, others get one more bit of either width.

    layers: the model's layers of tables, widths fixed. network: returns their present integers. codes (N, C_in): events
    by which edges are valued. If an edge varies by s, its m-th address bit distinguishes about s * 2**-m. One more
    fraction bit halves the error of rounding.
    """
    fixed_widths = [np.array(layer.input_width) for layer in layers]
    for layer, widths in zip(layers, fixed_widths, strict=True):
        layer.input_width.assign(widths_before(widths))
    whole = network()
    for layer, widths in zip(layers, fixed_widths, strict=True):
        layer.input_width.assign(widths)
    worth, mean = {}, {}
    for form, spread in zip(whole.layers, saliency(whole, codes), strict=True):
        alive = live(form)
        mean[form.name] = np.full(form.shape, max(spread[alive].mean(), 1e-30) if alive.any() else 1.0)
        worth[form.name] = spread / mean[form.name]
    candidates = []
    for layer, widths in zip(layers, fixed_widths, strict=True):
        names = [f"{layer.name}_place{p}" for p in range(len(widths))] if layer.per_position_widths else [layer.name]
        gain, unit = (np.stack([each[name] for name in names]).reshape(widths.shape) for each in (worth, mean))
        before, fraction = widths_before(widths), np.array(layer.output_fraction)
        finer, rounded = gain * 2.0**-before, 0.5 * ROUNDING * 2.0**-fraction / unit
        most = np.broadcast_to(layer.channel_bits[:, None], widths.shape)
        for index in map(tuple, np.argwhere((gain > 0) & (before > 0))):
            if widths[index] < 0:
                candidates.append(Growth(float(gain[index]), layer.input_width, index, float(before[index])))
                continue
            if widths[index] < most[index]:
                candidates.append(Growth(float(finer[index]), layer.input_width, index, float(widths[index]) + 1.0))
            if fraction[index] < FRACTION_LIMIT:
                candidates.append(
                    Growth(float(rounded[index]), layer.output_fraction, index, float(fraction[index]) + 1.0)
                )
    return sorted(candidates, key=lambda g: -g.worth)


def fill(options: list[Growth], fits: Callable[[], bool], *, full: Callable[[], bool]) -> int:
    """Grow what still fits, in the order given, until the network is full; return how many did.

    Steps double while they fit, and are halved where they do not; what does not fit alone is skipped.
    fits, full: conditions on the present model. After MAX_EVALUATIONS of them this ends.
    """
    first, step, grown = 0, 1, 0
    for _ in range(MAX_EVALUATIONS):
        tried = options[first : first + step]
        if not tried:
            break
        before = [_replaced(g.variable, g.index, g.value) for g in tried]
        if fits():
            first, step, grown = first + step, 2 * step, grown + len(tried)
            if full():
                break
            continue
        for g, value in zip(reversed(tried), reversed(before), strict=True):
            _replaced(g.variable, g.index, value)
        first, step = (first + 1, 1) if step == 1 else (first, step // 2)
    return grown


def _replaced(variable: Any, index: tuple[int, ...], value: float) -> float:
    """Assign one entry of a variable; return the entry before."""
    values = np.array(variable)
    before = float(values[index])
    values[index] = value
    variable.assign(values)
    return before
