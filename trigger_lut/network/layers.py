"""The layers of an integer network: plain arrays, and what follows from them (ranges, formats, inconsistencies).

A layer is applied at one or more positions. At each position it maps C_in values of the network to C_out values.
`gather_index[p, i]` is the number of the value that channel i of position p reads (see `network.Network`); -1 is
padding, the constant 0. A dense layer has one position, a layer shared over particles one position for each particle,
and a convolution one position for each place of its window. Outputs are numbered position by position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import OVERFLOWS, Ranges, converted_range
from trigger_lut.network.channels import Kind, channel_problems
from trigger_lut.network.maximum import MaxLayer


@dataclass(frozen=True)
class TableLayer:
    """One table layer, C_in channels to C_out, at P places.

    Arithmetic at place p, on the codes y of the values that it reads:

        c[i] = overflow_i( y[i] * 2**(f_in[i] - f_y[i]) rounded down (TRN), or half up (RND) )     in format inputs[i]
        a    = (c[i] - lo_i) >> (bits_i - m[i,o])                               address, m[i,o] bits
        z[o] = bias[o] + sum_i tables[i, o, a]                                  exact, fraction[o] fractional bits

    `lo_i` is the smallest code of the format, so tables are in rising order of value for signed channels too.

    inputs    format of each input channel, C_in of them
    overflow  'WRAP' (modulo 2**bits), 'SAT' or 'SAT_SYM' a channel, C_in of them; WRAP too where nothing can overflow
    widths    (C_in, C_out) address bits of each edge; 0 is a pruned edge
    tables    (C_in, C_out, 2**max(widths)) integers; entries from 2**widths[i, o] on are 0, and all of a pruned edge
    bias      (C_out,) integers at `fraction`
    fraction_bits  (C_out,) fractional bits of each output
    gather_index  (P, C_in) numbers of the values read; None: one position that reads all outputs of the layer before
    rounding  'TRN' or 'RND', into the format, of all channels
    """

    computes_with: ClassVar[Kind] = "tables"

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    widths: IntArray
    tables: IntArray
    bias: IntArray
    fraction_bits: IntArray
    gather_index: IntArray | None = None
    rounding: str = "TRN"

    @property
    def shape(self) -> tuple[int, int]:
        return self.widths.shape[0], self.widths.shape[1]

    @property
    def n_positions(self) -> int:
        return 1 if self.gather_index is None else len(self.gather_index)

    def table(self, i: int, o: int) -> IntArray:
        """The 2**m entries of edge (i, o), in rising order of input value."""
        return self.tables[i, o, : 1 << int(self.widths[i, o])]

    def edges(self) -> list[tuple[int, int]]:
        """(i, o) of every edge that is not pruned."""
        return [(int(i), int(o)) for i, o in np.argwhere(self.widths > 0)]

    @property
    def live_edges(self) -> int:
        """How many edges are not pruned."""
        return int((self.widths > 0).sum())

    @property
    def _entries_in_use(self) -> NDArray[np.bool_]:
        """(C_in, C_out, entries) True for the 2**widths first entries of each edge that is not pruned."""
        sizes = np.where(self.widths > 0, 1 << np.clip(self.widths, 0, 62), 0)
        return np.arange(self.tables.shape[2]) < sizes[..., None]

    def used_channels(self) -> IntArray:
        """Numbers of the channels that some edge reads."""
        return np.flatnonzero(self.widths.max(axis=1, initial=0))

    def bounds(self, codes: IntArray | None = None) -> tuple[IntArray, IntArray]:
        """Smallest and largest possible code of each output (C_out,): sums of the tables' extremes.

        codes: (C_in, 2) smallest and largest code of each channel; None: all of its format.
        """
        seen = self._entries_in_use
        if codes is not None:
            kif = np.array([[kif.lo, kif.bits] for kif in self.inputs], dtype=np.int64)
            drop = kif[:, 1:] - self.widths
            first, last = ((codes[:, [n]] - kif[:, :1]) >> drop for n in (0, 1))
            entries = np.arange(self.tables.shape[2])
            seen = seen & (entries >= first[..., None]) & (entries <= last[..., None])
        live, most = self.widths > 0, np.iinfo(np.int64).max
        lo = np.where(seen, self.tables, most).min(axis=2, initial=most)
        hi = np.where(seen, self.tables, -most).max(axis=2, initial=-most)
        return self.bias + np.where(live, lo, 0).sum(axis=0), self.bias + np.where(live, hi, 0).sum(axis=0)

    def output_ranges(self, read: Ranges) -> Ranges:
        """Ranges of all outputs, place by place (P * C_out,), from those of the values read (P, C_in)."""
        known: dict[bytes, tuple[IntArray, IntArray]] = {}  # places that read the same have the same outputs
        found = []
        for p in range(len(read)):
            place = read[p]
            key = np.stack([place.lo, place.hi, place.f]).tobytes()
            if key not in known:
                ends = [
                    converted_range(place.one(i), kif, self.overflow[i], self.rounding)
                    for i, kif in enumerate(self.inputs)
                ]
                known[key] = self.bounds(np.array(ends, dtype=np.int64).reshape(-1, 2))
            found.append(known[key])
        lo, hi = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return Ranges(lo, hi, np.tile(self.fraction_bits, len(read)))

    def output_formats(self) -> tuple[KIF, ...]:
        """The narrowest format of each output of a place."""
        return Ranges(*self.bounds(), self.fraction_bits).formats()

    def padding_address(self, i: int, o: int) -> int:
        """Where edge (i, o) looks when its channel is padding: the code of 0."""
        kif = self.inputs[i]
        code = min(max(0, kif.lo), kif.hi)
        return (code - kif.lo) >> (kif.bits - int(self.widths[i, o]))

    def validate(self) -> list[str]:
        """What is inconsistent in this layer; empty when all is well."""
        c_in, c_out = self.shape
        found = channel_problems(self, c_in)
        if found:
            return found
        if self.bias.shape != (c_out,) or self.fraction_bits.shape != (c_out,):
            found.append(f"{c_out} outputs, bias {self.bias.shape}, fraction {self.fraction_bits.shape}")
        if self.tables.shape != (c_in, c_out, 1 << int(self.widths.max(initial=0))):
            found.append(f"tables of shape {self.tables.shape} for widths up to {self.widths.max(initial=0)}")
            return found
        found += [f"channel {i}: overflow {mode!r}" for i, mode in enumerate(self.overflow) if mode not in OVERFLOWS]
        for i, o in np.argwhere((self.widths < 0) | (self.widths > np.array([f.bits for f in self.inputs])[:, None])):
            found.append(f"edge ({i}, {o}): {self.widths[i, o]} address bits of a {self.inputs[i].bits}-bit channel")
        for i, o in np.argwhere((~self._entries_in_use & (self.tables != 0)).any(axis=2)):
            found.append(f"edge ({i}, {o}): entries beyond its 2**{self.widths[i, o]} are not 0")
        return found


@dataclass(frozen=True)
class LinearLayer:
    """One arithmetic layer at P places: exact sums of weighted integers, with or without ReLU.

        c[i] = overflow_i( y[i] * 2**(f_in[i] - f_y[i]) rounded )              in format inputs[i]
        z[o] = bias[o] + sum_i weights[i, o] * c[i]                            exact, fraction[o] fractional bits
        z[o] = max(z[o], 0)                                                    where relu

    inputs    format of each channel, C_in of them
    overflow  as in `TableLayer`
    weights   (C_in, C_out) integers: the real weight times 2**(fraction[o] - f_in[i])
    bias, fraction_bits  (C_out,) integers
    gather_index     as in `TableLayer`
    rounding  'TRN' or 'RND' of all channels
    """

    computes_with: ClassVar[Kind] = "arithmetic"

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    weights: IntArray
    bias: IntArray
    fraction_bits: IntArray
    gather_index: IntArray | None = None
    rounding: str = "TRN"
    relu: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def n_positions(self) -> int:
        return 1 if self.gather_index is None else len(self.gather_index)

    @property
    def live_edges(self) -> int:
        """How many weights are not 0."""
        return int((self.weights != 0).sum())

    def used_channels(self) -> IntArray:
        """Numbers of the channels that have a weight."""
        return np.flatnonzero(self.weights.any(axis=1))

    def output_ranges(self, read: Ranges) -> Ranges:
        """Ranges of all outputs, place by place (P * C_out,), from those of the values read (P, C_in)."""
        lo, hi = np.zeros(read.lo.shape, dtype=np.int64), np.zeros(read.lo.shape, dtype=np.int64)
        for p, i in np.ndindex(read.lo.shape):
            lo[p, i], hi[p, i] = converted_range(read.one(p, i), self.inputs[i], self.overflow[i], self.rounding)
        up, down = np.maximum(self.weights, 0), np.minimum(self.weights, 0)
        least = self.bias + lo @ up + hi @ down
        most = self.bias + hi @ up + lo @ down
        if self.relu:
            least, most = np.maximum(least, 0), np.maximum(most, 0)
        return Ranges(least.reshape(-1), most.reshape(-1), np.tile(self.fraction_bits, len(read)))

    def validate(self) -> list[str]:
        """What is inconsistent in this layer; empty when all is well."""
        c_in, c_out = self.shape
        found = channel_problems(self, c_in)
        if self.bias.shape != (c_out,) or self.fraction_bits.shape != (c_out,):
            found.append(f"{c_out} outputs, bias {self.bias.shape}, fraction {self.fraction_bits.shape}")
        found += [f"channel {i}: overflow {mode!r}" for i, mode in enumerate(self.overflow) if mode not in OVERFLOWS]
        return found


Layer = TableLayer | LinearLayer | MaxLayer
