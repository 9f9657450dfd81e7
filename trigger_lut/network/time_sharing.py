"""Cut of a network into parts that use their hardware in several cycles of one event.

A block is a set of layers with the same tables or weights at P positions, such as particles. Position p depends on
position p of the other layers of the block only. Hardware for `instances` positions, the step, computes them all in
`fold` = ceil(P / instances) cycles. What the layers behind the block read is collected over these cycles:

    sum     A sum over the positions becomes an accumulator of partial sums.
    max     A maximum over the positions becomes an accumulator of partial maxima.
    store   A value of one position is kept from the cycle in which it is computed.
    pass    An input of the block that later layers read waits.

Everything else stays parallel. Parts follow each other: the outputs of one are the inputs of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray, hull, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges, fits
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network
from trigger_lut.network.reference_model import evaluate

Collection = Literal["sum", "max", "store", "pass"]


@dataclass(frozen=True)
class Collected:
    """One output of a block.

    Attributes
    ----------
    kind
        How it is collected.
    source
        Number of the step's output; for 'pass', of the block's input.
    kif
        Format of the output, wide enough for all that the register holds.
    start
        Code that is added to the partial sums of an event.
    cycle
        Cycle of the event, from 0 on, in which a value to store is computed.
    """

    kind: Collection
    source: int
    kif: KIF
    start: int = 0
    cycle: int = 0


@dataclass(frozen=True)
class Block:
    """Layers that share their hardware over the cycles of an event.

    Attributes
    ----------
    name
        Names of the layers, joined by '+'.
    positions, instances
        P, and the number of positions that are computed in one cycle.
    inputs
        Formats of the inputs of the block.
    words : int array, shape (fold, channels)
        Number of the input that each channel of the step reads in each cycle; PADDING: the code 0.
    step
        Network of `instances` positions with their partial sums and maxima.
    collected
        Outputs of the block.
    """

    name: str
    positions: int
    instances: int
    inputs: tuple[KIF, ...]
    words: IntArray
    step: Network
    collected: tuple[Collected, ...]

    @property
    def fold(self) -> int:
        """Cycles in which the step is used for an event."""
        return len(self.words)

    def output_formats(self) -> tuple[KIF, ...]:
        """Return the format of each output."""
        return tuple(c.kif for c in self.collected)


Part = Network | Block


@dataclass(frozen=True)
class Members:
    """Layers that can make a block.

    Attributes
    ----------
    layers
        Their numbers.
    positions
        P.
    """

    layers: tuple[int, ...]
    positions: int


@dataclass(frozen=True)
class Cut:
    """One block to cut out of a part.

    Attributes
    ----------
    part
        Number of the part, from 0 on.
    layers
        Numbers of the block's layers within the part.
    instances
        Positions to compute in one cycle.
    """

    part: int
    layers: tuple[int, ...]
    instances: int


def cut_network(network: Network, cuts: Iterable[Cut]) -> tuple[Part, ...]:
    """Cut a network at blocks, one after the other.

    Parameters
    ----------
    network : Network
        The integer network.
    cuts : iterable of Cut
        In the order of `choose_sharing`; the numbers of parts are those after the cuts before.

    Returns
    -------
    tuple of Network or Block
        Parts; the network alone without cuts.
    """
    parts: tuple[Part, ...] = (network,)
    for one in cuts:
        part = parts[one.part]
        assert isinstance(part, Network), "a block is not cut again"
        members = Members(one.layers, part.layers[one.layers[0]].n_positions)
        parts = (*parts[: one.part], *split(part, members, instances=one.instances), *parts[one.part + 1 :])
    return parts


def shareable(network: Network) -> list[Members]:
    """Find the sets of layers that can share hardware over positions, each from its first layer on.

    Parameters
    ----------
    network : Network
        The integer network.

    Returns
    -------
    list of Members
        In the order of their first layers; a layer is in one set at most.
    """
    candidates: list[Members] = []
    taken: set[int] = set()
    for n, layer in enumerate(network.layers):
        if n in taken or layer.n_positions < 2:
            continue
        members = [n]
        for later in range(n + 1, len(network.layers)):
            if later not in taken and _joins(network, later, members):
                members.append(later)
        taken.update(members)
        candidates.append(Members(tuple(members), layer.n_positions))
    return candidates


def fold_choices(positions: int, cycles: int) -> list[int]:
    """List the useful numbers of instances for at most `cycles` cycles, the fewest first.

    Parameters
    ----------
    positions : int
        Positions of a block.
    cycles : int
        Cycles between two events.

    Returns
    -------
    list of int
        Instances, each with another fold, all below the number of positions.
    """
    least = -(-positions // max(cycles, 1))
    by_fold = {-(-positions // count): count for count in range(positions - 1, least - 1, -1)}
    return sorted(by_fold.values())


def split(network: Network, members: Members, *, instances: int) -> list[Part]:
    """Cut a network at a block: the layers before it, the block, and the layers behind it.

    Parameters
    ----------
    network : Network
        The integer network.
    members : Members
        Layers of the block, as `shareable` finds them.
    instances : int
        Positions to compute in one cycle.

    Returns
    -------
    list of Network or Block
        Parts in order. Without layers before the block, it comes first.
    """
    block_layers = set(members.layers)
    first = members.layers[0]
    start = [len(network.inputs), *network.first_value[1:]]
    fold = -(-members.positions // instances)
    padded = fold * instances > members.positions
    reducers = _reducers(network, members, sums_only=padded)
    behind = [n for n in range(first, len(network.layers)) if n not in block_layers and n not in reducers]

    channels = _word_channels(network, members)
    produced = {v for n in members.layers for v in range(network.first_value[n], start[n + 1])}
    reduced = {v for n in reducers for v in range(network.first_value[n], start[n + 1])}
    read = {int(v) for n in behind for v in network.gather_index[n].ravel() if v != PADDING}
    read |= {int(v) for v in network.output_values}
    stored = sorted(read & produced)
    later = {v for n in behind for v in range(network.first_value[n], start[n + 1])}
    passed = sorted(read - produced - reduced - later)
    needed = sorted({int(v) for key in channels for v in key if v != PADDING} | set(passed))

    parts: list[Part] = []
    formats = {v: _format(network.ranges, v) for v in needed}
    if first:
        before = Network(
            network.inputs, network.layers[:first], network.features, outputs=np.array(needed, dtype=np.int64)
        )
        parts.append(before)
        formats = dict(zip(needed, before.output_formats(), strict=True))
    else:
        formats = dict(enumerate(network.inputs))
        needed = list(range(len(network.inputs)))
    at = {v: number for number, v in enumerate(needed)}

    block, number_of = _block(
        network, members, instances, _Surroundings(channels, at, formats, reducers, stored, passed)
    )
    return [*parts, block, _behind(network, block, number_of, behind, reducers)]


# ---------------------------------------------------------------- layers of a block


def _value_of(network: Network, n: int) -> IntArray:
    """Numbers of the outputs of a layer (P, C_out)."""
    layer = network.layers[n]
    count = layer.n_positions * layer.shape[1]
    return (network.first_value[n] + np.arange(count)).reshape(layer.n_positions, layer.shape[1])


def _inside(network: Network, n: int, members: Iterable[int], channel: int) -> tuple[int, int] | None:
    """Return layer and output that a channel reads at its own position, for all positions; else None."""
    column = network.gather_index[n][:, channel]
    for m in members:
        values = _value_of(network, m)
        for o in np.flatnonzero(values[0] == column[0]):
            if np.array_equal(values[:, o], column):
                return m, int(o)
    return None


def _joins(network: Network, n: int, members: list[int]) -> bool:
    """Return whether a layer can be computed with the block, position by position."""
    first, positions = members[0], network.layers[members[0]].n_positions
    if network.layers[n].n_positions != positions:
        return False
    reads_block = False
    for i in range(network.layers[n].shape[0]):
        if _inside(network, n, members, i) is not None:
            reads_block = True
        elif network.gather_index[n][:, i].max() >= network.first_value[first]:
            return False
    return reads_block


def _word_channels(network: Network, members: Members) -> dict[tuple[int, ...], int]:
    """Return a number for each column of values (P,) that the block reads from outside."""
    numbers: dict[tuple[int, ...], int] = {}
    for n in members.layers:
        for i in range(network.layers[n].shape[0]):
            if _inside(network, n, members.layers, i) is None:
                numbers.setdefault(tuple(network.gather_index[n][:, i].tolist()), len(numbers))
    return numbers


# ---------------------------------------------------------------- sums and maxima over positions


@dataclass(frozen=True)
class _Reducer:
    """Sum or maximum over positions.

    sources: of each position of the layer and each item of a block's position: layer and output in the block.
    formats, overflow, channels: of each item; `channels` are those of the first position.
    """

    sources: list[list[tuple[int, int]]]
    formats: list[KIF]
    overflow: list[str]
    channels: list[int]


def _reducers(network: Network, members: Members, sums_only: bool) -> dict[int, _Reducer]:
    """Find the layers that add or compare the same outputs of all positions of the block."""
    reducers = {}
    for n in range(members.layers[0] + 1, len(network.layers)):
        way = COLLECTED.get(type(network.layers[n]))
        if way is not None and (way.kind == "sum" or not sums_only) and n not in members.layers:
            reducer = _reducer(network, members, n)
            if reducer is not None:
                reducers[n] = reducer
    return reducers


def _reducer(network: Network, members: Members, n: int) -> _Reducer | None:
    layer, gather_index = network.layers[n], network.gather_index[n]
    place = {
        int(value): (p, (m, o))
        for m in members.layers
        for p, row in enumerate(_value_of(network, m))
        for o, value in enumerate(row)
    }
    if not all(int(v) in place for v in gather_index.ravel()):
        return None
    items = len(gather_index[0]) // members.positions
    if items * members.positions != len(gather_index[0]):
        return None
    by_item: list[list[int]] | None = None
    sources = []
    for q in range(len(gather_index)):
        at: list[list[int]] = [[] for _ in range(members.positions)]
        for i, value in enumerate(gather_index[q]):
            at[place[int(value)][0]].append(i)
        reads = [[place[int(gather_index[q, i])][1] for i in channels] for channels in at]
        if any(read != reads[0] or len(read) != items for read in reads):
            return None
        columns = [[channels[t] for channels in at] for t in range(items)]
        if by_item is not None and columns != by_item:
            return None
        by_item = columns
        sources.append(reads[0])
    assert by_item is not None
    read, role = network.input_ranges(n), COLLECTED[type(layer)].role
    formats = []
    for channels in by_item:
        kif = _common_format(layer, channels, read)
        if kif is None or any(role(layer, i) != role(layer, channels[0]) for i in channels):
            return None
        formats.append(kif)
    return _Reducer(sources, formats, [layer.overflow[c[0]] for c in by_item], [c[0] for c in by_item])


@dataclass(frozen=True)
class _Way:
    """Way to collect the outputs of a kind of layer; layers of other kinds read stored values.

    role: of a channel in the layer. alone: the layer without what follows the accumulator. partial: the layer of some
    channels and other fields, without what is added once. follows: True if something does.
    """

    kind: Collection
    role: Callable[[Any, int], object]
    alone: Callable[[Any], IntegerLayer]
    partial: Callable[[Any, list[int], dict[str, Any]], IntegerLayer]
    follows: Callable[[Any], bool]


COLLECTED: dict[type[IntegerLayer], _Way] = {
    LinearLayer: _Way(
        kind="sum",
        role=lambda layer, i: tuple(layer.weights[i].tolist()),
        alone=lambda layer: replace(layer, relu=False),
        partial=lambda layer, channels, changes: replace(
            layer, **changes, weights=layer.weights[channels], bias=np.zeros_like(layer.bias), relu=False
        ),
        follows=lambda layer: bool(layer.relu),
    ),
    MaxLayer: _Way(
        kind="max",
        role=lambda layer, i: int(layer.output_of[i]),
        alone=lambda layer: layer,
        partial=lambda layer, channels, changes: replace(layer, **changes, output_of=layer.output_of[channels]),
        follows=lambda layer: False,
    ),
}
"""By kind of layer."""


def _common_format(layer: IntegerLayer, channels: list[int], read: Ranges) -> KIF | None:
    """Return a format for channels of all positions that converts as each one's own; None: there is none."""
    own = {(layer.inputs[i], layer.overflow[i]) for i in channels}
    if len(own) == 1:
        return layer.inputs[channels[0]]
    kifs = [layer.inputs[i] for i in channels]
    exact = all(
        layer.overflow[i] == "WRAP" and fits(*read.one(q, i), kif=layer.inputs[i], rounding=layer.rounding)
        for i in channels
        for q in range(len(read))
    )
    return hull(kifs) if exact and len({kif.f for kif in kifs}) == 1 else None


def _format(ranges: Ranges, value: int) -> KIF:
    """Return the narrowest format of a value, of at least one bit."""
    kif = kif_for_range(*ranges.one(value))
    return kif if kif.bits else KIF(kif.k, 1 - kif.k - kif.f, kif.f)


# ---------------------------------------------------------------- parts


@dataclass(frozen=True)
class _Surroundings:
    """Values that a block reads and gives; `at` and `formats` are of its inputs, by value."""

    channels: dict[tuple[int, ...], int]
    at: dict[int, int]
    formats: dict[int, KIF]
    reducers: dict[int, _Reducer]
    stored: list[int]
    passed: list[int]


def _block(network: Network, members: Members, instances: int, around: _Surroundings) -> tuple[Block, dict[int, int]]:
    """Make a block; also return the number of the block's output for each value."""
    fold = -(-members.positions // instances)
    columns = list(around.channels)
    words = np.full((fold, instances, len(columns)), PADDING, dtype=np.int64)
    for c, column in enumerate(columns):
        for p, value in enumerate(column):
            if value != PADDING:
                words[p // instances, p % instances, c] = around.at[value]
    kifs = tuple(hull([around.formats[v] for v in column if v != PADDING] or [KIF(0, 1, 0)]) for column in columns)
    step, starts, places = _step(network, members, instances, _Words(around.channels, kifs), around.reducers)

    formats = step.output_formats()
    collected: list[Collected] = []
    number_of: dict[int, int] = {}
    blank = fold * instances - members.positions
    idle = _idle_sums(network, members, _Words(around.channels, kifs), around.reducers) if blank else {}
    for n in around.reducers:
        layer = network.layers[n]
        way = COLLECTED[type(layer)]
        exact = way.alone(layer).output_ranges(network.input_ranges(n))
        for place, value in enumerate(_value_of(network, n).ravel().tolist()):
            number_of[value] = len(collected)
            source, kif = starts[n] + place, _format(exact, place)
            if way.kind == "sum":
                start = layer.offset(place % layer.shape[1]) - blank * (int(idle[n][place]) if blank else 0)
                collected.append(Collected("sum", source, kif, start=start))
            else:
                collected.append(Collected("max", source, hull([kif, formats[source]])))
    for value in around.stored:
        p, s = places[value]
        number_of[value] = len(collected)
        source = s[p % instances]
        collected.append(Collected("store", source, formats[source], cycle=p // instances))
    for value in around.passed:
        number_of[value] = len(collected)
        collected.append(Collected("pass", around.at[value], around.formats[value]))
    # A step computes more than is read where a layer's output serves no later one.
    used = sorted({c.source for c in collected if c.kind != "pass"})
    renumbered = {source: number for number, source in enumerate(used)}
    step = replace(step, outputs=step.output_values[used])
    collected = [c if c.kind == "pass" else replace(c, source=renumbered[c.source]) for c in collected]
    block = Block(
        name="+".join(network.layers[n].name for n in members.layers),
        positions=members.positions,
        instances=instances,
        inputs=tuple(around.formats[v] for v in around.at),
        words=words.reshape(fold, -1),
        step=step,
        collected=tuple(collected),
    )
    return block, number_of


@dataclass(frozen=True)
class _Words:
    """Channels that a position reads from outside, by column of values, and their formats."""

    channels: dict[tuple[int, ...], int]
    kifs: tuple[KIF, ...]


def _step(
    network: Network, members: Members, instances: int, words: _Words, reducers: dict[int, _Reducer]
) -> tuple[Network, dict[int, int], dict[int, tuple[int, list[int]]]]:
    """Make the network of some positions side by side.

    Returns
    -------
    step : Network
        Its outputs are all values of its layers.
    starts : dict
        By reducer: number of the step's output that is its first one.
    places : dict
        By value of the network: its position, and the step's outputs that compute it, one per instance.
    """
    inputs = words.kifs * instances
    layers: list[IntegerLayer] = []
    first: dict[int, int] = {}
    count = len(inputs)
    for n in members.layers:
        layer = network.layers[n]
        gather_index = np.zeros((instances, layer.shape[0]), dtype=np.int64)
        for i in range(layer.shape[0]):
            inside = _inside(network, n, members.layers, i)
            for s in range(instances):
                if inside is None:
                    column = tuple(network.gather_index[n][:, i].tolist())
                    gather_index[s, i] = s * len(words.kifs) + words.channels[column]
                else:
                    m, o = inside
                    gather_index[s, i] = first[m] + s * network.layers[m].shape[1] + o
        layers.append(replace(layer, gather_index=gather_index))
        first[n] = count
        count += instances * layer.shape[1]
    for n, reducer in reducers.items():
        layers.append(_partial(network.layers[n], reducer, network, instances, first))
        first[n] = count
        count += layers[-1].n_positions * layers[-1].shape[1]
    known = network.features
    features = [
        known[column[0]] if 0 <= column[0] < len(known) else f"word{n}" for n, column in enumerate(words.channels)
    ]
    names = tuple(f"{name}@{s}" if instances > 1 else name for s in range(instances) for name in features)
    step = Network(inputs, tuple(layers), names, outputs=np.arange(len(inputs), count))
    places = {
        int(value): (p, [first[n] - len(inputs) + s * network.layers[n].shape[1] + o for s in range(instances)])
        for n in members.layers
        for p, row in enumerate(_value_of(network, n))
        for o, value in enumerate(row)
    }
    return step, {n: first[n] - len(inputs) for n in reducers}, places


def _partial(
    layer: IntegerLayer, reducer: _Reducer, network: Network, instances: int, first: dict[int, int]
) -> IntegerLayer:
    """Make the sum or maximum of the positions of one cycle."""
    gather_index = np.array(
        [
            [first[m] + s * network.layers[m].shape[1] + o for s in range(instances) for m, o in sources]
            for sources in reducer.sources
        ],
        dtype=np.int64,
    )
    channels = reducer.channels * instances
    changes: dict[str, Any] = {
        "inputs": tuple(reducer.formats) * instances,
        "overflow": tuple(reducer.overflow) * instances,
        "gather_index": gather_index,
    }
    return COLLECTED[type(layer)].partial(layer, channels, changes)


def _idle_sums(network: Network, members: Members, words: _Words, reducers: dict[int, _Reducer]) -> dict[int, IntArray]:
    """Return what an instance without a position adds to each sum: that of the codes 0."""
    alone, starts, _ = _step(network, members, 1, words, reducers)
    outputs = evaluate(alone, np.zeros((1, len(alone.inputs)), dtype=np.int64))[0]
    return {
        n: outputs[start : start + network.layers[n].n_positions * network.layers[n].shape[1]]
        for n, start in starts.items()
    }


def _behind(
    network: Network, block: Block, number_of: dict[int, int], behind: list[int], reducers: dict[int, _Reducer]
) -> Network:
    """Make the network of the layers behind a block; its inputs are the block's outputs."""
    formats = block.output_formats()
    number = dict(number_of)
    layers: list[IntegerLayer] = []
    count = len(formats)

    def add(layer: IntegerLayer, values: IntArray) -> None:
        nonlocal count
        layers.append(layer)
        number.update({int(v): count + n for n, v in enumerate(values.ravel())})
        count += values.size

    for n in sorted({*behind, *reducers}):
        layer, values = network.layers[n], _value_of(network, n)
        if n in reducers:
            if COLLECTED[type(layer)].follows(layer):
                add(_rectifier(layer, [number_of[int(v)] for v in values.ravel()], formats), values)
            continue
        gather_index = np.array(
            [[PADDING if v == PADDING else number[int(v)] for v in row] for row in network.gather_index[n]],
            dtype=np.int64,
        )
        add(replace(layer, gather_index=gather_index), values)
    outputs = [number[int(v)] for v in network.output_values]
    if not layers:
        layers = [_identity("outputs", outputs, formats)]
        outputs = list(range(count, count + len(outputs)))
    return Network(
        formats,
        tuple(layers),
        tuple(f"{c.kind}{n}" for n, c in enumerate(block.collected)),
        network.classes,
        np.array(outputs, dtype=np.int64),
    )


def _identity(name: str, sources: list[int], formats: Sequence[KIF], relu: bool = False) -> LinearLayer:
    """Make a layer that gives some inputs as they are, or clipped below 0."""
    kifs = tuple(formats[v] for v in sources)
    return LinearLayer(
        name,
        kifs,
        ("WRAP",) * len(kifs),
        np.eye(len(kifs), dtype=np.int64),
        np.zeros(len(kifs), dtype=np.int64),
        relu=relu,
        fraction_bits=np.array([kif.f for kif in kifs], dtype=np.int64),
        gather_index=np.array([sources], dtype=np.int64),
    )


def _rectifier(layer: IntegerLayer, sources: list[int], formats: Sequence[KIF]) -> LinearLayer:
    return _identity(f"{layer.name}_relu", sources, formats, relu=True)
