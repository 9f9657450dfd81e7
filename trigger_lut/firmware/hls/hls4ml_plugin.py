"""Layers of tables as native hls4ml layers for the Vitis backend; `register` is the plug-in's entry point.

All parts are hls4ml's extension API: converter handlers for Keras layers, one kind of node for hls4ml's model, and its
two templates. A node has the integer form of one Keras layer, from `conversion.operation`, and writes it with `cpp`.
Layers that hls4ml has no handler for do so too. HGQ2's arithmetic layers stay hls4ml's own. Its inference of exact
types (`bit_exact`) passes through the nodes, whose types are exact already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
from hls4ml.model.attributes import Attribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.optimizer.passes import bit_exact
from hls4ml.model.types import FixedPrecisionType

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.hls.cpp import common_format, network_code, output_formats
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network

HEADER = Path(__file__).with_name("nnet_lut_network.h")
TABLE_LAYERS = tuple(
    f"trigger_lut.layers.{module}.{kind}"
    for module, kind in (("lut_dense", "LUTDense"), ("lut_conv", "LUTConv1D"), ("lut_conv", "LUTConv2D"))
)
# Layers with an integer form that hls4ml has no handler for.
EXACT_LAYERS = (
    "hgq.layers.ops.accum.QSum",
    "hgq.layers.ops.accum.QMeanPow2",
    "hgq.layers.ops.merge.QConcatenate",
    "hgq.layers.table.dense.QDenseT",
    "hgq.layers.table.conv.QConvT1D",
    "hgq.layers.table.conv.QConvT2D",
    *(
        f"keras.src.layers.reshaping.{module}.{kind}"
        for module, kind in (
            ("zero_padding1d", "ZeroPadding1D"),
            ("zero_padding2d", "ZeroPadding2D"),
            ("cropping1d", "Cropping1D"),
            ("cropping2d", "Cropping2D"),
            ("repeat_vector", "RepeatVector"),
        )
    ),
)
INPUT_FORMATS: ContextVar[Mapping[str, Sequence[KIF]] | None] = ContextVar("input_formats", default=None)


def precision(kif: KIF) -> Any:
    """hls4ml's type of a format."""
    width, integer = kif.fixed()
    return FixedPrecisionType(width, integer, signed=bool(kif.k))


def kif_of(variable: Any) -> KIF:
    """Format of an hls4ml tensor variable."""
    p = variable.type.precision
    return KIF(int(p.signed), p.integer - int(p.signed), p.width - p.integer)


@contextmanager
def known_inputs(formats: Mapping[str, Sequence[KIF]]) -> Iterator[None]:
    """Conversions inside know the formats of the values of each input layer, by its name."""
    token = INPUT_FORMATS.set(formats)
    try:
        yield
    finally:
        INPUT_FORMATS.reset(token)


class TableHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Takes layers of tables."""

    handles = TABLE_LAYERS

    def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
        """Convert a layer of tables to a node."""
        from trigger_lut.conversion.operation import layer_network

        return {
            "class_name": "LUTNetwork",
            "network": layer_network(layer, in_tensors, out_tensor=out_tensors[0], inputs=INPUT_FORMATS.get()),
            "target_shape": list(out_tensors[0].shape[1:]),
            "handler": type(self).__name__,
        }

    def maybe_get_activation_config(self, layer: Any, out_tensors: Any) -> tuple[None, None]:
        """None: the activation of the layer is that of its edge networks, long in the tables."""
        return None, None


class ExactHandler(TableHandler):
    """Takes arithmetic and rearranging layers that hls4ml has no handler for, by their integer form."""

    handles = EXACT_LAYERS


class WholeNetworkHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Takes a whole network as one layer: see `conversion.network_layer`."""

    handles = ("trigger_lut.conversion.network_layer.NetworkLayer",)

    def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
        """Convert a network layer to a node."""
        return {
            "class_name": "LUTNetwork",
            "network": layer.network,
            "target_shape": list(out_tensors[0].shape[1:]),
            "handler": type(self).__name__,
        }


class LUTNetworkNode(Layer):  # type: ignore[misc]
    """The integer form of a layer in an hls4ml model; its result type holds every output exactly."""

    _expected_attributes = [
        Attribute("network", value_type=Network),
        Attribute("target_shape", value_type=list),
        Attribute("handler", value_type=str),
    ]

    def initialize(self) -> None:
        """Set the types of the node. Raises FirmwareError for another backend or interface."""
        backend = self.model.config.get_config_value("Backend")
        if backend != "Vitis":  # hls4ml would write the project without the layer's code, and say nothing
            raise FirmwareError(f"{self.name}: layers of tables are for backend='Vitis' only, found {backend!r}")
        if self.model.config.get_config_value("IOType") != "io_parallel":
            raise FirmwareError(f"{self.name}: layers of tables are for io_parallel only")
        self._type_inputs()
        self.set_attr("trusted", True)  # bit_exact: the type is right as it is
        kif = common_format(output_formats(self.get_attr("network")))
        self.add_output_variable(self.get_attr("target_shape"), precision=precision(kif))

    def _type_inputs(self) -> None:
        """Give inputs that this node reads, rearranged or not, the type of its channels, unless the user chose one."""
        formats, first = self.get_attr("network").inputs, 0
        given = self.model.config.config["HLSConfig"].get("LayerName", {})
        for name in self.inputs:
            size = int(np.prod(self.get_input_variable(name).shape))
            read = formats[first : first + size]
            first += size
            for source in _entrances(self.model, name):
                asked = given.get(source.name, {}).get("Precision", {})
                asked = asked.get("result", "auto") if isinstance(asked, dict) else asked
                if asked == "auto":
                    before = [kif_of(source.get_output_variable())] if source.get_attr("trusted", False) else []
                    source.get_output_variable().type.precision = precision(common_format([*read, *before]))
                source.set_attr("trusted", True)


def _entrances(model: Any, name: str) -> list[Any]:
    """List the inputs of the model that a node is, or that it only rearranges."""
    node = model.graph.get(name)
    if node is None or node.class_name == "Input":
        return [] if node is None else [node]
    if node.class_name not in ("Reshape", "Transpose", "Concatenate"):
        return []
    return [entrance for source in node.inputs for entrance in _entrances(model, source)]


class LUTNetworkConfigTemplate(LayerConfigTemplate):  # type: ignore[misc]
    """Tables and sums, written into parameters.h."""

    def __init__(self) -> None:
        super().__init__(LUTNetworkNode)

    def format(self, node: Any) -> str:
        """Write the node's part of parameters.h."""
        variables = [node.get_input_variable(name) for name in node.inputs]
        sources = [(int(np.prod(v.shape)), kif_of(v)) for v in variables]
        return network_code(node.get_attr("network"), node.index, sources=sources)


class LUTNetworkFunctionTemplate(FunctionCallTemplate):  # type: ignore[misc]
    """The call of the layer in the top function."""

    def __init__(self) -> None:
        super().__init__(LUTNetworkNode, include_header=[f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        """Write the call of the node's function."""
        names = [node.get_input_variable(name).name for name in node.inputs]
        return f"config{node.index}::evaluate({', '.join(names)}, {node.get_output_variable().name});"


def _produced(node: LUTNetworkNode) -> tuple[Any, Any, Any]:
    """bit_exact: the format of each output of the node."""
    shape = tuple(node.get_output_variable().shape)
    parts = zip(*output_formats(node.get_attr("network")), strict=True)
    k, i, f = (np.array(part, dtype=np.int16).reshape(shape) for part in parts)
    return k, i, f


def register(register_backend: Any = None, register_writer: Any = None) -> None:
    """Make the layers known to hls4ml, once: the function that its plug-in loader calls."""
    from hls4ml.backends.backend import get_backend  # hls4ml itself is still being imported when its loader calls
    from hls4ml.model.layers import layer_map

    if "LUTNetwork" in layer_map:
        return
    register_layer("LUTNetwork", LUTNetworkNode)
    backend = get_backend("Vitis")
    backend.register_template(LUTNetworkConfigTemplate)
    backend.register_template(LUTNetworkFunctionTemplate)
    backend.register_source(HEADER)
    bit_exact._produce_kif.register(LUTNetworkNode)(_produced)
