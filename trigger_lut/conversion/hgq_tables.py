"""HGQ2's layers of look-up tables as integers: every edge has a quantiser of its own before and behind its function.

QDenseT and QConvT1D/2D (HGQ-LUT, arXiv 2512.14743) copy their input to one value an edge, quantise it, put it through a
small network, quantise the result and sum over the inputs. Evaluated for every code of every edge's format that is a
table an edge; edges of an input that share a format share a channel. Bit widths may differ from place to place.
HGQ2's activations (QUnaryFunctionLUT) are such tables too, one a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trigger_lut.conversion.affine import is_relu, quantised
from trigger_lut.conversion.lut_layers import TableForm, form_of
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.layers.arguments import FRACTION_LIMIT
from trigger_lut.network.network import LUTDenseTables

UNARY = ("QUnaryFunctionLUT", "QAffinedUnaryFunctionLUT")
KINDS = ("QDenseT", "QConvT1D", "QConvT2D", *UNARY)
WIDEST = 14  # bits of an edge's input: 16,384 entries
FINEST = 2 * FRACTION_LIMIT  # fractional bits of results
AT_ONCE = 1 << 22  # values of edges evaluated together


def is_hgq_table(op: Any) -> bool:
    """Whether a Keras layer is one of HGQ2's layers of tables."""
    return type(op).__name__ in KINDS and type(op).__module__.startswith("hgq.")


@dataclass(frozen=True)
class HgqTables:
    """A layer at all its places.

    forms  tables of places that are alike, with what these read
    order  in the output's shape: which output of the forms, counted one after the other, stands there
    relu   whether a ReLU follows
    """

    forms: list[LUTDenseTables]
    order: IntArray
    relu: bool


def hgq_tables(op: Any, values: IntArray) -> HgqTables:
    """The integer form of a layer that reads the values of these numbers, in the shape of its input without the batch.

    Raises FirmwareError for quantisers that are not of fixed point, for edges that read more than 14 bits, and for an
    activation other than ReLU.
    """
    unary = _is_unary(op)
    relu = not unary and is_relu(op, type(op).__name__)
    values = _patches(op, values) if "Conv" in type(op).__name__ else values
    edges = (*values.shape, 1, 1) if unary else (*values.shape, op.n_out)  # places, inputs, outputs
    if not op.enable_iq or (unary and not op.enable_oq):
        raise FirmwareError(f"layer {op.name!r}: expected a quantiser of its input" + " and output" * unary)
    own = edges[:-2] if unary else edges  # as its quantisers see it
    codes, overflow, rounding = _formats(op, op.iq, own)
    if (finest := int(_formats(op, op.oq if unary else op.toq, own)[0][..., 2].max(initial=0))) > FINEST:
        raise FirmwareError(f"layer {op.name!r}: results of {finest} fractional bits; expected at most {FINEST}")
    tables = _tables(op, codes.reshape(*edges, 3))
    codes = codes.reshape(-1, *edges[-2:], 3)
    sites = values.reshape(-1, edges[-2])
    made: dict[str, tuple[LUTDenseTables, list[IntArray], list[int]]] = {}
    for p in range(len(sites)):
        form, channels = _at_place(op.name, codes[p], tables[:, p], overflow, rounding)
        alike = form.inputs, channels.tobytes(), form.widths.tobytes(), form.tables.tobytes(), form.bias.tobytes()
        key = repr((*alike, form.fraction.tobytes()))
        _, rows, places = made.setdefault(key, (form, [], []))
        rows.append(sites[p][channels])
        places.append(p)
    forms, order = [], np.zeros((len(sites), edges[-1]), dtype=np.int64)
    for n, (form, rows, places) in enumerate(made.values()):
        name = op.name if len(made) == 1 else f"{op.name}_part{n}"
        forms.append(replace(form, name=name, sites=np.array(rows, dtype=np.int64).reshape(len(rows), -1)))
        done = sum(len(earlier[2]) for earlier in list(made.values())[:n])
        order[places] = (done + np.arange(len(places)))[:, None] * edges[-1] + np.arange(edges[-1])
    return HgqTables(forms, order.reshape(edges[:-2] if unary else (*edges[:-2], edges[-1])), relu)


def _is_unary(op: Any) -> bool:
    return type(op).__name__ in UNARY


def _patches(op: Any, values: IntArray) -> IntArray:
    """Numbers of the values of each window, as the layer itself cuts them out: (places..., window)."""
    if op.data_format != "channels_last":
        raise FirmwareError(f"layer {op.name!r}: data_format {op.data_format!r}; expected 'channels_last'")
    x = values[None].astype(np.float32) + 1  # the patches hold 0 beyond the edge
    assert values.max(initial=0) < 1 << 24, "numbers beyond float32"
    x = x[:, :, None] if op.rank == 1 else x
    cut = np.asarray(keras.ops.convert_to_numpy(keras.ops.image.extract_patches(x, **op.im2col_params)))
    cut = cut[:, :, 0] if op.rank == 1 else cut
    return cut[0].astype(np.int64) - 1


def _formats(op: Any, quantiser: Any, edges: tuple[int, ...]) -> tuple[IntArray, str, str]:
    """(*edges, 3) keep-negative, integer and fractional bits, all 0 where there is no bit; overflow and rounding."""
    found, overflow, rounding = quantised(op, quantiser, edges)
    held = np.array([kif or (0, 0, 0) for kif in found], dtype=np.int64)
    return held.reshape(*edges, 3), overflow, rounding


def _tables(op: Any, formats: IntArray) -> np.ndarray:
    """(codes, P, n_in, n_out) real result of every edge for the n-th code of its format; beyond its last code, of that
    one.

    formats: (places..., n_in, n_out, 3).
    """
    k, i, f = np.moveaxis(formats, -1, 0)
    bits = k + i + f
    if bits.max(initial=0) > WIDEST:
        raise FirmwareError(f"layer {op.name!r}: an edge reads {bits.max()} bits; expected at most {WIDEST}")
    count, found = 1 << int(bits.max(initial=0)), []
    rows = max(AT_ONCE // max(bits.size, 1), 1)
    for start in range(0, count, rows):
        n = np.arange(start, min(start + rows, count)).reshape(-1, *[1] * bits.ndim)
        code = np.minimum(n, (1 << bits) - 1) - np.where(k > 0, 1 << np.maximum(bits - 1, 0), 0)
        result = _evaluated(op, (code * 2.0**-f).astype(np.float32))
        found.append(result.reshape(len(result), -1, *bits.shape[-2:]))
    return np.concatenate(found)


def _evaluated(op: Any, x: np.ndarray) -> np.ndarray:
    """The layer's own result of every edge, quantised, in the shape of x: (B, places..., n_in, n_out) float64."""
    if _is_unary(op):
        value = keras.ops.convert_to_tensor(x[..., 0, 0])
        value = value * op.scale + op.bias if hasattr(op, "scale") else value
        result = op.oq(op.activation(value), training=False)
        return np.asarray(keras.ops.convert_to_numpy(result), dtype=np.float64)[..., None, None]
    result = op.module(keras.ops.convert_to_tensor(x[..., None]), training=False)
    if op.enable_bn:
        result = op.bn_module(result, training=False) / sqrt(op.n_in)
    return np.asarray(keras.ops.convert_to_numpy(op.toq(result, training=False)), dtype=np.float64)


def _at_place(
    name: str, codes: IntArray, tables: np.ndarray, overflow: str, rounding: str
) -> tuple[LUTDenseTables, IntArray]:
    """Tables of one place, and which input each of their channels reads.

    codes: (n_in, n_out, 3) formats; tables: (codes, n_in, n_out) real results.
    """
    bits = codes.sum(axis=-1)
    channels = list(_channels(codes, bits)) or [(0, KIF(0, 1, 0), np.zeros(codes.shape[1], dtype=np.bool_))]
    widths = np.array([np.where(edges, kif.bits, 0) for _, kif, edges in channels])
    held = np.zeros((len(channels), 1 << int(widths.max(initial=0)), codes.shape[1]))
    for c, (i, _, edges) in enumerate(channels):
        held[c][:, edges] = tables[: held.shape[1], i, :][:, edges]
    bias = np.where(bits > 0, 0.0, tables[0]).sum(axis=0)
    formats = tuple(kif for _, kif, _ in channels)
    form = form_of(TableForm(name, formats, (overflow,) * len(channels), rounding, held, bias, widths))
    return form, np.array([i for i, _, _ in channels], dtype=np.int64)


def _channels(codes: IntArray, bits: IntArray) -> Iterator[tuple[int, KIF, NDArray[np.bool_]]]:
    """Input, format and edges (n_out,) of each channel: the formats in which some edge reads that input."""
    for i, row in enumerate(codes):
        for parts in sorted({(int(k), int(n), int(f)) for k, n, f in row[bits[i] > 0]}):
            yield i, KIF(*parts), (row == parts).all(axis=-1)
