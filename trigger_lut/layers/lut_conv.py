"""`LUTConv1D` and `LUTConv2D`: convolutions whose every edge is a small look-up table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.layers import arguments
from trigger_lut.layers.base import LookupLayer, Shape
from trigger_lut.layers.gather import window_output, window_positions

PADDINGS = ("valid", "same")


class LUTConv(LookupLayer):
    """Base class of the convolutions. `rank` axes lie between the batch's and the channels'."""

    rank: int
    gathers = True
    units_option = "filters"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        dilation_rate: int | Sequence[int] = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, **kwargs)
        self.kernel_size = self._axes("kernel_size", kernel_size)
        self.strides = self._axes("strides", strides)
        self.dilation_rate = self._axes("dilation_rate", dilation_rate)
        self.padding = padding.lower() if isinstance(padding, str) else padding
        arguments.one_of(self, "padding", value=self.padding, known=PADDINGS)

    def _axes(self, key: str, value: Any) -> tuple[int, ...]:
        values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * self.rank
        if len(values) != self.rank:
            raise ConfigurationError(
                f"{arguments.title(self)}: {key}: expected an integer, or {self.rank} of them, found {value!r}"
            )
        return tuple(arguments.whole(self, key, value=one, lowest=1) for one in values)

    @property
    def filters(self) -> int:
        """Number of outputs a position, `units` of the other layers."""
        return self.units

    def check_input(self, input_shape: Shape) -> None:
        """Refuse an input of another rank, with open axes, or smaller than the window.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Raises
        ------
        ConfigurationError
            For such an input.
        """
        axes = ("L",) if self.rank == 1 else ("H", "W")
        if len(input_shape) != self.rank + 2 or None in input_shape[1:]:
            raise ConfigurationError(
                f"{arguments.title(self)}: expected an input of shape (N, {', '.join(axes)}, C) with all axes but the "
                f"batch's known, found {tuple(input_shape)}"
            )
        if 0 in self.output_axes(input_shape):
            reach = tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
            raise ConfigurationError(
                f"{arguments.title(self)}: expected an input of at least {reach} (kernel_size, dilated) before its "
                f"channels, found {tuple(input_shape)}; padding='same' takes any"
            )

    def output_axes(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Return the number of window positions along each axis.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Returns
        -------
        tuple of int
        """
        windows = zip(input_shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return tuple(
            window_output(size, kernel, stride=stride, dilation=dilation, padding=self.padding)
            for size, kernel, stride, dilation in windows
        )

    def positions(self, input_shape: Sequence[int]) -> IntArray:
        """Return the input positions that the window reads.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of the input, the batch's axis first.

        Returns
        -------
        numpy.ndarray of int64, shape (P, k)
            -1 for padding.
        """
        return window_positions(
            input_shape[1:-1], self.kernel_size, strides=self.strides, dilation=self.dilation_rate, padding=self.padding
        )

    def get_config(self) -> dict[str, Any]:
        """Return all options, with `filters` in place of `units`."""
        config = super().get_config()
        keys = ("filters", "kernel_size", "strides", "padding", "dilation_rate")
        del config["units"]
        return {**config, **{key: getattr(self, key) for key in keys}}


@keras.saving.register_keras_serializable(package="trigger_lut")
class LUTConv1D(LUTConv):
    """Convolution along one axis: y[n, p, o] = bias[o] + sum_(k,c) T[(k, c), code(x[n, site(p, k), c]), o].

    Input (N, L, C) float, output (N, P, C_out). Padding is the real value 0, clipped into the format.

    Parameters
    ----------
    filters : int
        Number of outputs C_out.
    kernel_size : int
        Number of input positions in a window.
    strides : int
        Distance of neighboring windows.
    padding : {'valid', 'same'}
        As in Keras.
    dilation_rate : int
        Distance of the input positions in a window. Unlike in Keras, it can be combined with `strides`.
    **kwargs
        Further options: see `TrainedTables`, which lists the attributes as well. Channel (k, c) of an edge is
        kernel position k, input channel c, row-major as in Keras' kernels. `input_format` is for the channels
        of the input.

    Raises
    ------
    ConfigurationError
        For bad options, formats, and shapes.
    """

    rank = 1


@keras.saving.register_keras_serializable(package="trigger_lut")
class LUTConv2D(LUTConv):
    """Convolution along two axes; parameters as for `LUTConv1D`.

    Input (N, H, W, C) float, output (N, H_out, W_out, C_out).

    Parameters
    ----------
    kernel_size, strides, dilation_rate : int or pair of int
        For both axes, or for each.
    """

    rank = 2
