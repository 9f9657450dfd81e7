"""From trained layers to integers: the tables that training read, as `LUTDenseTables` and `Network`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point import IntArray
from trigger_lut.layers.lut_dense import FRACTION_LIMIT, LUTDense
from trigger_lut.network import LUTDenseTables, Network, fits

Ranges = Sequence[tuple[int, int, int]]
"""Smallest code, largest code and fractional bits of each channel that enters a layer."""


def integer_form(layer: LUTDense, ranges: Ranges | None = None) -> LUTDenseTables:
    """The layer as integers. Edges whose table is constant are pruned, their constant goes into the bias; address
    bits that no entry depends on are dropped.

    ranges: what can enter each channel; where it provably fits the channel's format, overflow is WRAP. None means
    anything can enter: SAT everywhere.
    """
    layer.refresh()
    tables = np.asarray(layer.table, dtype=np.float64)
    bias = np.asarray(layer.table_bias, dtype=np.float64)
    m = np.asarray(layer.widths()[0]).astype(int)
    constant = tables.max(axis=1) == tables.min(axis=1)
    bias = bias + np.where(constant, tables[:, 0, :], 0.0).sum(axis=0)
    fraction = np.array(
        [_fraction(np.append(tables[:, :, o][~constant[:, o]], bias[o])) for o in range(layer.units)], dtype=np.int64
    )
    whole = np.round(tables * 2.0**fraction).astype(np.int64)
    reduced: dict[tuple[int, int], IntArray] = {}
    for i, o in np.argwhere(~constant):
        stride = 1 << (int(layer.channel_bits[i]) - m[i, o])
        reduced[i, o] = _without_idle_bits(whole[i, : 1 << int(layer.channel_bits[i]) : stride, o])
    widths = np.zeros(constant.shape, dtype=np.int64)
    for edge, entries in reduced.items():
        widths[edge] = len(entries).bit_length() - 1
    packed = np.zeros((*constant.shape, 1 << int(widths.max(initial=0))), dtype=np.int64)
    for edge, entries in reduced.items():
        packed[(*edge, slice(len(entries)))] = entries
    if ranges is None:
        overflow = ("SAT",) * len(layer.formats)
    else:
        overflow = tuple("WRAP" if fits(*r, kif) else "SAT" for r, kif in zip(ranges, layer.formats, strict=True))
    whole_bias = np.round(bias * 2.0**fraction).astype(np.int64)
    return LUTDenseTables(layer.name, layer.formats, overflow, widths, packed, whole_bias, fraction)


def integer_network(
    model: keras.Model, features: Sequence[str] = (), classes: Sequence[str] = (), prune: bool = True
) -> Network:
    """A chain of LUTDense layers as integers. Channels that nothing reads are pruned backwards (prune=True).

    Raises FirmwareError when the model holds another kind of layer, named in the message.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    for layer in layers:
        if not isinstance(layer, LUTDense):
            raise FirmwareError(
                f"layer {layer.name!r} is a {type(layer).__name__}; expected a chain of LUTDense layers alone"
            )
    if not layers:
        raise FirmwareError(f"model {model.name!r} has no layers")
    ranges: Ranges = [(kif.lo, kif.hi, kif.f) for kif in layers[0].formats]
    forms: list[LUTDenseTables] = []
    for layer in layers:
        form = integer_form(layer, ranges)
        forms.append(form)
        lo, hi = form.bounds()
        ranges = [(int(a), int(b), int(f)) for a, b, f in zip(lo, hi, form.fraction, strict=True)]
    if prune:
        forms = prune_unread(forms)
    return Network(layers[0].formats, tuple(forms), tuple(features), tuple(classes))


def prune_unread(forms: list[LUTDenseTables]) -> list[LUTDenseTables]:
    """Prune the edges into hidden channels that no edge of the next layer reads; outputs stay the same."""
    kept = [forms[-1]]
    for form in reversed(forms[:-1]):
        unread = (kept[0].widths == 0).all(axis=1)
        kif = kept[0].inputs
        widths = np.where(unread[None, :], 0, form.widths)
        tables = np.where(unread[None, :, None], 0, form.tables)[:, :, : 1 << int(widths.max(initial=0))]
        fraction = np.where(unread, [f.f for f in kif], form.fraction)
        bias = np.where(unread, 0, form.bias)
        kept.insert(0, LUTDenseTables(form.name, form.inputs, form.overflow, widths, tables, bias, fraction))
        overflow = tuple("WRAP" if dead else mode for dead, mode in zip(unread, kept[1].overflow, strict=True))
        nxt = kept[1]
        kept[1] = LUTDenseTables(nxt.name, nxt.inputs, overflow, nxt.widths, nxt.tables, nxt.bias, nxt.fraction)
    return kept


def _fraction(values: np.ndarray) -> int:
    """Fewest fractional bits (may be negative) that hold every value exactly; 0 when all are 0."""
    scaled = np.round(values * 2.0 ** (2 * FRACTION_LIMIT)).astype(np.int64)
    assert (scaled == values * 2.0 ** (2 * FRACTION_LIMIT)).all(), "table entries off their grid"
    low = int(np.bitwise_or.reduce(scaled))
    return 2 * FRACTION_LIMIT - ((low & -low).bit_length() - 1) if low else 0


def _without_idle_bits(entries: IntArray) -> IntArray:
    """Drop low address bits on which no entry depends."""
    while len(entries) > 1 and (entries[::2] == entries[1::2]).all():
        entries = entries[::2]
    return entries


def decode_outputs(outputs: Any, network: Network) -> np.ndarray:
    """Real values (N, C_out) of integer outputs, for losses and scores."""
    return np.asarray(outputs, dtype=np.float64) * 2.0 ** -network.fractions.astype(np.float64)
