"""The layers of an integer network: plain arrays, and what follows from them (ranges, formats, inconsistencies).

A layer is applied at one or more positions. At each position it maps C_in values of the network to C_out values.
`gather_index[p, i]` is the number of the value that channel i of position p reads (see `network.Network`); -1 is
padding, the constant 0. A dense layer has one position. A layer shared over particles has one position for each
particle, a convolution one for each place of its window. Outputs are numbered position by position.

Each channel is first converted into its format, from the code y of the value that it reads:

    c[i] = overflow_i( y[i] * 2**(f_in[i] - f_y[i]) rounded )              in format inputs[i]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import OVERFLOWS, ROUNDINGS, Ranges, converted_range
from trigger_lut.network.back_ends import register_kind

PADDING = -1


@dataclass(frozen=True)
class IntegerLayer(ABC):
    """Base class of the integer layers.

    Attributes
    ----------
    name : str
        Name of the layer.
    inputs : tuple of KIF, length C_in
        Format of each channel.
    overflow : tuple of str, length C_in
        'WRAP' (modulo 2**bits), 'SAT' or 'SAT_SYM' for each channel; WRAP too where nothing can overflow.
    fraction_bits : int array, shape (C_out,)
        Fraction bits of each output.
    gather_index : int array, shape (P, C_in), optional
        Numbers of the values read. None: one position that reads all outputs of the layer before, in order.
    rounding : str
        'TRN' (down) or 'RND' (half up), of all channels.
    """

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    fraction_bits: IntArray = field(kw_only=True)
    gather_index: IntArray | None = field(default=None, kw_only=True)
    rounding: str = field(default="TRN", kw_only=True)

    kind: ClassVar[str]
    """Name of the class in network files."""
    computes_with: ClassVar[str]
    """Group of the layer on cards and pages."""
    reads_addresses: ClassVar[bool] = False
    """True if channels are addresses, which firmware counts from the smallest code of the format."""

    is_sum: ClassVar[bool] = False
    """True if an output is its bias and a term of each channel; see `term`."""
    prunable: ClassVar[bool] = False
    """True if training removes edges."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """C_in and C_out."""

    @property
    @abstractmethod
    def edge_mask(self) -> NDArray[np.bool_]:
        """(C_in, C_out) True where the channel enters the output."""

    @property
    def possible_edges(self) -> NDArray[np.bool_]:
        """(C_in, C_out) True where the channel could enter the output."""
        return np.ones(self.shape, dtype=np.bool_)

    @property
    def n_possible_edges(self) -> int:
        """Number of edges that the layer can have."""
        return self.shape[0] * self.shape[1]

    @abstractmethod
    def edge_bits(self) -> tuple[list[int], list[int]]:
        """Return the bits that each edge reads, and the bits that it gives, in the order of `edges`."""

    @abstractmethod
    def without_edges(self, removed: NDArray[np.bool_]) -> IntegerLayer:
        """Return the layer without some edges.

        Parameters
        ----------
        removed : numpy.ndarray of bool, shape (C_in, C_out)
            True for an edge to remove.

        Returns
        -------
        IntegerLayer
        """

    @abstractmethod
    def output_ranges(self, read: Ranges) -> Ranges:
        """Return the ranges of all outputs, position by position.

        Parameters
        ----------
        read : Ranges, shape (P, C_in)
            Ranges of the values read.

        Returns
        -------
        Ranges
            Of shape (P * C_out,).
        """

    @abstractmethod
    def largest_intermediate(self) -> int:
        """Return a bound on the magnitude of all integers that an output is computed with."""

    def term(self, i: int, o: int, *, codes: IntArray) -> IntArray:
        """Return what channel i adds to output o, for codes of the channel.

        Parameters
        ----------
        i, o : int
            Edge.
        codes : numpy.ndarray of int
            Converted codes of the channel.

        Returns
        -------
        numpy.ndarray of int64
            Terms at the output's fraction bits.

        Raises
        ------
        NotImplementedError
            If outputs are no sums.
        """
        raise NotImplementedError(f"outputs of {self.kind!r} layers are no sums")

    def offset(self, o: int) -> int:
        """Return what is added to the terms of output o."""
        return int(self.bias[o]) if hasattr(self, "bias") else 0

    def operand_bounds(self) -> tuple[int, int]:
        """Return the smallest and largest operand that need not lie within the ranges of the outputs."""
        return 0, 0

    def edge_constant(self, i: int, o: int, *, entry: int) -> tuple[str, tuple[int, ...], str] | None:
        """Return field, index and name of a constant of an edge; None where the layer has none."""
        return None

    def constants(self) -> dict[str, IntArray]:
        """Return the constants of the layer by their names in messages."""
        return {}

    @property
    def clips_below_zero(self) -> bool:
        """True if the layer replaces negative outputs by 0."""
        return False

    def _faults(self) -> list[str]:
        """List what is inconsistent in addition to the fields of every layer."""
        return []

    # ---------------------------------------------------------------- what follows

    @property
    def n_positions(self) -> int:
        """P, the number of positions."""
        return 1 if self.gather_index is None else len(self.gather_index)

    @cached_property
    def live_edges(self) -> int:
        """Number of edges."""
        return int(self.edge_mask.sum())

    def edges(self) -> list[tuple[int, int]]:
        """Return (i, o) of every edge."""
        return [(int(i), int(o)) for i, o in np.argwhere(self.edge_mask)]

    def entering(self, o: int) -> list[int]:
        """Return the channels that enter output o."""
        return [int(i) for i in np.flatnonzero(self.edge_mask[:, o])]

    def used_channels(self) -> IntArray:
        """Return the channels that enter some output."""
        return np.flatnonzero(self.edge_mask.any(axis=1))

    def channel_ranges(self, read: Ranges) -> tuple[IntArray, IntArray]:
        """Return the smallest and largest code (P, C_in) of each channel in its format."""
        lo, hi = (np.zeros(read.lo.shape, dtype=np.int64) for _ in range(2))
        for p, i in np.ndindex(read.lo.shape):
            lo[p, i], hi[p, i] = converted_range(
                read.one(p, i), self.inputs[i], overflow=self.overflow[i], rounding=self.rounding
            )
        return lo, hi

    def without_outputs(self, removed: NDArray[np.bool_]) -> IntegerLayer:
        """Return the layer with some outputs (C_out,) constantly 0."""
        changes: dict[str, Any] = {"fraction_bits": np.where(removed, 0, self.fraction_bits)}
        if hasattr(self, "bias"):
            changes["bias"] = np.where(removed, 0, self.bias)
        return replace(self.without_edges(self.edge_mask & removed), **changes)

    def validate(self) -> list[str]:
        """List what is inconsistent; empty where the layer is sound."""
        c_in, c_out = self.shape
        faults = []
        if len(self.inputs) != c_in or len(self.overflow) != c_in:
            faults.append(f"{c_in} channels, {len(self.inputs)} formats, {len(self.overflow)} overflow modes")
        if self.gather_index is not None and (self.gather_index.ndim != 2 or self.gather_index.shape[1] != c_in):
            faults.append(f"{c_in} channels, gather_index of shape {self.gather_index.shape}")
        if self.rounding not in ROUNDINGS:
            faults.append(f"rounding {self.rounding!r}")
        shapes = {key: getattr(self, key).shape for key in ("bias", "fraction_bits") if hasattr(self, key)}
        if any(shape != (c_out,) for shape in shapes.values()):
            faults.append(f"{c_out} outputs, " + ", ".join(f"{key} {shape}" for key, shape in shapes.items()))
        faults += [f"channel {i}: overflow {mode!r}" for i, mode in enumerate(self.overflow) if mode not in OVERFLOWS]
        return faults or self._faults()


@register_kind
@dataclass(frozen=True)
class TableLayer(IntegerLayer):
    """Sums of table entries.

        a    = (c[i] - lo_i) >> (bits_i - m[i,o])                               address, m[i,o] bits
        z[o] = bias[o] + sum_i tables[i, o, a]                                  exact

    `lo_i` is the smallest code of the format, so tables are in rising order of value for signed channels too.

    Attributes
    ----------
    widths : int array, shape (C_in, C_out)
        Address bits m of each edge; 0 is a pruned edge.
    tables : int array, shape (C_in, C_out, 2**max(widths))
        Entries; those from 2**widths[i, o] on are 0, and all of a pruned edge.
    bias : int array, shape (C_out,)
        Added to the sums.
    """

    kind: ClassVar[str] = "tables"
    computes_with: ClassVar[str] = "tables"
    reads_addresses: ClassVar[bool] = True
    is_sum: ClassVar[bool] = True
    prunable: ClassVar[bool] = True

    widths: IntArray
    tables: IntArray
    bias: IntArray

    @property
    def shape(self) -> tuple[int, int]:
        """C_in and C_out."""
        return self.widths.shape[0], self.widths.shape[1]

    @cached_property
    def edge_mask(self) -> NDArray[np.bool_]:
        """(C_in, C_out) True for edges with address bits."""
        return self.widths > 0

    def edge_bits(self) -> tuple[list[int], list[int]]:
        """Return the address bits of each edge, and the bits of the span of its entries."""
        spans = [int(np.ptp(self.table(i, o))).bit_length() for i, o in self.edges()]
        return self.widths[self.edge_mask].tolist(), spans

    def table(self, i: int, o: int) -> IntArray:
        """Return the 2**m entries of edge (i, o), in rising order of input value."""
        return self.tables[i, o, : 1 << int(self.widths[i, o])]

    def addresses(self, i: int, o: int, *, codes: IntArray) -> IntArray:
        """Return the entries that edge (i, o) reads for codes of the channel."""
        kif = self.inputs[i]
        return (codes - kif.lo) >> (kif.bits - int(self.widths[i, o]))

    def term(self, i: int, o: int, *, codes: IntArray) -> IntArray:
        """Return the entries that edge (i, o) looks up for codes of the channel."""
        entries: IntArray = self.table(i, o)[self.addresses(i, o, codes=codes)]
        return entries

    @property
    def _entries_in_use(self) -> NDArray[np.bool_]:
        """(C_in, C_out, entries) True for the 2**widths first entries of each edge that is not pruned."""
        sizes = np.where(self.widths > 0, 1 << np.clip(self.widths, 0, 62), 0)
        return np.arange(self.tables.shape[2]) < sizes[..., None]

    def bounds(self, codes: IntArray | None = None) -> tuple[IntArray, IntArray]:
        """Return the smallest and largest possible code of each output (C_out,): sums of the tables' extremes.

        Parameters
        ----------
        codes : int array, shape (C_in, 2), optional
            Smallest and largest code of each channel. None: all codes of its format.
        """
        used = self._entries_in_use
        if codes is not None:
            kif = np.array([[kif.lo, kif.bits] for kif in self.inputs], dtype=np.int64)
            drop = kif[:, 1:] - self.widths
            first, last = ((codes[:, [n]] - kif[:, :1]) >> drop for n in (0, 1))
            entries = np.arange(self.tables.shape[2])
            used = used & (entries >= first[..., None]) & (entries <= last[..., None])
        live, most = self.widths > 0, np.iinfo(np.int64).max
        lo = np.where(used, self.tables, most).min(axis=2, initial=most)
        hi = np.where(used, self.tables, -most).max(axis=2, initial=-most)
        return self.bias + np.where(live, lo, 0).sum(axis=0), self.bias + np.where(live, hi, 0).sum(axis=0)

    def output_ranges(self, read: Ranges) -> Ranges:
        """Return the ranges of all outputs (P * C_out,): sums of the extreme entries that codes can reach."""
        known: dict[bytes, tuple[IntArray, IntArray]] = {}  # positions that read the same have the same outputs
        bounds = []
        for p in range(len(read)):
            at = read[p : p + 1]
            key = np.stack([at.lo, at.hi, at.f]).tobytes()
            if key not in known:
                known[key] = self.bounds(np.concatenate(self.channel_ranges(at)).T)
            bounds.append(known[key])
        lo, hi = (np.concatenate(parts) for parts in zip(*bounds, strict=True))
        return Ranges(lo, hi, np.tile(self.fraction_bits, len(read)))

    def output_formats(self) -> tuple[KIF, ...]:
        """Return the narrowest format of each output of a position."""
        return Ranges(*self.bounds(), self.fraction_bits).formats()

    def padding_address(self, i: int, o: int) -> int:
        """Return the entry that edge (i, o) reads when its channel is padding: that of the code 0."""
        kif = self.inputs[i]
        code = min(max(0, kif.lo), kif.hi)
        return (code - kif.lo) >> (kif.bits - int(self.widths[i, o]))

    def without_edges(self, removed: NDArray[np.bool_]) -> TableLayer:
        """Return the layer with zero width and no entries for some edges."""
        widths = np.where(removed, 0, self.widths)
        tables = np.where(removed[..., None], 0, self.tables)[:, :, : 1 << int(widths.max(initial=0))]
        return replace(self, widths=widths, tables=tables)

    def largest_intermediate(self) -> int:
        """Return the largest sum of magnitudes of bias and entries."""
        return int((np.abs(self.tables).max(axis=2, initial=0).sum(axis=0) + abs(self.bias)).max())

    def edge_constant(self, i: int, o: int, *, entry: int) -> tuple[str, tuple[int, ...], str]:
        """Return field, index and name of a table entry."""
        return "tables", (i, o, entry), f"entry {entry} of table ({i}, {o})"

    def constants(self) -> dict[str, IntArray]:
        """Return table entries and bias."""
        return {"table entry": self.tables, "bias": self.bias}

    def _faults(self) -> list[str]:
        c_in, c_out = self.shape
        if self.tables.shape != (c_in, c_out, 1 << int(self.widths.max(initial=0))):
            return [f"tables of shape {self.tables.shape} for widths up to {self.widths.max(initial=0)}"]
        faults = []
        for i, o in np.argwhere((self.widths < 0) | (self.widths > np.array([f.bits for f in self.inputs])[:, None])):
            faults.append(f"edge ({i}, {o}): {self.widths[i, o]} address bits of a {self.inputs[i].bits}-bit channel")
        for i, o in np.argwhere((~self._entries_in_use & (self.tables != 0)).any(axis=2)):
            faults.append(f"edge ({i}, {o}): entries beyond its 2**{self.widths[i, o]} are not 0")
        return faults


@register_kind
@dataclass(frozen=True)
class LinearLayer(IntegerLayer):
    """Exact sums of weighted integers, with or without ReLU.

        z[o] = bias[o] + sum_i weights[i, o] * c[i]
        z[o] = max(z[o], 0)                                                    where relu

    Attributes
    ----------
    weights : int array, shape (C_in, C_out)
        The real weights times 2**(fraction_bits[o] - f_in[i]).
    bias : int array, shape (C_out,)
        Added to the sums.
    relu : bool
        True if a ReLU follows.
    """

    kind: ClassVar[str] = "linear"
    computes_with: ClassVar[str] = "arithmetic"
    is_sum: ClassVar[bool] = True

    weights: IntArray
    bias: IntArray
    relu: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """C_in and C_out."""
        return self.weights.shape[0], self.weights.shape[1]

    @cached_property
    def edge_mask(self) -> NDArray[np.bool_]:
        """(C_in, C_out) True for weights that are not 0."""
        return np.asarray(self.weights != 0)

    def edge_bits(self) -> tuple[list[int], list[int]]:
        """Return the bits of the input of each edge, and the bits of the magnitude of its weight."""
        edges = self.edges()
        return [self.inputs[i].bits for i, _ in edges], [int(abs(self.weights[e])).bit_length() for e in edges]

    def output_ranges(self, read: Ranges) -> Ranges:
        """Return the ranges of all outputs (P * C_out,): sums of the extreme products, after ReLU."""
        lo, hi = self.channel_ranges(read)
        up, down = np.maximum(self.weights, 0), np.minimum(self.weights, 0)
        least = self.bias + lo @ up + hi @ down
        most = self.bias + hi @ up + lo @ down
        if self.relu:
            least, most = np.maximum(least, 0), np.maximum(most, 0)
        return Ranges(least.reshape(-1), most.reshape(-1), np.tile(self.fraction_bits, len(read)))

    def term(self, i: int, o: int, *, codes: IntArray) -> IntArray:
        """Return the products of weight (i, o) and codes of the channel."""
        return codes * int(self.weights[i, o])

    def without_edges(self, removed: NDArray[np.bool_]) -> LinearLayer:
        """Return the layer with weight 0 for some edges."""
        return replace(self, weights=np.where(removed, 0, self.weights))

    def largest_intermediate(self) -> int:
        """Return the largest sum of magnitudes of bias and products."""
        ends = np.array([max(abs(kif.lo), abs(kif.hi)) for kif in self.inputs], dtype=np.float64)
        return int((ends @ np.abs(self.weights) + np.abs(self.bias)).max())

    def edge_constant(self, i: int, o: int, *, entry: int) -> tuple[str, tuple[int, ...], str]:
        """Return field, index and name of a weight; it has no entries."""
        return "weights", (i, o), f"weight ({i}, {o})"

    def constants(self) -> dict[str, IntArray]:
        """Return weights and bias."""
        return {"weight": self.weights, "bias": self.bias}

    @property
    def clips_below_zero(self) -> bool:
        """True if a ReLU follows."""
        return self.relu


@register_kind
@dataclass(frozen=True)
class MaxLayer(IntegerLayer):
    """The largest of several values: max pooling, and the maximum of branches.

        z[o] = max over i with output_of[i] = o of c[i] * 2**(fraction_bits[o] - f_in[i])

    A channel enters one output at most, and an output without channels is 0. A window that reaches beyond the edge
    reads one of its values more than once, which does not change the maximum. Padding is the value 0.

    Attributes
    ----------
    output_of : int array, shape (C_in,)
        Number of the output that the channel enters; -1: none.
    fraction_bits : int array, shape (C_out,)
        At least those of the channels of the output.
    """

    kind: ClassVar[str] = "max"
    computes_with: ClassVar[str] = "selection"

    output_of: IntArray

    @property
    def shape(self) -> tuple[int, int]:
        """C_in and C_out."""
        return len(self.output_of), len(self.fraction_bits)

    @cached_property
    def edge_mask(self) -> NDArray[np.bool_]:
        """(C_in, C_out) True for the one output of each channel."""
        return np.asarray(self.output_of[:, None] == np.arange(len(self.fraction_bits)))

    @property
    def possible_edges(self) -> NDArray[np.bool_]:
        """The edges that there are, as a channel enters one output at most."""
        return self.edge_mask

    @property
    def n_possible_edges(self) -> int:
        """One edge per channel."""
        return self.shape[0]

    def shift(self, i: int, o: int) -> int:
        """Return the number of bits by which channel i is shifted up before it is compared for output o."""
        return int(self.fraction_bits[o]) - self.inputs[i].f

    def edge_bits(self) -> tuple[list[int], list[int]]:
        """Return the bits of the input of each edge, and the bits that are compared."""
        bits = [self.inputs[i].bits for i, _ in self.edges()]
        return bits, [b + self.shift(*edge) for b, edge in zip(bits, self.edges(), strict=True)]

    def operand_bounds(self) -> tuple[int, int]:
        """Return the smallest and largest code that is compared; a losing one can lie below all outputs."""
        ends = [end << self.shift(i, o) for i, o in self.edges() for end in (self.inputs[i].lo, self.inputs[i].hi)]
        return min(ends, default=0), max(ends, default=0)

    def output_ranges(self, read: Ranges) -> Ranges:
        """Return the ranges of all outputs (P * C_out,): the largest of the channels' ends."""
        channels = self.channel_ranges(read)
        lo, hi = (np.zeros((len(read), self.shape[1]), dtype=np.int64) for _ in range(2))
        for p, o in np.ndindex(lo.shape):
            ends = [[int(codes[p, i]) << self.shift(i, o) for codes in channels] for i in self.entering(o)]
            if ends:
                lo[p, o], hi[p, o] = np.max(ends, axis=0)
        return Ranges(lo.reshape(-1), hi.reshape(-1), np.tile(self.fraction_bits, len(read)))

    def without_edges(self, removed: NDArray[np.bool_]) -> MaxLayer:
        """Return the layer with no output for the channels of some edges."""
        return replace(self, output_of=np.where((self.edge_mask & removed).any(axis=1), -1, self.output_of))

    def largest_intermediate(self) -> int:
        """Return the largest magnitude of a code that is compared."""
        return max(map(abs, self.operand_bounds()))

    def _faults(self) -> list[str]:
        faults = []
        for i, (o, kif) in enumerate(zip(self.output_of.tolist(), self.inputs, strict=True)):
            if not -1 <= o < self.shape[1]:
                faults.append(f"channel {i}: enters output {o} of {self.shape[1]}")
            elif o >= 0 and kif.f > self.fraction_bits[o]:
                faults.append(
                    f"channel {i}: {kif} has more fraction bits than the {self.fraction_bits[o]} of output {o}"
                )
        return faults
