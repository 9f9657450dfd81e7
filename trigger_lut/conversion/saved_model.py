"""Loading of saved Keras models and of the user's function that builds one."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from trigger_lut.errors import CardError, ConfigurationError

SCOPE = r"[A-Za-z0-9.][A-Za-z0-9_./>-]*"  # names that TensorFlow takes for its scopes and nodes
OLD_PREFIX = "hgq2>"  # under which HGQ2 0.1 registered its table layers; now hgq>


def load_model(path: str | Path, function: str | None = None) -> Any:
    """Load a saved Keras model with LUT layers, layers of HGQ2 or layers of QKeras, without compiling it.

    Parameters
    ----------
    path : str or Path
        The .keras or .h5 file.
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
    from trigger_lut.conversion.qkeras_file import is_qkeras_file, read_qkeras

    if function is not None:
        load_function(function)
    old_names = {f"{OLD_PREFIX}{name}": getattr(hgq.layers, name) for name in hgq.layers.__all__}
    try:
        if is_qkeras_file(path):
            return with_valid_names(read_qkeras(path))
        return with_valid_names(keras.models.load_model(path, custom_objects=old_names, compile=False))
    except (ValueError, OSError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise CardError(f"{path}: not a saved Keras model that can be loaded ({_reason(error)})") from error


def with_valid_names(model: Any) -> Any:
    """Rename a model and its layers whose names TensorFlow does not take, such as those with blanks.

    Keras builds and saves such models, but does not predict with them.

    Parameters
    ----------
    model : keras.Model
        The model, which is changed in place.

    Returns
    -------
    keras.Model
        The same model.
    """
    from trigger_lut.conversion.keras_graph import sublayers

    layers = [model, *sublayers(model)]
    taken = {layer.name for layer in layers}
    for layer in layers:
        if re.fullmatch(SCOPE, layer.name):
            continue
        name = valid = "n_" + re.sub(r"[^A-Za-z0-9_.>-]", "_", layer.name)
        number = 1
        while valid in taken:
            valid, number = f"{name}_{number}", number + 1
        layer.name = valid
        taken.add(valid)
    return model


def load_function(function: str) -> Any:
    """Import the user's function that builds a network.

    Parameters
    ----------
    function : str
        `module:name`. The module is installed, or is a file in the working directory.

    Returns
    -------
    callable

    Raises
    ------
    ConfigurationError
        If there is no such module or function.
    """
    module, name = function.split(":")
    if os.getcwd() not in sys.path:  # noqa: PTH109
        sys.path.append(os.getcwd())  # noqa: PTH109
    try:
        builder = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ConfigurationError(f"network.builder: {function}: {module} cannot be imported: {error}") from error
    if not callable(builder):
        raise ConfigurationError(f"network.builder: {function}: {module} has no function {name!r}")
    return builder


def _reason(error: BaseException) -> str:
    """Message of the innermost error, without the configuration that Keras appends."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    lines = str(error).split("Full object config")[0].split("\nconfig=")[0].strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
