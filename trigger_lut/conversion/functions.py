"""Functions of one value: activations, normalizations, rescaling and averages, which become tables.

A function has real results. Its quantizer comes later: it belongs to the layer that reads the result. So the converter
keeps the results for each code of the function's argument, and builds a table once a quantizer reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.lut_layers import FINEST_ENTRY, RealTables, fraction_bits_of, quantize_tables
from trigger_lut.conversion.rounding import quantize_real, round_real
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.network.network import PADDING, LinearLayer, TableLayer

WIDEST_TABLE = 14  # address bits
WIDEST_ARGUMENT = 22  # bits of an argument, all of whose codes are evaluated
SHORT_TABLE = 8  # address bits up to which one table is preferred to other forms
WIDEST_COEFFICIENT = 26  # bits
AT_ONCE = 1 << 22  # results that are computed together
CHECKED_EVENTS = 64  # random ones, in which a function is evaluated as a whole
FLOAT_ERROR = 1e-4  # of a function in float32, relative to its largest result

LAYERS = ("ELU", "LeakyReLU", "PReLU", "ReLU", "Activation", "Rescaling", "Normalization", "BatchNormalization")
OPERATIONS = (
    *("Abs", "Absolute", "Celu", "Elu", "Exp", "Expm1", "Gelu", "HardShrink", "HardSigmoid", "HardSilu", "HardTanh"),
    *("LeakyRelu", "Log1p", "LogSigmoid", "Negative", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "SoftShrink"),
    *("Softplus", "Softsign", "SparsePlus", "Sqrt", "Square", "Squareplus", "Tanh", "TanhShrink", "Threshold", "Sin"),
    *("Cos", "Clip", "Erf", "Arctan", "Floor", "Round", "Sign"),
)
WITH_CONSTANT = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Power", "Maximum", "Minimum")
PER_CHANNEL = ("PReLU", "Rescaling", "Normalization", "BatchNormalization", *WITH_CONSTANT)
OF_SEVERAL_VALUES = ("softmax", "log_softmax", "sparsemax", "glu")


@dataclass(frozen=True)
class RealFunction:
    """Real results of one value.

    Attributes
    ----------
    name : str
        Of the layer.
    source : int
        Number of the argument; PADDING for the constant 0.
    lo, hi, f : int
        Smallest and largest code of the argument, and its fraction bits.
    results : (hi - lo + 1,) float64 array
        For each code of the argument, in rising order.
    """

    name: str
    source: int
    lo: int
    hi: int
    f: int
    results: np.ndarray


def is_function(op: Any, node: Any) -> bool:
    """Return whether an operation maps each value by itself.

    Parameters
    ----------
    op, node
        The operation and its call.

    Returns
    -------
    bool
        Also true for `x * constant` and the like.
    """
    kind = type(op).__name__
    if isinstance(op, keras.Layer):
        return kind in LAYERS and not type(op).__module__.startswith("hgq.") and not of_several_values(op)
    return kind in OPERATIONS or (kind in WITH_CONSTANT and len(node.input_tensors) == 1)


def of_several_values(op: Any) -> bool:
    """Return whether the activation of an operation is a softmax or the like.

    Parameters
    ----------
    op
        The operation.

    Returns
    -------
    bool
        False for an operation without activation.
    """
    return getattr(getattr(op, "activation", None), "__name__", "") in OF_SEVERAL_VALUES


def apply(
    op: Any, call: Callable[[np.ndarray], Any], *, arguments: Sequence[RealFunction], shape: tuple[int, ...]
) -> list[RealFunction]:
    """Apply an operation to each value of a tensor.

    Parameters
    ----------
    op
        The operation.
    call : callable
        The operation on an array (B, *shape).
    arguments : sequence of RealFunction
        Of each value; the identity for a value of the network.
    shape : tuple of int
        Of the tensor, without the batch axis.

    Returns
    -------
    list of RealFunction
        Of each value.

    Raises
    ------
    FirmwareError
        If Keras cannot evaluate the operation, or a result is not finite.
    """
    per_channel = _differs_by_channel(op)
    keys = [(n,) if per_channel else (a.lo, a.hi, a.f, id(a.results)) for n, a in enumerate(arguments)]
    first: dict[Any, int] = {}
    for n, key in enumerate(keys):
        first.setdefault(key, n)
    chosen = [arguments[n] for n in first.values()]
    count = max(len(a.results) for a in chosen)
    inner = shape if per_channel else (len(chosen),)
    outputs: list[np.ndarray] = []
    rows = max(AT_ONCE // len(chosen), 1)
    for start in range(0, count, rows):
        block = np.arange(start, min(start + rows, count))
        x = np.stack([a.results[np.minimum(block, len(a.results) - 1)] for a in chosen], axis=1)
        outputs.append(_evaluated(op, call, x.reshape(-1, *inner)).reshape(len(block), -1))
    results = np.concatenate(outputs)
    if not np.isfinite(results).all():
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} has results that are not finite for values that can occur. "
            "Expected a quantizer before it that excludes them"
        )
    columns = {key: results[: len(a.results), c] for c, (key, a) in enumerate(zip(first, chosen, strict=True))}
    applied = [
        RealFunction(op.name, a.source, a.lo, a.hi, a.f, columns[k]) for a, k in zip(arguments, keys, strict=True)
    ]
    _check_each_value(op, call, arguments=arguments, applied=applied, shape=shape)
    return applied


def _differs_by_channel(op: Any) -> bool:
    """Return whether an operation may be another function for each value of a tensor."""
    if type(op).__name__ == "Rescaling":
        return np.ndim(op.scale) > 0 or np.ndim(op.offset) > 0
    return type(op).__name__ in PER_CHANNEL


def _evaluated(op: Any, call: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Return the results of an operation in float32. TensorFlow's power is exact in float64 alone."""
    kind = np.float64 if type(op).__name__ == "Power" else np.float32
    try:
        y = np.asarray(keras.ops.convert_to_numpy(call(x.astype(kind)))).astype(np.float32).astype(np.float64)
    except Exception as error:  # whatever Keras and TensorFlow have against it
        message = (str(error).splitlines() or [""])[0]
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} cannot be evaluated ({type(error).__name__}: "
            f"{message[:200]}). Expected a function of each value"
        ) from error
    if y.shape != x.shape:
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} gives shape {y.shape[1:]} from {x.shape[1:]}. Expected a "
            "function of each value"
        )
    return y


def _check_each_value(
    op: Any,
    call: Callable[[np.ndarray], Any],
    *,
    arguments: Sequence[RealFunction],
    applied: Sequence[RealFunction],
    shape: tuple[int, ...],
) -> None:
    """Refuse an operation whose result for a value depends on the other values of the event."""
    rng = np.random.default_rng(0)
    places = [rng.integers(0, len(a.results), CHECKED_EVENTS) for a in arguments]
    x = np.stack([a.results[n] for a, n in zip(arguments, places, strict=True)], axis=1)
    expected = np.stack([f.results[n] for f, n in zip(applied, places, strict=True)], axis=1)
    actual = _evaluated(op, call, x.reshape(-1, *shape)).reshape(expected.shape)
    if not np.allclose(actual, expected, rtol=FLOAT_ERROR, atol=FLOAT_ERROR * float(np.abs(expected).max())):
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} gives a value that depends on other values of the event. "
            "Expected a function of each value"
        )


def scaled(name: str, argument: RealFunction, *, divisor: int) -> RealFunction:
    """Divide a value by an integer, in float32 as Keras does for averages.

    Parameters
    ----------
    name : str
        Of the layer.
    argument : RealFunction
        The value.
    divisor : int

    Returns
    -------
    RealFunction
        The quotient.
    """
    results = (argument.results.astype(np.float32) / np.float32(divisor)).astype(np.float64)
    return RealFunction(name, argument.source, argument.lo, argument.hi, argument.f, results)


def identity(name: str, source: int, *, codes: tuple[int, int, int]) -> RealFunction:
    """Return a value of the network as a function of itself.

    Parameters
    ----------
    name : str
        Of the layer that reads it, for messages.
    source : int
        Number of the value.
    codes : tuple of int
        Its smallest code, largest code and fraction bits.

    Returns
    -------
    RealFunction

    Raises
    ------
    FirmwareError
        If it has too many codes to evaluate.
    """
    lo, hi, f = codes if source != PADDING else (0, 0, 0)
    if hi - lo >= 1 << WIDEST_ARGUMENT:
        raise FirmwareError(
            f"layer {name!r}: its argument has {kif_for_range(lo, hi, f=f).bits} bits. Expected at most "
            f"{WIDEST_ARGUMENT}; add a quantizer before it"
        )
    return RealFunction(name, source, lo, hi, f, np.arange(lo, hi + 1) * 2.0**-f)


@dataclass(frozen=True)
class Chain:
    """Layers of one position and one output each, one after the other.

    Attributes
    ----------
    layers : tuple of layers
        The output of the last one is the output of the chain.
    reads : tuple of tuple of int
        What each channel of each layer reads: 0 is the argument, n is the output of layer n - 1.
    """

    layers: tuple[TableLayer | LinearLayer, ...]
    reads: tuple[tuple[int, ...], ...]


def single(layer: TableLayer | LinearLayer) -> Chain:
    """Return a chain of one layer, all of whose channels read the argument.

    Parameters
    ----------
    layer : TableLayer or LinearLayer

    Returns
    -------
    Chain
        Of this layer.
    """
    return Chain((layer,), ((0,) * len(layer.inputs),))


def exact_chain(function: RealFunction) -> Chain:
    """Convert a function whose results are exact in few bits.

    Parameters
    ----------
    function : RealFunction
        The function.

    Returns
    -------
    Chain
        Its output is the result.

    Raises
    ------
    FirmwareError
        If the results need too many bits.
    """
    scaled_up = function.results * 2.0**FINEST_ENTRY
    if (np.abs(scaled_up) >= 2.0**52).any() or (scaled_up != np.round(scaled_up)).any():
        raise FirmwareError(
            f"layer {function.name!r}: its results have no exact fixed-point form, and no quantizer follows. Expected "
            "a quantizer behind it (of HGQ2: an input quantizer of the next layer, or enable_oq=True)"
        )
    f = fraction_bits_of(function.results)
    entries = np.round(function.results * 2.0**f).astype(np.int64)
    layer = _line(function, entries, f)
    return _tables(function, entries, f) if layer is None else single(layer)


def _line(function: RealFunction, entries: IntArray, fraction_bits: int) -> LinearLayer | None:
    """Build the product with a constant that gives the entries; None where a table is simpler or there is none."""
    steps = np.diff(entries)
    if not len(steps) or function.source == PADDING or (steps != steps[0]).any() or not steps[0]:
        return None
    weight = int(steps[0])
    if abs(weight).bit_count() > 1 and _window(function, entries).bits <= SHORT_TABLE:
        return None
    inputs = (kif_for_range(function.lo, function.hi, f=function.f),)
    bias = int(entries[0]) - weight * function.lo
    return LinearLayer(
        f"{function.name}_product", inputs, ("WRAP",), _one(weight), _row(bias), fraction_bits=_row(fraction_bits)
    )


def quantized_chain(function: RealFunction, kif: KIF, *, overflow: str, rounding: str) -> Chain:
    """Convert a function and the quantizer that reads its results.

    Parameters
    ----------
    function : RealFunction
        The function.
    kif : KIF
        Format of the quantizer.
    overflow, rounding : str
        Its modes.

    Returns
    -------
    Chain
        Its output, quantized, is the quantized result for each code of the argument. A linear function is a product
        with a short coefficient. Any other function is a table, or two where one would be long.

    Raises
    ------
    FirmwareError
        If its tables have too many address bits.
    """
    codes = quantize_real(function.results, kif, overflow=overflow, rounding=rounding)
    if _window(function, codes).bits > SHORT_TABLE:
        layer = _multiplication(function, kif, rounding)
        if layer is not None:
            return single(layer)
    return _tables(function, codes, kif.f)


def _window(function: RealFunction, entries: IntArray) -> KIF:
    """Find the format of the codes between which entries change; all other codes saturate to it."""
    changes = np.flatnonzero(np.diff(entries))
    first, last = (changes[0], changes[-1] + 1) if len(changes) else (0, 0)
    return kif_for_range(function.lo + int(first), function.lo + int(last), f=function.f)


def _tables(function: RealFunction, entries: IntArray, fraction_bits: int) -> Chain:
    """Build the table of a function, or two shorter ones."""
    kif = _window(function, entries)
    if (entries == entries[0]).all():
        constant = np.array([entries[0] * 2.0**-fraction_bits])
        return single(_table(f"{function.name}_table", kif, constant, 0))
    values = entries[np.clip(np.arange(kif.lo, kif.hi + 1) - function.lo, 0, len(entries) - 1)]
    high = _high_bits(values)
    if kif.bits > SHORT_TABLE and high + 1 < kif.bits - 1:
        return _two_tables(function.name, kif, values, fraction_bits, high)
    if kif.bits > WIDEST_TABLE:
        raise FirmwareError(
            f"layer {function.name!r}: its table has {kif.bits} address bits. Expected at most {WIDEST_TABLE}; add a "
            "quantizer before it (of HGQ2: QUnaryFunctionLUT, or enable_oq=True in the layer before)"
        )
    return single(_table(f"{function.name}_table", kif, values * 2.0**-fraction_bits, kif.bits))


def _table(name: str, kif: KIF, results: np.ndarray, width: int) -> TableLayer:
    """Build a layer of one table of real entries, which its highest address bits choose."""
    widths = np.array([[width]], dtype=np.int64)
    return quantize_tables(RealTables(name, (kif,), ("SAT",), "TRN", results.reshape(1, -1, 1), np.zeros(1), widths))


def _high_bits(values: IntArray) -> int:
    """Count the high bits of the address that leave at most one change of the entries to the low bits."""
    changes = np.flatnonzero(np.diff(values)) + 1
    bits = len(values).bit_length() - 1
    for low in range(bits, 0, -1):
        inside = changes[changes % (1 << low) != 0] >> low
        if len(np.unique(inside)) == len(inside):
            return bits - low
    return bits


def _two_tables(name: str, kif: KIF, values: IntArray, fraction_bits: int, high: int) -> Chain:
    """Split a long table: the high bits give a threshold of the low bits; they and the comparison give the entry."""
    low = kif.bits - high
    size, signed = 1 << low, int(kif.k)
    blocks = values.reshape(-1, size)
    thresholds = np.where((blocks != blocks[:, :1]).any(axis=1), (blocks != blocks[:, :1]).argmax(axis=1), size)
    saturated = LinearLayer(f"{name}_argument", (kif,), ("SAT",), _one(1), _row(0), fraction_bits=_row(kif.f))
    limit = _table(f"{name}_threshold", kif, thresholds * 2.0**-kif.f, high)
    limit_kif = KIF(0, low + 1 - kif.f, kif.f)
    difference = LinearLayer(
        f"{name}_difference",
        (KIF(0, low - kif.f, kif.f), limit_kif),
        ("WRAP", "WRAP"),
        np.array([[1], [-1]], dtype=np.int64),
        _row(0),
        fraction_bits=_row(kif.f),
    )
    # 2 * high bits + 1 - sign of the difference, in steps of half a block
    step = kif.f - low
    sign = KIF(0, low + 1 - kif.f, kif.f - low)
    address = LinearLayer(
        f"{name}_address",
        (KIF(signed, kif.i, step), sign),
        ("WRAP", "WRAP"),
        np.array([[2], [-1]], dtype=np.int64),
        _row(1),
        fraction_bits=_row(step + 1),
    )
    halves = np.stack([blocks[:, 0], blocks[:, -1]], axis=1).reshape(-1)
    entries = _table(f"{name}_table", KIF(signed, kif.i, step + 1), halves * 2.0**-fraction_bits, high + 1)
    return Chain((saturated, limit, difference, address, entries), ((0,), (1,), (1, 2), (1, 3), (4,)))


def _row(value: int) -> IntArray:
    return np.array([value], dtype=np.int64)


def _one(value: int) -> IntArray:
    return np.array([[value]], dtype=np.int64)


def _multiplication(function: RealFunction, kif: KIF, rounding: str) -> LinearLayer | None:
    """Find a short coefficient of a linear function that gives the same codes; None where there is none."""
    if function.source == PADDING:
        return None
    argument = np.arange(function.lo, function.hi + 1)
    x, y = argument * 2.0**-function.f, function.results
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    if slope == 0 or np.abs(y - (y[0] + slope * (x - x[0]))).max() > 2.0**-18 * np.abs(y).max():
        return None
    rounded = round_real(y, kif.f, rounding=rounding)
    for precision in range(1, WIDEST_COEFFICIENT):
        bits = precision - int(np.ceil(np.log2(abs(slope))))
        f = function.f + bits
        if f < kif.f or f > FINEST_ENTRY + WIDEST_ARGUMENT:
            continue
        unit = 1 << (f - kif.f)
        weight = round(slope * 2.0**bits)
        half = unit // 2 if rounding == "RND" else 0
        sums = weight * argument + half
        lowest, highest = (rounded * unit - sums).max(), ((rounded + 1) * unit - 1 - sums).min()
        if lowest <= highest:
            bias = int(lowest if lowest >= 0 else min(highest, 0))
            inputs = (kif_for_range(function.lo, function.hi, f=function.f),)
            return LinearLayer(
                f"{function.name}_product", inputs, ("WRAP",), _one(weight), _row(bias), fraction_bits=_row(f)
            )
    return None
