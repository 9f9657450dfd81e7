"""Reading the Keras model that training saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trigger_lut.errors import CardError
from trigger_lut.network_function import load_function


def load_model(path: Path, function: str | None = None) -> Any:
    """A saved Keras model of table layers, HGQ2's layers and those that the module of a network's function registers.

    function: 'module:name' as in `network.function`. Raises CardError when the model cannot be loaded,
    ConfigurationError when there is no such function.
    """
    import hgq.layers  # noqa: F401  registers the layers
    import keras

    import trigger_lut.layers  # noqa: F401  registers the layers

    if function is not None:
        load_function(function)
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise CardError(f"{path}: not a saved Keras model ({type(error).__name__}: {error})") from error
