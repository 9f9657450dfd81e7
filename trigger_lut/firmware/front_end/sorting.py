"""Sorting networks: Batcher's odd-even merge sort for any number of lines, cut to the first ones that are needed.

A comparator brings the larger of two lines to the upper one. All comparators of a layer work at the same time, so a
layer is a pipeline stage.
"""

from __future__ import annotations

from typing import NamedTuple


class Layer(NamedTuple):
    """Comparators that work at the same time.

    Attributes
    ----------
    pairs
        Two lines each; the first gets the larger one.
    lines
        Lines that something behind this layer needs, in order.
    """

    pairs: tuple[tuple[int, int], ...]
    lines: tuple[int, ...]


def sorting_network(lines: int, outputs: int) -> list[Layer]:
    """Build the layers that bring the largest lines to the first places, in order.

    Parameters
    ----------
    lines
        Number of lines, at least 1.
    outputs
        Places that are needed, from the first one on.

    Returns
    -------
    list of Layer
        Layers in order. A line in no pair passes through.
    """
    needed = set(range(min(lines, outputs)))
    layers: list[Layer] = []
    for layer in reversed(_layers(lines)):
        pairs = tuple((a, b) for a, b in layer if needed & {a, b})
        if pairs:
            layers.append(Layer(pairs, tuple(sorted(needed))))
            needed |= {line for pair in pairs for line in pair}
    return layers[::-1]


def _layers(lines: int) -> list[list[tuple[int, int]]]:
    """Return Batcher's network for the next power of two, without lines that do not exist.

    Such lines would hold the least values at the end, where no comparator moves them.
    """
    layers, p = [], 1
    while p < lines:
        k = p
        while k >= 1:
            layers.append(
                [
                    (i + j, i + j + k)
                    for j in range(k % p, lines - k, 2 * k)
                    for i in range(min(k, lines - j - k))
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p)
                ]
            )
            k //= 2
        p *= 2
    return layers
