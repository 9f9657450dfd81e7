"""The integer network as gates, written from the arithmetic in `network/layers.py` alone.

Words are signed integers with known bounds. It shares no code with the reference Verilog, the sums of functions, or the
generator of the firmware. A sum of tables can be built in any order: the order that the firmware's plan proposes makes
the comparison faster, and cannot change the sum (see `_sum`).
"""

from __future__ import annotations

from collections.abc import Sequence

from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.back_ends import GATES, PLANS
from trigger_lut.network.lowering.adder_tree import Summation
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.verification import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)
from trigger_lut.verification.formal.gates import FALSE, Bits, Gates, constant, extended
from trigger_lut.verification.formal.numbers import Number, added, fixed, larger, negated, number, raised, smaller


def network_outputs(gates: Gates, network: Network, *, inputs: Sequence[Bits]) -> list[Number]:
    """Build the outputs of a network.

    Parameters
    ----------
    gates
        Graph to which the gates are added.
    network
        Network.
    inputs : sequence of words
        The code of each input channel in its format, in two's complement or unsigned.

    Returns
    -------
    list of Number
        Words of the outputs with their bounds.

    Raises
    ------
    TooLargeError
        For more gates than `gates` allows.
    """
    values = [
        number(extended(bits, kif.bits + 1, signed=bool(kif.k)), kif.lo, hi=kif.hi)
        for bits, kif in zip(inputs, network.inputs, strict=True)
    ]
    for n, (layer, gather_index) in enumerate(zip(network.layers, network.gather_index, strict=True)):
        plans = PLANS(layer, gather_index)
        fresh: list[Number] = []
        for p, place in enumerate(gather_index):
            codes = [
                _channel(gates, network, layer=layer, i=i, value=int(v), values=values) for i, v in enumerate(place)
            ]
            for o in range(layer.shape[1]):
                fresh.append(GATES(layer, gates, o, codes, plans[p][o]))
        values += fresh
        assert len(values) == network.first_value[n + 1]
    return [values[int(v)] for v in network.output_values]


def _channel(
    gates: Gates, network: Network, *, layer: IntegerLayer, i: int, value: int, values: Sequence[Number]
) -> Number:
    """Convert a value into the format of a channel: rounded, then wrapped or saturated."""
    if value == PADDING:
        return fixed(0)
    kif, mode = layer.inputs[i], layer.overflow[i]
    channel = values[value]
    gained = kif.f - network.fraction_of(value)
    if gained > 0:
        channel = raised(channel, gained)
    elif gained < 0:
        drop = -gained
        if layer.rounding == "RND":
            channel = added(gates, channel, b=fixed(1 << (drop - 1)))
        wide = extended(channel.bits, max(len(channel.bits), drop + 1), signed=True)
        channel = number(wide[drop:], channel.lo >> drop, hi=channel.hi >> drop)
    least = -kif.hi if mode == "SAT_SYM" and kif.k else kif.lo
    if least <= channel.lo and channel.hi <= kif.hi:
        return channel
    if mode == "WRAP":
        low = extended(channel.bits, kif.bits, signed=True)
        return number(extended(low, kif.bits + 1, signed=bool(kif.k)), kif.lo, hi=kif.hi)
    return smaller(gates, larger(gates, channel, b=fixed(least)), b=fixed(kif.hi))


@GATES.register(TableLayer)
def _sum(layer: TableLayer, gates: Gates, o: int, codes: Sequence[Number], plan: Summation | None) -> Number:
    """Add the bias and the table of each channel.

    The plan proposes constants to add to tables, and an order. Each table enters once, and what the constants add is
    subtracted from the bias: the sum is the layer's for any plan.
    """
    channels = {int(i) for i in layer.widths[:, o].nonzero()[0]}
    proposed = [a.channel for a in plan.addends] if plan else []
    if plan is None or len(set(proposed)) != len(proposed) or not channels.issuperset(proposed):
        proposed, plan = [], None
    rest = int(layer.bias[o])
    items = []
    for n, i in enumerate(proposed):
        assert plan is not None
        shift = int(plan.addends[n].values[0] - layer.table(i, o)[0])
        items.append(_looked_up(gates, layer.inputs[i], layer.table(i, o).tolist(), codes[i], shift))
        rest -= shift
    waiting = set(range(len(items)))
    for a, b in plan.pairs if plan else ():
        if a == b or not {a, b} <= waiting:
            break
        items.append(added(gates, items[a], b=items[b]))
        waiting = (waiting - {a, b}) | {len(items) - 1}
    left = [items[n] for n in sorted(waiting)]
    for i in sorted(channels.difference(proposed)):
        left.append(_looked_up(gates, layer.inputs[i], layer.table(i, o).tolist(), codes[i], 0))
    rest += sum(item.lo for item in left if item.lo == item.hi)
    left = [item for item in left if item.lo != item.hi]
    if rest or not left:
        left.append(fixed(rest))
    total, *others = left
    for other in others:
        total = added(gates, total, b=other)
    return total


def _looked_up(gates: Gates, kif: KIF, table: list[int], code: Number, shift: int) -> Number:
    """Read a table, in rising order of the code, at the highest bits of a code; `shift` is added to all entries."""
    entries = [entry + shift for entry in table]
    if code.lo == code.hi:
        return fixed(entries[(code.lo - kif.lo) * len(entries) >> kif.bits])
    lo, hi = min(entries), max(entries)
    width = len(number([FALSE], lo, hi=hi).bits)
    address = extended(code.bits, kif.bits, signed=True)
    if kif.k:
        address[-1] ^= 1
    m = len(entries).bit_length() - 1
    return number(gates.read([constant(entry, width) for entry in entries], address[kif.bits - m :]), lo, hi=hi)


@GATES.register(LinearLayer)
def _weighted(layer: LinearLayer, gates: Gates, o: int, codes: Sequence[Number], plan: None) -> Number:
    total = fixed(int(layer.bias[o]))
    for i in layer.weights[:, o].nonzero()[0]:
        weight, up = int(layer.weights[i, o]), 0
        code = codes[int(i)] if weight > 0 else negated(gates, codes[int(i)])
        weight = abs(weight)
        while weight:
            if weight & 1:
                total = added(gates, total, b=raised(code, up))
            weight, up = weight >> 1, up + 1
    return larger(gates, total, b=fixed(0)) if layer.relu else total


@GATES.register(MaxLayer)
def _largest(layer: MaxLayer, gates: Gates, o: int, codes: Sequence[Number], plan: None) -> Number:
    items = [raised(codes[i], layer.shift(i, o)) for i in layer.entering(o)]
    if not items:
        return fixed(0)
    total, *others = items
    for other in others:
        total = larger(gates, total, b=other)
    return total
