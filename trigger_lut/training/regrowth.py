"""Giving back what a network may take: edges that were removed, and bits of widths, until its budget is used.

The counterpart of `pruning`, for networks that ended below their budget: an edge is a large part of a small network,
spans shrink while a network is fine-tuned, and Yosys may find less than was thought.
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

    worth     what the edge's output gains by it, as standard deviation, in units of the mean edge of its layer
    variable  input_width or output_fraction of a layer
    index     the edge in it
    value     what the variable would be there
    """

    worth: float
    variable: Any
    index: tuple[int, ...]
    value: float


def growths(layers: list[Any], network: Callable[[], Network], codes: np.ndarray) -> list[Growth]:
    """What may grow by one step, of most worth first: removed edges come back, others get a bit more of either width.

    layers: the model's layers of tables, widths kept. network: gives what they are in integers at that moment. codes
    (N, C_in): the events by which edges are valued. Of an edge that varies by s, the m-th address bit tells apart about
    2**-m of it; a bit more of fraction halves what rounding takes away.
    """
    held = [np.array(layer.input_width) for layer in layers]
    for layer, widths in zip(layers, held, strict=True):
        layer.input_width.assign(widths_before(widths))
    whole = network()
    for layer, widths in zip(layers, held, strict=True):
        layer.input_width.assign(widths)
    worth, mean = {}, {}
    for form, spread in zip(whole.layers, saliency(whole, codes), strict=True):
        alive = live(form)
        mean[form.name] = np.full(form.shape, max(spread[alive].mean(), 1e-30) if alive.any() else 1.0)
        worth[form.name] = spread / mean[form.name]
    found = []
    for layer, widths in zip(layers, held, strict=True):
        names = [f"{layer.name}_place{p}" for p in range(len(widths))] if layer.per_position_widths else [layer.name]
        gain, unit = (np.stack([each[name] for name in names]).reshape(widths.shape) for each in (worth, mean))
        before, fraction = widths_before(widths), np.array(layer.output_fraction)
        finer, rounded = gain * 2.0**-before, 0.5 * ROUNDING * 2.0**-fraction / unit
        most = np.broadcast_to(layer.channel_bits[:, None], widths.shape)
        for index in map(tuple, np.argwhere((gain > 0) & (before > 0))):
            if widths[index] < 0:
                found.append(Growth(float(gain[index]), layer.input_width, index, float(before[index])))
                continue
            if widths[index] < most[index]:
                found.append(Growth(float(finer[index]), layer.input_width, index, float(widths[index]) + 1.0))
            if fraction[index] < FRACTION_LIMIT:
                found.append(Growth(float(rounded[index]), layer.output_fraction, index, float(fraction[index]) + 1.0))
    return sorted(found, key=lambda g: -g.worth)


def fill(options: list[Growth], fits: Callable[[], bool], full: Callable[[], bool]) -> int:
    """Let grow what still fits, in the order given, until the network is full; how many did.

    Steps double while they fit, and are halved where they don't; what does not fit alone is passed over.
    fits, full: of the model as it is, after MAX_EVALUATIONS of which this ends.
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
    """Put one entry into a variable; what was there."""
    values = np.array(variable)
    before = float(values[index])
    values[index] = value
    variable.assign(values)
    return before
