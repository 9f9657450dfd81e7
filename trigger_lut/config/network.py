"""Network as the budget file describes it: widths alone, layers, a user's function, or the file of a trained model.

Option names are those of the layers (trigger_lut.layers, keras.layers, hgq.layers). `shapes.py` computes the shapes;
`training/build_model.py` builds the Keras model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.builder import source_of
from trigger_lut.config.layer_options import (
    AveragePoolOptions,
    FlattenOptions,
    LUTConv1DOptions,
    LUTConv2DOptions,
    LUTDenseOptions,
    MaxPoolOptions,
    OmitNoneModel,
    QConv1DOptions,
    QConv2DOptions,
    QDenseOptions,
    QEinsumDenseOptions,
    ReshapeOptions,
    Size,
    SumOptions,
    Units,
)
from trigger_lut.config.validation import Line

OF_UNITS = ("batch_norm", "edge_hidden_units", "max_input_bits")


class Layer(OmitNoneModel):
    """One layer: its kind, and the options of that kind."""

    lut_dense: LUTDenseOptions | None = None
    lut_conv1d: LUTConv1DOptions | None = None
    lut_conv2d: LUTConv2DOptions | None = None
    flatten: FlattenOptions | None = None
    reshape: ReshapeOptions | None = None
    sum: SumOptions | None = None
    max_pool: MaxPoolOptions | None = None
    average_pool: AveragePoolOptions | None = None
    q_dense: QDenseOptions | None = None
    q_conv1d: QConv1DOptions | None = None
    q_conv2d: QConv2DOptions | None = None
    q_einsum_dense: QEinsumDenseOptions | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(kinds) != 1:
            known = ", ".join(type(self).model_fields)
            given = " and ".join(kinds) or "none"
            raise ValueError(f"expected one kind of layer with its options (one of {known}), found {given}")
        return self

    @property
    def kind(self) -> str:
        """Key of the options that are given, such as lut_dense."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def options(self) -> Any:
        """The options model of its kind."""
        return getattr(self, self.kind)

    @property
    def width(self) -> int | None:
        """Outputs per position of a layer with weights; None for the others."""
        if self.q_einsum_dense is not None:
            return self.q_einsum_dense.output_shape[-1]
        units: int | None = getattr(self.options, "units", None) or getattr(self.options, "filters", None)
        return units


class Quantize(StrictModel):
    """Formats of a float model that is quantized after its training."""

    weight_bits: int = Field(8, ge=2, le=16, description="Bits of each weight, with sign.")
    activation_bits: int = Field(
        8, ge=2, le=13, description="Bits, with sign, of each value that a layer with weights or a function reads."
    )


class NetworkShape(StrictModel):
    """The layers of the network: one of units, layers, builder and keras_file."""

    units: list[Units] | None = Field(
        None, min_length=1, description="Outputs of each LUTDense layer; the last is the number of classes."
    )
    batch_norm: bool = Field(True, description="Batch normalization of edge outputs in all layers but the last.")
    edge_hidden_units: int = Field(8, ge=1, le=64, description="Hidden units H of the small network behind each edge.")
    max_input_bits: int = Field(6, ge=1, le=12, description="Largest address width of an edge; 6 bits fill one LUT.")
    input_shape: list[Size] | None = Field(
        None, min_length=1, description="Shape that the data set's features are put into, row by row, before `layers`."
    )
    layers: list[Layer] | None = Field(
        None, min_length=1, description="Layers in order; the last gives one output per class."
    )
    builder: Line | None = Field(
        None,
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        description="Python function module:name that gets the inputs' formats, the number of classes and the seed, "
        "and gives a Keras model. The module is installed or lies in the working directory.",
    )
    keras_file: Line | None = Field(
        None,
        pattern=r"\.keras$",
        description="File of a trained Keras model of HGQ2's layers or ours, from the working directory. If it exceeds "
        "the budget, it is trained further.",
    )
    train: bool = Field(
        True, description="Whether a model of keras_file that exceeds the budget is trained further; false keeps it."
    )
    quantize: Quantize | bool | None = Field(
        None,
        description="Whether the float layers of keras_file are quantized, with formats from training events; or the "
        "bits of these formats.",
    )
    output: Literal["logits", "probabilities"] | None = Field(
        None,
        description="Outputs of a keras_file that ends in softmax or sigmoid: logits (default), or probabilities of "
        "8 bits by tables.",
    )
    baseline_units: list[Units] | None = Field(
        None,
        min_length=1,
        description="Widths of a Dense network in float to compare with; default: the same layers in float.",
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [name for name in ("units", "layers", "builder", "keras_file") if getattr(self, name) is not None]
        if len(forms) != 1:
            raise ValueError(
                f"expected one of units, layers, builder and keras_file, found {' and '.join(forms) or 'none'}"
            )
        if self.input_shape is not None and self.layers is None:
            raise ValueError(f"input_shape: only with layers, found with {forms[0]}")
        if self.units is not None and self.baseline_units is not None:
            raise ValueError("baseline_units: only with layers, builder or keras_file, found with units")
        if "train" in self.model_fields_set and self.keras_file is None:
            raise ValueError(f"train: only with keras_file, found with {forms[0]}")
        for key in ("quantize", "output"):
            if getattr(self, key) is not None and self.keras_file is None:
                raise ValueError(f"{key}: only with keras_file, found with {forms[0]}")
        if self.is_given:
            if self.baseline_units is None:
                raise ValueError("baseline_units: missing. Expected the widths of the Dense network for the comparison")
            if given := [key for key in OF_UNITS if key in self.model_fields_set]:
                raise ValueError(f"{given[0]}: only with units or layers, found with {forms[0]}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_does_not_count(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        left_out = (*(OF_UNITS if self.is_given else ()), *(("train",) if self.keras_file is None else ()))
        return {k: v for k, v in handler(self).items() if v is not None and k not in left_out}

    @property
    def post_training(self) -> Quantize | None:
        """Formats in which a float model is quantized; None where it is not."""
        if isinstance(self.quantize, bool):
            return Quantize.model_validate({}) if self.quantize else None
        return self.quantize

    @property
    def gives_probabilities(self) -> bool:
        """True where outputs are probabilities instead of logits."""
        return self.output == "probabilities"

    @property
    def is_given(self) -> bool:
        """True where a function or a file gives the layers, instead of the budget file."""
        return self.builder is not None or self.keras_file is not None

    @property
    def baseline_widths(self) -> list[int]:
        """Widths of the Dense network that the network is compared with; the last is the number of classes."""
        if self.baseline_units is not None:
            return self.baseline_units
        return self.units or [layer.width for layer in self.layers or [] if layer.width is not None]


def short_name(network: NetworkShape) -> str:
    """Return a short name of a network for tables.

    Parameters
    ----------
    network : NetworkShape
        The network.

    Returns
    -------
    str
        '20-5' for widths, 'lut_dense 8, sum' for layers, else the name of the function or of the file.
    """
    if network.units is not None:
        return "-".join(map(str, network.units))
    if network.builder is not None:
        return network.builder
    if network.keras_file is not None:
        return Path(network.keras_file).stem
    return ", ".join(x.kind if x.width is None else f"{x.kind} {x.width}" for x in network.layers or [])


def function_digest(network: NetworkShape) -> str | None:
    """sha256 of the file of a network's function where it lies in the working directory; None of installed ones."""
    if network.builder is None or (path := source_of(network.builder)) is None:
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_digest(network: NetworkShape) -> str | None:
    """sha256 of the file of a network's model; None where there is none."""
    if network.keras_file is None or not Path(network.keras_file).is_file():
        return None
    return hashlib.sha256(Path(network.keras_file).read_bytes()).hexdigest()
