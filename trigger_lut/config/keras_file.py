"""Checks of a saved Keras model without Keras: its format, and its number of inputs."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any


def mistakes(path: Path, channels: int) -> list[str]:
    """List reasons why a file cannot be the network of a data set.

    Parameters
    ----------
    path : Path
        File that Keras 3 saved (`.keras`).
    channels : int
        Features of the data set, which the inputs of the model must take together.

    Returns
    -------
    list of str
        Problems, each with the path. Empty if none is found, also where the shapes of the inputs are not in the file.
    """
    if not path.is_file():
        return [f"no file {path}"]
    try:
        with zipfile.ZipFile(path) as held:
            config = json.loads(held.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        return [f"{path}: expected a file that model.save('name.keras') of Keras 3 wrote ({error})"]
    shapes = _input_shapes(config)
    if shapes is None:
        return []
    count = sum(math.prod(shape) for shape in shapes)
    if count == channels:
        return []
    return [f"{path}: takes {count} values (inputs of shape {shapes}), the data set has {channels} features"]


def _input_shapes(config: Any) -> list[list[int]] | None:
    """Shapes of the input layers without the batch, None where they are not all known."""
    found = []
    for layer in config.get("config", {}).get("layers", []) if isinstance(config, dict) else []:
        if layer.get("class_name") != "InputLayer":
            continue
        shape = layer["config"].get("batch_shape", layer["config"].get("batch_input_shape"))
        if not shape or not all(isinstance(n, int) for n in shape[1:]):
            return None
        found.append(shape[1:])
    return found or None
