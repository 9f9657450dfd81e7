"""Import of TensorFlow and Keras without packages that they try to load, and that no stage uses through them."""

from __future__ import annotations

import sys

OPTIONAL = ("jax", "matplotlib", "pandas", "sklearn")
"""Keras reads data frames, draws images and wraps models with them. To load them takes as long as all the rest."""


def import_keras() -> None:
    """Import Keras, for the process of a stage. Later imports of the optional packages find them as ever."""
    left_out = [name for name in OPTIONAL if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]  # None: an import raises ImportError
    try:
        import keras  # noqa: F401
    finally:
        for name in left_out:
            del sys.modules[name]
