"""From real values to the addresses of tables: rounding and overflow of the input format, then dropped low bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from trigger_lut.fixed_point.formats import KIF

ROUNDINGS = ("TRN", "RND")
OVERFLOWS = ("SAT", "WRAP")
FLOAT_BITS = 24  # codes of so many bits are exact in float32


@dataclass(frozen=True)
class InputCodes:
    """Conversion of the values of C channels into table addresses.

    formats     Format of each channel.
    max_bits    Highest bits of a code that address a table; lower ones are dropped.
    rounding    Into the format: 'TRN' towards minus infinity, 'RND' to the nearest, halves up.
    overflow    'SAT' clips into the format, 'WRAP' counts modulo 2**bits.
    """

    formats: tuple[KIF, ...]
    max_bits: int
    rounding: str = "TRN"
    overflow: str = "SAT"

    @cached_property
    def bits(self) -> np.ndarray:
        """(C,) float32, address bits of each channel."""
        return np.array([min(f.bits, self.max_bits) for f in self.formats], dtype=np.float32)

    @cached_property
    def drop(self) -> np.ndarray:
        """(C,) int32, low bits of the code that no address has."""
        return np.array([f.bits for f in self.formats], dtype=np.int32) - self.bits.astype(np.int32)

    @cached_property
    def scale(self) -> np.ndarray:
        """(C,) float32, codes per unit."""
        return np.array([2.0**f.f for f in self.formats], dtype=np.float32)

    @cached_property
    def lowest(self) -> np.ndarray:
        """(C,) float32, smallest code."""
        return np.array([f.lo for f in self.formats], dtype=np.float32)

    @cached_property
    def highest(self) -> np.ndarray:
        """(C,) float32, largest code."""
        return np.array([f.hi for f in self.formats], dtype=np.float32)

    @cached_property
    def of_zero(self) -> np.ndarray:
        """(C,) int32, the address of the real value 0."""
        return -self.lowest.astype(np.int32) >> self.drop

    @cached_property
    def slope(self) -> np.ndarray:
        """(C,) float32, du/dx: edge networks see the range of a channel as u from -1 to 1."""
        return self.scale * 2.0 ** -(self.drop.astype(np.float32) + self.bits - 1.0)

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest real value of each channel's format, (C,) each."""
        return self.lowest / self.scale, self.highest / self.scale

    def addresses(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return table addresses int32 of real values (..., C), and a mask of the values that pass gradients.

        Gradients pass within the range of the format, with WRAP everywhere. Float64 input is rounded in float64.
        """
        lowest, highest = (tf.cast(limit, x.dtype) for limit in (self.lowest, self.highest))
        scaled = x * tf.cast(self.scale, x.dtype)
        code = tf.floor(scaled)
        if self.rounding == "RND":
            # Not floor(scaled + 0.5): in float32 the sum may round up to the next integer.
            code += tf.cast(scaled - code >= 0.5, code.dtype)
        if self.overflow == "WRAP":
            size = tf.cast(np.array([2.0**f.bits for f in self.formats], dtype=np.float32), x.dtype)
            code -= tf.floor(code / size) * size
            position = code - lowest
            position = tf.where(position >= size, position - size, position)
            inside = tf.ones_like(code, dtype=tf.bool)
        else:
            inside = tf.logical_and(code >= lowest, code <= highest)
            position = tf.clip_by_value(code, lowest, highest) - lowest
        return tf.bitwise.right_shift(tf.cast(position, tf.int32), self.drop), inside
