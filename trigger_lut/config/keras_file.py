"""What a saved Keras model says about itself, read without Keras: whether it is one, and how many inputs it has."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any


def mistakes(path: Path, channels: int) -> list[str]:
    """What keeps a file from being the network of a data set with so many features; empty when nothing is seen."""
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
