"""Verilog of the object step: from a bus of numbers and objects to the bus of codes, and the network behind it.

Cycle 1 selects objects and computes keys. Each layer of the sorting network is a further cycle, the codes are the last
one. Everything is as wide as its range, so nothing overflows.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trigger_lut.cards.base import write_text
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.expressions import parse
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.release import ObjectStepOptions
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.front_end import python as reference
from trigger_lut.firmware.front_end.cpp import ROUNDED
from trigger_lut.firmware.front_end.integers import Number, Wires, literal, saturated, scaled
from trigger_lut.firmware.front_end.object_step import ObjectList, ObjectStep, Port, describe, save_object_step
from trigger_lut.firmware.front_end.sorting import Layer, sorting_network
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import module_head, offsets
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.utils.escape import comment

TABLE_BITS = 12
"""Bits of a branch of which a table can hold all values."""
FLOAT_BITS = 24
"""Bits of an integer that 32-bit floating point holds exactly."""
ELEMENTWISE = frozenset((*reference.ELEMENTWISE, "clip", "deltaphi", "deltaR", "branch"))


@dataclass
class _Module:
    """Parts of the module.

    Attributes
    ----------
    latency
        Cycles from objects to codes.
    tables
        Functions.
    lines
        Its body.
    libraries
        Functions in tables whose last bit depends on the library of mathematics.
    """

    latency: int
    tables: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    libraries: set[str] = field(default_factory=set)

    def register(self, name: str, source: str, *, bits: int, cycles: int = 1) -> str:
        """Delay a bus by some cycles; return its last name."""
        for n in range(cycles):
            stored = f"{name}_{n + 1}"
            self.lines += [f"    reg [{bits - 1}:0] {stored};", f"    always @(posedge clk) {stored} <= {source};"]
            source = stored
        return source


def object_step_verilog(
    data_set: DataSet, formats: Sequence[KIF], *, options: ObjectStepOptions, top: str
) -> tuple[ObjectStep, str]:
    """Write the module of the object step.

    Parameters
    ----------
    data_set : DataSet
    formats : sequence of KIF
        Format of each channel.
    options : ObjectStepOptions
        Integers of the hardware.
    top : str
        Name of the network's module.

    Returns
    -------
    tuple of ObjectStep and str
        Its description, and Verilog.

    Raises
    ------
    FirmwareError
        If the options do not fit, or an expression is not exact in integers.
    """
    numbers, lists, described = describe(data_set, formats, options=options)
    layers = {one.name: sorting_network(one.length, _group(described, one)["count"]) for one in lists}
    latency = 2 + max(map(len, layers.values())) if lists else 1
    step = ObjectStep(f"{top}_objects", f"{top}_from_objects", numbers, lists, described, latency)
    module = _Module(latency)
    known = _numbers(module, numbers, "data_in", 0)
    every = list(described["channels"])
    buses = []
    if texts := described["features"]:
        own = every[: len(texts)]
        try:
            buses.append(_features(module, known, texts, own, numbers))
        except FirmwareError as error:
            raise FirmwareError(f"object_step: features: {error}") from error
    first, place = len(texts), sum(port.width for port in numbers)
    for g, ports in enumerate(lists):
        group = _group(described, ports)
        own = every[first : first + len(group["features"]) + group["mask"]]
        try:
            one = _List(ports, group, number=g, place=place, channels=own, numbers=numbers)
            buses.append(_list(module, one, layers[ports.name], known))
        except FirmwareError as error:
            raise FirmwareError(f"object_step: objects {ports.name!r}: {error}") from error
        first += group["count"] * len(own)
        place += ports.length * ports.width
    return step, _text(step, module, buses, place)


def _features(
    module: _Module,
    known: Mapping[str, Number],
    texts: Sequence[str],
    channels: Sequence[Mapping[str, Any]],
    numbers: Sequence[Port],
) -> str:
    """Write the codes of the numbers of an event; return their bus."""
    wires = Wires(known, "f")
    codes = [
        _code(module, wires, text, channel=channel, ports=numbers)
        for text, channel in zip(texts, channels, strict=True)
    ]
    module.lines += [f"    {line}" for line in wires.lines]
    bits = sum(KIF(*channel["kif"]).bits for channel in channels)
    return module.register("features", _joined(codes), bits=bits, cycles=module.latency)


def _group(described: Mapping[str, Any], one: ObjectList) -> Mapping[str, Any]:
    return next(objects for objects in described["objects"] if objects["name"] == one.name)


def _text(step: ObjectStep, module: _Module, buses: list[str], bits_in: int) -> str:
    latency = step.latency_cycles
    shift = "valid_in" if latency == 1 else f"{{valid[{latency - 2}:0], valid_in}}"
    head = module_head(step.top, bits_in, bits_out=offsets(step.outputs)[-1])
    rounded = f"Tables of {', '.join(sorted(module.libraries))} hold values of NumPy's library of mathematics."
    lines = [
        *_described(step),
        *([comment("//", rounded)] if module.libraries else []),
        *head,
        "    // verilator lint_off UNUSEDSIGNAL",
        *module.tables,
        f'    (* shreg_extract = "no" *) reg [{latency - 1}:0] valid;',
        f"    initial valid = {latency}'b0;",
        f"    always @(posedge clk) valid <= {shift};",
        f"    assign valid_out = valid[{latency - 1}];",
        *module.lines,
        f"    assign data_out = {_joined(buses)};",
        "    // verilator lint_on UNUSEDSIGNAL",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _described(step: ObjectStep) -> list[str]:
    """Describe the module in lines of comment."""
    lines = [
        f"{step.top}: from objects of hardware integers to input codes. Generated. A new event every cycle.",
        f"latency_cycles = {step.latency_cycles}: valid_out and data_out follow valid_in and data_in.",
        f"Ties: {step.described['ties']}.",
        "No reset: the pipeline holds nothing but data on its way. Integers lie side by side, the first at bit 0.",
        "",
    ]
    at = 0
    for port in step.numbers:
        lines.append(f"  data_in[{at + port.width - 1}:{at}]  {_integer(port)}  {port.name}")
        at += port.width
    for one in step.lists:
        group = _group(step.described, one)
        lines.append(
            f"  data_in[{at + one.length * one.width - 1}:{at}]  {one.length} x {one.name}, {one.width} bits each, "
            f"from the first of the list on; {group['count']} slots"
        )
        low = 0
        for port in one.branches:
            lines.append(f"    [{low + port.width - 1}:{low}]  {_integer(port)}  {port.name}")
            low += port.width
        lines.append(f"    [{low}]  valid: the list has this object; objects without it are skipped")
        at += one.length * one.width
    lines += ["", "  data_out: the input codes of the network, as on its data_in"]
    return [comment("//", line) for line in lines]


def _integer(port: Port) -> str:
    return f"ap_{'' if port.signed else 'u'}int<{port.width}>"


def _joined(texts: Sequence[str]) -> str:
    """Join texts on a bus, the first at bit 0."""
    return f"{{{', '.join(reversed(texts))}}}"


def _numbers(module: _Module, ports: Sequence[Port], bus: str, first: int) -> dict[str, Number]:
    """Declare wires for the numbers of an event on a bus."""
    numbers: dict[str, Number] = {}
    at = 0
    for n, port in enumerate(ports):
        numbers[port.name] = number = _read(f"n{first}_{n}", port)
        module.lines.append(f"    {_wire(number, port, f'{bus}[{at + port.width - 1}:{at}]')}")
        at += port.width
    return numbers


def _read(name: str, port: Port) -> Number:
    return Number(name, port.kif.lo, port.kif.hi, raw=True)


def _wire(number: Number, port: Port, bits: str) -> str:
    text = bits if port.signed else f"{{1'b0, {bits}}}"
    return f"wire signed [{number.bits - 1}:0] {number.text} = {text};"


@dataclass(frozen=True)
class _List:
    """List of objects, and what the module does with it.

    Attributes
    ----------
    ports
        The list.
    group
        Its objects in the description.
    number
        Its number, in names.
    place
        Lowest bit on data_in.
    channels
        Channels of a slot.
    numbers
        Numbers of an event.
    """

    ports: ObjectList
    group: Mapping[str, Any]
    number: int
    place: int
    channels: list[Any]
    numbers: tuple[Port, ...]

    @property
    def carried(self) -> list[Port]:
        """Branches that features read, which go through the sorting network."""
        read = {name for text in self.group["features"] for name in parse(text).names}
        return [port for port in self.ports.branches if port.name in read]

    @property
    def payload(self) -> int:
        """Bits of these branches."""
        return sum(port.width for port in self.carried)

    @property
    def index(self) -> int:
        """Bits of a place in the list."""
        return (self.ports.length - 1).bit_length()

    def table_ports(self) -> tuple[Port, ...]:
        """Return all integers that an expression can read."""
        return (*self.numbers, *self.ports.branches)


def _list(module: _Module, one: _List, layers: Sequence[Layer], known: Mapping[str, Number]) -> str:
    """Write selection, order and codes of a list; return the bus of its codes."""
    g, length, count = one.number, one.ports.length, one.group["count"]
    body, key = _object(module, one, known)
    bits = one.payload + one.index + key + 1
    places = sum((length - 1 - n) << (n * one.index) for n in range(length))
    module.lines += [
        comment("    //", f"{one.ports.name}: {length} objects for {count} slots"),
        f"    wire [{length * bits - 1}:0] objects{g};",
        *(
            [f"    wire [{length * one.index - 1}:0] places{g} = {literal(places, length * one.index)};"]
            if one.index
            else []
        ),
        f"    genvar g{g};",
        f"    generate for (g{g} = 0; g{g} < {length}; g{g} = g{g} + 1) begin: list{g}",
        *(f"        {line}" for line in body),
        f"        assign objects{g}[g{g} * {bits} +: {bits}] = item;",
        "    end endgenerate",
    ]
    lines = {
        n: module.register(f"s{g}_0_{n}", f"objects{g}[{n * bits + bits - 1}:{n * bits}]", bits=bits)
        for n in range(length)
    }
    for k, layer in enumerate(layers, start=1):
        texts = dict(lines)
        for a, b in layer.pairs:
            swap = f"c{g}_{k}_{a}"
            rank = f"[{bits - 1}:{one.payload}]"
            module.lines.append(f"    wire {swap} = {lines[a]}{rank} < {lines[b]}{rank};")
            texts[a] = f"{swap} ? {lines[b]} : {lines[a]}"
            texts[b] = f"{swap} ? {lines[a]} : {lines[b]}"
        lines = {n: module.register(f"s{g}_{k}_{n}", texts[n], bits=bits) for n in layer.lines}
    slots = [lines.get(n, literal(0, bits)) for n in range(count)]
    module.lines.append(f"    wire [{count * bits - 1}:0] slots{g} = {_joined(slots)};")
    return _slots(module, one, bits, len(layers))


def _object(module: _Module, one: _List, known: Mapping[str, Number]) -> tuple[list[str], int]:
    """Write selection and key of one object of a list; return lines, and the bits of the key.

    An item is, from the highest bit on: whether it is kept, its key, its place, and the branches of the features. The
    larger item comes first.

    Raises
    ------
    FirmwareError
        If the key is not computed from integers in a way that has Verilog.
    """
    g, width = one.number, one.ports.width
    wires = Wires(dict(known), "t")
    at = 0
    for n, port in enumerate(one.ports.branches):
        raw = f"data_in[{one.place + at} + g{g} * {width} +: {port.width}]"
        wires.lines.append(f"wire [{port.width - 1}:0] raw{n} = {raw};")
        wires.branches = {**wires.branches, port.name: _read(f"b{n}", port)}
        wires.lines.append(_wire(wires.branches[port.name], port, f"raw{n}"))
        at += port.width
    kept = f"data_in[{one.place + at} + g{g} * {width}]"
    if one.group["select"] is not None:
        chosen = _truth(module, wires, one.group["select"], one.table_ports())
        kept = f"{kept} && {chosen}"
    parts, bits = ["kept"], 0
    if one.group["sort_by"] is not None:
        try:
            key = wires.compute(one.group["sort_by"])
        except FirmwareError as error:
            raise FirmwareError(
                f"sort_by: {error}. Expected sums, products, comparisons and shifts of integers. Change sort_by, or "
                "ask for no Verilog of this step."
            ) from error
        bits = (key.hi - key.lo).bit_length()
        if bits:  # counted from the smallest key
            wide = max(key.bits, bits + 1)
            wires.lines.append(f"wire [{wide - 1}:0] key = {key.extended(wide)} - {literal(key.lo, wide)};")
            parts.append(f"key[{bits - 1}:0]")
    if one.index:
        parts.append(f"places{g}[g{g} * {one.index} +: {one.index}]")
    numbers = {port.name: n for n, port in enumerate(one.ports.branches)}
    parts += [f"raw{numbers[port.name]}" for port in reversed(one.carried)]
    total = one.payload + one.index + bits + 1
    wires.lines += [f"wire kept = {kept};", f"wire [{total - 1}:0] item = {{{', '.join(parts)}}};"]
    return wires.lines, bits


def _slots(module: _Module, one: _List, bits: int, layers: int) -> str:
    """Write the codes of the slots of a list; return their bus, which is ready in the cycle behind the last layer."""
    g, count = one.number, one.group["count"]
    kifs = [KIF(*channel["kif"]) for channel in one.channels]
    width = sum(kif.bits for kif in kifs)
    read = {name for text in one.group["features"] for name in parse(text).names}
    numbers = [port for port in one.numbers if port.name in read]
    known: dict[str, Number] = {}
    if numbers:
        total = sum(port.width for port in one.numbers)
        late = module.register(f"numbers{g}", f"data_in[{total - 1}:0]", bits=total, cycles=1 + layers)
        known = _numbers(module, one.numbers, late, g + 1)
    wires = Wires(known, "t")
    at = 0
    for n, port in enumerate(one.carried):
        wires.branches = {**wires.branches, port.name: _read(f"b{n}", port)}
        source = f"slots{g}[{at} + h{g} * {bits} +: {port.width}]"
        wires.lines += [
            f"wire [{port.width - 1}:0] raw{n} = {source};",
            _wire(wires.branches[port.name], port, f"raw{n}"),
        ]
        at += port.width
    wires.lines.append(f"wire filled = slots{g}[{bits - 1} + h{g} * {bits}];")
    texts = []
    for text, channel in zip(one.group["features"], one.channels, strict=False):
        pad = literal(reference.code(channel, np.float32(one.group["pad"])), KIF(*channel["kif"]).bits)
        texts.append(f"(filled ? {_code(module, wires, text, channel=channel, ports=one.table_ports())} : {pad})")
    if one.group["mask"]:
        yes, no = (literal(reference.code(one.channels[-1], np.float32(on)), kifs[-1].bits) for on in (1, 0))
        texts.append(f"(filled ? {yes} : {no})")
    module.lines += [
        f"    wire [{count * width - 1}:0] codes{g};",
        f"    genvar h{g};",
        f"    generate for (h{g} = 0; h{g} < {count}; h{g} = h{g} + 1) begin: slot{g}",
        *(f"        {line}" for line in wires.lines),
        f"        assign codes{g}[h{g} * {width} +: {width}] = {_joined(texts)};",
        "    end endgenerate",
    ]
    return module.register(f"coded{g}", f"codes{g}", bits=count * width, cycles=module.latency - 1 - layers)


def _code(module: _Module, wires: Wires, text: str, *, channel: Mapping[str, Any], ports: Sequence[Port]) -> str:
    """Return the code of an expression, as wide as its format."""
    kif = KIF(*channel["kif"])
    before = list(wires.lines)
    try:
        number = wires.compute(text)
        if max(-number.lo, number.hi).bit_length() > FLOAT_BITS:
            raise FirmwareError(f"a value needs more than {FLOAT_BITS} bits, so that 32-bit floating point rounds it")
        number = scaled(wires, number, shift=_shift(channel), half_up=channel["half_up"])
        number = saturated(wires, number, lo=kif.lo, hi=kif.hi)
    except FirmwareError as error:
        wires.lines[:] = before
        return _table(module, wires, text, ports, bits=kif.bits, channel=channel, why=error)
    if not number.text or number.bits < kif.bits:
        return number.extended(kif.bits)
    return f"{number.text}[{kif.bits - 1}:0]"


def _shift(channel: Mapping[str, Any]) -> int:
    """Return the exponent of the scale; raises FirmwareError where it is no power of two."""
    if channel["lsb"] is None:
        return int(KIF(*channel["kif"]).f)
    mantissa, exponent = math.frexp(channel["lsb"])
    if mantissa != 0.5:
        raise FirmwareError(f"the scale {channel['lsb']:g} is not a power of two")
    return 1 - exponent


def _truth(module: _Module, wires: Wires, text: str, ports: Sequence[Port]) -> str:
    """Return the bit of a condition."""
    before = list(wires.lines)
    try:
        number = wires.compute(text)
    except FirmwareError as error:
        wires.lines[:] = before
        return _table(module, wires, text, ports, bits=1, channel=None, why=error)
    if not number.truth:
        raise FirmwareError(f"select: {text}: expected truth values, found numbers. Compare, as in x > 0.")
    return f"{number.text}[0]" if number.text else literal(number.lo, 1)


def _table(
    module: _Module,
    wires: Wires,
    text: str,
    ports: Sequence[Port],
    *,
    bits: int,
    channel: Mapping[str, Any] | None,
    why: FirmwareError,
) -> str:
    """Write an expression of one branch as a table; return its call. `channel`: of codes; None: truth values."""
    names = parse(text).names
    port = next((one for one in ports if one.name == names[0]), None) if len(names) == 1 else None
    nodes = list(ast.walk(parse(text).tree))
    calls = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    single = not any(isinstance(node, ast.Subscript) for node in nodes) and calls <= ELEMENTWISE
    if port is None or port.width > TABLE_BITS or not single:
        raise FirmwareError(
            f"expression {text!r}: {why}. Expected sums, products, comparisons and shifts of integers, or one branch "
            f"of at most {TABLE_BITS} bits. Change the expression, or ask for no Verilog of this step."
        ) from why
    kind = np.int64 if port.signed else np.uint64
    values = np.arange(port.kif.lo, port.kif.hi + 1).astype(kind)
    with np.errstate(all="ignore"):
        results = np.broadcast_to(reference.expression(text, {port.name: values}), values.shape)
    if channel is None:
        if results.dtype != np.bool_:
            raise FirmwareError(f"select: {text}: expected truth values, found numbers. Compare, as in x > 0.")
        entries = results.astype(np.int64).tolist()
    else:
        try:
            entries = [reference.code(dict(channel), value) for value in reference.number(results).astype(np.float32)]
        except reference.NoCodesError as error:
            raise FirmwareError(
                f"expression {text!r}: NaN or infinite for some integers of branch {port.name!r}. Expected a number "
                "for each. Give `nonfinite: {replace: ...}`."
            ) from error
    module.libraries |= calls & ROUNDED
    name, width = f"table{len(module.tables)}", port.width
    cases = [
        f"{literal(int(value), width)}: {name} = {literal(entry, bits)};"
        for value, entry in zip(values, entries, strict=True)
    ]
    cases[-1] = f"default: {name} = {literal(entries[-1], bits)};"
    module.tables.append(
        "\n".join(
            [
                f"    function [{bits - 1}:0] {name}(input [{width - 1}:0] address);",
                "        case (address)",
                *(f"            {line}" for line in cases),
                "        endcase",
                "    endfunction",
            ]
        )
    )
    return f"{name}({wires.branches[port.name].text}[{width - 1}:0])"


def refusal(data_set: DataSet, options: ObjectStepOptions) -> str | None:
    """Return why a data set has no object step in Verilog, before its formats are known; None: it has one.

    Parameters
    ----------
    data_set : DataSet
    options : ObjectStepOptions
        Integers of the hardware.

    Returns
    -------
    str or None
    """
    formats = [channel.feature.given or KIF(1, 7, 0) for channel in channels(data_set)]
    try:
        object_step_verilog(data_set, formats, options=options, top="network")
    except FirmwareError as error:
        return str(error).removeprefix("object_step: ")
    return None


def whole_verilog(step: ObjectStep, rtl: RtlProject) -> str:
    """Write the module of the object step with the network behind it.

    Parameters
    ----------
    step
        Object step.
    rtl
        Project of the network.

    Returns
    -------
    str
        Verilog.
    """
    bits = offsets(step.outputs)[-1]
    latency = step.latency_cycles + rtl.latency_cycles_planned
    pace = "every cycle" if rtl.ii == 1 else f"after {rtl.ii} cycles at the earliest"
    lines = [
        f"// {step.whole}: {step.top}, then {rtl.top}. A new event {pace}.",
        f"// latency_cycles = {latency}: {step.latency_cycles} from objects to codes, "
        f"{rtl.latency_cycles_planned} of the network.",
        f"// data_in is that of {step.top}, data_out that of {rtl.top}.",
        *module_head(step.whole, offsets(step.inputs)[-1], bits_out=offsets(rtl.outputs)[-1]),
        "    wire valid;",
        f"    wire [{bits - 1}:0] codes;",
        f"    {step.top} objects (.clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid), "
        ".data_out(codes));",
        f"    {rtl.top} network (.clk(clk), .valid_in(valid), .data_in(codes), .valid_out(valid_out), "
        ".data_out(data_out));",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def write_object_step(data_set: DataSet, rtl: RtlProject, *, options: ObjectStepOptions) -> ObjectStep:
    """Write the object step, the module with the network behind it, and `objects.json` next to the network.

    Parameters
    ----------
    data_set : DataSet
    rtl : RtlProject
        Project of the network.
    options : ObjectStepOptions
        Integers of the hardware.

    Returns
    -------
    ObjectStep

    Raises
    ------
    FirmwareError
        As `object_step_verilog`.
    """
    step, text = object_step_verilog(data_set, rtl.inputs, options=options, top=rtl.top)
    write_text(rtl.folder / f"{step.top}.v", text)
    write_text(rtl.folder / f"{step.whole}.v", whole_verilog(step, rtl))
    save_object_step(step, rtl.folder)
    return step
