"""Checks of the options that all layers of tables share."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import keras

from trigger_lut.config.renamed_keys import LAYER_OPTIONS
from trigger_lut.errors import ConfigurationError, RenamedKeyWarning, nearest
from trigger_lut.fixed_point.formats import KIF, parse_fixed
from trigger_lut.layers.activations import ACTIVATIONS
from trigger_lut.layers.input_quantizer import FLOAT_BITS, OVERFLOWS, ROUNDINGS

FRACTION_LIMIT = 12  # output fractions stay within -12..12, so that sums are exact in float32
ADDRESS_LIMIT = 12  # bits


@dataclass
class TableArguments:
    """Options that all layers of tables share, with their defaults; `TrainedTables` describes them."""

    batch_norm: bool = False
    input_format: str | Sequence[str] = "fixed<8,3>"
    max_input_bits: int = 6
    edge_hidden_units: int = 8
    initial_fraction_bits: int = 6
    momentum: float = 0.9
    seed: int | None = None
    edge_hidden_layers: int = 1
    activation: str = "tanh"
    use_bias: bool = True
    overflow: str = "SAT"
    input_rounding: str = "TRN"

    def __post_init__(self) -> None:
        self.batch_norm, self.use_bias = bool(self.batch_norm), bool(self.use_bias)
        if not isinstance(self.input_format, str):
            self.input_format = list(self.input_format)


def split(given: dict[str, Any]) -> tuple[TableArguments, dict[str, Any]]:
    """Split keyword arguments of a layer into those of tables and the others.

    Parameters
    ----------
    given : dict
        Keyword arguments by name.

    Returns
    -------
    tables : TableArguments
        Options of the tables.
    others : dict
        The other arguments.
    """
    names = {field.name for field in fields(TableArguments)}
    tables = TableArguments(**{name: given[name] for name in names & given.keys()})
    return tables, {name: value for name, value in given.items() if name not in names}


def with_present_names(layer: type, given: dict[str, Any]) -> dict[str, Any]:
    """Replace former names of options, and warn of each.

    Parameters
    ----------
    layer : type
        Class of the layer, named in the warning.
    given : dict
        Keyword arguments by name.

    Returns
    -------
    dict
        The arguments by their present names.

    Raises
    ------
    ConfigurationError
        If an option has both names.
    """
    for old in [name for name in given if name in LAYER_OPTIONS]:
        new = LAYER_OPTIONS[old]
        if new in given:
            raise ConfigurationError(
                f"{layer.__name__}: {old}: earlier name of {new}. Expected one of them, found both"
            )
        message = f"{layer.__name__}: {old}: this option is now {new}. Rename it."
        warnings.warn(message, RenamedKeyWarning, stacklevel=3)
    return {LAYER_OPTIONS.get(name, name): value for name, value in given.items()}


def title(layer: keras.layers.Layer) -> str:
    """Return the name of a layer in messages."""
    return f"{type(layer).__name__} {layer.name!r}"


def check(layer: Any) -> None:
    """Check the options of a layer, and make numbers integers.

    Parameters
    ----------
    layer
        Layer whose options are set as attributes.

    Raises
    ------
    ConfigurationError
        For the first option that is not possible.
    """
    layer.units = whole(layer, layer.units_option, value=layer.units, lowest=1)
    layer.edge_hidden_units = whole(layer, "edge_hidden_units", value=layer.edge_hidden_units, lowest=1)
    layer.edge_hidden_layers = whole(layer, "edge_hidden_layers", value=layer.edge_hidden_layers, lowest=1)
    layer.max_input_bits = whole(layer, "max_input_bits", value=layer.max_input_bits, lowest=1, highest=ADDRESS_LIMIT)
    layer.initial_fraction_bits = whole(
        layer,
        "initial_fraction_bits",
        value=layer.initial_fraction_bits,
        lowest=-FRACTION_LIMIT,
        highest=FRACTION_LIMIT,
    )
    if not 0 <= layer.momentum < 1:
        raise ConfigurationError(f"{title(layer)}: momentum: expected 0 <= momentum < 1, found {layer.momentum}")
    layer.momentum = float(layer.momentum)
    one_of(layer, "activation", value=layer.activation, known=ACTIVATIONS)
    one_of(layer, "overflow", value=layer.overflow, known=OVERFLOWS)
    one_of(layer, "input_rounding", value=layer.input_rounding, known=ROUNDINGS)
    for text in [layer.input_format] if isinstance(layer.input_format, str) else layer.input_format:
        kif = parse_fixed(text)
        if kif.bits > FLOAT_BITS:
            raise ConfigurationError(
                f"{title(layer)}: input_format: expected at most {FLOAT_BITS} bits, which float32 holds exactly, "
                f"found {text!r}"
            )


def float32(layer: Any) -> None:
    """Raise ConfigurationError for a layer that is to compute in another type: its sums would not be exact."""
    if layer.compute_dtype != "float32" or layer.variable_dtype != "float32":
        raise ConfigurationError(
            f"{title(layer)}: dtype: expected float32, in which sums of table entries are exact, found "
            f"{layer.dtype_policy.name!r}; omit it, under any global policy"
        )


def whole(layer: Any, key: str, *, value: Any, lowest: int, highest: int | None = None) -> int:
    """Return an option as an integer.

    Parameters
    ----------
    layer
        Layer, named in messages.
    key : str
        Name of the option.
    value
        Value as the user gave it.
    lowest : int
        Smallest value.
    highest : int, optional
        Largest value.

    Returns
    -------
    int

    Raises
    ------
    ConfigurationError
        If the value is no integer, or beyond a limit.
    """
    try:
        good = value == int(value) and value >= lowest and (highest is None or value <= highest)
    except (TypeError, ValueError):
        good = False
    if not good:
        limits = f"{lowest} to {highest}" if highest is not None else f"{lowest} on"
        raise ConfigurationError(f"{title(layer)}: {key}: expected an integer from {limits}, found {value!r}")
    return int(value)


def one_of(layer: Any, key: str, *, value: Any, known: Iterable[str]) -> None:
    """Raise ConfigurationError when the value is not one of the known ones."""
    if value not in known:
        names = list(known)
        raise ConfigurationError(
            f"{title(layer)}: {key}: expected one of {', '.join(names)}, found {value!r}{nearest(str(value), names)}"
        )


def formats(layer: Any, channels: int) -> tuple[KIF, ...]:
    """Return the format of each channel of the input.

    Parameters
    ----------
    layer
        Layer with one format for all channels, or one per channel.
    channels : int
        Channels of the input.

    Returns
    -------
    tuple of KIF, length C

    Raises
    ------
    ConfigurationError
        If the number of formats differs from the number of channels.
    """
    texts = [layer.input_format] * channels if isinstance(layer.input_format, str) else layer.input_format
    if len(texts) != channels:
        raise ConfigurationError(
            f"{title(layer)}: input_format: {len(texts)} input formats for {channels} channels; expected one for all, "
            "or one per channel"
        )
    return tuple(parse_fixed(text) for text in texts)
