"""An imported Keras model evaluated exactly, by Keras itself.

HGQ2 computes in float32. A value that float32 cannot hold is rounded, and a quantizer behind it may then take the
other side of a tie. To tell this from a wrong conversion, the model is built once more in float64, in which its sums
are exact up to 53 bits. Nothing here reads the integer network or the code that made it.

Constants are those of the model in float32: its quantized weights, scales and offsets. Float32 alone decides some
entries of HGQ2's layers of tables: those whose real value is a tie to float32 precision. Each may be rounded either
way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network
from trigger_lut.verification.keras_model import outputs_of, values_of

BLOCK = 8192  # events evaluated at once
WAYS = ("nearest", "down", "up", 1, 2, 3, 4)  # of rounding table entries at ties; a number seeds a random choice
FLOAT32 = 2.0**-19  # error of a small network in float32, relative to the largest value
MOST = 2.0**-8  # steps of the table around a tie in which float32 may decide
OURS = "trigger_lut"


class ExactModel:
    """The model in float64.

    Parameters
    ----------
    model : keras.Model
        A model of HGQ2's and Keras' layers, in float32.

    Raises
    ------
    FirmwareError
        Where the model cannot be built in float64.
    """

    def __init__(self, model: Any) -> None:
        import keras

        self._rounding = _Rounding()
        try:
            with _float64():
                config = _in_float64(keras.saving.serialize_keras_object(model))
                self.model = keras.saving.deserialize_keras_object(config)
            self._take_over(model)
        except Exception as error:  # of a user's layer, whatever it has against float64
            reason = (str(error).splitlines() or [""])[0]
            raise FirmwareError(
                f"model {model.name!r}: cannot be built in float64 ({type(error).__name__}: {reason[:200]}). Expected "
                "layers of Keras and HGQ2, or own layers that take a dtype"
            ) from error

    def _take_over(self, model: Any) -> None:
        for theirs, ours in zip(model.variables, self.model.variables, strict=True):
            ours.assign(np.asarray(theirs))
        layers = (m._flatten_layers(include_self=False) for m in (model, self.model))
        for theirs, ours in zip(*layers, strict=True):
            if type(theirs).__module__.startswith("hgq."):
                _fix_constants(theirs, ours)
                for quantizer in _of_tables(ours):
                    self._rounding.watch(quantizer)

    def outputs(self, network: Network, codes: IntArray, *, way: str | int = "nearest") -> NDArray[np.float64]:
        """Evaluate events.

        Parameters
        ----------
        network : Network
            Its formats of inputs and outputs.
        codes : (N, C_in) int array
        way
            Of rounding table entries at ties, one of `WAYS`.

        Returns
        -------
        (N, C_out) float64 array
            In steps of each output.
        """
        self._rounding.way = way
        blocks = []
        with _float64():
            for start in range(0, len(codes), BLOCK):
                some = codes[start : start + BLOCK]
                result = self.model(values_of(self.model, network, codes=some, kind=np.float64), training=False)
                blocks.append(outputs_of(result, network, events=len(some)))
        return np.concatenate(blocks)


@dataclass(frozen=True)
class Explained:
    """Differences between a model in float32 and the integers.

    Attributes
    ----------
    rounding : NDArray of shape (N,)
        Events that differ, but not once the model is evaluated exactly.
    note
        Reason why the model could not be evaluated exactly; None where it was, or nothing differs.
    """

    rounding: NDArray[np.bool_]
    note: str | None = None


def explained(model: Any, network: Network, *, codes: IntArray, expected: IntArray, actual: Any) -> Explained:
    """Find the events in which float rounding alone makes a Keras model differ from the integers.

    Parameters
    ----------
    model : keras.Model
        Imported model.
    network : Network
        Integer network of the model.
    codes : IntArray of shape (N, C_in)
        Input codes.
    expected : IntArray of shape (N, C_out)
        Output codes of the integer network.
    actual : array of shape (N, C_out)
        Outputs of the model in float32, in steps of each output.

    Returns
    -------
    Explained
        Events that agree in float64, under some rounding of the entries at ties.
    """
    rounding = np.zeros(len(codes), dtype=np.bool_)
    open_events = np.flatnonzero((np.asarray(actual) != expected).any(axis=1))
    if not len(open_events):
        return Explained(rounding)
    try:
        exact = ExactModel(model)
        for way in WAYS:
            same = (exact.outputs(network, codes[open_events], way=way) == expected[open_events]).all(axis=1)
            rounding[open_events[same]] = True
            open_events = open_events[~same]
            if not len(open_events) or not exact._rounding.watched:
                break
    except Exception as error:  # of a user's layer, whatever it has against float64
        return Explained(rounding, f"not evaluated exactly: {str(error).splitlines()[0]}")
    return Explained(rounding)


# ---------------------------------------------------------------- building in float64


@contextmanager
def _float64() -> Iterator[None]:
    """Let layers that are made or called within the block compute in float64."""
    import keras

    policy, floats = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(policy)


def _in_float64(config: Any) -> Any:
    """Copy a serialized configuration with float64 in place of float32; this package's layers are exact as they are."""
    if isinstance(config, dict):
        if str(config.get("registered_name") or "").startswith(OURS):
            return config
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": "float64"}}
        return {k: "float64" if k == "dtype" and v == "float32" else _in_float64(v) for k, v in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_in_float64(value) for value in config)
    return config


def _fix_constants(theirs: Any, ours: Any) -> None:
    """Give a layer the quantized constants of the same layer in float32, as they are."""
    import keras

    def constant(value: Any) -> Any:
        return None if value is None else keras.ops.convert_to_tensor(np.asarray(value, dtype=np.float64))

    kind = type(theirs)
    fixed: dict[str, Any] = {}
    for name in ("qkernel", "qbias"):
        if isinstance(getattr(kind, name, None), property):
            value = constant(getattr(theirs, name))
            fixed[name] = property(partial(_given, value))
    if hasattr(kind, "get_fused_qkernel_and_qbias"):
        pair = constant(theirs.qkernel), constant(theirs.qbias)
        fixed["get_fused_qkernel_and_qbias"] = lambda self, *args, **options: pair
    if hasattr(kind, "qscaler_and_qoffset"):
        scaled = tuple(constant(part) for part in theirs.qscaler_and_qoffset)
        fixed["_scaler_and_offset"] = lambda self: scaled
    if fixed:
        _override(ours, fixed)


def _override(layer: Any, members: dict[str, Any]) -> None:
    kind = type(layer)
    meta: Any = type(kind)
    object.__setattr__(layer, "__class__", meta(kind.__name__, (kind,), {"__module__": __name__, **members}))


def _given(value: Any, layer: Any) -> Any:
    return value


# ---------------------------------------------------------------- entries of tables at ties


def _of_tables(layer: Any) -> list[Any]:
    """Return the quantizers behind the functions of HGQ2's layers of tables."""
    if hasattr(type(layer), "toq"):
        return [layer.toq]
    return [layer.oq] if "FunctionLUT" in type(layer).__name__ and layer.enable_oq else []


class _Rounding:
    """Rounding of values that are ties to float32 precision, in the quantizers that it watches."""

    def __init__(self) -> None:
        self.way: str | int = "nearest"
        self.watched = 0

    def watch(self, quantizer: Any) -> None:
        """Make a quantizer of HGQ2 round as `way` says."""
        import keras

        rounding, place, inner = self, self.watched, type(quantizer).call
        self.watched += 1

        def call(self: Any, inputs: Any, training: bool | None = None) -> Any:
            x = np.asarray(keras.ops.convert_to_numpy(inputs), dtype=np.float64)
            shift = rounding.shift(x, np.asarray(keras.ops.convert_to_numpy(self.epsilon_(x.shape))), place)
            return inner(self, keras.ops.convert_to_tensor(x + shift), training=training)

        _override(quantizer, {"call": call})

    def shift(self, x: NDArray[np.float64], step: NDArray[np.float64], place: int) -> NDArray[np.float64]:
        """Move values by the error of float32, at most: only those at a tie are rounded in another way."""
        error: NDArray[np.float64] = np.minimum(FLOAT32 * np.abs(x).max(initial=0.0), MOST * step)
        if isinstance(self.way, int):
            shape = x.shape[1:]  # the same for each event
            error *= np.random.default_rng([self.way, place]).choice([-1.0, 1.0], shape)
        else:
            error *= {"nearest": 0.0, "down": -1.0, "up": 1.0}[self.way]
        return error
