"""Reading a saved Keras model: what training saved, or a file of HGQ2's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trigger_lut.conversion.user_function import load_function
from trigger_lut.errors import CardError

FORMER = "hgq2>"  # how HGQ2 0.1 registered its layers of tables, which are hgq> now


def load_model(path: str | Path, function: str | None = None) -> Any:
    """Load a saved Keras model with LUT layers and layers of HGQ2, without compiling it.

    Parameters
    ----------
    path : str or Path
        The .keras file.
    function : str, optional
        `module:name` as in `network.builder` of the budget file. Its module registers further layers.

    Returns
    -------
    keras.Model
        The model.

    Raises
    ------
    CardError
        If the model cannot be loaded.
    ConfigurationError
        If there is no such function.
    """
    import hgq.layers
    import keras

    import trigger_lut.layers  # noqa: F401  registers the layers

    if function is not None:
        load_function(function)
    former = {f"{FORMER}{name}": getattr(hgq.layers, name) for name in hgq.layers.__all__}
    try:
        return keras.models.load_model(path, custom_objects=former, compile=False)
    except (ValueError, OSError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise CardError(f"{path}: not a saved Keras model that can be loaded ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    """What the innermost error says, without the configuration that Keras appends."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    said = str(error).split("Full object config")[0].split("\nconfig=")[0].strip().splitlines()
    return f"{type(error).__name__}: {said[0] if said else 'no reason given'}"
