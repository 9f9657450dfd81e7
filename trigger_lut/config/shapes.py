"""Shapes through a described network, found without TensorFlow: a bad description is refused before any job runs.

Shapes are those of one event, without the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trigger_lut.config import builder, keras_file
from trigger_lut.config.layer_options import (
    PARTICLES,
    AveragePoolOptions,
    FlattenOptions,
    LUTDenseOptions,
    PoolOptions,
    QDenseOptions,
    QEinsumDenseOptions,
    ReshapeOptions,
    SumOptions,
    TableOptions,
)
from trigger_lut.config.network import Layer, NetworkShape
from trigger_lut.utils.wording import counted

Shape = tuple[int, ...]


class ShapeError(ValueError):
    """A layer cannot take what comes before it; the text says what was expected and found."""


def shown(shape: Sequence[int]) -> str:
    """Return a shape as Keras shows it.

    Parameters
    ----------
    shape : sequence of int
        Sizes of the axes.

    Returns
    -------
    str
        A tuple: (32, 3), (5,).
    """
    return str(tuple(shape))


def shape_after(layer: Layer, shape: Shape) -> Shape:
    """Return the shape of a layer's output.

    Parameters
    ----------
    layer : Layer
        Kind and options of the layer.
    shape : tuple of int
        Shape of its input, without the batch.

    Returns
    -------
    tuple of int
        Shape of its output, without the batch.

    Raises
    ------
    ShapeError
        If the layer cannot take this input.
    """
    options = layer.options
    if isinstance(options, TableOptions):
        _check_formats(options, shape)
    return _RULES[layer.kind](options, shape)


def output_shape(network: NetworkShape, channels: int) -> Shape:
    """Return the shape of a network's output.

    Parameters
    ----------
    network : NetworkShape
        Network with units or layers. The layers of a function or a file are not known.
    channels : int
        Features of the data set.

    Returns
    -------
    tuple of int
        Shape without the batch.

    Raises
    ------
    ShapeError
        If a layer cannot take its input. The message begins with the key: 'layers.2 (lut_conv1d): ...'.
    """
    if network.units is not None:
        return (network.units[-1],)
    shape: Shape = tuple(network.input_shape or (channels,))
    if math.prod(shape) != channels:
        raise ShapeError(
            f"input_shape: expected {counted(channels, 'value')}, one for each feature of the data set, found "
            f"{shown(shape)} with {math.prod(shape)}"
        )
    for n, layer in enumerate(network.layers or []):
        try:
            shape = shape_after(layer, shape)
        except ShapeError as error:
            raise ShapeError(f"layers.{n} ({layer.kind}): {error}") from error
    return shape


def mistakes(network: NetworkShape, channels: int, *, classes: Sequence[str], data_set: str) -> list[str]:
    """List problems with the shapes of a network.

    Shapes inside a function are not known. Of a saved model only the inputs are compared.

    Parameters
    ----------
    network : NetworkShape
        The network.
    channels : int
        Features of the data set.
    classes : sequence of str
        Names of the outputs that the network must have.
    data_set : str
        Name of the data set, for messages.

    Returns
    -------
    list of str
        Problems as 'key: text'.
    """
    if network.keras_file is not None and (problems := keras_file.mistakes(Path(network.keras_file), channels)):
        return [f"keras_file: {problem}" for problem in problems]
    if network.builder is not None and (problems := builder.mistakes(network.builder)):
        return [f"builder: {problem}" for problem in problems]
    if network.is_given:
        return _of_reference(network, classes, data_set)
    try:
        shape = output_shape(network, channels)
    except ShapeError as error:
        return [str(error)]
    if shape == (len(classes),):
        return _of_reference(network, classes, data_set)
    if network.layers is None:
        return [f"units: the last layer has {shape[0]} output{'s' * (shape[0] != 1)}, {_of(data_set, classes)}"]
    last = f"layers.{len(network.layers) - 1} ({network.layers[-1].kind})"
    expected = f"expected {shown((len(classes),))}: {_of(data_set, classes)}"
    return [f"{last}: the last layer's output has shape {shown(shape)}, {expected}"]


def _of_reference(network: NetworkShape, classes: Sequence[str], data_set: str) -> list[str]:
    outputs = network.baseline_widths[-1] if network.baseline_widths else 0
    if outputs == len(classes):
        return []
    key = "baseline_units" if network.baseline_units is not None else "layers"
    return [f"{key}: the baseline's last layer has {outputs} outputs, {_of(data_set, classes)}"]


def _of(data_set: str, classes: Sequence[str]) -> str:
    return f"data set {data_set!r} has {len(classes)} classes ({', '.join(classes)})"


# ---------------------------------------------------------------- kinds


def _check_formats(options: TableOptions, shape: Shape) -> None:
    formats = options.input_format
    if isinstance(formats, list) and len(formats) != shape[-1]:
        raise ShapeError(
            f"input_format: expected one for each of {shape[-1]} channels of an input of shape {shown(shape)}, "
            f"found {len(formats)}"
        )


def _dense(options: LUTDenseOptions | QDenseOptions, shape: Shape) -> Shape:
    return (*shape[:-1], options.units)


def _flatten(options: FlattenOptions, shape: Shape) -> Shape:
    return (math.prod(shape),)


def _reshape(options: ReshapeOptions, shape: Shape) -> Shape:
    wanted = tuple(options.target_shape)
    if math.prod(wanted) != math.prod(shape):
        raise ShapeError(
            f"target_shape: expected {math.prod(shape)} values as in the input of shape {shown(shape)}, "
            f"found {shown(wanted)} with {math.prod(wanted)}"
        )
    return wanted


def _sum(options: SumOptions, shape: Shape) -> Shape:
    if len(shape) < 2:
        raise ShapeError(f"expected an input of shape (particles, channels), found {shown(shape)}")
    axes = summed_axes(options, shape)
    for axis in axes:
        if not 1 <= axis <= len(shape):
            raise ShapeError(f"axis: expected 1 to {len(shape)} for an input of shape {shown(shape)}, found {axis}")
    if len(set(axes)) != len(axes) or len(axes) == len(shape):
        raise ShapeError(f"axis: expected some of the axes of the input {shown(shape)}, each once, found {axes}")
    return tuple(size for n, size in enumerate(shape, start=1) if n not in axes)


def summed_axes(options: SumOptions, shape: Shape) -> list[int]:
    """Return the axes that a layer sums over.

    Parameters
    ----------
    options : SumOptions
        Axes as the budget file gives them, with negative ones or 'particles'.
    shape : tuple of int
        Shape of the input, without the batch.

    Returns
    -------
    list of int
        Axes from 1 on; the batch is 0.
    """
    if options.axis == PARTICLES:
        return list(range(1, len(shape)))
    axes: list[int] = [options.axis] if isinstance(options.axis, int) else list(options.axis)  # type: ignore[arg-type]
    return [axis if axis > 0 else axis + len(shape) + 1 for axis in axes]


def _pool(options: PoolOptions, shape: Shape) -> Shape:
    sizes = _flat(options.pool_size)
    strides = _flat(options.strides or options.pool_size)
    axes = ("length",) if len(sizes) == 1 else ("height", "width")
    if len(strides) == 1:
        strides = strides * len(sizes)
    if len(strides) != len(sizes):
        raise ShapeError(f"strides: expected one number for the pool_size {options.pool_size}, found {strides}")
    if len(shape) != len(sizes) + 1:
        raise ShapeError(
            f"pool_size: {options.pool_size} is for an input of shape ({', '.join(axes)}, channels), "
            f"found {shown(shape)}"
        )
    pooled = []
    for name, size, k, step in zip(axes, shape, sizes, strides, strict=False):
        if options.padding == "valid" and k > size:
            raise ShapeError(
                f"pool_size: expected a window of at most {size} along {name} for an input of shape {shown(shape)}, "
                f"found one of {k}; padding 'same' takes any"
            )
        counts = _window_counts(size, k, step, options.padding)
        # Of a product of counts: it is a power of two when each of them is.
        if isinstance(options, AveragePoolOptions) and (odd := [n for n in counts if n & (n - 1)]):
            raise ShapeError(
                f"pool_size: the mean of {odd[0]} values along {name} is not exact in integers. Expected windows of 1, "
                f"2, 4, 8, ... values, also at the edges, found an input of shape {shown(shape)}"
            )
        pooled.append(len(counts))
    return (*pooled, shape[-1])


def _window_counts(size: int, k: int, step: int, padding: str) -> list[int]:
    """Values that each window along an axis holds; what lies beyond the edge is none."""
    if padding == "valid":
        return [k] * ((size - k) // step + 1)
    windows = -(-size // step)
    before = max((windows - 1) * step + k - size, 0) // 2
    starts = [n * step - before for n in range(windows)]
    return [min(start + k, size) - max(start, 0) for start in starts]


def _conv(axes: tuple[str, ...]) -> Callable[[Any, Shape], Shape]:
    rank = len(axes)

    def of(value: int | list[int]) -> list[int]:
        return [value] * rank if isinstance(value, int) else value

    def after(options: Any, shape: Shape) -> Shape:
        if len(shape) != rank + 1:
            raise ShapeError(f"expected an input of shape ({', '.join(axes)}, channels), found {shown(shape)}")
        sizes = []
        kernel, strides, dilation = of(options.kernel_size), of(options.strides), of(options.dilation_rate)
        for name, size, k, step, apart in zip(axes, shape, kernel, strides, dilation, strict=False):
            covered = (k - 1) * apart + 1
            if options.padding == "valid" and covered > size:
                raise ShapeError(
                    f"kernel_size: expected a window of at most {size} along {name} for an input of shape "
                    f"{shown(shape)}, found one of {covered}; padding 'same' takes any"
                )
            sizes.append(-(-size // step) if options.padding == "same" else (size - covered) // step + 1)
        return (*sizes, options.filters)

    return after


def _arithmetic_conv(axes: tuple[str, ...]) -> Callable[[Any, Shape], Shape]:
    shape_of = _conv(axes)

    def after(options: Any, shape: Shape) -> Shape:
        if max(_flat(options.strides)) > 1 and max(_flat(options.dilation_rate)) > 1:
            raise ShapeError("strides: expected 1 with a dilation_rate above 1, as Keras has it")
        return shape_of(options, shape)

    return after


def _flat(value: int | list[int]) -> list[int]:
    return [value] if isinstance(value, int) else value


def _einsum(options: QEinsumDenseOptions, shape: Shape) -> Shape:
    read, rest = options.equation.split(",")
    kernel, given = rest.split("->")
    output = tuple(options.output_shape)
    if len(read) != len(shape) + 1:
        raise ShapeError(
            f"equation: expected {len(shape) + 1} letters (the batch's first) for an input of shape {shown(shape)}, "
            f"found {read!r}"
        )
    if len(set(read)) != len(read) or len(set(given)) != len(given) or given[:1] != read[:1] or read[0] in kernel:
        raise ShapeError(f"equation: expected each axis once and the batch's letter first, found {options.equation!r}")
    if len(given) != len(output) + 1:
        raise ShapeError(f"output_shape: expected {len(given) - 1} sizes for {given!r}, found {shown(output)}")
    sizes = dict(zip(read[1:], shape, strict=True))
    for letter, size in zip(given[1:], output, strict=True):
        if letter not in sizes and letter not in kernel:
            raise ShapeError(f"equation: axis {letter!r} of the output is neither in the input nor in the kernel")
        if sizes.get(letter, size) != size:
            raise ShapeError(
                f"output_shape: axis {letter!r} has {sizes[letter]} entries in the input of shape {shown(shape)}, "
                f"found {size}"
            )
    if unknown := [letter for letter in kernel if letter not in read + given]:
        raise ShapeError(f"equation: axis {unknown[0]!r} of the kernel is neither in the input nor in the output")
    if options.bias_axes and (strange := [letter for letter in options.bias_axes if letter not in given[1:]]):
        raise ShapeError(f"bias_axes: axis {strange[0]!r} is not in the output {given[1:]!r}")
    return output


_RULES: dict[str, Callable[[Any, Shape], Shape]] = {
    "lut_dense": _dense,
    "lut_conv1d": _conv(("length",)),
    "lut_conv2d": _conv(("height", "width")),
    "flatten": _flatten,
    "reshape": _reshape,
    "sum": _sum,
    "max_pool": _pool,
    "average_pool": _pool,
    "q_dense": _dense,
    "q_conv1d": _arithmetic_conv(("length",)),
    "q_conv2d": _arithmetic_conv(("height", "width")),
    "q_einsum_dense": _einsum,
}
