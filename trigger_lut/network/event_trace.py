"""The path of one event through the network: every integer on its way, for examining."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.back_ends import EVENT_TRACE
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.network.reference_model import all_values, channel_codes

Parts = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Channel:
    """Value that one channel of a layer reads at one position.

    source   Number of the value it reads; None: padding, which is 0.
    read     Code of that value at `fraction_bits` fraction bits.
    code     The same in the channel's format.
    changed  '' where the format represents what was read, or 'saturated', 'rounded', 'wrapped'.
    """

    source: int | None
    read: int
    fraction_bits: int
    format: KIF
    code: int
    changed: str


@dataclass(frozen=True)
class Output:
    """One output of a layer at one position.

    parts  Terms by channel: (address, entry) of a table, (weight, product) of a weight, (shift, code) of a maximum.
           Only channels that take part.
    start  Initial value of the sum, the bias; None for a maximum.
    code   The result at `fraction_bits` fraction bits.
    """

    parts: Parts
    start: int | None
    code: int
    fraction_bits: int

    @property
    def value(self) -> float:
        """The result as a real number."""
        return self.code * 2.0**-self.fraction_bits


@dataclass(frozen=True)
class Step:
    """One layer at one position; `first` is the number of its first output among the values."""

    layer: str
    kind: str
    position: int
    n_positions: int
    first: int
    channels: list[Channel]
    outputs: list[Output]


def trace_event(network: Network, codes: IntArray) -> list[Step]:
    """Trace one event, layer by layer and position by position.

    Parameters
    ----------
    network : Network
        The integer network.
    codes : numpy.ndarray of int, shape (C_in,)
        Input codes in their formats.

    Returns
    -------
    list of Step
    """
    values = all_values(network, np.asarray(codes, dtype=np.int64)[None])
    steps = []
    for n, (layer, start) in enumerate(zip(network.layers, network.first_value, strict=False)):
        for place in range(layer.n_positions):
            channel_values = channel_codes(network, n, values=values, place=place)[0]
            first = start + place * layer.shape[1]
            output_values = values[0, first : first + layer.shape[1]]
            channels = [
                _channel(
                    network, layer, place=network.gather_index[n][place], i=i, values=values[0], channels=channel_values
                )
                for i in range(len(channel_values))
            ]
            outputs = [_output(layer, o, channel_values, int(code)) for o, code in enumerate(output_values)]
            steps.append(Step(layer.name, layer.computes_with, place, layer.n_positions, first, channels, outputs))
    return steps


def _channel(
    network: Network, layer: IntegerLayer, *, place: IntArray, i: int, values: IntArray, channels: IntArray
) -> Channel:
    source, kif = int(place[i]), layer.inputs[i]
    if source == PADDING:
        return Channel(None, 0, kif.f, kif, int(channels[i]), "")
    read, fraction, code = int(values[source]), network.fraction_of(source), int(channels[i])
    gained = kif.f - fraction
    exact = read << gained if gained >= 0 else read >> -gained
    if layer.rounding == "RND" and gained < 0:
        exact = (read + (1 << (-gained - 1))) >> -gained
    changed = ""
    if code != exact:
        changed = "wrapped" if layer.overflow[i] == "WRAP" else "saturated"
    elif gained < 0 and read & ((1 << -gained) - 1):
        changed = "rounded"
    return Channel(source, read, fraction, kif, code, changed)


def _output(layer: IntegerLayer, o: int, channels: IntArray, code: int) -> Output:
    parts, start = EVENT_TRACE(layer, o, channels)
    return Output(parts, start, code, int(layer.fraction_bits[o]))


@EVENT_TRACE.register(TableLayer)
def _entries(layer: TableLayer, o: int, channels: IntArray) -> tuple[Parts, int | None]:
    parts: Parts = {}
    for i in layer.entering(o):
        address = int(layer.addresses(i, o, codes=channels[i]))
        parts[i] = (address, int(layer.table(i, o)[address]))
    return parts, int(layer.bias[o])


@EVENT_TRACE.register(LinearLayer)
def _products(layer: LinearLayer, o: int, channels: IntArray) -> tuple[Parts, int | None]:
    weights = {i: int(layer.weights[i, o]) for i in layer.entering(o)}
    return {i: (weight, weight * int(channels[i])) for i, weight in weights.items()}, int(layer.bias[o])


@EVENT_TRACE.register(MaxLayer)
def _operands(layer: MaxLayer, o: int, channels: IntArray) -> tuple[Parts, int | None]:
    return {i: (layer.shift(i, o), int(channels[i]) << layer.shift(i, o)) for i in layer.entering(o)}, None
