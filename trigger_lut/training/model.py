"""The Keras model of a design."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from trigger_lut.budget import NetworkShape
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point import KIF
from trigger_lut.layers import LUTDense

HIDDEN_FORMAT = "fixed<8,3>"  # of channels between layers: +-4 where batch-norm keeps sums near one


def build_model(shape: NetworkShape, formats: Sequence[KIF], classes: int, seed: int) -> keras.Sequential:
    """An untrained model for inputs in these formats.

    Raises ConfigurationError when the last layer has not one output a class.
    """
    if shape.units[-1] != classes:
        raise ConfigurationError(
            f"network.units: the last layer has {shape.units[-1]} outputs, expected one for each of {classes} classes"
        )
    model = keras.Sequential([keras.Input((len(formats),))])
    for n, units in enumerate(shape.units):
        model.add(
            LUTDense(
                units,
                batch_norm=shape.batch_norm and n < len(shape.units) - 1,
                input_format=[str(kif) for kif in formats] if n == 0 else HIDDEN_FORMAT,
                max_input_bits=shape.max_input_bits,
                hidden_width=shape.hidden_width,
                seed=seed * 1000 + n,
                name=f"lut_dense_{n}",
            )
        )
    return model
