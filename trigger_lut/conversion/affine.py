"""Conversion of affine operations of HGQ2 and Keras to `LinearLayer`.

Each such operation quantizes its inputs, then maps them linearly. The converter applies the map to unit vectors to get
its matrix. Dense, convolution, einsum, sum and average thus need no code of their own for shapes, strides or axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.lut_layers import fraction_bits_of
from trigger_lut.conversion.refused import FLOAT_WEIGHTS, refusal
from trigger_lut.conversion.rounding import SUPPORTED
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import OVERFLOWS
from trigger_lut.network.network import PADDING, LinearLayer

WITH_KERNEL = ("QDense", "QBatchNormDense", "QEinsumDense", "QEinsumDenseBatchnorm", "QConv1D", "QConv2D", "QConv3D")
MERGES = {"QAdd": (1, 1), "Add": (1, 1), "QSubtract": (1, -1), "Subtract": (1, -1), "QAveragePow2": (1, 1)}
POOLS = {
    f"{kind}Pooling{n}D": getattr(keras.layers, f"{kind}Pooling{n}D")
    for kind in ("Average", "GlobalAverage")
    for n in (1, 2, 3)
}
MEANS = ("Mean", "Average")
BY_CONSTANT = ("Matmul", "Einsum", "Dot", "Tensordot")  # operations on a tensor and constants
PLAIN: dict[str, Callable[[Any, Any, Any], Any]] = {
    "Dense": lambda op, x, kernel: keras.ops.matmul(x, kernel),
    "EinsumDense": lambda op, x, kernel: keras.ops.einsum(op.equation, x, kernel),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), lambda op, x, kernel: op.convolution_op(x, kernel)),
    **dict.fromkeys(
        ("DepthwiseConv1D", "DepthwiseConv2D"),
        lambda op, x, kernel: keras.ops.depthwise_conv(
            x, kernel, strides=tuple(op.strides), padding=op.padding, dilation_rate=op.dilation_rate
        ),
    ),
}
"""Linear part of Keras' own layers with weights, of the layer, an array and a kernel."""
OFFSETS = ("Add", "Subtract")
FLOAT_BITS = 24  # of a float32 result that is exact
ROUNDINGS = {"S_RND": "RND", "S_RND_CONV": "RND_CONV"}  # stochastic rounding applies in training only
FINEST = 40  # fraction bits of a weight, a product or a bias
WIDEST_SUM = 50  # bits of a sum
WIDEST_FORMAT = 100  # integer or fraction bits of a quantizer; more are a mistake


@dataclass(frozen=True)
class Affine:
    """An affine map of flat values: y = quantized(x) @ weights + bias, with an optional ReLU.

    Attributes
    ----------
    name : str
        Of the layer.
    formats : tuple of KIF or None
        Format of each of n_in values; None where the quantizer has no bits, so that the value is 0.
    overflow, rounding : str
        Of the quantizer.
    weights : (n_in, n_out) float64 array
    structure : (n_in, n_out) bool array
        Where the operation has weights, zero or not.
    bias : (n_out,) float64 array
    shape : tuple of int
        Of the output, n_out values.
    relu : bool
    divisors : (n_out,) int array, optional
        By which the outputs are divided: 1 or no power of two. Default: 1.
    """

    name: str
    formats: tuple[KIF | None, ...]
    overflow: str
    rounding: str
    weights: np.ndarray
    structure: np.ndarray
    bias: np.ndarray
    shape: tuple[int, ...]
    relu: bool = False
    divisors: IntArray | None = None


def affine_map(op: Any, node: Any, *, shapes: Sequence[tuple[int, ...]], exact: Callable[[], list[KIF]]) -> Affine:
    """Convert a Keras operation to an affine map, without its output quantizer and activations other than ReLU.

    Parameters
    ----------
    op, node
        The operation and its call.
    shapes : sequence of tuple
        Shape of each input, without the batch axis.
    exact : callable
        Returns a format for each input value that represents it exactly. Called for operations without quantizers.

    Returns
    -------
    Affine

    Raises
    ------
    FirmwareError
        If the operation is not affine.
    """
    kind = type(op).__name__
    linear = _linear_map(op, kind, node, shapes)
    sizes = [int(np.prod(shape)) for shape in shapes]
    out_shape = tuple(int(n) for n in node.outputs[0].shape[1:])
    read = quantizer_formats(op, op, shape=shapes[0], affine=True) if kind == "Quantizer" else input_formats(op, shapes)
    formats, overflow, rounding = read or (list(exact()), "WRAP", "TRN")
    weights = matrix_of(op, linear, shapes=shapes, sizes=sizes, out_shape=out_shape)
    divisors = None
    if kind.removeprefix("Q") in POOLS or kind in MEANS:
        weights, divisors = _integer_divisors(weights)
    structure = weights != 0
    bias = np.zeros(weights.shape[1])
    if kind in WITH_KERNEL:
        ones = _linear_map(op, kind, node, shapes, kernel=np.ones(op.qkernel.shape))
        structure = matrix_of(op, ones, shapes=shapes, sizes=sizes, out_shape=out_shape) != 0
        if op.qbias is not None:
            qbias = np.asarray(keras.ops.convert_to_numpy(op.qbias), dtype=np.float64)
            bias = np.broadcast_to(qbias, out_shape).reshape(-1)
    if kind in OFFSETS and _has_constant(op, kind, node):
        zeros = np.zeros((1, *shapes[0]), dtype=np.float32)
        offset = np.asarray(keras.ops.convert_to_numpy(called(op, node, x=zeros)), dtype=np.float64)
        bias = np.broadcast_to(offset, (1, *out_shape)).reshape(-1)
    if kind in PLAIN:
        structure = matrix_of(
            op,
            _linear_map(op, kind, node, shapes, np.ones(op.kernel.shape)),
            shapes=shapes,
            sizes=sizes,
            out_shape=out_shape,
        )
        structure = structure != 0
        if op.bias is not None:
            plain = np.asarray(keras.ops.convert_to_numpy(op.bias), dtype=np.float64)
            bias = np.broadcast_to(plain, out_shape).reshape(-1)
        _check_float32(op, formats, weights, bias)
    if kind == "Quantizer" and op.affine is not None:
        bias = np.full(weights.shape[1], float(op.affine[1]))
    if kind == "QBatchNormalization":
        bias = np.broadcast_to(_normalization(op)[1], (1, *out_shape)).reshape(-1)
    return Affine(
        op.name, tuple(formats), overflow, rounding, weights, structure, bias, out_shape, is_relu(op), divisors
    )


def input_formats(op: Any, shapes: Sequence[tuple[int, ...]]) -> tuple[list[KIF | None], str, str] | None:
    """Read the input quantizers of an HGQ2 layer.

    Parameters
    ----------
    op
        The layer.
    shapes : sequence of tuple
        Shape of each input, without the batch axis.

    Returns
    -------
    formats, overflow, rounding, or None
        As in `Affine`; None if the layer has no input quantizer.

    Raises
    ------
    FirmwareError
        If the quantizers have no fixed-point format, or differ in rounding or overflow.
    """
    if not getattr(op, "enable_iq", False):
        return None
    quantizers = op.iq.quantizers if hasattr(op.iq, "quantizers") else [op.iq]
    read = [quantizer_formats(op, q, shape=shape) for q, shape in zip(quantizers, shapes, strict=True)]
    if len({f[1:] for f in read}) > 1:
        raise FirmwareError(
            f"layer {op.name!r}: expected one rounding and overflow of all its inputs, found "
            f"{' and '.join(sorted({', '.join(f[1:]) for f in read}))}. Give its quantizers the same"
        )
    return [kif for f in read for kif in f[0]], *read[0][1:]


def output_quantizer(op: Any, shape: tuple[int, ...]) -> list[Affine]:
    """Convert the output quantizer of an HGQ2 layer.

    Parameters
    ----------
    op
        The layer.
    shape : tuple of int
        Of its output, without the batch axis.

    Returns
    -------
    list of Affine
        Empty if it has none.
    """
    if not getattr(op, "enable_oq", False):
        return []
    formats, overflow, rounding = quantizer_formats(op, op.oq, shape=shape)
    return [identity_map(f"{op.name}_oq", formats, overflow=overflow, rounding=rounding, shape=shape)]


def identity_map(
    name: str,
    formats: Sequence[KIF | None],
    *,
    overflow: str,
    rounding: str,
    shape: tuple[int, ...],
    weight: float = 1.0,
) -> Affine:
    """Return the affine map that quantizes values and multiplies them by one weight.

    Parameters
    ----------
    name : str
        Of the layer.
    formats, overflow, rounding, shape
        As in `Affine`.
    weight : float
        Of each value.

    Returns
    -------
    Affine
        As many outputs as values.
    """
    eye = np.eye(len(formats))
    return Affine(name, tuple(formats), overflow, rounding, weight * eye, eye != 0, np.zeros(len(formats)), shape)


def relu_map(name: str, formats: Sequence[KIF]) -> Affine:
    """Return the ReLU of values of these formats as an affine map."""
    return replace(identity_map(name, formats, overflow="WRAP", rounding="TRN", shape=(len(formats),)), relu=True)


def _linear_map(
    op: Any, kind: str, node: Any, shapes: Sequence[tuple[int, ...]], kernel: np.ndarray | None = None
) -> Callable[[list[np.ndarray]], Any]:
    """Linear part of an operation, as a function of arrays with a batch axis."""
    ops = keras.ops
    if kind in WITH_KERNEL:
        weights = op.qkernel if kernel is None else ops.cast(kernel, "float32")
        if "Einsum" in kind:
            return lambda x: ops.einsum(op.equation, x[0], weights)
        if "Conv" in kind:
            if op.data_format != "channels_last":
                raise FirmwareError(f"layer {op.name!r}: data_format {op.data_format!r}. Expected 'channels_last'")
            return lambda x: op.convolution_op(x[0], weights)
        return lambda x: ops.matmul(x[0], weights)
    if kind in PLAIN:
        if getattr(op, "data_format", None) == "channels_first":
            raise FirmwareError(f"layer {op.name!r}: data_format 'channels_first'. Expected 'channels_last'")
        plain = op.kernel if kernel is None else ops.cast(kernel, "float32")
        return lambda x: PLAIN[kind](op, x[0], plain)
    if kind in MERGES and len(shapes) == len(node.input_tensors) and len(shapes) > 1:
        first, others = MERGES[kind]
        scale = getattr(op, "_scale", 1.0)
        return lambda x: (first * x[0] + others * sum(x[2:], x[1])) * scale
    if kind == "QBatchNormalization":
        return lambda x: x[0] * _normalization(op)[0]
    if kind in ("QSum", "QMeanPow2"):
        return lambda x: ops.sum(x[0], axis=op.axes, keepdims=op.keepdims) * op.scale
    if _has_constant(op, kind, node):
        return lambda x: called(op, node, x=x[0], constants=kind not in OFFSETS)
    if kind == "Sum":
        return lambda x: ops.sum(x[0], axis=op.axis, keepdims=op.keepdims)
    if kind == "Mean":
        return lambda x: ops.mean(x[0], axis=op.axis, keepdims=op.keepdims)
    if kind == "Average":
        return lambda x: keras.layers.Average.call(op, [ops.cast(part, "float32") for part in x])
    if kind.removeprefix("Q") in POOLS:
        return lambda x: POOLS[kind.removeprefix("Q")].call(op, ops.cast(x[0], "float32"))
    if kind == "Quantizer":
        return lambda x: x[0] * (op.affine or (1.0, 0.0))[0]
    if is_relu(op):
        return lambda x: x[0]
    reason = refusal(kind)
    raise FirmwareError(
        f"layer {op.name!r} is a {kind}{f': {reason}' if reason else ''}. Expected table layers, arithmetic layers, "
        "products, functions of one value, maxima and layers that rearrange values; see the table of layers in the "
        "documentation"
    )


def _has_constant(op: Any, kind: str, node: Any) -> bool:
    """Return whether an operation of Keras is linear in its only tensor, with other arguments that are constants."""
    return not isinstance(op, keras.Layer) and kind in (*BY_CONSTANT, *OFFSETS) and len(node.input_tensors) == 1


def called(op: Any, node: Any, *, x: Any, constants: bool = True) -> Any:
    """Call an operation of one tensor on another array.

    Parameters
    ----------
    op, node
        The operation and its call.
    x : array
        With a batch axis.
    constants : bool
        Whether its other arrays are those of the call, instead of 0.

    Returns
    -------
    tensor
    """
    arguments, options = node.arguments.fill_in({id(node.input_tensors[0]): keras.ops.convert_to_tensor(x)})
    if not constants:
        own = [isinstance(value, keras.KerasTensor) for value in node.arguments.args]
        arguments = [a if mine else keras.ops.zeros_like(a) for a, mine in zip(arguments, own, strict=True)]
    return op.call(*arguments, **options)


def is_exact_offset(
    op: Any, node: Any, *, shape: tuple[int, ...], ranges: Callable[[], list[tuple[int, int, int]]]
) -> bool:
    """Return whether an operation adds constants to values, without float rounding.

    Parameters
    ----------
    op, node
        The operation and its call.
    shape : tuple of int
        Of the tensor, without the batch axis.
    ranges : callable
        Returns the smallest code, largest code and fraction bits of each value.

    Returns
    -------
    bool
    """
    kind = type(op).__name__
    if kind not in OFFSETS or not _has_constant(op, kind, node) or len(node.arguments.args) != 2:
        return False
    offset = np.asarray(keras.ops.convert_to_numpy(called(op, node, x=np.zeros((1, *shape), dtype=np.float32))))
    scaled = offset.astype(np.float64) * 2.0**FINEST
    if (scaled != np.round(scaled)).any() or (np.abs(scaled) >= 2.0**62).any():
        return False
    codes = ranges()
    fraction = max(fraction_bits_of(offset.astype(np.float64), FINEST), *(f for _, _, f in codes))
    largest = max(max(abs(lo), abs(hi)) * 2.0**-f for lo, hi, f in codes) + np.abs(offset).max()
    return bool(largest * 2.0**fraction < 2.0**FLOAT_BITS)


def _check_float32(op: Any, formats: Sequence[KIF | None], weights: np.ndarray, bias: np.ndarray) -> None:
    """Refuse weights whose sums float32 may round: the result would depend on the order of the sum."""
    steps = np.array([1.0 if kif is None else kif.step for kif in formats])[:, None]
    ends = np.array([0 if kif is None else max(abs(kif.lo), abs(kif.hi)) for kif in formats])[:, None]
    terms = np.concatenate([weights * steps, bias[None]])
    largest = (np.abs(weights * steps) * ends).sum(axis=0) + np.abs(bias)
    scaled = terms * 2.0**FINEST
    exact = bool((scaled == np.round(scaled)).all() and (np.abs(scaled) < 2.0**62).all())
    if exact:
        fraction = np.array([fraction_bits_of(column, FINEST) for column in terms.T])
        exact = bool((largest * 2.0**fraction <= 2.0**FLOAT_BITS).all())
    if not exact:
        raise FirmwareError(
            f"layer {op.name!r} is a {type(op).__name__}: {FLOAT_WEIGHTS}. Expected weights of few bits, so that "
            f"float32 holds all sums ({FLOAT_BITS} bits)"
        )


def _integer_divisors(weights: np.ndarray) -> tuple[np.ndarray, IntArray | None]:
    """Turn averages over a number that is no power of two into sums and that number."""
    counts = (weights != 0).sum(axis=0)
    divisors = np.where((counts & (counts - 1)) == 0, 1, counts)
    if (divisors == 1).all():
        return weights, None
    return np.where(divisors > 1, (weights != 0).astype(np.float64), weights), divisors


def _normalization(op: Any) -> tuple[np.ndarray, np.ndarray]:
    """Quantized scale and offset of a QBatchNormalization, in shapes that broadcast to its input."""
    parts = [keras.ops.convert_to_numpy(part) for part in op.qscaler_and_qoffset]
    scale, offset = (np.asarray(part, dtype=np.float64).reshape(op._shape[1:]) for part in parts)
    return scale, offset


def is_relu(op: Any) -> bool:
    """Return whether an operation ends in a ReLU without limit, slope or threshold.

    Parameters
    ----------
    op
        The operation.

    Returns
    -------
    bool
        False where it has no activation.
    """
    kind = type(op).__name__
    if kind == "ReLU":
        return op.max_value is None and not op.negative_slope and not op.threshold
    return kind == "Relu" or getattr(op, "activation", None) is keras.activations.relu


def matrix_of(
    op: Any,
    linear: Callable[[list[np.ndarray]], Any],
    *,
    shapes: Sequence[tuple[int, ...]],
    sizes: list[int],
    out_shape: tuple[int, ...],
) -> np.ndarray:
    """Find the matrix of a linear operation by applying it to unit vectors.

    Parameters
    ----------
    op
        The operation, for messages.
    linear
        The map, as a function of arrays with a batch axis.
    shapes, sizes
        Shape of each input without the batch axis, and its number of values.
    out_shape
        Of the output, without the batch axis.

    Returns
    -------
    ndarray of float64, shape (n_in, n_out)

    Raises
    ------
    FirmwareError
        If Keras cannot evaluate the operation, or it mixes events.
    """
    total, first, inputs = sum(sizes), 0, []
    for shape, size in zip(shapes, sizes, strict=True):
        unit = np.zeros((total + 1, size), dtype=np.float32)  # an event of zeros at the end: no batch of one
        unit[first : first + size] = np.eye(size)
        inputs.append(unit.reshape(total + 1, *shape))
        first += size
    data_format = getattr(op, "data_format", None)
    what = f"layer {op.name!r}: a {type(op).__name__}" + (f" of data_format {data_format!r}" if data_format else "")
    try:
        result = np.asarray(keras.ops.convert_to_numpy(linear(inputs)), dtype=np.float64)
    except FirmwareError:
        raise
    except Exception as error:  # whatever Keras and TensorFlow have against it
        message = (str(error).splitlines() or [""])[0]
        raise FirmwareError(
            f"{what} cannot be evaluated ({type(error).__name__}: {message[:200]}). Expected a layer that Keras can "
            "call on this machine"
        ) from error
    if result.shape != (total + 1, *out_shape) or result[-1].any():
        raise FirmwareError(
            f"{what} gives shape {result.shape}. Expected {(total + 1, *out_shape)} of {total + 1} events, each of its "
            "own event alone"
        )
    return result[:-1].reshape(total, -1)


def quantizer_formats(
    op: Any, quantizer: Any, *, shape: tuple[int, ...], affine: bool = False
) -> tuple[list[KIF | None], str, str]:
    """Read a quantizer of HGQ2.

    Parameters
    ----------
    op
        Its layer, for messages.
    quantizer
        The quantizer.
    shape : tuple of int
        Of the quantized array, without the batch axis.
    affine : bool
        Whether the caller applies an affine map behind the quantizer.

    Returns
    -------
    formats, overflow, rounding
        As in `Affine`.

    Raises
    ------
    FirmwareError
        If it is not of fixed point, has a scale that is no power of two, or rounds in an unsupported way.
    """
    inner = quantizer.quantizer
    if not hasattr(inner, "kif"):
        raise FirmwareError(f"layer {op.name!r}: a quantizer not of fixed point. Expected q_type 'kif' or 'kbi'")
    if quantizer.affine is not None and not affine:
        raise FirmwareError(
            f"layer {op.name!r}: an input or output quantizer with an affine map. Expected a layer Quantizer with it"
        )
    mantissa, exponent = np.frexp(float(1.0 if quantizer.scaler is None else quantizer.scaler))
    if mantissa != 0.5:
        raise FirmwareError(f"layer {op.name!r}: a quantizer with scale {quantizer.scaler}. Expected a power of two")
    shift = int(exponent) - 1
    rounding = ROUNDINGS.get(inner.round_mode, inner.round_mode)
    if rounding not in SUPPORTED or inner.overflow_mode not in OVERFLOWS:
        raise FirmwareError(
            f"layer {op.name!r}: a quantizer of {inner.round_mode}, {inner.overflow_mode}. Expected rounding "
            f"{', '.join(SUPPORTED)} and overflow {', '.join(OVERFLOWS)}"
        )
    k, i, f = (
        np.asarray(keras.ops.convert_to_numpy(inner.bw_mapper.bw_to_x(part, (1, *shape))))[0].reshape(-1)
        for part in inner.kif
    )
    live = k + i + f > 0
    if not (np.abs(np.stack([i, f])[:, live]) <= WIDEST_FORMAT).all():
        raise FirmwareError(
            f"layer {op.name!r}: a quantizer of {np.abs(np.stack([i, f])[:, live]).max():g} integer or fraction bits. "
            f"Expected at most {WIDEST_FORMAT}"
        )
    formats = [KIF(int(k[n]), int(i[n]) + shift, int(f[n]) - shift) if there else None for n, there in enumerate(live)]
    return formats, inner.overflow_mode, rounding


def linear_layers(affine: Affine, values: IntArray, *, start: int) -> tuple[list[LinearLayer], IntArray]:
    """Convert an affine map to layers of the integer network.

    Outputs that read the same inputs form a position. Positions with equal integers form one layer.

    Parameters
    ----------
    affine : Affine
        The map.
    values : (n_in,) int array
        Numbers of the input values.
    start : int
        Number of the first value that the layers compute.

    Returns
    -------
    layers : list of LinearLayer
    order : (n_out,) int array
        Number of the value of each output.

    Raises
    ------
    FirmwareError
        If a weight is no multiple of a supported power of two.
    """
    present = np.array([kif is not None for kif in affine.formats]) & (values != PADDING)
    structure = affine.structure & present[:, None]
    positions: dict[bytes, list[int]] = {}
    for o in range(structure.shape[1]):
        positions.setdefault(np.packbits(structure[:, o]).tobytes(), []).append(o)
    merged: dict[Any, tuple[LinearLayer, list[IntArray], list[list[int]]]] = {}
    for outputs in positions.values():
        rows = np.flatnonzero(structure[:, outputs[0]])
        layer = _at_one_position(affine, rows, outputs)
        key = (layer.inputs, *(a.tobytes() for a in (layer.weights, layer.bias, layer.fraction_bits)))
        merged.setdefault(key, (layer, [], []))
        merged[key][1].append(values[rows])
        merged[key][2].append(outputs)
    layers, order, end = [], np.zeros(structure.shape[1], dtype=np.int64), start
    for n, (layer, gather_index, outputs_of) in enumerate(merged.values()):
        name = affine.name if len(merged) == 1 else f"{affine.name}_part{n}"
        layers.append(
            replace(
                layer, name=name, gather_index=np.array(gather_index, dtype=np.int64).reshape(len(gather_index), -1)
            )
        )
        for outputs in outputs_of:
            order[outputs] = np.arange(end, end + len(outputs))
            end += len(outputs)
    return layers, order


def _at_one_position(affine: Affine, rows: IntArray, outputs: list[int]) -> LinearLayer:
    formats = [kif for kif in (affine.formats[i] for i in rows) if kif is not None]
    weights, bias = affine.weights[np.ix_(rows, outputs)], affine.bias[outputs]
    steps = np.array([kif.step for kif in formats])[:, None]
    _check_grid(affine, np.append(weights, bias))
    finest = weights * steps * 2.0**FINEST
    if (finest != np.round(finest)).any():
        raise FirmwareError(
            f"layer {affine.name!r}: products of inputs and weights have too many fractional bits. Expected at most "
            f"{FINEST}; give its quantizers fewer"
        )
    fraction = np.array(
        [fraction_bits_of(np.append(weights[:, n] * steps[:, 0], bias[n]), FINEST) for n in range(len(outputs))],
        dtype=np.int64,
    )
    scale = 2.0**fraction
    largest = (np.abs(weights * scale) * np.array([1 << kif.bits for kif in formats])[:, None] * steps).sum(axis=0)
    if (largest + np.abs(bias * scale) >= 2.0**WIDEST_SUM).any():
        raise FirmwareError(
            f"layer {affine.name!r}: a sum of more than {WIDEST_SUM} bits. Expected fewer; give its "
            "quantizers fewer bits"
        )
    return LinearLayer(
        affine.name,
        tuple(formats),
        (affine.overflow,) * len(formats),
        np.round(weights * steps * scale).astype(np.int64),
        np.round(bias * scale).astype(np.int64),
        fraction_bits=fraction,
        gather_index=None,
        rounding=affine.rounding,
        relu=affine.relu,
    )


def _check_grid(affine: Affine, values: np.ndarray) -> None:
    scaled = values * 2.0**FINEST
    if (off := scaled != np.round(scaled)).any():
        raise FirmwareError(
            f"layer {affine.name!r}: weight {values[off][0]:.6g} is no multiple of 2**-{FINEST}. Expected quantized "
            "weights; use the layer of HGQ2"
        )
    if (large := np.abs(values) >= 2.0 ** (62 - FINEST)).any():
        raise FirmwareError(
            f"layer {affine.name!r}: weight {values[large][0]:.6g}. Expected less than 2**{62 - FINEST}; scale "
            "the inputs"
        )
