"""Conversion of max pooling and maxima of Keras and HGQ2 to `MaxLayer`.

The converter applies the operation to unit vectors to find the values that each output depends on. Windows, strides,
padding and axes thus need no code of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.affine import input_formats, matrix_of
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import PADDING, MaxLayer

POOLS = {
    f"{kind}Pooling{n}D": getattr(keras.layers, f"{kind}Pooling{n}D")
    for kind in ("Max", "GlobalMax")
    for n in (1, 2, 3)
}
MAXIMA = ("Maximum", "Max", "Amax", *POOLS)
MINIMA = {"Minimum": "Maximum", "Min": "Max", "Amin": "Amax"}
CONSTANT = KIF(0, 1, 0)  # format of a channel that is 0 at all positions


@dataclass(frozen=True)
class Selection:
    """Maxima of flat values, which are quantized first.

    Attributes
    ----------
    name : str
        Of the layer.
    formats : tuple of KIF or None
        Format of each of n_in values; None where the quantizer has no bits, so that the value is 0.
    overflow, rounding : str
        Of the quantizer.
    candidates : (n_in, n_out) bool array
        The values that each output is the largest of.
    shape : tuple of int
        Of the output, n_out values.
    exact : bool
        Whether the formats change no value. Channels may then have wider formats.
    """

    name: str
    formats: tuple[KIF | None, ...]
    overflow: str
    rounding: str
    candidates: np.ndarray
    shape: tuple[int, ...]
    exact: bool


def selection_of(
    op: Any, node: Any, *, shapes: Sequence[tuple[int, ...]], exact: Callable[[], list[KIF]]
) -> Selection | None:
    """Convert a Keras operation to a selection.

    Parameters
    ----------
    op, node, shapes, exact
        As in `affine.affine_map`.

    Returns
    -------
    Selection or None
        None for an operation that takes no maximum.

    Raises
    ------
    FirmwareError
        For a maximum with a constant or over the batch.
    """
    largest = _largest(op, node, shapes)
    if largest is None:
        return None
    shape = tuple(int(n) for n in node.outputs[0].shape[1:])
    if is_minimum(op):
        quantizers: Any = None  # its values are quantized, and negated, before
    else:
        quantizers = input_formats(op, shapes)
    candidates = (
        matrix_of(op, largest, shapes=shapes, sizes=[int(np.prod(shape)) for shape in shapes], out_shape=shape) > 0
    )
    formats, overflow, rounding = quantizers or (list(exact()), "WRAP", "TRN")
    return Selection(op.name, tuple(formats), overflow, rounding, candidates, shape, quantizers is None)


def _largest(op: Any, node: Any, shapes: Sequence[tuple[int, ...]]) -> Callable[[list[np.ndarray]], Any] | None:
    """Return the operation without its quantizers, on arrays with a batch axis; None for other operations."""
    kind = type(op).__name__.removeprefix("Q")
    if kind in MINIMA:  # the largest of the negated values
        return _negated(_maximum(op, node, shapes, MINIMA[kind]))
    return _maximum(op, node, shapes, kind)


def is_minimum(op: Any) -> bool:
    """Return whether an operation takes the smallest of several values.

    Parameters
    ----------
    op
        The operation.

    Returns
    -------
    bool
        False for a maximum.
    """
    return type(op).__name__.removeprefix("Q") in MINIMA


def _negated(smallest: Callable[[list[np.ndarray]], Any] | None) -> Callable[[list[np.ndarray]], Any] | None:
    return None if smallest is None else lambda x: -smallest([-part for part in x])


def _maximum(
    op: Any, node: Any, shapes: Sequence[tuple[int, ...]], kind: str
) -> Callable[[list[np.ndarray]], Any] | None:
    """Return a maximum, or the minimum of the same kind."""
    ops = keras.ops
    if kind in POOLS:
        return lambda x: POOLS[kind].call(op, ops.cast(x[0], "float32"))
    if kind == "Maximum":
        if len(shapes) < 2 or len(shapes) != len(node.input_tensors):
            raise FirmwareError(
                f"layer {op.name!r}: a maximum with a constant. Expected two or more branches. Use a ReLU"
            )
        if isinstance(op, keras.layers.Layer):
            merge = keras.layers.Minimum if is_minimum(op) else keras.layers.Maximum
            return lambda x: merge.call(op, [ops.cast(part, "float32") for part in x])
        return lambda x: op.call(*x)
    if kind in ("Max", "Amax"):
        rank = len(shapes[0]) + 1
        if getattr(op, "initial", None) is not None or op.axis is None or any(axis % rank == 0 for axis in op.axis):
            raise FirmwareError(
                f"layer {op.name!r}: a maximum with `initial` or over the batch. Expected one over other axes alone"
            )
        extreme = ops.amin if is_minimum(op) else ops.amax
        return lambda x: extreme(x[0], axis=op.axis, keepdims=op.keepdims)
    return None


def max_layers(selection: Selection, values: IntArray, *, start: int) -> tuple[list[MaxLayer], IntArray]:
    """Convert a selection to layers of the integer network.

    Outputs that differ in the last axis only form a position. Positions whose channels have equal formats form a layer.

    Parameters
    ----------
    selection : Selection
        The maxima.
    values : (n_in,) int array
        Numbers of the input values.
    start : int
        Number of the first value that the layers compute.

    Returns
    -------
    layers : list of MaxLayer
    order : (n_out,) int array
        Number of the value of each output.
    """
    present = np.array([kif is not None for kif in selection.formats]) & (values != PADDING)
    outputs = np.arange(selection.candidates.shape[1]).reshape(-1, selection.shape[-1] if selection.shape else 1)
    widest = selection.candidates.sum(axis=0).reshape(outputs.shape).max(axis=0)
    output_of = np.repeat(np.arange(outputs.shape[1]), widest)
    # (P, C_in) values of all positions. Windows that reach beyond the edge repeat some of theirs.
    read = np.array([_filled(selection.candidates[:, at], widest) for at in outputs])
    groups: dict[tuple[KIF, ...], list[int]] = {}
    for p, formats in enumerate(_formats(selection, read, present, output_of)):
        groups.setdefault(formats, []).append(p)
    layers, order, end = [], np.zeros(outputs.shape, dtype=np.int64), start
    for n, (formats, positions) in enumerate(groups.items()):
        name = selection.name if len(groups) == 1 else f"{selection.name}_part{n}"
        fraction = np.array([max(formats[i].f for i in np.flatnonzero(output_of == o)) for o in range(len(widest))])
        gather_index = np.where(present[read[positions]], values[read[positions]], PADDING)
        layers.append(
            MaxLayer(
                name,
                formats,
                (selection.overflow,) * len(formats),
                output_of,
                fraction_bits=fraction.astype(np.int64),
                gather_index=gather_index,
                rounding=selection.rounding,
            )
        )
        order[positions] = np.arange(end, end + len(positions) * len(widest)).reshape(len(positions), -1)
        end += len(positions) * len(widest)
    return layers, order.reshape(-1)


def _filled(candidates: np.ndarray, widest: IntArray) -> IntArray:
    """Numbers of the values of each output, repeated up to the largest count at any position."""
    return np.concatenate([np.resize(np.flatnonzero(c), n) for c, n in zip(candidates.T, widest, strict=True)])


def _formats(selection: Selection, read: IntArray, present: np.ndarray, output_of: IntArray) -> list[tuple[KIF, ...]]:
    """Return the formats of the channels at each position; for exact values, one for all channels of an output."""
    formats = [
        kif if kif is not None and there else CONSTANT for kif, there in zip(selection.formats, present, strict=True)
    ]
    if not selection.exact:
        return [tuple(formats[v] for v in position) for position in read]
    hulls = []
    for o in range(int(output_of.max()) + 1):
        used = [formats[v] for v in np.unique(read[:, output_of == o]) if present[v]] or [CONSTANT]
        hulls.append(KIF(*(max(part) for part in zip(*used, strict=True))))
    return [tuple(hulls[o] for o in output_of)] * len(read)
