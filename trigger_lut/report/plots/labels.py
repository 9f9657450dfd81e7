"""Positions of labels near their points, with the least overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Box = tuple[float, float, float, float]  # left, bottom, right, top


def placed(
    centers: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    inside: Box,
    unit: float = 1.0,
    taken: Sequence[Box] = (),
) -> Iterator[tuple[float, float, bool]]:
    """Choose the center of each label relative to its point.

    Other points and earlier labels are avoided.

    Parameters
    ----------
    centers, sizes
        Points, and width and height of their labels, in pixels.
    inside
        Frame that labels are kept in.
    unit
        Pixels in a point of type.
    taken
        Other boxes to avoid.

    Yields
    ------
    x, y : float
        Center of the label, relative to its point.
    far : bool
        True if the label needs a line to its point.
    """
    full = [*taken, *(around(x, y, width=9 * unit, height=9 * unit) for x, y in centers)]
    for (x, y), (width, height) in zip(centers, sizes, strict=True):
        offsets = _offsets(width, height, unit)
        boxes = [around(x + dx, y + dy, width=width, height=height) for dx, dy in offsets]
        hidden = [sum(_shared(box, t) for t in full) + width * height - _shared(box, inside) for box in boxes]
        best = hidden.index(min(hidden))
        full.append(boxes[best])
        yield *offsets[best], best >= len(offsets) // 2


def around(x: float, y: float, *, width: float, height: float) -> Box:
    """Return the box of a width and height around a point."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _offsets(width: float, height: float, unit: float) -> list[tuple[float, float]]:
    """Places of a label's center around its point, the best first."""
    near, far = 6.0, 13.0
    offsets = []
    for gap in (near, far):
        x, y = width / 2 + gap * unit, height / 2 + (gap - 1) * unit
        offsets += [(0.0, y), (x, 0.0), (-x, 0.0), (0.0, -y), (x, y), (-x, y), (x, -y), (-x, -y)]
    return offsets


def _shared(a: Box, b: Box) -> float:
    """Area that two boxes share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
