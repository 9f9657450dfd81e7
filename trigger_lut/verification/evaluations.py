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
    values = codes * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])
    outputs = model.predict(values.astype(np.float32), batch_size=BATCH, verbose=0)
    return np.asarray(outputs, dtype=np.float64) * 2.0 ** network.fractions.astype(np.float64)


def run_alkaid(network: Network, codes: IntArray) -> IntArray:
    """Outputs of alkaid's integer interpreter."""
    from trigger_lut.firmware.rtl import interpret, trace

    return interpret(trace(network), network, codes)
