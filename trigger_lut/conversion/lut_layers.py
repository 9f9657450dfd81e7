"""Conversion of trained LUT layers to table layers of the integer network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.layers.arguments import FRACTION_LIMIT
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import TableLayer

FINEST_ENTRY = 2 * FRACTION_LIMIT  # fraction bits of table entries and biases


def to_integer_layers(layer: LookupLayer, gather_index: IntArray | None = None) -> list[TableLayer]:
    """Convert a LUT layer.

    Edges whose table is constant are pruned, and the constant is added to the bias. Address bits that no entry
    depends on are dropped.

    Parameters
    ----------
    layer : LookupLayer
        The Keras layer, built.
    gather_index : (P, C_in) int array, optional
        Numbers of the values that each position reads. Default: one position that reads all outputs of the layer
        before.

    Returns
    -------
    list of TableLayer
        One layer for all positions, or one for each position where these have widths of their own.

    Raises
    ------
    FirmwareError
        If a table entry is not finite.
    """
    layer.refresh()
    tables = np.asarray(layer.table, dtype=np.float64)
    bias = np.asarray(layer.table_bias, dtype=np.float64)
    if not (np.isfinite(tables).all() and np.isfinite(bias).all()):
        raise FirmwareError(
            f"layer {layer.name!r}: table entries are not finite. Expected finite weights; the training diverged"
        )
    widths = np.asarray(layer.widths()[0]).astype(int)
    if not layer.per_position_widths:
        return [_quantize(layer, layer.name, tables=tables, bias=bias, widths=widths, gather_index=gather_index)]
    return [
        _quantize(
            layer,
            f"{layer.name}_place{p}",
            tables=tables[p],
            bias=bias,
            widths=widths[p],
            gather_index=None if gather_index is None else gather_index[p : p + 1],
        )
        for p in range(len(tables))
    ]


def _quantize(
    layer: LookupLayer,
    name: str,
    *,
    tables: np.ndarray,
    bias: np.ndarray,
    widths: np.ndarray,
    gather_index: IntArray | None,
) -> TableLayer:
    strides = [
        [1 << (int(bits) - int(width)) for width in row] for bits, row in zip(layer.channel_bits, widths, strict=True)
    ]
    overflow = (layer.overflow,) * len(layer.formats)
    real = RealTables(name, layer.formats, overflow, layer.input_rounding, tables, bias, widths, np.array(strides))
    return quantize_tables(real, gather_index)


@dataclass(frozen=True)
class RealTables:
    """Tables of a layer with real entries.

    Attributes
    ----------
    name : str
        Of the layer.
    inputs : tuple of KIF
        Format of each of C_in channels.
    overflow : tuple of str
        Mode of each channel.
    rounding : str
        Into the formats.
    tables : (C_in, entries, C_out) array
        Real entries in rising order of code. Entry a of edge (i, o) is at a * strides[i, o].
    bias : (C_out,) array
    widths : (C_in, C_out) int array
        Address bits of each edge.
    strides : (C_in, C_out) int array, optional
        Default: 1.
    """

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    rounding: str
    tables: np.ndarray
    bias: np.ndarray
    widths: np.ndarray
    strides: np.ndarray | None = None


def quantize_tables(real: RealTables, gather_index: IntArray | None = None) -> TableLayer:
    """Convert real tables, whose entries lie on grids of powers of two, to integers.

    Parameters
    ----------
    real : RealTables
        The tables. Edges with a constant table are pruned, and the constant is added to the bias.
    gather_index : (P, C_in) int array, optional
        As in `to_integer_layers`.

    Returns
    -------
    TableLayer
    """
    strides = np.ones_like(real.widths) if real.strides is None else real.strides
    spread = np.array(real.tables.max(axis=1) != real.tables.min(axis=1))
    live = spread & (real.widths > 0)
    bias = real.bias + np.where(live, 0.0, real.tables[:, 0, :]).sum(axis=0)
    fraction = np.array(
        [fraction_bits_of(np.append(real.tables[:, :, o][live[:, o]], bias[o])) for o in range(live.shape[1])],
        dtype=np.int64,
    )
    integers = np.round(real.tables * 2.0**fraction).astype(np.int64)
    reduced: dict[tuple[int, int], IntArray] = {}
    for i, o in np.argwhere(live):
        stride = int(strides[i, o])
        reduced[i, o] = _without_idle_bits(integers[i, : stride << int(real.widths[i, o]) : stride, o])
    widths = np.zeros(live.shape, dtype=np.int64)
    for edge, entries in reduced.items():
        widths[edge] = len(entries).bit_length() - 1
    packed = np.zeros((*live.shape, 1 << int(widths.max(initial=0))), dtype=np.int64)
    for edge, entries in reduced.items():
        packed[(*edge, slice(len(entries)))] = entries
    integer_bias = np.round(bias * 2.0**fraction).astype(np.int64)
    return TableLayer(
        real.name,
        real.inputs,
        real.overflow,
        widths,
        packed,
        integer_bias,
        fraction_bits=fraction,
        gather_index=gather_index,
        rounding=real.rounding,
    )


def fraction_bits_of(values: np.ndarray, finest: int = FINEST_ENTRY) -> int:
    """Return the fewest fraction bits that represent all values exactly.

    Parameters
    ----------
    values : float array
        Multiples of 2**-finest.
    finest : int
        Most fraction bits.

    Returns
    -------
    int
        May be negative; 0 if all values are 0.
    """
    scaled = np.round(values * 2.0**finest).astype(np.int64)
    assert (scaled == values * 2.0**finest).all(), "values off their grid"
    low = int(np.bitwise_or.reduce(scaled, axis=None))
    return finest - ((low & -low).bit_length() - 1) if low else 0


def _without_idle_bits(entries: IntArray) -> IntArray:
    """Drop low address bits on which no entry depends."""
    while len(entries) > 1 and (entries[::2] == entries[1::2]).all():
        entries = entries[::2]
    return entries
