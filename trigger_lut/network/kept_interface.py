"""A network in the output formats, or in the structure, of an earlier one; it stays the same function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.back_ends import BackEnd
from trigger_lut.network.layers import IntegerLayer, LinearLayer, MaxLayer, TableLayer
from trigger_lut.network.network import Network, with_layer


def with_port_formats(network: Network, formats: Sequence[KIF]) -> Network:
    """Return the network with outputs in wider formats where they fit; other outputs have their narrowest format.

    Parameters
    ----------
    network : Network
        The integer network.
    formats : sequence of KIF
        Format of each output.

    Returns
    -------
    Network
        With `output_formats()` equal to `formats` if all outputs fit.
    """
    starts = np.array(network.first_value)
    for value, kif in zip(network.output_values.tolist(), formats, strict=True):
        n = int(np.searchsorted(starts, value, side="right")) - 1
        if n >= 0 and (more := kif.f - network.fraction_of(value)) > 0:
            o = (value - network.first_value[n]) % network.layers[n].shape[1]
            network = with_layer(network, n, **FINER(network.layers[n], o, more))
    ranges = network.ranges[network.output_values]
    ports = [
        kif if kif.f == ranges.f[o] and kif.lo <= ranges.lo[o] and ranges.hi[o] <= kif.hi else narrow
        for o, (kif, narrow) in enumerate(zip(formats, ranges.formats(), strict=True))
    ]
    return replace(network, port_formats=tuple(ports))


def _unchanged(layer: IntegerLayer, o: int, bits: int) -> dict[str, IntArray]:
    """Change nothing: the output then keeps its own format, and the verdict names it."""
    return {}


FINER: BackEnd[dict[str, IntArray]] = BackEnd("finer outputs", default=_unchanged)
"""Changes that give output `o` of a layer more fraction bits."""


@FINER.register(MaxLayer)
def _finer_fraction(layer: IntegerLayer, o: int, bits: int) -> dict[str, IntArray]:
    fraction = layer.fraction_bits.copy()
    fraction[o] += bits
    return {"fraction_bits": fraction}


@FINER.register(TableLayer)
def _finer_tables(layer: TableLayer, o: int, bits: int) -> dict[str, IntArray]:
    tables, bias = layer.tables.copy(), layer.bias.copy()
    tables[:, o] <<= bits
    bias[o] <<= bits
    return {"tables": tables, "bias": bias, **_finer_fraction(layer, o, bits)}


@FINER.register(LinearLayer)
def _finer_weights(layer: LinearLayer, o: int, bits: int) -> dict[str, IntArray]:
    weights, bias = layer.weights.copy(), layer.bias.copy()
    weights[:, o] <<= bits
    bias[o] <<= bits
    return {"weights": weights, "bias": bias, **_finer_fraction(layer, o, bits)}


def in_structure_of(network: Network, former: Network) -> Network:
    """Return the network with the structure of an earlier one, so that constants alone differ.

    Tables get as many entries, and constants as many fraction bits, as they had. An edge that the network lost becomes
    a table of zeros.

    Parameters
    ----------
    network : Network
        The integer network.
    former : Network
        The earlier network.

    Returns
    -------
    Network

    Raises
    ------
    FirmwareError
        If the network needs an edge, entries, fraction bits or a saturation that the earlier one has not.
    """
    if len(network.layers) != len(former.layers) or network.inputs != former.inputs:
        raise FirmwareError(
            f"keep: structure: expected {len(former.layers)} layers and the same inputs, found {len(network.layers)}"
        )
    layers = tuple(map(_layer_in_structure, network.layers, former.layers))
    kept = replace(former, layers=layers, port_formats=former.output_formats())
    if problems := [
        *kept.validate(),
        *(risk for risk in kept.overflow_risks() if risk not in former.overflow_risks()),
    ]:
        raise FirmwareError(f"keep: structure: {problems[0]}. Expected values in the formats of the earlier network")
    return kept


def same_structure(network: Network, former: Network) -> bool:
    """Return whether two networks differ in the content of tables and biases alone.

    Parameters
    ----------
    network, former : Network
        Integer networks.

    Returns
    -------
    bool
    """
    try:
        return len(network.layers) == len(former.layers) and all(
            _same_layer(one, other) for one, other in zip(network.layers, former.layers, strict=True)
        )
    except FirmwareError:
        return False


def _same_layer(layer: IntegerLayer, former: IntegerLayer) -> bool:
    if not isinstance(layer, TableLayer) or not isinstance(former, TableLayer):
        return _text(layer) == _text(former)
    return (
        _text(replace(layer, tables=former.tables, bias=former.bias)) == _text(former)
        and layer.tables.shape == former.tables.shape
    )


def _text(layer: IntegerLayer) -> dict[str, str]:
    values = {f.name: getattr(layer, f.name) for f in fields(layer)}
    return {key: str(v.tolist() if isinstance(v, np.ndarray) else v) for key, v in values.items()}


def _layer_in_structure(layer: IntegerLayer, former: IntegerLayer) -> IntegerLayer:
    if not isinstance(layer, TableLayer) or not isinstance(former, TableLayer):
        if not _same_layer(layer, former):
            raise FirmwareError(
                f"keep: structure: layer {former.name!r}: expected no constants but tables, found others"
            )
        return former
    finer = former.fraction_bits - layer.fraction_bits
    if layer.shape != former.shape or (finer < 0).any() or (layer.widths > former.widths).any():
        raise FirmwareError(
            f"keep: structure: layer {former.name!r}: expected edges, entries and fraction bits as before, found more"
        )
    tables = np.zeros_like(former.tables)
    for i, o in layer.edges():
        entries = 1 << int(former.widths[i, o])
        repeated = np.repeat(layer.table(i, o), entries >> int(layer.widths[i, o]))
        tables[i, o, :entries] = repeated << int(finer[o])
    return replace(former, tables=tables, bias=layer.bias << finer)
