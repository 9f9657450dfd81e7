"""The layer of an integer network that takes the largest of several values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import OVERFLOWS, Ranges, converted_range
from trigger_lut.network.channels import Kind, channel_problems


@dataclass(frozen=True)
class MaxLayer:
    """The largest of several values at P places: max pooling, and the maximum of branches.

        c[i] = overflow_i( y[i] * 2**(f_in[i] - f_y[i]) rounded )              in format inputs[i]
        z[o] = max over i with output_of[i] = o of c[i] * 2**(fraction[o] - f_in[i])

    A channel enters one output at most, an output without channels is 0. A window that reaches beyond the edge reads
    one of its values more than once, which does not change the largest; padding is the value 0, as in all layers.

    inputs     format of each channel, C_in of them
    overflow   as in `TableLayer`
    output_of  (C_in,) number of the output that the channel enters; -1: none
    fraction   (C_out,) fractional bits of each output, those of its channels at least
    gather_index      as in `TableLayer`
    rounding   'TRN' or 'RND' of all channels
    """

    computes_with: ClassVar[Kind] = "selection"

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    output_of: IntArray
    fraction_bits: IntArray
    gather_index: IntArray | None = None
    rounding: str = "TRN"

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.output_of), len(self.fraction_bits)

    @property
    def n_positions(self) -> int:
        return 1 if self.gather_index is None else len(self.gather_index)

    @property
    def live_edges(self) -> int:
        """How many channels enter an output."""
        return int((self.output_of >= 0).sum())

    def used_channels(self) -> IntArray:
        """Numbers of the channels that enter an output."""
        return np.flatnonzero(self.output_of >= 0)

    def item_bounds(self) -> tuple[int, int]:
        """Smallest and largest code that is compared for any output; a losing one can lie below all outputs."""
        ends = [
            end << int(self.fraction_bits[o]) - kif.f
            for kif, o in zip(self.inputs, self.output_of.tolist(), strict=True)
            if o >= 0
            for end in (kif.lo, kif.hi)
        ]
        return min(ends, default=0), max(ends, default=0)

    def channels(self, o: int) -> IntArray:
        """Numbers of the channels that enter output o."""
        return np.flatnonzero(self.output_of == o)

    def output_ranges(self, read: Ranges) -> Ranges:
        """Ranges of all outputs, place by place (P * C_out,), from those of the values read (P, C_in)."""
        lo, hi = (np.zeros((len(read), self.shape[1]), dtype=np.int64) for _ in range(2))
        for p, o in np.ndindex(lo.shape):
            ends = []
            for i in map(int, self.channels(o)):
                codes = converted_range(read.one(p, i), self.inputs[i], self.overflow[i], self.rounding)
                ends.append([code << int(self.fraction_bits[o]) - self.inputs[i].f for code in codes])
            if ends:
                lo[p, o], hi[p, o] = np.max(ends, axis=0)
        return Ranges(lo.reshape(-1), hi.reshape(-1), np.tile(self.fraction_bits, len(read)))

    def validate(self) -> list[str]:
        """What is inconsistent in this layer; empty when all is well."""
        c_in, c_out = self.shape
        found = channel_problems(self, c_in)
        found += [f"channel {i}: overflow {mode!r}" for i, mode in enumerate(self.overflow) if mode not in OVERFLOWS]
        for i, (o, kif) in enumerate(zip(self.output_of.tolist(), self.inputs, strict=False)):
            if not -1 <= o < c_out:
                found.append(f"channel {i}: enters output {o} of {c_out}")
            elif o >= 0 and kif.f > self.fraction_bits[o]:
                found.append(
                    f"channel {i}: {kif} has more fractional bits than the {self.fraction_bits[o]} of output {o}"
                )
        return found
