"""From a trained layer of tables to integers: the tables that training read, as `LUTDenseTables`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import fits
from trigger_lut.layers.arguments import FRACTION_LIMIT
from trigger_lut.layers.base import TableLayer
from trigger_lut.network.network import LUTDenseTables

Ranges = Sequence[tuple[int, int, int]]
"""Smallest code, largest code and fractional bits of each channel that enters a layer."""


def integer_form(layer: TableLayer, ranges: Ranges | None = None) -> LUTDenseTables:
    """A layer whose places share their widths, as integers at one place that reads all outputs of the layer before.

    ranges: what can enter each channel; where it provably fits the channel's format, overflow is WRAP. None means
    anything can enter: as the layer says everywhere.
    """
    (form,) = integer_forms(layer)
    if ranges is None:
        return form
    overflow = tuple(
        "WRAP" if fits(*r, kif, form.rounding) else layer.overflow for r, kif in zip(ranges, form.inputs, strict=True)
    )
    return LUTDenseTables(
        form.name, form.inputs, overflow, form.widths, form.tables, form.bias, form.fraction, None, form.rounding
    )


def integer_forms(layer: TableLayer, sites: IntArray | None = None) -> list[LUTDenseTables]:
    """The layer as integers: one set of tables at all its places, or one a place where these have widths of their own.

    sites: (P, C_in) numbers of the values read. Edges whose table is constant are pruned, their constant goes into the
    bias; address bits that no entry depends on are dropped.
    """
    layer.refresh()
    tables = np.asarray(layer.table, dtype=np.float64)
    bias = np.asarray(layer.table_bias, dtype=np.float64)
    if not (np.isfinite(tables).all() and np.isfinite(bias).all()):
        raise FirmwareError(
            f"layer {layer.name!r}: table entries are not finite. Expected finite weights; the training diverged"
        )
    m = np.asarray(layer.widths()[0]).astype(int)
    if not layer.per_position_widths:
        return [_form(layer, layer.name, tables, bias, m, sites)]
    return [
        _form(layer, f"{layer.name}_place{p}", tables[p], bias, m[p], None if sites is None else sites[p : p + 1])
        for p in range(len(tables))
    ]


def _form(
    layer: TableLayer, name: str, tables: np.ndarray, bias: np.ndarray, m: np.ndarray, sites: IntArray | None
) -> LUTDenseTables:
    strides = [
        [1 << (int(bits) - int(width)) for width in row] for bits, row in zip(layer.channel_bits, m, strict=True)
    ]
    overflow = (layer.overflow,) * len(layer.formats)
    form = TableForm(name, layer.formats, overflow, layer.input_rounding, tables, bias, m, np.array(strides))
    return form_of(form, sites)


@dataclass(frozen=True)
class TableForm:
    """Real values of a layer's tables.

    tables   (C_in, entries, C_out) in rising order of code; entry a of edge (i, o) stands at a * strides[i, o]
    bias     (C_out,); widths: (C_in, C_out) address bits of each edge; strides: None is 1 everywhere
    """

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    rounding: str
    tables: np.ndarray
    bias: np.ndarray
    widths: np.ndarray
    strides: np.ndarray | None = None


def form_of(real: TableForm, sites: IntArray | None = None) -> LUTDenseTables:
    """The tables as integers, at one place; edges of one value are pruned, it goes into the bias."""
    strides = np.ones_like(real.widths) if real.strides is None else real.strides
    spread = np.array(real.tables.max(axis=1) != real.tables.min(axis=1))
    live = spread & (real.widths > 0)
    bias = real.bias + np.where(live, 0.0, real.tables[:, 0, :]).sum(axis=0)
    fraction = np.array(
        [fraction_of(np.append(real.tables[:, :, o][live[:, o]], bias[o])) for o in range(live.shape[1])],
        dtype=np.int64,
    )
    whole = np.round(real.tables * 2.0**fraction).astype(np.int64)
    reduced: dict[tuple[int, int], IntArray] = {}
    for i, o in np.argwhere(live):
        stride = int(strides[i, o])
        reduced[i, o] = _without_idle_bits(whole[i, : stride << int(real.widths[i, o]) : stride, o])
    widths = np.zeros(live.shape, dtype=np.int64)
    for edge, entries in reduced.items():
        widths[edge] = len(entries).bit_length() - 1
    packed = np.zeros((*live.shape, 1 << int(widths.max(initial=0))), dtype=np.int64)
    for edge, entries in reduced.items():
        packed[(*edge, slice(len(entries)))] = entries
    whole_bias = np.round(bias * 2.0**fraction).astype(np.int64)
    return LUTDenseTables(
        real.name, real.inputs, real.overflow, widths, packed, whole_bias, fraction, sites, real.rounding
    )


def fraction_of(values: np.ndarray) -> int:
    """Fewest fractional bits (may be negative) that hold every value exactly; 0 when all are 0."""
    scaled = np.round(values * 2.0 ** (2 * FRACTION_LIMIT)).astype(np.int64)
    assert (scaled == values * 2.0 ** (2 * FRACTION_LIMIT)).all(), "values off their grid"
    low = int(np.bitwise_or.reduce(scaled, axis=None))
    return 2 * FRACTION_LIMIT - ((low & -low).bit_length() - 1) if low else 0


def _without_idle_bits(entries: IntArray) -> IntArray:
    """Drop low address bits on which no entry depends."""
    while len(entries) > 1 and (entries[::2] == entries[1::2]).all():
        entries = entries[::2]
    return entries
