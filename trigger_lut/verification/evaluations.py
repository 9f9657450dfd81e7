"""The four evaluations of a network that firmware depends on: codes in, outputs out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network

BATCH = 16384


def run_keras(model: Any, network: Network, codes: IntArray) -> NDArray[np.float64]:
    """Outputs of a Keras model for real-valued inputs, in units of the outputs' steps: whole numbers if it is right."""
    found = model.predict(values_of(model, network, codes, np.float32), batch_size=BATCH, verbose=0)
    return outputs_of(found, network, len(codes))


def values_of(model: Any, network: Network, codes: IntArray, kind: type[np.floating[Any]]) -> Any:
    """Turn codes (N, C_in) into real inputs of a model, in the structure that it takes."""
    import keras

    values = (codes * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])).astype(kind)
    sizes = [int(np.prod(tensor.shape[1:])) for tensor in model.inputs]
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
    inputs = [part.reshape(-1, *tensor.shape[1:]) for part, tensor in zip(parts, model.inputs, strict=True)]
    struct = getattr(model, "_inputs_struct", None)
    if isinstance(struct, dict):
        return keras.tree.pack_sequence_as(struct, inputs)
    return inputs if len(inputs) > 1 else inputs[0]


def outputs_of(found: Any, network: Network, events: int) -> NDArray[np.float64]:
    """Turn a model's outputs into one array (N, C_out), in steps of each output."""
    import keras

    parts = [np.asarray(y, dtype=np.float64).reshape(events, -1) for y in keras.tree.flatten(found)]
    return np.concatenate(parts, axis=1) * 2.0 ** network.fractions.astype(np.float64)


def run_alkaid(network: Network, codes: IntArray) -> IntArray:
    """Outputs of alkaid's integer interpreter."""
    from trigger_lut.firmware.rtl.build import interpret, trace

    return interpret(trace(network), network, codes)
