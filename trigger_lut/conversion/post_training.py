"""Quantization of a float Keras model after its training: the same graph of HGQ2's layers, with formats from a sample.

Each layer with weights becomes the layer of HGQ2. Its input is rounded to a format for each channel, its weights to a
format for each output. Widths are given; the largest values in the sample decide the place of the bits. Values beyond
them saturate. A batch normalization behind such a layer is folded into it. A function of one value that is no ReLU
gets quantizers before and behind it, so that it becomes a short table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from string import ascii_letters
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.affine import is_relu
from trigger_lut.conversion.final_activation import as_functional, without_final_activation
from trigger_lut.conversion.functions import LAYERS, of_several_values
from trigger_lut.conversion.keras_graph import calls_of, check_weights, first_call, producer
from trigger_lut.errors import FirmwareError

INTEGER_BITS = (-12, 24)  # of a format; a channel that is 0 in the sample gets the least
MOST_BITS = 23
BATCH = 1024  # events that are traced at once


@dataclass(frozen=True)
class Widths:
    """Bits of the formats, without the sign.

    Attributes
    ----------
    weights : int
        Of each weight and bias.
    activations : int
        Of each value that a layer with weights, or a function, reads.
    """

    weights: int = 7
    activations: int = 7


def quantized_model(model: Any, sample: Any, *, widths: Widths) -> Any:
    """Build the quantized model of a float model.

    Parameters
    ----------
    model : keras.Model
        A functional or Sequential model of Keras' layers. Layers of HGQ2 and of this package stay as they are.
    sample : array, list or dict of arrays
        Inputs of typical events, as the model takes them.
    widths : Widths
        Bits of weights and activations.

    Returns
    -------
    keras.Model
        With weights of its own. It can be trained further like any model of HGQ2.

    Raises
    ------
    FirmwareError
        If Keras cannot copy the graph, or a weight is not finite.
    """
    from hgq.utils import trace_minmax

    check_weights(model)

    # HGQ2 finds integer bits where values wrap. The result saturates.
    traced, final = (_Copy(widths, overflow) for overflow in ("WRAP", "SAT"))
    try:
        source, target = traced.of_model(model), final.of_model(model)
        parts = keras.tree.flatten(sample)  # HGQ2 takes no dict
        flat = keras.Model(source.inputs, source.outputs) if isinstance(sample, dict) else source
        trace_minmax(flat, parts if len(parts) > 1 else parts[0], batch_size=BATCH, verbose=0)
    except FirmwareError:
        raise
    except Exception as error:  # whatever Keras, HGQ2 and TensorFlow have against it
        message = (str(error).splitlines() or [""])[0]
        raise FirmwareError(
            f"model {model.name!r}: cannot be quantized ({type(error).__name__}: {message[:200]}). Expected a graph of "
            "Keras' layers"
        ) from error
    for before, after in zip(traced.quantizers, final.quantizers, strict=True):
        for name in ("_k", "_b", "_i"):
            getattr(after.quantizer, name).assign(np.asarray(getattr(before.quantizer, name)))
    return target


def _kernel(layer: Any) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(layer.kernel)]


def _depthwise(layer: Any) -> list[np.ndarray]:
    return [_grouped(keras.ops.convert_to_numpy(layer.kernel))]


def _separable(layer: Any) -> list[np.ndarray]:
    parts = layer.depthwise_kernel, layer.pointwise_kernel
    depthwise, pointwise = (keras.ops.convert_to_numpy(part) for part in parts)
    return [_grouped(depthwise), pointwise]


def _grouped(kernel: np.ndarray) -> np.ndarray:
    """Arrange a depthwise kernel (window..., channels, multiplier) as one with a group per channel."""
    return kernel.reshape(*kernel.shape[:-2], 1, -1)


def _dense(layer: Any, kernels: list[np.ndarray]) -> list[tuple[str, dict[str, Any]]]:
    return [("QDense", {"units": layer.units})]


def _einsum(layer: Any, kernels: list[np.ndarray]) -> list[tuple[str, dict[str, Any]]]:
    equation, output_shape = layer.equation, tuple(layer.partial_output_shape)
    if "..." in equation:  # HGQ2 counts operations by the letters
        shape = layer.input.shape
        free = [letter for letter in ascii_letters if letter not in equation]
        axes = len(shape) - len(equation.split(",")[0].replace("...", ""))
        equation = equation.replace("...", "".join(free[:axes]))
        output_shape = tuple(layer.output.shape[1:])
    return [("QEinsumDense", {"equation": equation, "output_shape": output_shape, "bias_axes": layer.bias_axes})]


def _window(layer: Any) -> dict[str, Any]:
    if layer.data_format != "channels_last":
        raise FirmwareError(f"layer {layer.name!r}: data_format {layer.data_format!r}. Expected 'channels_last'")
    names = ("kernel_size", "strides", "padding", "dilation_rate")
    options = {name: getattr(layer, name) for name in names}
    return {**options, "padding": "valid"} if layer.padding == "causal" else options


def _conv(layer: Any, kernels: list[np.ndarray]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"QConv{layer.rank}D", {**_window(layer), "filters": layer.filters, "groups": layer.groups})]


def _depthwise_conv(layer: Any, kernels: list[np.ndarray]) -> list[tuple[str, dict[str, Any]]]:
    filters = kernels[0].shape[-1]
    groups = filters // layer.depth_multiplier
    name = f"QConv{layer.rank}D"
    layers: list[tuple[str, dict[str, Any]]] = [(name, {**_window(layer), "filters": filters, "groups": groups})]
    if len(kernels) > 1:
        layers.append((name, {"filters": kernels[1].shape[-1], "kernel_size": 1}))
    return layers


Parts = Callable[[Any, list[np.ndarray]], list[tuple[str, dict[str, Any]]]]
WITH_WEIGHTS: dict[str, tuple[Callable[[Any], list[np.ndarray]], Parts]] = {
    "Dense": (_kernel, _dense),
    "EinsumDense": (_kernel, _einsum),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), (_kernel, _conv)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), (_depthwise, _depthwise_conv)),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), (_separable, _depthwise_conv)),
}
"""Kernels of a layer, and the layers of HGQ2 that replace it, with their options."""


@dataclass
class _Copy:
    """A copy of a model in progress.

    Attributes
    ----------
    widths : Widths
    overflow : str
        Of all quantizers.
    quantizers : list of Quantizer
        Made so far, in the order of the graph.
    """

    widths: Widths
    overflow: str
    quantizers: list[Any] = field(default_factory=list)
    _chains: dict[int, list[Any]] = field(default_factory=dict)
    _folded: dict[int, Any] = field(default_factory=dict)

    def of_model(self, model: Any) -> Any:
        """Copy a model."""
        functional = as_functional(model, model.outputs if len(model.outputs) > 1 else model.outputs[0])
        foldable = _foldable(functional)
        self._folded |= {id(layer): norm for layer, norm in foldable}
        self._chains |= {id(norm): [] for _, norm in foldable}
        return keras.models.clone_model(functional, clone_function=lambda layer: layer, call_function=self)

    def __call__(self, layer: Any, *args: Any, **options: Any) -> Any:
        """Call the copy of a layer."""
        if not isinstance(layer, keras.Layer):
            return layer(*args, **options)
        known = id(layer) in self._chains
        if not known:
            self._chains[id(layer)] = self._chain(layer)
        chain = self._chains[id(layer)]
        if not chain:
            return args[0]
        result = args
        for part in chain:
            result = (part(*result, **(options if len(chain) == 1 else {})),)
        if not known:
            self._take_over(layer, chain)
        return result[0]

    def _chain(self, layer: Any) -> list[Any]:
        """Return the layers that replace a layer."""
        if isinstance(layer, keras.Model):
            return [self.of_model(layer)]
        kind = type(layer).__name__
        own = type(layer).__module__.startswith("keras.")
        if own and kind in WITH_WEIGHTS:
            return self._with_weights(layer, kind)
        same = type(layer).from_config(layer.get_config())
        if own and kind in LAYERS and not is_relu(layer) and not of_several_values(layer):
            linear = getattr(layer, "activation", None) is keras.activations.linear
            return [same] if linear else self._between_quantizers(layer, same)
        return [same]

    def _between_quantizers(self, layer: Any, function: Any) -> list[Any]:
        """Put quantizers before and behind a function, so that it is a table whatever reads it."""
        return [self._quantizer(layer, "argument"), function, self._quantizer(layer, "result")]

    def _with_weights(self, layer: Any, kind: str) -> list[Any]:
        import hgq.layers

        kernels, parts = WITH_WEIGHTS[kind]
        layers = []
        if getattr(layer, "padding", None) == "causal":
            before = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
            layers.append(keras.layers.ZeroPadding1D((before, 0), name=f"{layer.name}_padding"))
        replaced = parts(layer, kernels(layer))
        for n, (name, options) in enumerate(replaced):
            last = n == len(replaced) - 1
            if name == "QEinsumDense":
                if id(layer) in self._folded:
                    options["bias_axes"] = options["bias_axes"] or layer.equation[-1]
            else:
                options["use_bias"] = last and (layer.use_bias or id(layer) in self._folded)
            relu = last and layer.activation is keras.activations.relu
            layers.append(
                getattr(hgq.layers, name)(
                    **options,
                    activation="relu" if relu else None,
                    name=layer.name if last else f"{layer.name}_{n}",
                    iq_conf=self._config("datalane", self.widths.activations),
                    kq_conf=self._config("weight", self.widths.weights),
                    bq_conf=self._config("bias", self.widths.weights),
                    enable_iq=True,
                    enable_oq=False,
                )
            )
        if layer.activation not in (keras.activations.linear, keras.activations.relu):
            several = of_several_values(layer)
            activation = keras.layers.Activation(layer.activation, name=f"{layer.name}_activation")
            layers += [activation] if several else self._between_quantizers(layer, activation)
        return layers

    def _config(self, place: str, bits: int) -> Any:
        from hgq.config import QuantizerConfig
        from hgq.constraints import MinMax

        return QuantizerConfig(
            q_type="kbi",
            place=place,
            k0=1,
            b0=bits,
            i0=0,
            round_mode="RND",
            overflow_mode=self.overflow,
            bc=MinMax(0, MOST_BITS),
            ic=MinMax(*INTEGER_BITS),
            heterogeneous_axis=(-1,),
            homogeneous_axis=None,
        )

    def _quantizer(self, layer: Any, role: str) -> Any:
        from hgq.quantizer import Quantizer

        return Quantizer(self._config("datalane", self.widths.activations), name=f"{layer.name}_{role}")

    def _take_over(self, layer: Any, chain: list[Any]) -> None:
        """Give the copies of a layer its weights, and note their quantizers."""
        kind = type(layer).__name__
        with_kernel = [part for part in chain if hasattr(part, "kq")]
        if type(layer).__module__.startswith("keras.") and kind in WITH_WEIGHTS:
            kernels = WITH_WEIGHTS[kind][0](layer)
            bias = None if layer.bias is None else keras.ops.convert_to_numpy(layer.bias)
            if id(layer) in self._folded:
                kernels[-1], bias = _folded(kernels[-1], bias, self._folded[id(layer)])
            for part, kernel in zip(with_kernel, kernels, strict=True):
                part._kernel.assign(kernel)
                self.quantizers += [part.iq, part.kq]
            if bias is not None:
                with_kernel[-1].bias.assign(np.broadcast_to(bias, with_kernel[-1].bias.shape))
                self.quantizers.append(with_kernel[-1].bq)
        elif not isinstance(layer, keras.Model):
            same = next(part for part in chain if type(part) is type(layer))
            same.set_weights(layer.get_weights())
        if len(chain) > 1:
            self.quantizers += [part for part in chain if type(part).__name__ == "Quantizer"]


def _foldable(model: Any) -> list[tuple[Any, Any]]:
    """Find layers with weights whose only reader is a batch normalization over the last axis."""
    readers: dict[int, int] = {id(tensor): 1 for tensor in model.outputs}
    for op in model.operations:
        for node in calls_of(op):
            for tensor in node.input_tensors:
                readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    pairs = []
    for norm in model.layers:
        if type(norm).__name__ != "BatchNormalization" or len(calls_of(norm)) != 1:
            continue
        (tensor,) = first_call(norm).input_tensors
        layer, _, _ = producer(tensor)
        axis = norm.axis if isinstance(norm.axis, int) else norm.axis[0]
        plain = type(layer).__module__.startswith("keras.") and type(layer).__name__ in WITH_WEIGHTS
        if (
            plain
            and layer.activation is keras.activations.linear
            and len(calls_of(layer)) == 1
            and readers[id(tensor)] == 1
            and axis % len(tensor.shape) == len(tensor.shape) - 1
            and _has_last_axis(layer)
        ):
            pairs.append((layer, norm))
    return pairs


def _has_last_axis(layer: Any) -> bool:
    """Return whether the last axis of the outputs of a layer is the last one of its kernel and of its bias."""
    if type(layer).__name__ != "EinsumDense":
        return True
    inputs, output = layer.equation.split("->")
    last = output[-1]
    return last.isalpha() and inputs[-1] == last and (layer.bias_axes is None or layer.bias_axes[-1] == last)


def _folded(kernel: np.ndarray, bias: np.ndarray | None, norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias of a layer and the batch normalization behind it."""
    mean, variance = (keras.ops.convert_to_numpy(x) for x in (norm.moving_mean, norm.moving_variance))
    scale = 1.0 / np.sqrt(variance + norm.epsilon)
    scale = scale * keras.ops.convert_to_numpy(norm.gamma) if norm.scale else scale
    offset = keras.ops.convert_to_numpy(norm.beta) if norm.center else 0.0
    return kernel * scale, ((0.0 if bias is None else bias) - mean) * scale + offset


def with_probabilities(model: Any, bits: int) -> Any:
    """Replace a softmax or sigmoid at the end of a model by one that is made of tables.

    Parameters
    ----------
    model : keras.Model
        A functional or Sequential model that ends in softmax or sigmoid of real values.
    bits : int
        Of a probability.

    Returns
    -------
    keras.Model
        Its outputs are unsigned fractions of so many bits. A `QSoftmax` at the end stays as it is.

    Raises
    ------
    FirmwareError
        If the model does not end in a softmax or sigmoid.
    """
    from hgq.config import QuantizerConfig
    from hgq.layers import QSoftmax
    from hgq.quantizer import Quantizer

    logits, note = without_final_activation(model)
    if note is None:
        raise FirmwareError(
            f"model {model.name!r}: does not end in softmax or sigmoid. Expected one of them for "
            "network.output: probabilities"
        )
    if type(producer(model.outputs[0])[0]).__name__ == "QSoftmax":
        return model

    def config(signed: bool, integer: int, fraction: int) -> Any:
        return QuantizerConfig(
            q_type="kif",
            place="datalane",
            k0=int(signed),
            i0=integer,
            f0=fraction,
            round_mode="RND",
            overflow_mode="SAT",
            homogeneous_axis=None,
            heterogeneous_axis=(),
        )

    # Beyond so many integer bits, exp(-x) rounds to 0.
    beyond = math.ceil(math.log2((bits + 2) * math.log(2)))
    (tensor,) = logits.outputs
    if "softmax" in note:
        classes = int(tensor.shape[-1])
        softmax = QSoftmax(
            axis=-1,
            exp_iq_conf=config(False, beyond, bits - 2),
            exp_oq_conf=config(False, 1, bits + 1),
            inv_iq_conf=config(False, classes.bit_length(), bits - 2),
            inv_oq_conf=config(False, 1, bits + 1),
            oq_conf=config(False, 0, bits),
            enable_oq=True,
            enable_ebops=False,
            name="probabilities",
        )
        return as_functional(model, softmax(tensor))
    argument = Quantizer(config(True, beyond, bits - 2), name="probabilities_argument")(tensor)
    probability = keras.layers.Activation("sigmoid", name="probabilities_sigmoid")(argument)
    return as_functional(model, Quantizer(config(False, 0, bits), name="probabilities")(probability))
