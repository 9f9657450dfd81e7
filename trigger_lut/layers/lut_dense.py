"""`LUTDense`: a dense layer whose every edge is a small look-up table, trained through the tables themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.layers import arguments
from trigger_lut.layers.base import LookupLayer, Shape
from trigger_lut.layers.tables import EPSILON, FRACTION_LIMIT

__all__ = ["EPSILON", "FRACTION_LIMIT", "LUTDense"]


@keras.saving.register_keras_serializable(package="trigger_lut")
class LUTDense(LookupLayer):
    """Dense layer of look-up tables: y[n, o] = bias[o] + sum_i T[i, code(x[n, i]), o].

    Input (N, ..., C_in) float, output (N, ..., C_out). Weights are shared over the axes between batch and channels.

    Parameters
    ----------
    units : int
        Number of outputs C_out.
    per_position_widths : bool
        Give each place its own address widths and output fractions. Weights, bias and batch normalization stay
        shared; tables are then (P, C_in, K, C_out).
    batch_norm, input_format, max_input_bits, edge_hidden_units, initial_fraction_bits, momentum, seed, **kwargs
        Further options: see `TrainedTables`, which lists the attributes as well.

    Raises
    ------
    ConfigurationError
        For bad options, a bad format, an input of rank 1, or an input with open axes in addition to the batch
        with `per_position_widths`.
    """

    def __init__(self, units: int, *, per_position_widths: bool = False, **kwargs: Any) -> None:
        kwargs = arguments.with_present_names(type(self), kwargs)
        per_position_widths = kwargs.pop("per_position_widths", per_position_widths)
        super().__init__(units, **kwargs)
        self.per_position_widths = bool(per_position_widths)

    def check_input(self, input_shape: Shape) -> None:
        """Refuse an input of rank 1, or with an open channel axis.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Raises
        ------
        ConfigurationError
            For such an input.
        """
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ConfigurationError(
                f"{arguments.title(self)}: expected an input of shape (N, C_in) or (N, ..., C_in) with C_in known, "
                f"found {tuple(input_shape)}"
            )

    def output_axes(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Return the axes between batch and channels as they are.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Returns
        -------
        tuple of int or None
        """
        return tuple(input_shape[1:-1])

    def positions(self, input_shape: Sequence[int]) -> IntArray:
        """Return the positions in order: each position of the layer reads one of the input.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of the input, the batch's axis first.

        Returns
        -------
        numpy.ndarray of int64, shape (P, 1)
        """
        return np.arange(math.prod(input_shape[1:-1]), dtype=np.int64)[:, None]

    def get_config(self) -> dict[str, Any]:
        """Return all options."""
        return {**super().get_config(), "per_position_widths": self.per_position_widths}
