"""Conversion of HGQ2's table layers, in which each edge has quantizers before and after its function.

QDenseT, QEinsumDenseT and QConvT1D/2D (HGQ-LUT, arXiv 2512.14743) copy their input to each edge and quantize it. A
small network maps it, a second quantizer rounds the result, and the layer sums over its inputs. The converter evaluates
each edge for every code of its format, which gives its table. Edges of an input with the same format share a channel.
Bit widths may differ between positions. HGQ2's activations (QUnaryFunctionLUT) are tables too, one for each value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trigger_lut.conversion.affine import quantizer_formats
from trigger_lut.conversion.lut_layers import RealTables, quantize_tables
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.layers.arguments import FRACTION_LIMIT
from trigger_lut.network.network import TableLayer

UNARY = ("QUnaryFunctionLUT", "QAffinedUnaryFunctionLUT")
KINDS = ("QDenseT", "QEinsumDenseT", "QConvT1D", "QConvT2D", *UNARY)
WIDEST = 14  # bits of an edge's input: 16,384 entries
FINEST = 2 * FRACTION_LIMIT  # fractional bits of results
AT_ONCE = 1 << 22  # values of edges evaluated together


def is_hgq_table(op: Any) -> bool:
    """Return whether a layer is a table layer of HGQ2.

    Parameters
    ----------
    op
        The Keras layer.

    Returns
    -------
    bool
        Also true for its activations by table, with quantizers of input and output.
    """
    return type(op).__name__ in KINDS and type(op).__module__.startswith("hgq.") and not is_open_function(op)


def is_open_function(op: Any) -> bool:
    """Return whether an operation is an activation of HGQ2 without a quantizer before or behind its function.

    Parameters
    ----------
    op
        The operation.

    Returns
    -------
    bool
    """
    return _is_unary(op) and not (op.enable_iq and op.enable_oq)


def function_of(op: Any) -> Callable[[Any], Any]:
    """Return the function of an activation of HGQ2, without its quantizers.

    Parameters
    ----------
    op
        The layer.

    Returns
    -------
    callable
        Of an array.
    """
    if not hasattr(op, "scale"):
        return op.activation  # type: ignore[no-any-return]
    return lambda x: op.activation(keras.ops.convert_to_tensor(x) * op.scale + op.bias)


@dataclass(frozen=True)
class HgqTables:
    """A converted layer.

    Attributes
    ----------
    layers : list of TableLayer
        One for each group of positions with equal tables.
    order : int array
        In the shape of the output: the number of each output among the outputs of all layers.
    edges : list of int arrays
        For each layer the numbers of its edges among those of the Keras layer, flattened: (P, C_in, C_out), -1 where
        there is none.
    edge_shape : tuple of int
        Of the quantizers of all edges, without the batch axis.
    activation : callable, optional
        Applied to the outputs.
    """

    layers: list[TableLayer]
    order: IntArray
    edges: list[IntArray]
    edge_shape: tuple[int, ...]
    activation: Callable[[Any], Any] | None


def convert_hgq_tables(op: Any, values: IntArray) -> HgqTables:
    """Convert a table layer of HGQ2.

    Parameters
    ----------
    op
        The layer.
    values : int array
        Numbers of the values that it reads, in the shape of its input without the batch axis.

    Returns
    -------
    HgqTables

    Raises
    ------
    FirmwareError
        If a quantizer is not of fixed point, or an edge reads more than 14 bits.
    """
    activation = None if _is_unary(op) or op.activation is keras.activations.linear else op.activation
    values = _read_values(op, values)
    if not op.enable_iq:
        raise FirmwareError(f"layer {op.name!r}: expected a quantizer of its input, found none. Set enable_iq=True")
    axes = _axes(op, values.shape)
    codes, overflow, rounding = _formats(op, op.iq, axes.own)
    if (finest := int(_formats(op, op.oq if _is_unary(op) else op.toq, axes.own)[0][..., 2].max(initial=0))) > FINEST:
        raise FirmwareError(
            f"layer {op.name!r}: expected results of at most {FINEST} fractional bits, found {finest}. Give its output "
            "quantizer fewer"
        )
    tables = axes.as_edges(_tables(op, codes), 1)
    codes = axes.as_edges(codes, 0)
    gather_index = axes.as_read(values)
    groups: dict[str, tuple[TableLayer, list[IntArray], list[int]]] = {}
    numbers = axes.as_edges(np.arange(codes[..., 0].size).reshape(axes.own), 0)
    channel_numbers: list[IntArray] = []
    for p in range(len(gather_index)):
        layer, channels, present = _at_position(op.name, codes[p], tables[:, p], overflow, rounding)
        channel_numbers.append(np.where(present, numbers[p][channels], -1))
        alike = layer.inputs, channels.tobytes(), layer.widths.tobytes(), layer.tables.tobytes(), layer.bias.tobytes()
        key = repr((*alike, layer.fraction_bits.tobytes()))
        _, rows, positions = groups.setdefault(key, (layer, [], []))
        rows.append(gather_index[p][channels])
        positions.append(p)
    n_out = tables.shape[-1]
    layers, order, edges_of = [], np.zeros((len(gather_index), n_out), dtype=np.int64), []
    done = 0
    for n, (layer, rows, positions) in enumerate(groups.values()):
        name = op.name if len(groups) == 1 else f"{op.name}_part{n}"
        layers.append(replace(layer, name=name, gather_index=np.array(rows, dtype=np.int64).reshape(len(rows), -1)))
        edges_of.append(np.array([channel_numbers[p] for p in positions]))
        order[positions] = (done + np.arange(len(positions)))[:, None] * n_out + np.arange(n_out)
        done += len(positions)
    return HgqTables(layers, axes.as_output(order), edges_of, axes.own, activation)


@dataclass(frozen=True)
class _Axes:
    """Axes of the array that the quantizers of a layer see, one element per edge, without the batch axis.

    own      Its shape.
    shared   Axes of the input and the output: the positions.
    summed   Axes of the input that the layer sums over.
    added    Axes of the output only.
    result   Order of the axes (shared, added) in the output.
    """

    own: tuple[int, ...]
    shared: tuple[int, ...]
    summed: tuple[int, ...]
    added: tuple[int, ...]
    result: tuple[int, ...]

    def _size(self, axes: tuple[int, ...]) -> int:
        return prod(self.own[a] for a in axes)

    def as_edges(self, array: np.ndarray, before: int) -> np.ndarray:
        """Arrange an array with the own axes after `before` others as (..., positions, inputs, outputs, ...)."""
        order = [before + a for a in (*self.shared, *self.summed, *self.added)]
        after = list(range(before + len(self.own), array.ndim))
        sizes = [self._size(axes) for axes in (self.shared, self.summed, self.added)]
        moved = array.transpose([*range(before), *order, *after])
        return moved.reshape(*array.shape[:before], *sizes, *(array.shape[a] for a in after))

    def as_read(self, values: IntArray) -> IntArray:
        """Arrange the numbers of the input as (positions, inputs)."""
        moved = values.transpose((*self.shared, *self.summed))
        return moved.reshape(self._size(self.shared), self._size(self.summed))

    def as_output(self, order: IntArray) -> IntArray:
        """Arrange numbers (positions, outputs) in the shape of the output."""
        shape = [self.own[a] for a in (*self.shared, *self.added)]
        return order.reshape(shape).transpose(self.result)


def _axes(op: Any, shape: tuple[int, ...]) -> _Axes:
    """Find the axes of a layer that reads an array of this shape."""
    rank = len(shape)
    if _is_unary(op):
        return _Axes(shape, tuple(range(rank)), (), (), tuple(range(rank)))
    if type(op).__name__ != "QEinsumDenseT":
        return _Axes((*shape, op.n_out), tuple(range(rank - 1)), (rank - 1,), (rank,), tuple(range(rank)))
    own = tuple(int(n) for n in op._bcast[1][1:])
    summed = tuple(a - 1 for a in op._contract_axes)
    shared = tuple(a for a in range(rank) if a not in summed)
    return _Axes(own, shared, summed, tuple(range(rank, len(own))), tuple(a - 1 for a in op._output_transpose[1:]))


def input_quantizers(op: Any, values: IntArray) -> tuple[IntArray, list[KIF | None], str, str]:
    """Read the quantizers in front of the edges of a table layer.

    Parameters
    ----------
    op
        The layer, with input quantizers.
    values : int array
        Numbers of the values that it reads, in the shape of its input without the batch axis.

    Returns
    -------
    values : int array
        Number of the value that each quantizer reads.
    formats : list of KIF or None
        Of each of them, flattened; None where an edge has no bits.
    overflow, rounding : str

    Raises
    ------
    FirmwareError
        If a quantizer is not of fixed point.
    """
    values = _read_values(op, values)
    own = _axes(op, values.shape).own
    copies = np.broadcast_to(values.reshape(*values.shape, *[1] * (len(own) - values.ndim)), own)
    return copies, *quantizer_formats(op, op.iq, shape=own)


def _read_values(op: Any, values: IntArray) -> IntArray:
    """Numbers of the values of each position; those of a convolution are cut out."""
    return _patches(op, values) if "Conv" in type(op).__name__ else values


def _is_unary(op: Any) -> bool:
    return type(op).__name__ in UNARY


def _patches(op: Any, values: IntArray) -> IntArray:
    """Numbers of the values of each window, cut out by the layer itself: (positions..., window)."""
    if op.data_format != "channels_last":
        raise FirmwareError(
            f"layer {op.name!r}: expected data_format 'channels_last', found {op.data_format!r}. Build it with that"
        )
    x = values[None].astype(np.float32) + 1  # the patches hold 0 beyond the edge
    assert values.max(initial=0) < 1 << 24, "numbers beyond float32"
    x = x[:, :, None] if op.rank == 1 else x
    cut = np.asarray(keras.ops.convert_to_numpy(keras.ops.image.extract_patches(x, **op.im2col_params)))
    cut = cut[:, :, 0] if op.rank == 1 else cut
    return cut[0].astype(np.int64) - 1


def _formats(op: Any, quantizer: Any, edges: tuple[int, ...]) -> tuple[IntArray, str, str]:
    """Bits (k, i, f) of each edge (*edges, 3), all 0 where it has no bits; overflow and rounding."""
    formats, overflow, rounding = quantizer_formats(op, quantizer, shape=edges)
    bits = np.array([kif or (0, 0, 0) for kif in formats], dtype=np.int64)
    return bits.reshape(*edges, 3), overflow, rounding


def _tables(op: Any, formats: IntArray) -> np.ndarray:
    """Evaluate each edge for each code of its format: (codes, own axes...), the last code repeated."""
    k, i, f = np.moveaxis(formats, -1, 0)
    bits = k + i + f
    if bits.max(initial=0) > WIDEST:
        raise FirmwareError(
            f"layer {op.name!r}: expected at most {WIDEST} bits for each edge, found {bits.max()}. Give its input "
            "quantizer fewer"
        )
    count, results = 1 << int(bits.max(initial=0)), []
    rows = max(AT_ONCE // max(bits.size, 1), 1)
    for start in range(0, count, rows):
        n = np.arange(start, min(start + rows, count)).reshape(-1, *[1] * bits.ndim)
        code = np.minimum(n, (1 << bits) - 1) - np.where(k > 0, 1 << np.maximum(bits - 1, 0), 0)
        results.append(_evaluated(op, (code * 2.0**-f).astype(np.float32)))
    return np.concatenate(results)


def _evaluated(op: Any, x: np.ndarray) -> np.ndarray:
    """Quantized result of each edge, by the layer itself, in the shape of x: (B, own axes...) float64."""
    if _is_unary(op):
        result = op.oq(function_of(op)(keras.ops.convert_to_tensor(x)), training=False)
        return np.asarray(keras.ops.convert_to_numpy(result), dtype=np.float64)
    result = op.module(keras.ops.convert_to_tensor(x[..., None]), training=False)
    if type(op).__name__ == "QEinsumDenseT":
        result = op._apply_batch_norm(result, training=False)
    elif op.enable_bn:
        result = op.bn_module(result, training=False) / sqrt(op.n_in)
    return np.asarray(keras.ops.convert_to_numpy(op.toq(result, training=False)), dtype=np.float64)


def _at_position(
    name: str, codes: IntArray, tables: np.ndarray, overflow: str, rounding: str
) -> tuple[TableLayer, IntArray, NDArray[np.bool_]]:
    """Tables of one position, the input that each of their channels reads, and the edges of each channel.

    codes: (n_in, n_out, 3) formats; tables: (codes, n_in, n_out) real results.
    """
    bits = codes.sum(axis=-1)
    channels = list(_channels(codes, bits)) or [(0, KIF(0, 1, 0), np.zeros(codes.shape[1], dtype=np.bool_))]
    widths = np.array([np.where(edges, kif.bits, 0) for _, kif, edges in channels])
    entries = np.zeros((len(channels), 1 << int(widths.max(initial=0)), codes.shape[1]))
    for c, (i, _, edges) in enumerate(channels):
        entries[c][:, edges] = tables[: entries.shape[1], i, :][:, edges]
    bias = np.where(bits > 0, 0.0, tables[0]).sum(axis=0)
    formats = tuple(kif for _, kif, _ in channels)
    real = RealTables(name, formats, (overflow,) * len(channels), rounding, entries, bias, widths)
    inputs = np.array([i for i, _, _ in channels], dtype=np.int64)
    return quantize_tables(real), inputs, np.array([edges for _, _, edges in channels])


def _channels(codes: IntArray, bits: IntArray) -> Iterator[tuple[int, KIF, NDArray[np.bool_]]]:
    """Input, format and edges (n_out,) of each channel: one for each format in which an edge reads an input."""
    for i, row in enumerate(codes):
        for parts in sorted({(int(k), int(n), int(f)) for k, n, f in row[bits[i] > 0]}):
            yield i, KIF(*parts), (row == parts).all(axis=-1)
