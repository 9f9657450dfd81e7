"""Arithmetic layers as logic: the adder graph of their constant weights, found by alkaid.

The RTL and the estimates of LUTs and latency take the same graph, so what is estimated is what is built. alkaid's
solver shares partial sums between outputs (distributed arithmetic; da4ml, arXiv 2507.04535).
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np

from trigger_lut.fixed_point.ranges import Ranges
from trigger_lut.network.back_ends import LOWERING
from trigger_lut.network.layers import IntegerLayer, LinearLayer

NOT_IN_LOGIC = ("name", "overflow", "gather_index", "rounding")
"""Fields of a layer that concern what comes before its channels."""


@LOWERING.register(LinearLayer)
def outputs(layer: LinearLayer, channels: list[Any], *, plans: Any = None, like: Any = None) -> list[Any]:
    """Return the outputs at one position, in real values, as alkaid variables.

    Parameters
    ----------
    layer : LinearLayer
        Layer with constant weights.
    channels : list of alkaid variables or floats
        Converted inputs; a number is a constant.
    plans, like
        Not used; every lowering has them.

    Returns
    -------
    list
        Outputs; an output that is constant is a number.
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
    results = []
    for total, offset in zip(sums, constant, strict=True):
        y = total + float(offset) if offset else total
        results.append(_relu(y) if layer.relu else y)
    return results


def _products(weights: np.ndarray, channels: list[Any]) -> list[Any]:
    """Return channels @ weights with the fewest adders that the solver finds."""
    from alkaid.cmvm import QInterval, cmvm_solve

    kernel = np.ascontiguousarray(weights.astype(np.float32))
    intervals = [QInterval(float(x.low), float(x.high), float(x.step)) for x in channels]
    # All channels as if ready at once: the same graph wherever the layer is.
    first, second = cmvm_solve(kernel, qintervals=intervals, latencies=[0.0] * len(channels))
    sums = second(first(np.array(channels, dtype=object), quantize=False), quantize=False)
    return list(sums)


def _relu(y: Any) -> Any:
    return max(y, 0.0) if isinstance(y, int | float) else y.relu()


def logic(layer: IntegerLayer, read: Ranges) -> Any:
    """Return the logic of a layer at one position, from converted channels on; None when every output is constant.

    Parameters
    ----------
    layer : IntegerLayer
        Of a kind that is lowered without a summation plan.
    read : Ranges, shape (C_in,)
        Ranges of the values that the position reads.

    Returns
    -------
    CombLogic of alkaid or None
        Its inputs are the channels in order.
    """
    lo, hi = layer.channel_ranges(read[None])
    fields = {f.name: getattr(layer, f.name) for f in dataclasses.fields(layer) if f.name not in NOT_IN_LOGIC}
    arrays = {key: (value.shape, value.astype(np.int64).tobytes()) for key, value in fields.items() if _is_array(value)}
    plain = {key: value for key, value in fields.items() if not _is_array(value)}
    return _logic(
        type(layer), tuple(plain.items()), tuple(arrays.items()), tuple(zip(*lo.tolist(), *hi.tolist(), strict=True))
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


@lru_cache(maxsize=256)
def _logic(kind: Any, plain: Any, arrays: Any, codes: Any) -> Any:
    from alkaid.trace import FVariable, FVArrayInput, trace

    fields = {key: np.frombuffer(content, dtype=np.int64).reshape(shape) for key, (shape, content) in arrays}
    layer = kind(name="", overflow=("WRAP",) * len(codes), **dict(plain), **fields)
    ports = FVArrayInput(len(codes))
    channels = []
    for i, (kif, (lo, hi)) in enumerate(zip(layer.inputs, codes, strict=True)):
        x = ports[i].quantize(*kif)
        # The range that is known here, narrower than the port's format.
        x = FVariable(lo * kif.step, hi * kif.step, kif.step, _from=(x,), opr="wrap", hwconf=x.hwconf)
        channels.append(x)
    live = [y for y in LOWERING(layer, channels, plans=None, like=channels[0]) if isinstance(y, FVariable)]
    return trace(ports, live, keep_dead_inputs=True) if live else None
