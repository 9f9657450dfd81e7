"""Models saved by QKeras, read without QKeras: the same function in layers of HGQ2 and Keras.

QKeras needs packages that do not go with HGQ2. So layers with the names of QKeras take the weights from the file. Then
layers of HGQ2 replace them. Their formats are those of the quantizers of QKeras: `quantized_bits(bits, integer)` is
fixed<bits, integer + 1>, `quantized_relu(bits, integer)` is ufixed<bits, integer>. Ties are rounded to even, and values
beyond the format saturate.
"""

from __future__ import annotations

import ast
import inspect
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.keras_file import saved_config
from trigger_lut.conversion.final_activation import as_functional
from trigger_lut.conversion.post_training import WITH_WEIGHTS
from trigger_lut.errors import CardError

QUANTIZERS = {
    "quantized_bits": ("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding"),
    "quantized_relu": (
        "bits",
        "integer",
        "use_sigmoid",
        "negative_slope",
        "use_stochastic_rounding",
        "relu_upper_bound",
    ),
}
"""Positional arguments of the quantizers that are read."""

PLAIN_OPTIONS = {
    **dict.fromkeys(("use_sigmoid", "negative_slope"), 0),
    **dict.fromkeys(("relu_upper_bound", "elements_per_scale", "scale_axis", "post_training_scale")),
    **dict.fromkeys(("min_po2_exponent", "max_po2_exponent")),
    "qnoise_factor": 1,
}
"""Options with which a quantizer is another function, and the value that is read."""

OTHER_QUANTIZERS = (
    *("bernoulli", "binary", "quantized_hswish", "quantized_linear", "quantized_po2", "quantized_relu_po2"),
    *("quantized_sigmoid", "quantized_tanh", "quantized_ulaw", "stochastic_binary", "stochastic_ternary", "ternary"),
)
LAYERS = {
    f"Q{name}": getattr(keras.layers, name)
    for name in (
        *("Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        "BatchNormalization",
    )
}
"""Layer of Keras by the name of the layer of QKeras that takes its place."""

IGNORED = ("Clip", "QInitializer")
"""Constraints and initializers: they act in training alone."""

FEATURES_OF_TRAINING = ("initializer", "regularizer", "constraint", "_range")
EPSILON = np.float32(1e-7)
AUTO_ROUNDS = 5


class QuantizerOfFile(NamedTuple):
    """A quantizer of QKeras: its name and its options."""

    name: str
    options: dict[str, Any]


class Format(NamedTuple):
    """Fixed-point format: sign bit, integer bits without it, fraction bits, and whether the range is symmetric."""

    k: int
    i: int
    f: int
    symmetric: bool


ANY_FORMAT = Format(1, 0, 8, False)
"""Format of weights until they are known."""


def is_qkeras_file(path: str | Path) -> bool:
    """Return whether a saved model has quantizers of QKeras; False for a file that is no saved model."""
    try:
        config = saved_config(Path(path))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False
    names = (*QUANTIZERS, *OTHER_QUANTIZERS, "QActivation", "qkeras>")
    return any(f'"{name}' in config for name in names)


def read_qkeras(path: str | Path) -> Any:
    """Read a model saved by QKeras, for Keras 2 (.h5) or Keras 3 (.h5, .keras).

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    keras.Model
        Layers of HGQ2 and Keras. It can be trained further like any model of HGQ2.

    Raises
    ------
    CardError
        For a layer or quantizer that cannot be read exactly.
    """
    readers = {name: _reader(base, name) for name, base in LAYERS.items()}
    readers["QActivation"] = _Activation
    readers |= {name: _description(name) for name in (*QUANTIZERS, *OTHER_QUANTIZERS, *IGNORED)}
    objects = {**readers, **{f"qkeras>{name}": kind for name, kind in readers.items()}}
    model = keras.models.load_model(path, custom_objects=objects, compile=False)
    functional = as_functional(model, model.outputs if len(model.outputs) > 1 else model.outputs[0])
    return keras.models.clone_model(functional, clone_function=lambda layer: layer, call_function=_Replacement())


def _description(name: str) -> Any:
    """Return a class that keeps the options of a quantizer, for Keras to make from the file."""

    def from_config(_: Any, config: dict[str, Any]) -> QuantizerOfFile:
        return QuantizerOfFile(name, config)

    return type(name, (), {"from_config": classmethod(from_config), "get_config": lambda self: {}})


def _reader(base: Any, name: str) -> Any:
    """Return a layer of Keras that takes the options of the layer of QKeras, and keeps its quantizers."""
    known = {*inspect.signature(base.__init__).parameters, "trainable", "dtype", "name"}

    class Reader(base):  # type: ignore[misc]
        def __init__(self, *args: Any, activation: Any = None, **options: Any) -> None:
            read = {key: value for key, value in options.items() if key.endswith("_quantizer")}
            rest = {k: v for k, v in options.items() if k not in read and not k.endswith(FEATURES_OF_TRAINING)}
            super().__init__(*args, **{key: value for key, value in rest.items() if key in known})
            self._quantizers_of_file = tuple(sorted(read.items()))
            self._activation_of_file = (activation,)
            for key, value in rest.items():
                if key not in known and value is not None:
                    raise _refused(self, f"{key}={value!r}", f"no {key}")

    Reader.__name__ = Reader.__qualname__ = name
    return Reader


class _Activation(keras.layers.Layer):  # type: ignore[misc]
    """Layer that keeps the activation of a QActivation."""

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self._activation_of_file = (activation,)

    def call(self, inputs: Any) -> Any:
        """Return the inputs: the layer is replaced before it computes."""
        return inputs


class _Replacement:
    """Replaces each layer of QKeras, once, where the graph of a model calls it."""

    def __init__(self) -> None:
        self.made: dict[int, list[Any]] = {}

    def __call__(self, layer: Any, *args: Any, **options: Any) -> Any:
        """Call the layers that replace a layer."""
        if not hasattr(layer, "_activation_of_file"):
            return layer(*args, **options)
        known = id(layer) in self.made
        if not known:
            self.made[id(layer)] = _replaced(layer)
        result = args
        for part in self.made[id(layer)]:
            result = (part(*result),)
        if not known:
            _set_weights(layer, self.made[id(layer)])
        return result[0]


def _replaced(layer: Any) -> list[Any]:
    """Return the layers that compute what a layer of QKeras computes."""
    activation = _activation(layer)
    if isinstance(layer, _Activation):
        return activation
    quantizers = _quantizers(layer)
    base = type(layer).__mro__[1]
    if base is keras.layers.BatchNormalization:
        if any(quantizer is not None for quantizer in quantizers.values()):
            raise _refused(layer, "quantizers of QBatchNormalization", "none of them, or BatchNormalization")
        own = base(axis=layer.axis, epsilon=layer.epsilon, center=layer.center, scale=layer.scale, name=layer.name)
        return [own]
    kernels, parts = WITH_WEIGHTS[base.__name__]
    replacements = parts(layer, kernels(layer))
    layers = []
    for n, (name, options) in enumerate(replacements):
        last = n == len(replacements) - 1
        layers.append(_with_weights(layer, name, {**options, "use_bias": last and layer.use_bias}, n, last))
    return layers + activation


def _with_weights(layer: Any, name: str, options: dict[str, Any], number: int, last: bool) -> Any:
    import hgq.layers

    return getattr(hgq.layers, name)(
        **options,
        name=layer.name if last else f"{layer.name}_{number}",
        kq_conf=_config("weight", ANY_FORMAT),
        bq_conf=_config("bias", ANY_FORMAT),
        enable_iq=False,
        enable_oq=False,
    )


def _config(place: str, form: Format) -> Any:
    """Return the configuration of a quantizer of HGQ2."""
    from hgq.config import QuantizerConfig
    from hgq.constraints import MinMax

    axes: dict[str, Any] = {"heterogeneous_axis": (-1,), "homogeneous_axis": None}
    if place == "datalane":
        axes = {"heterogeneous_axis": (), "homogeneous_axis": None}
    return QuantizerConfig(
        q_type="kif",
        place=place,
        k0=form.k,
        i0=form.i,
        f0=form.f,
        round_mode="RND_CONV",
        overflow_mode="SAT_SYM" if form.symmetric else "SAT",
        ic=MinMax(-24, 24),
        fc=MinMax(-24, 24),
        **axes,
    )


def _set_weights(layer: Any, chain: list[Any]) -> None:
    """Give the layers that replace a layer the weights as QKeras rounds them, and the formats that hold them."""
    base = type(layer).__mro__[1]
    if base is keras.layers.BatchNormalization:
        chain[0].set_weights(layer.get_weights())
    if isinstance(layer, _Activation) or base.__name__ not in WITH_WEIGHTS:
        return
    quantizers = _quantizers(layer)
    keys = ["kernel_quantizer"]
    if base.__name__.startswith(("Depthwise", "Separable")):
        keys = ["depthwise_quantizer", "pointwise_quantizer"]
    for part, kernel, key in zip(chain, WITH_WEIGHTS[base.__name__][0](layer), keys, strict=False):
        values = _rounded(layer, kernel, quantizers.get(key), key)
        part._kernel.assign(values)
        _fit(part.kq, values)
    if layer.use_bias:
        last = next(part for part in reversed(chain) if hasattr(part, "kq"))
        values = _rounded(
            layer, keras.ops.convert_to_numpy(layer.bias), quantizers.get("bias_quantizer"), "bias_quantizer"
        )
        last.bias.assign(np.broadcast_to(values, last.bias.shape))
        _fit(last.bq, values)


def _fit(quantizer: Any, values: NDArray[np.float32]) -> None:
    """Give a quantizer of HGQ2 the narrowest formats, one per output, that hold all values."""
    inner = quantizer.quantizer
    shape = np.asarray(inner._i).shape
    channels = int(np.prod(shape))
    columns = values.reshape(-1, values.shape[-1]) if channels > 1 else values.reshape(-1, 1)
    formats = [_narrowest(column) for column in columns.T]
    for name, numbers in (("_k", [1] * channels), ("_i", [i for i, _ in formats]), ("_f", [f for _, f in formats])):
        getattr(inner, name).assign(np.reshape(numbers, shape).astype(np.float32))


def _narrowest(values: NDArray[np.float32]) -> tuple[int, int]:
    """Return integer bits and fraction bits of the narrowest signed format of values."""
    if not values.any():
        return 0, 1
    f = 0
    while (values * 2.0**f != np.floor(values * 2.0**f)).any():
        f += 1
    while f > -24 and (values * 2.0 ** (f - 1) == np.floor(values * 2.0 ** (f - 1))).all():
        f -= 1
    i = -24
    while values.max() > 2.0**i - 2.0**-f or values.min() < -(2.0**i):
        i += 1
    return i, f


def _activation(layer: Any) -> list[Any]:
    """Return the layers for the activation of a layer of QKeras."""
    (activation,) = layer._activation_of_file
    quantizer = _quantizer(layer, activation)
    if quantizer is None:
        return []
    if isinstance(quantizer, str):
        return [keras.layers.Activation(quantizer, name=f"{layer.name}_{quantizer}")]
    from hgq.quantizer import Quantizer

    alpha = quantizer.options.get("alpha")
    if alpha not in (None, 1):
        raise _refused(layer, f"activation with alpha={alpha!r}", "alpha of 1 or None")
    return [Quantizer(_config("datalane", _format(layer, quantizer)), name=f"{layer.name}_quantizer")]


def _quantizers(layer: Any) -> dict[str, QuantizerOfFile | str | None]:
    return {key: _quantizer(layer, value) for key, value in layer._quantizers_of_file}


def _quantizer(layer: Any, value: Any) -> QuantizerOfFile | str | None:
    """Return a quantizer from what the file has: an object, a call as text, or the name of a function of Keras."""
    if value is None or value == "linear":
        return None
    if isinstance(value, QuantizerOfFile):
        return value
    if isinstance(value, dict) and value.get("class_name") == "function":
        value = value["config"]  # a function of Keras, by its name
    if isinstance(value, dict) and "class_name" in value:
        return QuantizerOfFile(value["class_name"], dict(value.get("config", {})))
    if not isinstance(value, str):
        raise _refused(layer, f"quantizer {value!r}", "one of " + ", ".join(QUANTIZERS))
    try:
        call = ast.parse(value, mode="eval").body
    except SyntaxError:
        raise _refused(layer, f"quantizer {value!r}", "one of " + ", ".join(QUANTIZERS)) from None
    if isinstance(call, ast.Name):
        return QuantizerOfFile(call.id, {}) if call.id in (*QUANTIZERS, *OTHER_QUANTIZERS) else value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _refused(layer, f"quantizer {value!r}", "one of " + ", ".join(QUANTIZERS))
    try:
        positional = [ast.literal_eval(item) for item in call.args]
        named = {item.arg: ast.literal_eval(item.value) for item in call.keywords if item.arg}
    except ValueError:
        raise _refused(layer, f"quantizer {value!r}", "numbers as its options") from None
    options = dict(zip(QUANTIZERS.get(call.func.id, ()), positional, strict=False))
    return QuantizerOfFile(call.func.id, options | named)


def _format(layer: Any, quantizer: QuantizerOfFile) -> Format:
    """Return the format of a quantizer."""
    name, options = quantizer
    if name not in QUANTIZERS:
        raise _refused(layer, f"quantizer {name}", "one of " + ", ".join(QUANTIZERS))
    for key, plain in PLAIN_OPTIONS.items():
        if (given := options.get(key, plain)) not in (None, plain):
            raise _refused(layer, f"{name} with {key}={given!r}", f"{key} of {plain}")
    bits, integer = int(options.get("bits", 8)), int(options.get("integer", 0))
    k = int(name == "quantized_bits" and bool(options.get("keep_negative", True)))
    if bits <= k:
        raise _refused(layer, f"{name} of {bits} bit", f"at least {k + 1} bits")
    return Format(k, integer, bits - k - integer, bool(options.get("symmetric", 0)) and k == 1)


def _rounded(
    layer: Any, weights: NDArray[np.float32], quantizer: QuantizerOfFile | str | None, key: str
) -> NDArray[np.float32]:
    """Return weights as QKeras rounds them."""
    if quantizer is None or isinstance(quantizer, str):
        raise _refused(layer, f"no {key}", "a quantizer of all weights; set network.quantize for a float model")
    form = _format(layer, quantizer)
    alpha = quantizer.options.get("alpha")
    if alpha == "auto_po2" and key == "kernel_quantizer":  # others have scales over other axes
        return _with_found_scale(weights, quantizer, form)
    if alpha is not None and (isinstance(alpha, str) or np.log2(alpha) % 1):
        raise _refused(
            layer, f"{key} with alpha={alpha!r}", "alpha of 1, None or a power of two; 'auto_po2' for kernels"
        )
    low = -(2.0 ** (form.i + form.f)) + form.symmetric if form.k else 0.0
    codes = np.clip(np.round(weights * np.float32(2.0**form.f)), low, 2.0 ** (form.i + form.f) - 1)
    return (codes * 2.0**-form.f * (alpha or 1)).astype(np.float32)


def _with_found_scale(weights: NDArray[np.float32], quantizer: QuantizerOfFile, form: Format) -> NDArray[np.float32]:
    """Round weights at a power of two for each output, as `alpha="auto_po2"` of QKeras finds it.

    The first scale follows from the largest weight. Each of five rounds takes the power of two next to the scale of
    least squares between weights and codes.
    """
    most = np.float32(2.0 ** (int(quantizer.options.get("bits", 8)) - 1) - 1)
    axes = tuple(range(weights.ndim - 1)) or (0,)
    x = weights / np.float32(2.0**form.i)

    def power_of_two(scale: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.exp2(np.round(np.log(scale + EPSILON) / np.log(np.float32(2)))).astype(np.float32)

    def codes(scale: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.sign(x) * np.minimum(np.floor(np.abs(x) / scale + np.float32(0.5)), most)

    scale = power_of_two(np.abs(x).max(axis=axes, keepdims=True) / most)
    for _ in range(AUTO_ROUNDS):
        q = codes(scale)
        scale = power_of_two(
            (x * q).mean(axis=axes, keepdims=True) / ((q * q).mean(axis=axes, keepdims=True) + EPSILON)
        )
    return (np.float32(2.0**form.i) * scale * codes(scale)).astype(np.float32)


def _refused(layer: Any, actual: str, expected: str) -> CardError:
    return CardError(f"layer {layer.name!r} of QKeras: cannot be read exactly. Expected {expected}, found {actual}")
