"""Options of the layers that a budget file may name, each kind with its own.

Option names are those of the layers (trigger_lut.layers, keras.layers, hgq.layers).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, SerializerFunctionWrapHandler, model_serializer

from trigger_lut.cards.base import StrictModel
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import parse_fixed

Units = Annotated[int, Field(gt=0, le=1024)]
Size = Annotated[int, Field(gt=0, le=4096)]
Activation = Literal["tanh", "sin", "sigmoid", "softsign", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus"]
Padding = Literal["valid", "same"]
PARTICLES = "particles"


def _whole(value: Any, lowest: int | None = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (lowest is None or value >= lowest)


def _pair(value: Any) -> int | list[int]:
    if _whole(value) or (isinstance(value, list) and len(value) == 2 and all(map(_whole, value))):
        return value  # type: ignore[no-any-return]
    raise ValueError("expected an integer from 1 on, or two of them")


def _axis(value: Any) -> int | list[int] | str:
    axes = value if isinstance(value, list) else [value]
    if value == PARTICLES or (axes and all(_whole(a, None) and a != 0 for a in axes)):
        return value  # type: ignore[no-any-return]
    raise ValueError("expected 'particles', an axis (1 is the first after the batch, -1 the last) or several of these")


def _formats(value: Any) -> str | list[str]:
    for text in value if isinstance(value, list) and value else [value]:
        if not isinstance(text, str):  # pydantic collects ValueError alone
            raise ValueError("expected a format such as fixed<8,3>, or a list with one format per channel")  # noqa: TRY004
        try:
            parse_fixed(text)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
    return value  # type: ignore[no-any-return]


Pair = Annotated[int | list[int], PlainValidator(_pair, json_schema_input_type=int | tuple[int, int])]
Axis = Annotated[
    int | list[int] | str, PlainValidator(_axis, json_schema_input_type=Literal["particles"] | int | list[int])
]
Formats = Annotated[str | list[str], PlainValidator(_formats, json_schema_input_type=str | list[str])]


class OmitNoneModel(StrictModel):
    """A record that is written without its empty fields."""

    @model_serializer(mode="wrap")
    def _without_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class Windows1D(OmitNoneModel):
    """Outputs and windows of a convolution along one axis."""

    filters: Units = Field(description="Outputs per position.")
    kernel_size: Size = Field(description="Positions that a window covers.")
    strides: Size = Field(1, description="Steps between windows.")
    padding: Padding = Field("valid", description="same: zeros around the input, so that the length stays.")
    dilation_rate: Size = Field(1, description="Steps between the positions of a window.")


class Windows2D(OmitNoneModel):
    """Outputs and windows of a convolution along two axes."""

    filters: Units = Field(description="Outputs per position.")
    kernel_size: Pair = Field(description="Positions that a window covers: one number, or height and width.")
    strides: Pair = Field(1, description="Steps between windows.")
    padding: Padding = Field("valid", description="same: zeros around the input, so that the shape stays.")
    dilation_rate: Pair = Field(1, description="Steps between the positions of a window.")


class TableOptions(OmitNoneModel):
    """Options of all layers of look-up tables."""

    batch_norm: bool | None = Field(
        None, description="Batch normalization of edge outputs; default: the network's, false in the last layer."
    )
    edge_hidden_units: int | None = Field(
        None, ge=1, le=64, description="Hidden units per hidden layer; default: network's."
    )
    edge_hidden_layers: int = Field(1, ge=1, le=4, description="Hidden layers of the small network behind each edge.")
    activation: Activation = Field("tanh", description="Of the hidden units; costs nothing in hardware.")
    use_bias: bool = Field(True, description="Whether each output has a constant added.")
    max_input_bits: int | None = Field(
        None, ge=1, le=12, description="Largest address width of an edge; default: the network's."
    )
    input_format: Formats | None = Field(
        None,
        description="Format of the inputs, or a list with one format per channel. Default: the data's format in the "
        "first layer, else fixed<8,3>. After a sum of n values it has log2(n) / 2 more integer bits.",
    )
    input_rounding: Literal["TRN", "RND"] = Field("TRN", description="Into the input format; RND costs an adder.")
    overflow: Literal["SAT", "WRAP"] = Field("SAT", description="Of the input format.")
    initial_fraction_bits: int = Field(6, ge=-12, le=12, description="Fractional bits of table entries at the start.")


class LUTDenseOptions(TableOptions):
    """Each output is a sum of one table per channel; weights are shared over all axes but the last."""

    units: Units = Field(description="Outputs per position.")
    per_position_widths: bool = Field(False, description="Bit widths of its own for every position.")


class LUTConv1DOptions(Windows1D, TableOptions):
    """Convolution of look-up tables along one axis; input (length, channels)."""


class LUTConv2DOptions(Windows2D, TableOptions):
    """Convolution of look-up tables along two axes; input (height, width, channels)."""


class FlattenOptions(StrictModel):
    """All values in one axis."""


class ReshapeOptions(StrictModel):
    """The same values in another shape."""

    target_shape: list[Size] = Field(min_length=1, description="Shape without the batch.")


class SumOptions(StrictModel):
    """Exact sum over axes."""

    axis: Axis = Field(description="particles (all axes but the last), or axes counted as Keras does: the batch is 0.")


class PoolOptions(OmitNoneModel):
    """Windows of positions that a layer reduces, channel by channel."""

    pool_size: Pair = Field(
        description="Positions that a window covers: one number for an input (length, channels), two for "
        "(height, width, channels)."
    )
    strides: Pair | None = Field(None, description="Steps between windows; default: pool_size.")
    padding: Padding = Field("valid", description="same: windows reach beyond the edge, where nothing counts.")


class MaxPoolOptions(PoolOptions):
    """Largest value of each window, channel by channel; exact."""


class AveragePoolOptions(PoolOptions):
    """Mean of each window, channel by channel; exact, of windows of 2, 4, 8, ... values."""


class ArithmeticOptions(OmitNoneModel):
    """Options of HGQ2's layers with multipliers; their bit widths are trained."""

    activation: Literal["relu"] | None = Field(None, description="Of the outputs.")


class QDenseOptions(ArithmeticOptions):
    """HGQ2's QDense."""

    units: Units = Field(description="Outputs per position.")
    use_bias: bool = Field(True, description="Whether each output has a constant added.")


class QConv1DOptions(Windows1D, ArithmeticOptions):
    """HGQ2's QConv1D; input (length, channels)."""

    use_bias: bool = Field(True, description="Whether each output has a constant added.")


class QConv2DOptions(Windows2D, ArithmeticOptions):
    """HGQ2's QConv2D; input (height, width, channels)."""

    use_bias: bool = Field(True, description="Whether each output has a constant added.")


class QEinsumDenseOptions(ArithmeticOptions):
    """HGQ2's QEinsumDense."""

    equation: str = Field(
        pattern=r"^[a-zA-Z]+,[a-zA-Z]+->[a-zA-Z]+$",
        description="As of keras.layers.EinsumDense, the batch's letter first: bpc,pq->bqc.",
    )
    output_shape: list[Size] = Field(min_length=1, description="Shape of the output without the batch.")
    bias_axes: str | None = Field(None, pattern=r"^[a-zA-Z]+$", description="Letters of the axes with biases.")
