"""The four evaluations of a network that firmware depends on: codes in, outputs out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point import IntArray
from trigger_lut.network import Network

BATCH = 16384


def run_keras(model: Any, network: Network, codes: IntArray) -> NDArray[np.float64]:
    """Outputs of a Keras model for real-valued inputs, in units of the outputs' steps: whole numbers if it is right."""
    values = (codes * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])).astype(np.float32)
    sizes = [int(np.prod(tensor.shape[1:])) for tensor in model.inputs]
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
    inputs = [part.reshape(-1, *tensor.shape[1:]) for part, tensor in zip(parts, model.inputs, strict=True)]
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], batch_size=BATCH, verbose=0)
    parts = [y.reshape(len(codes), -1) for y in (found if isinstance(found, list) else [found])]
    return np.concatenate(parts, axis=1, dtype=np.float64) * 2.0 ** network.fractions.astype(np.float64)


def run_alkaid(network: Network, codes: IntArray) -> IntArray:
    """Outputs of alkaid's integer interpreter."""
    from trigger_lut.firmware.rtl import interpret, trace

    return interpret(trace(network), network, codes)
