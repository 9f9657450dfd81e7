"""Arithmetic layers as logic: the adder graph of their constant weights, found by alkaid.

The RTL and the estimates of LUTs and latency take the same graph, so what is estimated is what is built. alkaid's
solver shares partial sums between outputs (distributed arithmetic; da4ml, arXiv 2507.04535).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from trigger_lut.fixed_point.ranges import Ranges, converted_range
from trigger_lut.network.layers import LinearLayer

LARGEST_WEIGHT = 1 << 23  # the solver takes weights in float32


def outputs(layer: LinearLayer, channels: list[Any]) -> list[Any]:
    """The layer's outputs at one place, in real values, as alkaid variables.

    channels: converted inputs, alkaid variables; a number stands for a constant.
    """
    from alkaid.trace import FVariable

    steps = np.array([kif.step for kif in layer.inputs])
    real = layer.weights * 2.0 ** -layer.fraction_bits.astype(np.float64) / steps[:, None]
    constant = layer.bias * 2.0 ** -layer.fraction_bits.astype(np.float64)
    live = []
    for i, x in enumerate(channels):
        if not isinstance(x, FVariable) or x.low == x.high:
            constant = constant + real[i] * float(x.low if isinstance(x, FVariable) else x)
        elif layer.weights[i].any():
            live.append(i)
    sums = _products(real[live], [channels[i] for i in live]) if live else [0.0] * layer.shape[1]
    found = []
    for total, offset in zip(sums, constant, strict=True):
        y = total + float(offset) if offset else total
        found.append(_relu(y) if layer.relu else y)
    return found


def _products(weights: np.ndarray, channels: list[Any]) -> list[Any]:
    """channels @ weights with the fewest adders that the solver finds."""
    from alkaid.cmvm import QInterval, cmvm_solve

    kernel = np.ascontiguousarray(weights.astype(np.float32))
    intervals = [QInterval(float(x.low), float(x.high), float(x.step)) for x in channels]
    # All channels as if ready at once: the same graph wherever the layer stands.
    first, second = cmvm_solve(kernel, qintervals=intervals, latencies=[0.0] * len(channels))
    sums = second(first(np.array(channels, dtype=object), quantize=False), quantize=False)
    return list(sums)


def _relu(y: Any) -> Any:
    return max(y, 0.0) if isinstance(y, int | float) else y.relu()


def logic(layer: LinearLayer, read: Ranges) -> Any:
    """alkaid's CombLogic of the layer at one place, from converted channels on; None when every output is constant.

    read: ranges (C_in,) of the values that the place reads. Inputs of the logic are the channels in order.
    """
    codes = tuple(
        converted_range(read.one(i), kif, layer.overflow[i], layer.rounding) for i, kif in enumerate(layer.inputs)
    )
    arrays = (layer.weights, layer.bias, layer.fraction_bits)
    return _logic(
        layer.inputs, codes, layer.relu, layer.weights.shape, tuple(a.astype(np.int64).tobytes() for a in arrays)
    )


@lru_cache(maxsize=256)
def _logic(inputs: Any, codes: Any, relu: bool, shape: tuple[int, int], arrays: tuple[bytes, ...]) -> Any:
    from alkaid.trace import FVariable, FVArrayInput, trace

    weights, bias, fraction = (np.frombuffer(a, dtype=np.int64) for a in arrays)
    layer = LinearLayer("", inputs, ("WRAP",) * len(inputs), weights.reshape(shape), bias, fraction, relu=relu)
    ports = FVArrayInput(len(inputs))
    channels = []
    for i, (kif, (lo, hi)) in enumerate(zip(inputs, codes, strict=True)):
        x = ports[i].quantize(*kif)
        # The range that is known here, narrower than the port's format.
        x = FVariable(lo * kif.step, hi * kif.step, kif.step, _from=(x,), opr="wrap", hwconf=x.hwconf)
        channels.append(x)
    found = outputs(layer, channels)
    live = [y for y in found if isinstance(y, FVariable)]
    return trace(ports, live, keep_dead_inputs=True) if live else None
