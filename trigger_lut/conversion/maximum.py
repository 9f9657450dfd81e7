"""Max pooling and maxima as integers: Keras' and HGQ2's layers that choose the largest of values, as `MaxLayer`.

Which values an output is chosen from is read off by putting a 1 in the place of each value and 0 in all others, so
that windows, strides, padding and axes need no code of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.affine import input_formats, read_off
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import PADDING, MaxLayer

POOLS = {
    name: getattr(keras.layers, name)
    for name in ("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D")
}
CONSTANT = KIF(0, 1, 0)  # format of a channel that is 0 at all places


@dataclass(frozen=True)
class Selection:
    """Each output is the largest of some of the flat values, quantised first.

    formats  of each of n_in values; None where the quantiser has no bits: a constant 0
    chosen   (n_in, n_out) bool: whether an output is chosen from a value
    shape    of the output, n_out values
    exact    whether the formats only hold what is there anyway; channels may then have wider ones
    """

    name: str
    formats: tuple[KIF | None, ...]
    overflow: str
    rounding: str
    chosen: np.ndarray
    shape: tuple[int, ...]
    exact: bool


def selection_of(
    op: Any, node: Any, shapes: Sequence[tuple[int, ...]], exact: Callable[[], list[KIF]]
) -> Selection | None:
    """A Keras operation as a selection; None for one that is none. Parameters as of `affine.affine_of`."""
    largest = _largest(op, node, shapes)
    if largest is None:
        return None
    shape = tuple(int(n) for n in node.outputs[0].shape[1:])
    chosen = read_off(op, largest, shapes, [int(np.prod(shape)) for shape in shapes], shape) > 0
    quantised = input_formats(op, shapes)
    formats, overflow, rounding = quantised or (list(exact()), "WRAP", "TRN")
    return Selection(op.name, tuple(formats), overflow, rounding, chosen, shape, quantised is None)


def _largest(op: Any, node: Any, shapes: Sequence[tuple[int, ...]]) -> Callable[[list[np.ndarray]], Any] | None:
    """The operation on arrays with a batch's axis, without its quantisers; None where it is no selection."""
    kind, ops = type(op).__name__.removeprefix("Q"), keras.ops
    if kind in POOLS:
        return lambda x: POOLS[kind].call(op, ops.cast(x[0], "float32"))
    if kind == "Maximum":
        if len(shapes) < 2 or len(shapes) != len(node.input_tensors):
            raise FirmwareError(f"layer {op.name!r}: a maximum with a constant; expected one of two or more branches")
        if isinstance(op, keras.layers.Layer):
            return lambda x: keras.layers.Maximum.call(op, [ops.cast(part, "float32") for part in x])
        return lambda x: op.call(*x)
    if kind in ("Max", "Amax"):
        rank = len(shapes[0]) + 1
        if getattr(op, "initial", None) is not None or op.axis is None or any(axis % rank == 0 for axis in op.axis):
            raise FirmwareError(
                f"layer {op.name!r}: a maximum with `initial` or over the batch; expected one over other axes"
            )
        return lambda x: ops.amax(x[0], axis=op.axis, keepdims=op.keepdims)
    return None


def max_layers(selection: Selection, values: IntArray, start: int) -> tuple[list[MaxLayer], IntArray]:
    """The selection as layers of an integer network, and the number of the value behind each of its outputs.

    values: (n_in,) numbers of what it reads; start: number of the first value that the layers make. Outputs that differ
    in the last axis alone form a place; places whose channels have the same formats form a layer.
    """
    present = np.array([kif is not None for kif in selection.formats]) & (values != PADDING)
    outputs = np.arange(selection.chosen.shape[1]).reshape(-1, selection.shape[-1] if selection.shape else 1)
    widest = selection.chosen.sum(axis=0).reshape(outputs.shape).max(axis=0)
    output_of = np.repeat(np.arange(outputs.shape[1]), widest)
    # (P, C_in) the values of all places; those of windows that reach beyond the edge stand more than once.
    read = np.array([_filled(selection.chosen[:, at], widest) for at in outputs])
    groups: dict[tuple[KIF, ...], list[int]] = {}
    for p, formats in enumerate(_formats(selection, read, present, output_of)):
        groups.setdefault(formats, []).append(p)
    layers, order, end = [], np.zeros(outputs.shape, dtype=np.int64), start
    for n, (formats, places) in enumerate(groups.items()):
        name = selection.name if len(groups) == 1 else f"{selection.name}_part{n}"
        fraction = np.array([max(formats[i].f for i in np.flatnonzero(output_of == o)) for o in range(len(widest))])
        sites = np.where(present[read[places]], values[read[places]], PADDING)
        layers.append(
            MaxLayer(
                name,
                formats,
                (selection.overflow,) * len(formats),
                output_of,
                fraction.astype(np.int64),
                sites,
                selection.rounding,
            )
        )
        order[places] = np.arange(end, end + len(places) * len(widest)).reshape(len(places), -1)
        end += len(places) * len(widest)
    return layers, order.reshape(-1)


def _filled(chosen: np.ndarray, widest: IntArray) -> IntArray:
    """Numbers of what each output is chosen from, repeated until each output has as many as it has at any place."""
    return np.concatenate([np.resize(np.flatnonzero(c), n) for c, n in zip(chosen.T, widest, strict=True)])


def _formats(selection: Selection, read: IntArray, present: np.ndarray, output_of: IntArray) -> list[tuple[KIF, ...]]:
    """Formats of the channels at each place; of exact values, one for all channels of an output at all places."""
    held = [
        kif if kif is not None and there else CONSTANT for kif, there in zip(selection.formats, present, strict=True)
    ]
    if not selection.exact:
        return [tuple(held[v] for v in place) for place in read]
    hulls = []
    for o in range(int(output_of.max()) + 1):
        formats = [held[v] for v in np.unique(read[:, output_of == o]) if present[v]] or [CONSTANT]
        hulls.append(KIF(*(max(part) for part in zip(*formats, strict=True))))
    return [tuple(hulls[o] for o in output_of)] * len(read)
