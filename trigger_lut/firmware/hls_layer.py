"""`LUTDense` as a native hls4ml layer for the Vitis backend: importing this module registers it.

Four parts, all of hls4ml's extension API: a converter handler for the Keras layer, the layer of the hls4ml model, and
its two templates. The C++ that they share is `nnet_lut_dense.h`. `hls4ml.converters.convert_from_keras_model` then
takes the layer as any other; `hls.write_hls` also picks exact types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hls4ml
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
from hls4ml.model.attributes import Attribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.types import FixedPrecisionType

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.hls_code import common_format, layer_code
from trigger_lut.fixed_point import KIF
from trigger_lut.network import LUTDenseTables

KERAS_LAYER = "trigger_lut.layers.lut_dense.LUTDense"
HEADER = Path(__file__).with_name("nnet_lut_dense.h")


def precision(kif: KIF) -> Any:
    """hls4ml's type of a format."""
    width, integer = kif.fixed()
    return FixedPrecisionType(width, integer, signed=bool(kif.k))


def kif_of(variable: Any) -> KIF:
    """Format of an hls4ml tensor variable."""
    p = variable.type.precision
    return KIF(int(p.signed), p.integer - int(p.signed), p.width - p.integer)


def integer_form(layer: Any, tensor: Any) -> LUTDenseTables:
    """Integer form of a Keras layer that reads `tensor`.

    After another layer of tables the range of every channel is known, so that it wraps where it provably fits; at the
    input anything can enter, so that every channel saturates.
    """
    before = tensor._keras_history.operation
    ranges = None
    if hasattr(before, "integer_form"):
        form = integer_form(before, before.input)
        ranges = [(int(a), int(b), int(f)) for a, b, f in zip(*form.bounds(), form.fraction, strict=True)]
    tables: LUTDenseTables = layer.integer_form(ranges)
    return tables


class LUTDenseHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Reads the integer form of a Keras layer."""

    handles = (KERAS_LAYER,)

    def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
        if len(in_tensors[0].shape) != 2:
            raise FirmwareError(
                f"layer {layer.name!r}: expected an input of shape (N, C_in), found {tuple(in_tensors[0].shape)}; "
                "hls4ml projects are made of LUTDense layers on flat inputs"
            )
        tables = integer_form(layer, in_tensors[0])
        if tables.rounding != "TRN":
            raise FirmwareError(f"layer {layer.name!r}: input_rounding {tables.rounding!r}; expected 'TRN' for hls4ml")
        n_in, n_out = tables.shape
        return {
            "class_name": "LUTDense",
            "n_in": n_in,
            "n_out": n_out,
            "tables": tables,
            "handler": type(self).__name__,
        }

    def maybe_get_activation_config(self, layer: Any, out_tensors: Any) -> tuple[None, None]:
        """None: the activation of the layer is that of its edge networks, long in the tables."""
        return None, None


class LUTDenseNode(Layer):  # type: ignore[misc]
    """The layer in an hls4ml model; its result type holds every output exactly."""

    _expected_attributes = [
        Attribute("n_in"),
        Attribute("n_out"),
        Attribute("tables", value_type=LUTDenseTables),
        Attribute("handler", value_type=str),
    ]

    def initialize(self) -> None:
        tables = self.get_attr("tables")
        backend = self.model.config.get_config_value("Backend")
        if backend != "Vitis":  # hls4ml would write the project without the layer's code, and say nothing
            raise FirmwareError(f"{self.name}: LUTDense is for backend='Vitis' only, found {backend!r}")
        if self.model.config.get_config_value("IOType") != "io_parallel":
            raise FirmwareError(f"{self.name}: LUTDense is for io_parallel only")
        self.add_output_variable([tables.shape[1]], precision=precision(common_format(tables.output_formats())))


class LUTDenseConfigTemplate(LayerConfigTemplate):  # type: ignore[misc]
    """Tables and sums, written into parameters.h."""

    def __init__(self) -> None:
        super().__init__(LUTDenseNode)

    def format(self, node: Any) -> str:
        source, result = kif_of(node.get_input_variable()), kif_of(node.get_output_variable())
        exact = common_format(node.get_attr("tables").output_formats())
        if common_format((result, exact)) != result:
            raise FirmwareError(f"{node.name}: result type {result} does not hold every output; expected {exact}")
        return layer_code(node.get_attr("tables"), node.index, source, result)


class LUTDenseFunctionTemplate(FunctionCallTemplate):  # type: ignore[misc]
    """The call of the layer in the top function."""

    def __init__(self) -> None:
        super().__init__(LUTDenseNode, include_header=[f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        call = "nnet::lut_dense<{input_t}, {output_t}, {config}>({input}, {output});"
        return call.format(**self._default_function_params(node))


def _register() -> None:
    register_layer("LUTDense", LUTDenseNode)
    backend = hls4ml.backends.get_backend("Vitis")
    backend.register_template(LUTDenseConfigTemplate)
    backend.register_template(LUTDenseFunctionTemplate)
    backend.register_source(HEADER)


_register()
