"""A network once more as Verilog: behavioral, without registers, written from its integers alone.

It shares no code with the generated firmware. A proof by SAT needs sums that are built alike, so it takes two things
of the firmware's plan. The order of additions changes nothing over integers. The constants that tables absorb are
compared with the tables by `check_plan`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, kif_for_range
from trigger_lut.fixed_point.ranges import limits
from trigger_lut.network.back_ends import PLANS, REFERENCE_VERILOG
from trigger_lut.network.lowering.adder_tree import Summation
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.verification import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)

Signal = tuple[str, int]
"""Name of a signed signal and its width."""


def check_plan(layer: TableLayer, o: int, *, plan: Summation, padded: Sequence[int]) -> None:
    """Check that a plan is output o: each table once, shifted by a constant, and all constants together the bias.

    Parameters
    ----------
    layer
        Layer of tables.
    o
        Number of the output.
    plan
        Plan of its sum.
    padded
        Channels that are padding.

    Raises
    ------
    FirmwareError
        If the plan is another function.
    """
    total = int(layer.bias[o]) - plan.constant
    planned = set()
    for addend in plan.addends:
        shift = addend.values - layer.table(addend.channel, o)
        if addend.channel in planned or (shift != shift[0]).any():
            raise FirmwareError(f"{layer.name}: output {o}: the plan is not the layer's table of {addend.channel}")
        planned.add(addend.channel)
        total -= int(shift[0])
    for i in map(int, np.flatnonzero(layer.widths[:, o])):
        if i not in planned:
            table = layer.table(i, o)
            if i not in padded and table.min() != table.max():
                raise FirmwareError(f"{layer.name}: output {o}: the plan lacks the table of channel {i}")
            total += int(table[layer.padding_address(i, o) if i in padded else 0])
    if total:
        raise FirmwareError(f"{layer.name}: output {o}: the plan is off by {total}")


def reference_module(network: Network, name: str) -> str:
    """Write a network as a Verilog module with the buses data_in and data_out of the firmware's top-level module.

    Parameters
    ----------
    network
        Network.
    name
        Name of the module.

    Returns
    -------
    str
        Verilog without registers.

    Raises
    ------
    FirmwareError
        If the firmware's plan is another function than the network.
    """
    formats_out = network.output_formats()
    width_in, width_out = (sum(kif.bits for kif in formats) for formats in (network.inputs, formats_out))
    lines, signals = _inputs(network.inputs)
    for n, (layer, gather_index) in enumerate(zip(network.layers, network.gather_index, strict=True)):
        plans = PLANS(layer, gather_index)
        for p, (place, at_place) in enumerate(zip(gather_index, plans, strict=True)):
            codes: dict[int, Signal] = {}
            for i in map(int, layer.used_channels()):
                codes[i] = _channel(
                    lines, f"c{n}_{p}_{i}", network=network, layer=layer, i=i, value=int(place[i]), signals=signals
                )
            padded = np.flatnonzero(place == PADDING).tolist()
            for o in range(layer.shape[1]):
                key = f"{n}_{p}_{o}"
                signals.append(
                    REFERENCE_VERILOG(layer, lines, key=key, o=o, codes=codes, plan=at_place[o], padded=padded)
                )
    at = 0
    for o, (v, kif) in enumerate(zip(map(int, network.output_values), formats_out, strict=True)):
        signal, _ = signals[v]
        lines.append(f"    wire signed [{kif.bits - 1}:0] out{o} = {signal};")
        lines.append(f"    assign data_out[{at + kif.bits - 1}:{at}] = out{o};")
        at += kif.bits
    return "\n".join(
        [
            f"module {name} (input wire [{width_in - 1}:0] data_in, output wire [{width_out - 1}:0] data_out);",
            *lines,
            "endmodule",
            "",
        ]
    )


def _inputs(formats: tuple[KIF, ...]) -> tuple[list[str], list[Signal]]:
    lines, signals, at = [], [], 0
    for i, kif in enumerate(formats):
        bits = f"data_in[{at + kif.bits - 1}:{at}]"
        sign = f"data_in[{at + kif.bits - 1}]" if kif.k else "1'b0"
        lines.append(f"    wire signed [{kif.bits}:0] in{i} = {{{sign}, {bits}}};")
        signals.append((f"in{i}", kif.bits + 1))
        at += kif.bits
    return lines, signals


def _channel(
    lines: list[str], name: str, *, network: Network, layer: IntegerLayer, i: int, value: int, signals: list[Signal]
) -> Signal:
    """Write a value in the format of a channel, one bit wider than that, so that it is signed."""
    kif = layer.inputs[i]
    wide = kif.bits + 1
    if value == PADDING:
        lines.append(f"    wire signed [{wide - 1}:0] {name} = {_number(min(max(0, kif.lo), kif.hi), wide)};")
        return name, wide
    source, width = signals[value]
    gained = kif.f - network.fraction_of(value)
    source_bits = width + max(gained, 0) + 1
    lines.append(f"    wire signed [{source_bits - 1}:0] {name}_x = {source};")
    shifted = f"{name}_x"
    if gained > 0:
        shifted = f"({name}_x <<< {gained})"
    elif gained < 0:
        half = f" + {_number(1 << (-gained - 1), max(source_bits, -gained + 1))}" if layer.rounding == "RND" else ""
        source_bits = max(source_bits, -gained + 1) + 1
        shifted = f"(({name}_x{half}) >>> {-gained})"
    lines.append(f"    wire signed [{source_bits - 1}:0] {name}_r = {shifted};")
    if layer.overflow[i] == "WRAP":
        lines.append(f"    wire signed [{wide - 1}:0] {name} = {_wrapped(f'{name}_r', kif, source_bits)};")
        return name, wide
    low, high = limits(kif, layer.overflow[i])
    size = max(source_bits, wide) + 1
    clipped = (
        f"({name}_r < {_number(low, size)}) ? {_number(low, size)} : "
        f"({name}_r > {_number(high, size)}) ? {_number(high, size)} : {name}_r"
    )
    lines.append(f"    wire signed [{wide - 1}:0] {name} = {clipped};")
    return name, wide


def _wrapped(source: str, kif: KIF, source_bits: int) -> str:
    """Return the low bits of a signal, extended as the format says."""
    if source_bits < kif.bits and kif.k:
        return source
    if source_bits < kif.bits:  # what is negative counts from the top of the unsigned format
        return f"{{1'b0, {{{kif.bits - source_bits}{{{source}[{source_bits - 1}]}}}}, {source}}}"
    sign = f"{source}[{kif.bits - 1}]" if kif.k else "1'b0"
    return f"{{{sign}, {source}[{kif.bits - 1}:0]}}"


@REFERENCE_VERILOG.register(TableLayer)
def _tables(
    layer: TableLayer,
    lines: list[str],
    *,
    key: str,
    o: int,
    codes: dict[int, Signal],
    plan: Summation,
    padded: Sequence[int],
) -> Signal:
    check_plan(layer, o, plan=plan, padded=padded)
    items: list[Signal] = []
    for n, addend in enumerate(plan.addends):
        i, kif = addend.channel, layer.inputs[addend.channel]
        m, bits = int(layer.widths[i, o]), _bits(addend.lo, addend.hi)
        name, address = f"t{key}_{n}", f"a{key}_{n}"
        code = codes[i][0]
        top = f"{code}[{kif.bits - 1}:{kif.bits - m}]"
        if kif.k:  # entries are in rising order of value: the sign bit turned round
            top = f"{top} ^ {m}'d{1 << (m - 1)}"
        lines.append(f"    wire [{m - 1}:0] {address} = {top};")
        lines.append(f"    reg signed [{bits - 1}:0] {name};")
        lines.append(f"    always @* case ({address})")
        entries = addend.values.tolist()
        labels = [*(f"{m}'d{a}" for a in range(len(entries) - 1)), "default"]
        lines += [
            f"        {label}: {name} = {_number(value, bits)};" for label, value in zip(labels, entries, strict=True)
        ]
        lines.append("    endcase")
        items.append((name, bits))
    ranges = [(item[1], item[2]) for item in plan.items]
    for n, (a, b) in enumerate(plan.pairs):
        lo, hi = ranges[len(plan.addends) + n]
        lines.append(f"    wire signed [{_bits(lo, hi) - 1}:0] s{key}_{n} = {items[a][0]} + {items[b][0]};")
        items.append((f"s{key}_{n}", _bits(lo, hi)))
    if items:
        return items[-1]
    bits = _bits(plan.constant, plan.constant)
    lines.append(f"    wire signed [{bits - 1}:0] k{key} = {_number(plan.constant, bits)};")
    return f"k{key}", bits


@REFERENCE_VERILOG.register(LinearLayer)
def _linear(
    layer: LinearLayer,
    lines: list[str],
    *,
    key: str,
    o: int,
    codes: dict[int, Signal],
    plan: None,
    padded: Sequence[int],
) -> Signal:
    reach = abs(int(layer.bias[o]))
    live = [int(i) for i in np.flatnonzero(layer.weights[:, o])]
    for i in live:
        reach += abs(int(layer.weights[i, o])) * (1 << layer.inputs[i].bits)
    bits = _bits(-reach, reach)
    terms = [
        _number(int(layer.bias[o]), bits),
        *(f"{codes[i][0]} * {_number(int(layer.weights[i, o]), bits)}" for i in live),
    ]
    lines.append(f"    wire signed [{bits - 1}:0] l{key} = {' + '.join(terms)};")
    if not layer.relu:
        return f"l{key}", bits
    lines.append(f"    wire signed [{bits - 1}:0] r{key} = (l{key} < 0) ? {_number(0, bits)} : l{key};")
    return f"r{key}", bits


@REFERENCE_VERILOG.register(MaxLayer)
def _largest(
    layer: MaxLayer, lines: list[str], *, key: str, o: int, codes: dict[int, Signal], plan: None, padded: Sequence[int]
) -> Signal:
    items = [(codes[i], layer.shift(i, o)) for i in layer.entering(o)]
    bits = max((width + up for (_, width), up in items), default=1) + 1
    largest = f"m{key}_0"
    first = f"({items[0][0][0]} <<< {items[0][1]})" if items else _number(0, bits)
    lines.append(f"    wire signed [{bits - 1}:0] {largest} = {first};")
    for n, ((name, _), up) in enumerate(items[1:], 1):
        lines.append(f"    wire signed [{bits - 1}:0] u{key}_{n} = ({name} <<< {up});")
        lines.append(f"    wire signed [{bits - 1}:0] m{key}_{n} = (u{key}_{n} > {largest}) ? u{key}_{n} : {largest};")
        largest = f"m{key}_{n}"
    return largest, bits


def _bits(lo: int, hi: int) -> int:
    """Width of a signed signal that holds lo to hi."""
    return kif_for_range(min(lo, -1), max(hi, 0), f=0).bits


def _number(value: int, bits: int) -> str:
    return f"-{bits}'sd{-value}" if value < 0 else f"{bits}'sd{value}"
