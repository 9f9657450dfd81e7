"""Summation plan of one output: constants that each table absorbs, and the adder tree.

The firmware generators and the resource surrogate follow the same plan, so what is estimated is what is built.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trigger_lut.fixed_point.formats import IntArray, kif_for_range
from trigger_lut.network.back_ends import PLANS
from trigger_lut.network.network import PADDING, Network, TableLayer

Item = tuple[int, int, int]
"""Operand or sum of an adder: trailing zeros, smallest and largest value."""


@dataclass(frozen=True)
class Addend:
    """The table of one live edge, shifted by a constant so that it needs the fewest output bits.

    channel  Input channel of the layer.
    values   2**m integers at the output's fraction, in rising order of input value.
    """

    channel: int
    values: IntArray

    @cached_property
    def lo(self) -> int:
        """Smallest entry."""
        return int(self.values.min())

    @cached_property
    def hi(self) -> int:
        """Largest entry."""
        return int(self.values.max())

    @cached_property
    def item(self) -> Item:
        """Operand of an adder."""
        return trailing_zeros(self.values), self.lo, self.hi


@dataclass(frozen=True)
class Summation:
    """One output: `constant` plus the sum of `addends`, added pairwise in the order of `pairs`.

    pairs: (a, b) adds items a and b; the sum becomes the next item after the addends and earlier sums.
    The constant is 0 unless there are no addends. `levels` is the depth of the tree in adders.
    """

    addends: tuple[Addend, ...]
    pairs: tuple[tuple[int, int], ...]
    constant: int
    levels: int

    @cached_property
    def items(self) -> list[Item]:
        """The addends, then the sums in the order of `pairs`."""
        items = [a.item for a in self.addends]
        for a, b in self.pairs:
            items.append(_added(items[a], items[b]))
        return items


def without_constants(plan: Summation) -> Summation:
    """Return the plan without addends that are constant; the widest of the others absorbs their sum.

    Parameters
    ----------
    plan : Summation
        Plan of an output.

    Returns
    -------
    Summation
    """
    live = [n for n, a in enumerate(plan.addends) if a.hi > a.lo]
    if len(live) == len(plan.addends):
        return plan
    rest = plan.constant + sum(a.lo for a in plan.addends if a.hi == a.lo)
    if not live:
        return Summation((), (), rest, 0)
    widest = max(live, key=lambda n: plan.addends[n].hi - plan.addends[n].lo)
    kept = [(n, plan.addends[n]) for n in live]
    addends = tuple(Addend(a.channel, a.values + (rest if n == widest else 0)) for n, a in kept)
    # Number of each item among those that are left; None where nothing of it is.
    left: list[int | None] = [live.index(n) if n in live else None for n in range(len(plan.addends))]
    pairs: list[tuple[int, int]] = []
    for a, b in plan.pairs:
        first, second = left[a], left[b]
        if first is None or second is None:
            left.append(second if first is None else first)
        else:
            left.append(len(addends) + len(pairs))
            pairs.append((first, second))
    return Summation(addends, tuple(pairs), 0, plan.levels)


def trailing_zeros(values: IntArray) -> int:
    """Count the low bits that are 0 in every value; 0 when all values are 0."""
    bits = int(np.bitwise_or.reduce(np.asarray(values, dtype=np.int64), axis=None))
    return (bits & -bits).bit_length() - 1 if bits else 0


def plan_output(layer: TableLayer, o: int, *, padded: Collection[int] = ()) -> Summation:
    """Plan output `o` of a layer; the sum equals the layer's output for every input.

    padded: channels that are padding at this position, so that their tables are constants.
    """
    total = int(layer.bias[o])
    live = []
    for i in map(int, np.flatnonzero(layer.widths[:, o])):
        table = layer.table(i, o)
        if i in padded:
            total += int(table[layer.padding_address(i, o)])
            continue
        lowest = int(table.min())
        total += lowest
        if int(table.max()) > lowest:
            live.append((i, table - lowest))
    if not live:
        return Summation((), (), total, 0)
    offsets = _offsets([values for _, values in live], total)
    addends = tuple(Addend(i, values + d) for (i, values), d in zip(live, offsets, strict=True))
    pairs, levels = _pairs(addends)
    return Summation(addends, pairs, 0, levels)


def plan_layer(layer: TableLayer, padded: Collection[int] = ()) -> list[Summation]:
    """Plan all outputs of a layer at one position."""
    return [plan_output(layer, o, padded=padded) for o in range(layer.shape[1])]


@PLANS.register(TableLayer)
def plan_places(layer: TableLayer, gather_index: IntArray) -> list[list[Summation]]:
    """Plan all outputs at each position; positions with the same padding share their plans.

    Parameters
    ----------
    layer : TableLayer
        Layer of tables.
    gather_index : numpy.ndarray of int, shape (P, C_in)
        Numbers of the values read, by `Network.gather_index`.

    Returns
    -------
    list of list of Summation
        Plans by position and output.
    """
    padding = [frozenset(np.flatnonzero(place == PADDING).tolist()) for place in gather_index]
    plans = {padded: plan_layer(layer, padded) for padded in dict.fromkeys(padding)}
    return [plans[padded] for padded in padding]


def plan_network(network: Network) -> list[list[list[Summation]]]:
    """Plan each layer at each of its positions.

    Parameters
    ----------
    network : Network
        The integer network.

    Returns
    -------
    list of list of list
        A `Summation` by layer, position and output; None for a layer without tables.
    """
    return [
        PLANS(layer, gather_index) for layer, gather_index in zip(network.layers, network.gather_index, strict=True)
    ]


def _offsets(tables: list[IntArray], total: int) -> list[int]:
    """Return constants that add up to `total`, one per table whose minimum is 0, with the fewest output bits.

    A table of span s needs b = bit_length(s) bits when its offset puts it into [-2**(b-1), 2**(b-1)) or [0, 2**b).
    Within these windows an offset is free. The widest table takes what the windows cannot hold.
    """
    spans = [int(t.max()) for t in tables]
    steps = [1 << trailing_zeros(t) for t in tables]
    half = [1 << ((s // q).bit_length() - 1) for s, q in zip(spans, steps, strict=True)]
    lowest = [-h * q for h, q in zip(half, steps, strict=True)]
    signed = [(lo, (h - 1) * q - s) for lo, h, q, s in zip(lowest, half, steps, spans, strict=True)]
    unsigned = [(0, (2 * h - 1) * q - s) for h, q, s in zip(half, steps, spans, strict=True)]
    # A one-bit table, or one whose span fills the window, may have no signed window next to the unsigned one.
    offsets = [w[0] for w in signed]
    rest = total - sum(offsets)
    coarse_first = sorted(range(len(tables)), key=lambda e: (-steps[e], -spans[e]))
    for windows in (signed, unsigned):
        for e in coarse_first:
            if rest <= 0:
                break
            first, last = windows[e]
            reach = min(rest, last - offsets[e]) // steps[e] * steps[e]
            if reach > 0 and offsets[e] + reach >= first:
                offsets[e] += reach
                rest -= reach
    if rest:
        fitting = [e for e in range(len(tables)) if rest % steps[e] == 0]
        finest = [e for e in range(len(tables)) if steps[e] == min(steps)]
        e = max(fitting or finest, key=lambda n: spans[n])
        offsets[e] += rest
    return offsets


def _pairs(addends: tuple[Addend, ...]) -> tuple[tuple[tuple[int, int], ...], int]:
    """Build a balanced tree of similar operands: items are sorted by lowest, then highest bit at each level.

    An adder spans from the higher of the two lowest bits to the highest bit. Fine operands are therefore
    added first, and wide sums are left for the root.
    """
    items = [a.item for a in addends]
    pairs: list[tuple[int, int]] = []
    level = list(range(len(items)))
    levels = 0
    while len(level) > 1:
        level.sort(key=lambda n: (items[n][0], kif_for_range(items[n][1], items[n][2], f=0).bits, n))
        following = []
        for a, b in zip(level[::2], level[1::2], strict=False):
            pairs.append((a, b))
            items.append(_added(items[a], items[b]))
            following.append(len(items) - 1)
        if len(level) % 2:
            following.append(level[-1])
        level = following
        levels += 1
    return tuple(pairs), levels


def _added(a: Item, b: Item) -> Item:
    return min(a[0], b[0]), a[1] + b[1], a[2] + b[2]
