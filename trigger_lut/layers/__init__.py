"""Keras layers of look-up tables."""

import keras

from trigger_lut.errors import ConfigurationError

if keras.backend.backend() != "tensorflow":
    raise ConfigurationError(
        f"KERAS_BACKEND: LUT layers need TensorFlow. Expected 'tensorflow', found {keras.backend.backend()!r}. Set the "
        "environment variable before Keras is imported."
    )

from trigger_lut.layers.lut_conv import LUTConv1D, LUTConv2D
from trigger_lut.layers.lut_dense import LUTDense

__all__ = ["LUTConv1D", "LUTConv2D", "LUTDense"]
