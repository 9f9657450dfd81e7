"""Reading the Keras model that training saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trigger_lut.errors import CardError


def load_model(path: Path) -> Any:
    """A saved Keras model of table layers and HGQ2's layers. Raises CardError when it cannot be loaded."""
    import hgq.layers  # noqa: F401  registers the layers
    import keras

    import trigger_lut.layers  # noqa: F401  registers the layers

    try:
        return keras.models.load_model(path)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise CardError(f"{path}: not a saved Keras model ({type(error).__name__}: {error})") from error
