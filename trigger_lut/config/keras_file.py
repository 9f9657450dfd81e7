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
        File that Keras saved (`.keras` or `.h5`).
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
        config = json.loads(saved_config(path))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        return [f"{path}: expected a file that model.save('name.keras') or model.save('name.h5') wrote ({error})"]
    shapes = _input_shapes(config)
    if shapes is None:
        return []
    count = sum(math.prod(shape) for shape in shapes)
    if count == channels:
        return []
    return [f"{path}: takes {count} values (inputs of shape {shapes}), the data set has {channels} features"]


def saved_config(path: Path) -> str:
    """Return the configuration of a saved model.

    Parameters
    ----------
    path : Path
        `.keras` or `.h5` file.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    OSError, KeyError, ValueError, zipfile.BadZipFile
        If the file is neither.
    """
    import h5py

    if not zipfile.is_zipfile(path) and h5py.is_hdf5(path):
        with h5py.File(path) as file:
            config = file.attrs["model_config"]
            return config.decode() if isinstance(config, bytes) else str(config)
    with zipfile.ZipFile(path) as archive:
        return archive.read("config.json").decode()


def _input_shapes(config: Any) -> list[list[int]] | None:
    """Shapes of the input layers without the batch, None where they are not all known."""
    shapes = []
    for layer in config.get("config", {}).get("layers", []) if isinstance(config, dict) else []:
        if layer.get("class_name") != "InputLayer":
            continue
        shape = layer["config"].get("batch_shape", layer["config"].get("batch_input_shape"))
        if not shape or not all(isinstance(n, int) for n in shape[1:]):
            return None
        shapes.append(shape[1:])
    return shapes or None
