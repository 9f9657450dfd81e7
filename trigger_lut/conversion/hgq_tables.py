"""Conversion of HGQ2's table layers, in which each edge has quantizers before and after its function.

QDenseT and QConvT1D/2D (HGQ-LUT, arXiv 2512.14743) copy their input to each edge and quantize it. A small network
maps it, a second quantizer rounds the result, and the layer sums over its inputs. The converter evaluates each edge for
every code of its format, which gives its table. Edges of an input with the same format share a channel. Bit widths may
differ between positions. HGQ2's activations (QUnaryFunctionLUT) are tables too, one for each value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import sqrt
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
KINDS = ("QDenseT", "QConvT1D", "QConvT2D", *UNARY)
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
        Also true for its activations by table.
    """
    return type(op).__name__ in KINDS and type(op).__module__.startswith("hgq.")


@dataclass(frozen=True)
class HgqTables:
    """A converted layer.

    Attributes
    ----------
    layers : list of TableLayer
        One for each group of positions with equal tables.
    order : int array
        In the shape of the output: the number of each output among the outputs of all layers.
    activation : callable, optional
        Applied to the outputs.
    """

    layers: list[TableLayer]
    order: IntArray
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
    unary = _is_unary(op)
    activation = None if unary or op.activation is keras.activations.linear else op.activation
    values, edges = _edges(op, values)
    if not op.enable_iq or (unary and not op.enable_oq):
        raise FirmwareError(f"layer {op.name!r}: expected a quantizer of its input" + " and output" * unary)
    own = edges[:-2] if unary else edges  # as its quantizers see it
    codes, overflow, rounding = _formats(op, op.iq, own)
    if (finest := int(_formats(op, op.oq if unary else op.toq, own)[0][..., 2].max(initial=0))) > FINEST:
        raise FirmwareError(f"layer {op.name!r}: results of {finest} fractional bits; expected at most {FINEST}")
    tables = _tables(op, codes.reshape(*edges, 3))
    codes = codes.reshape(-1, *edges[-2:], 3)
    gather_index = values.reshape(-1, edges[-2])
    groups: dict[str, tuple[TableLayer, list[IntArray], list[int]]] = {}
    for p in range(len(gather_index)):
        layer, channels = _at_position(op.name, codes[p], tables[:, p], overflow, rounding)
        alike = layer.inputs, channels.tobytes(), layer.widths.tobytes(), layer.tables.tobytes(), layer.bias.tobytes()
        key = repr((*alike, layer.fraction_bits.tobytes()))
        _, rows, positions = groups.setdefault(key, (layer, [], []))
        rows.append(gather_index[p][channels])
        positions.append(p)
    layers, order = [], np.zeros((len(gather_index), edges[-1]), dtype=np.int64)
    done = 0
    for n, (layer, rows, positions) in enumerate(groups.values()):
        name = op.name if len(groups) == 1 else f"{op.name}_part{n}"
        layers.append(replace(layer, name=name, gather_index=np.array(rows, dtype=np.int64).reshape(len(rows), -1)))
        order[positions] = (done + np.arange(len(positions)))[:, None] * edges[-1] + np.arange(edges[-1])
        done += len(positions)
    return HgqTables(layers, order.reshape(edges[:-2] if unary else (*edges[:-2], edges[-1])), activation)


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
    values, edges = _edges(op, values)
    own = edges[:-2] if _is_unary(op) else edges
    copies = values if _is_unary(op) else np.broadcast_to(values[..., None], edges)
    return copies, *quantizer_formats(op, op.iq, own)


def _edges(op: Any, values: IntArray) -> tuple[IntArray, tuple[int, ...]]:
    """Numbers of the values of each position, and the shape of its edges: (positions..., inputs, outputs)."""
    values = _patches(op, values) if "Conv" in type(op).__name__ else values
    return values, (*values.shape, 1, 1) if _is_unary(op) else (*values.shape, op.n_out)


def _is_unary(op: Any) -> bool:
    return type(op).__name__ in UNARY


def _patches(op: Any, values: IntArray) -> IntArray:
    """Numbers of the values of each window, cut out by the layer itself: (positions..., window)."""
    if op.data_format != "channels_last":
        raise FirmwareError(f"layer {op.name!r}: data_format {op.data_format!r}; expected 'channels_last'")
    x = values[None].astype(np.float32) + 1  # the patches hold 0 beyond the edge
    assert values.max(initial=0) < 1 << 24, "numbers beyond float32"
    x = x[:, :, None] if op.rank == 1 else x
    cut = np.asarray(keras.ops.convert_to_numpy(keras.ops.image.extract_patches(x, **op.im2col_params)))
    cut = cut[:, :, 0] if op.rank == 1 else cut
    return cut[0].astype(np.int64) - 1


def _formats(op: Any, quantizer: Any, edges: tuple[int, ...]) -> tuple[IntArray, str, str]:
    """Bits (k, i, f) of each edge (*edges, 3), all 0 where it has no bits; overflow and rounding."""
    formats, overflow, rounding = quantizer_formats(op, quantizer, edges)
    bits = np.array([kif or (0, 0, 0) for kif in formats], dtype=np.int64)
    return bits.reshape(*edges, 3), overflow, rounding


def _tables(op: Any, formats: IntArray) -> np.ndarray:
    """Evaluate each edge for each code of its format: (codes, P, n_in, n_out), the last one repeated."""
    k, i, f = np.moveaxis(formats, -1, 0)
    bits = k + i + f
    if bits.max(initial=0) > WIDEST:
        raise FirmwareError(f"layer {op.name!r}: an edge reads {bits.max()} bits; expected at most {WIDEST}")
    count, results = 1 << int(bits.max(initial=0)), []
    rows = max(AT_ONCE // max(bits.size, 1), 1)
    for start in range(0, count, rows):
        n = np.arange(start, min(start + rows, count)).reshape(-1, *[1] * bits.ndim)
        code = np.minimum(n, (1 << bits) - 1) - np.where(k > 0, 1 << np.maximum(bits - 1, 0), 0)
        result = _evaluated(op, (code * 2.0**-f).astype(np.float32))
        results.append(result.reshape(len(result), -1, *bits.shape[-2:]))
    return np.concatenate(results)


def _evaluated(op: Any, x: np.ndarray) -> np.ndarray:
    """Quantized result of each edge, by the layer itself, in the shape of x: (B, positions..., n_in, n_out) float64."""
    if _is_unary(op):
        value = keras.ops.convert_to_tensor(x[..., 0, 0])
        value = value * op.scale + op.bias if hasattr(op, "scale") else value
        result = op.oq(op.activation(value), training=False)
        return np.asarray(keras.ops.convert_to_numpy(result), dtype=np.float64)[..., None, None]
    result = op.module(keras.ops.convert_to_tensor(x[..., None]), training=False)
    if op.enable_bn:
        result = op.bn_module(result, training=False) / sqrt(op.n_in)
    return np.asarray(keras.ops.convert_to_numpy(op.toq(result, training=False)), dtype=np.float64)


def _at_position(
    name: str, codes: IntArray, tables: np.ndarray, overflow: str, rounding: str
) -> tuple[TableLayer, IntArray]:
    """Tables of one position, and the input that each of their channels reads.

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
    return quantize_tables(real), np.array([i for i, _, _ in channels], dtype=np.int64)


def _channels(codes: IntArray, bits: IntArray) -> Iterator[tuple[int, KIF, NDArray[np.bool_]]]:
    """Input, format and edges (n_out,) of each channel: one for each format in which an edge reads an input."""
    for i, row in enumerate(codes):
        for parts in sorted({(int(k), int(n), int(f)) for k, n, f in row[bits[i] > 0]}):
            yield i, KIF(*parts), (row == parts).all(axis=-1)
