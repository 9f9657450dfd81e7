"""JSON of a network for `emulator.py` and for any language."""

from __future__ import annotations

import json
from typing import Any

from trigger_lut.firmware import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.back_ends import NETWORK_JSON
from trigger_lut.network.network import IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer


def network_json(network: Network, design: str) -> str:
    """Write the text of network.json."""
    content = {
        "design": design,
        "inputs": [
            {"name": network.features[i] if i < len(network.features) else str(i), **_format(kif)}
            for i, kif in enumerate(network.inputs)
        ],
        "layers": [_layer(layer, network.gather_index[n].tolist()) for n, layer in enumerate(network.layers)],
        "outputs": [
            {"name": network.classes[o] if o < len(network.classes) else str(o), **_format(kif)}
            for o, kif in enumerate(network.output_formats())
        ],
        "output_values": network.output_values.tolist(),
    }
    return json.dumps(content, separators=(",", ":")) + "\n"


def _format(kif: KIF) -> dict[str, Any]:
    return {"format": str(kif), "fraction": kif.f, "min": kif.lo, "max": kif.hi}


def _layer(layer: IntegerLayer, gather_index: list[list[int]]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": layer.name,
        "inputs": [{**_format(kif), "overflow": mode} for kif, mode in zip(layer.inputs, layer.overflow, strict=True)],
        "rounding": layer.rounding,
        "fraction": layer.fraction_bits.tolist(),
        "sites": gather_index,
    }
    return {"kind": layer.kind, **fields, **NETWORK_JSON(layer)}


@NETWORK_JSON.register(TableLayer)
def _tables(layer: TableLayer) -> dict[str, Any]:
    tables = [{"channel": i, "output": o, "entries": layer.table(i, o).tolist()} for i, o in layer.edges()]
    return {"bias": layer.bias.tolist(), "tables": tables}


@NETWORK_JSON.register(LinearLayer)
def _weights(layer: LinearLayer) -> dict[str, Any]:
    return {"bias": layer.bias.tolist(), "weights": layer.weights.tolist(), "relu": layer.relu}


@NETWORK_JSON.register(MaxLayer)
def _selection(layer: MaxLayer) -> dict[str, Any]:
    return {"output_of": layer.output_of.tolist()}
