"""Check that a netlist is a pipeline: what makes a proof of its function a proof of its behavior in time.

The statement: let the inputs be any sequence, with any pattern of valid_in, and let the registers start in any state.
Then valid_out at cycle t + latency is valid_in at cycle t. data_out at cycle t + latency is the network's function of
data_in at cycle t.

The argument: let the netlist have no cycle. Let every path from a port or a constant to an output cross only plain
registers: these load at the rising edge of `clk`, without enable or reset. Let n be a net with r registers on each of
its paths from the inputs. Then n carries at cycle t + r what it would carry at once for the inputs of cycle t, with
registers replaced by wires. This follows by induction along the paths. A gate's operands belong to one cycle, because
all have crossed r registers, and a register gives its operand one cycle later.

A net that depends on constants alone carries its value as soon as all its registers have loaded. That takes at most as
many cycles as there are registers in a row. Let each output have exactly `latency` registers on its paths from the
inputs, and at most `latency` on its paths from constants. Then neither the state at cycle t nor another event has any
influence on cycle t + latency. So the statement is true if the function with registers as wires is the network's. That
function is compared elsewhere (`word_level`, `sat`); here the registers are counted. valid_out must be valid_in
through registers and nothing else.

The netlist is Yosys' JSON, flattened but for small modules without registers: tables and alkaid's library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trigger_lut.firmware.rtl.project import RtlProject

Bit = int | str
"""A net by number, or a constant: "0", "1", "x", "z"."""
Node = tuple[str, int]
"""A cell, or one bit of a register (of other cells: 0)."""

_LOGIC = """$not $pos $neg $and $or $xor $xnor $reduce_and $reduce_or $reduce_xor $reduce_xnor $reduce_bool $logic_not
    $logic_and $logic_or $eq $ne $lt $le $gt $ge $add $sub $mul $shl $shr $sshl $sshr $mux $pmux"""
LOGIC = frozenset(_LOGIC.split())
"""Cells without a state whose output is defined for all values of their operands."""
REGISTER = "$dff"
IGNORED = "$scopeinfo"
CASE = "$procmux$"
"""In the names of cells that Yosys makes from a case statement."""
TABLE_PORTS = {"in", "out"}


@dataclass(frozen=True)
class Structure:
    """Reasons why a netlist is no pipeline; all empty where it is one.

    Attributes
    ----------
    whole
        Fault of the complete netlist.
    outputs
        For each network output, a fault of its own.
    registers
        Number of registers that all paths cross; None with a fault.
    """

    whole: str
    outputs: tuple[str, ...]
    registers: int | None

    def reason(self, o: int) -> str:
        """Return why output o cannot be proven; "" where it can."""
        return self.whole or self.outputs[o]


@dataclass(frozen=True)
class Paths:
    """Paths that end at a net.

    Attributes
    ----------
    data, valid
        Fewest and most registers on paths from data_in, and from valid_in; None: there is no path.
    longest
        Most registers on a path from any port or constant.
    logic
        Whether a path from valid_in passes a cell that is no register.
    """

    data: tuple[int, int] | None = None
    valid: tuple[int, int] | None = None
    longest: int = 0
    logic: bool = False


class _FaultError(Exception):
    """A fault of the netlist."""


def check_structure(modules: Mapping[str, Any], project: RtlProject) -> Structure:
    """Count the registers on all paths of a network's netlist, see `check_pipeline`.

    Parameters
    ----------
    modules
        Modules by name as in Yosys' JSON, see `circuit.read_modules`.
    project
        Name of the top-level module, formats on the buses, and the planned latency in clock cycles.

    Returns
    -------
    Structure
        Faults of the netlist and of each output; none if it is a pipeline of the planned latency.
    """
    outputs = [("data_out", kif.bits) for kif in project.outputs]
    bits_in = sum(kif.bits for kif in project.inputs)
    return check_pipeline(
        modules, project.top, bits_in=bits_in, outputs=outputs, latency=project.latency_cycles_planned
    )


def check_pipeline(
    modules: Mapping[str, Any], name: str, *, bits_in: int, outputs: Sequence[tuple[str, int]], latency: int
) -> Structure:
    """Count the registers on all paths of a netlist.

    Parameters
    ----------
    modules
        Modules by name as in Yosys' JSON.
    name
        Name of the top-level module, with the ports clk, valid_in, data_in, valid_out and those of `outputs`.
    bits_in
        Width of data_in.
    outputs
        Ports with the width of each output; outputs of one port lie next to each other, the first at bit 0.
    latency
        Registers that all paths must cross.

    Returns
    -------
    Structure
        Faults of the netlist and of each output; none if it is such a pipeline.
    """
    widths = {"data_in": bits_in, **{port: sum(bits for p, bits in outputs if p == port) for port, _ in outputs}}
    try:
        top = modules[name]
        _check_ports(top, widths)
        for inner, module in modules.items():
            if inner != name:
                _check_inner(str(module["attributes"].get("hdlname", inner)), module)
        netlist = _Netlist(top, modules)
        netlist.check_clock()
        _check_valid(netlist.paths(top["ports"]["valid_out"]["bits"][0]), latency)
    except _FaultError as fault:
        return Structure(str(fault), ("",) * len(outputs), None)
    faults, at = [], dict.fromkeys(widths, 0)
    for port, width in outputs:
        begin, at[port] = at[port], at[port] + width
        bits = top["ports"][port]["bits"][begin : at[port]]
        bit_faults = (_fault(netlist, bit, f"{port}[{n}]", latency) for n, bit in enumerate(bits, begin))
        faults.append(next(filter(None, bit_faults), ""))
    return Structure("", tuple(faults), None if any(faults) else latency)


def _check_valid(valid: Paths, latency: int) -> None:
    """Check that valid_out is valid_in behind so many registers."""
    if valid.data is not None or valid.logic or valid.valid is None:
        raise _FaultError("valid_out: expected valid_in behind registers, found other logic")
    if valid.valid != (latency, latency):
        raise _FaultError(f"valid_out: {_registers(valid.valid)} from valid_in, {latency} planned")


def _fault(netlist: _Netlist, bit: Bit, name: str, latency: int) -> str:
    """Say what is wrong with a bit of an output; "" where nothing is."""
    try:
        paths = netlist.paths(bit)
    except _FaultError as fault:
        return f"{name}: {fault}"
    if paths.valid is not None:
        return f"{name}: depends on valid_in"
    if paths.data is not None and paths.data != (latency, latency):
        return f"{name}: {_registers(paths.data)} from data_in, {latency} planned"
    if paths.longest > latency:
        return f"{name}: {paths.longest} registers from a constant, at most {latency} planned"
    return ""


def _registers(ends: tuple[int, int]) -> str:
    return f"{ends[0]} registers" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} registers"


def _check_ports(top: Mapping[str, Any], widths: Mapping[str, int]) -> None:
    """Compare names, directions and widths of the ports with those wanted; all but data_in are outputs."""
    wanted = {"clk": ("input", 1), "valid_in": ("input", 1), "valid_out": ("output", 1)}
    wanted |= {port: ("input" if port == "data_in" else "output", width) for port, width in widths.items()}
    for name in (*wanted, *top["ports"]):
        port = top["ports"].get(name)
        actual = None if port is None else (port["direction"], len(port["bits"]))
        if actual != wanted.get(name):
            raise _FaultError(f"port {name}: expected {_port(wanted.get(name))}, found {_port(actual)}")
        assert port is not None
        if port.get("offset") or port.get("upto"):
            raise _FaultError(f"port {name}: expected a range that ends at bit 0")


def _port(known: tuple[str, int] | None) -> str:
    return "none" if known is None else f"an {known[0]} of {known[1]} bits"


def _check_inner(name: str, module: Mapping[str, Any]) -> None:
    """Check a module that stays a box: it has no state, and its nets are driven.

    Only a table, which has the ports `in` and `out`, may have undefined values: its entries are checked one by one.

    Raises
    ------
    _FaultError
        If it has; the message begins with the module's name.
    """
    table = _is_table(module)
    try:
        outputs = [name for name, port in module["ports"].items() if port["direction"] == "output"]
        if outputs != ["out"]:
            raise _FaultError(f"expected the output out, found {', '.join(outputs) or 'none'}")
        netlist = _Netlist(module, {}, undefined=table)
        for cell in netlist.cells.values():
            if cell["type"] not in LOGIC:
                raise _FaultError(f"a cell {cell['type']}, expected logic alone")
        for port in module["ports"].values():
            for bit in port["bits"] if port["direction"] == "output" else ():
                netlist.paths(bit)
    except _FaultError as fault:
        raise _FaultError(f"module {name}: {fault}") from fault


def _is_table(module: Mapping[str, Any]) -> bool:
    return set(module["ports"]) == TABLE_PORTS and not module.get("parameter_default_values")


def _bits(cell: Mapping[str, Any], direction: str) -> Iterator[Bit]:
    directions = cell["port_directions"]
    return (bit for port, bits in cell["connections"].items() if directions[port] == direction for bit in bits)


class _Netlist:
    """The cells of a module, and what drives each of its nets. Raises _FaultError for a net with several drivers."""

    def __init__(self, module: Mapping[str, Any], modules: Mapping[str, Any], undefined: bool = False) -> None:
        self._module, self._constants = module, ("0", "1", "x") if undefined else ("0", "1")
        self.cells: dict[str, Any] = {n: c for n, c in module["cells"].items() if c["type"] != IGNORED}
        if module.get("memories"):
            raise _FaultError(f"a memory: {next(iter(module['memories']))}")
        for name, net in module["netnames"].items():
            if net.get("upto") or net.get("offset"):
                raise _FaultError(f"{name}: expected a word that counts down to bit 0")
        self._inputs: dict[Bit, str] = {}
        self._drivers: dict[Bit, Node] = {}
        self._paths: dict[Node, Paths] = {}
        for name, port in module["ports"].items():
            if port["direction"] not in ("input", "output"):
                raise _FaultError(f"port {name}: expected an input or an output, found {port['direction']}")
            if port["direction"] == "input":
                for bit in port["bits"]:
                    self._drive(bit, name)
                    self._inputs[bit] = name
        known = {*LOGIC, REGISTER, *modules}
        # `always @(*)` waits for a change, and a constant may never change. (A module by itself has no constants.)
        waiting = {
            n for n, cells in modules.items() if _is_table(cells) or any(CASE in cell for cell in cells["cells"])
        }
        self._cases = {n for n, c in self.cells.items() if modules and (CASE in n or c["type"] in waiting)}
        for name, cell in self.cells.items():
            if cell["type"] not in known:
                raise _FaultError(f"{name}: a cell of type {cell['type']}")
            if cell["type"] in modules:
                self._check_box(name, cell, modules[cell["type"]])
            for n, bit in enumerate(_bits(cell, "output")):
                self._drive(bit, name)
                self._drivers[bit] = (name, n if cell["type"] == REGISTER else 0)

    def _drive(self, bit: Bit, what: str) -> None:
        if isinstance(bit, str) or bit in self._inputs or bit in self._drivers:
            raise _FaultError(f"{self._named(bit)}: several drivers, one of them {what}")

    @staticmethod
    def _check_box(name: str, cell: Mapping[str, Any], module: Mapping[str, Any]) -> None:
        """Check that an instance connects all ports, each with all its bits."""
        ports = {port: len(details["bits"]) for port, details in module["ports"].items()}
        if ports != {port: len(bits) for port, bits in cell["connections"].items()}:
            raise _FaultError(f"{name}: expected connections of all bits of {', '.join(ports)}")

    def _named(self, bit: Bit) -> str:
        """Return the name of a net in the Verilog."""
        if isinstance(bit, str):
            return f"the constant {bit}"
        names = [n for n, net in self._module["netnames"].items() if bit in net["bits"] and not net.get("hide_name")]
        if not names:
            return f"net {bit}"
        name = min(names, key=lambda n: (n.count("."), len(n)))
        return f"{name}[{self._module['netnames'][name]['bits'].index(bit)}]"

    def check_clock(self) -> None:
        """Check that the port `clk` clocks all registers at its rising edge, and does nothing else."""
        (clock,) = self._module["ports"]["clk"]["bits"]
        for cell in self.cells.values():
            if cell["type"] == REGISTER:
                if cell["connections"]["CLK"] != [clock] or int(cell["parameters"]["CLK_POLARITY"], 2) != 1:
                    (actual,) = cell["connections"]["CLK"]
                    edge = "rising" if int(cell["parameters"]["CLK_POLARITY"], 2) else "falling"
                    raise _FaultError(
                        f"{self._stored(cell)}: expected a register at the rising edge of the port clk, "
                        f"found the {edge} edge of {self._named(actual)}"
                    )
                if clock in cell["connections"]["D"]:
                    raise _FaultError(f"{self._stored(cell)}: stores the clock")
            elif clock in _bits(cell, "input"):
                raise _FaultError(f"{self._named(next(_bits(cell, 'output')))}: the clock in logic")
        outputs = (port["bits"] for port in self._module["ports"].values() if port["direction"] == "output")
        if any(clock in bits for bits in outputs):
            raise _FaultError("the clock at an output")

    def _stored(self, cell: Mapping[str, Any]) -> str:
        return self._named(cell["connections"]["Q"][0])

    def source(self, bit: Bit, reader: str) -> None:
        """Check that something drives a net."""
        if bit in self._constants or bit in self._inputs or bit in self._drivers:
            return
        what = f"the constant {bit}" if isinstance(bit, str) else f"{self._named(bit)}, which nothing drives,"
        raise _FaultError(f"{reader}: reads {what}")

    def paths(self, bit: Bit) -> Paths:
        """Return the paths to a net. Raises _FaultError for a cycle, or a net that nothing drives."""
        self.source(bit, "an output")
        if bit in self._drivers:
            self._walk(self._drivers[bit])
        return self._of(bit)

    def _of(self, bit: Bit) -> Paths:
        """Return the paths to a net whose driver is known."""
        if bit in self._drivers:
            return self._paths[self._drivers[bit]]
        port = self._inputs.get(bit)
        return Paths(data=(0, 0) if port == "data_in" else None, valid=(0, 0) if port == "valid_in" else None)

    def _operands(self, node: Node) -> list[Bit]:
        name, n = node
        cell = self.cells[name]
        if cell["type"] == REGISTER:
            return [cell["connections"]["D"][n]]
        return list(dict.fromkeys(_bits(cell, "input")))

    def _walk(self, node: Node) -> None:
        waiting: list[tuple[Node, bool]] = [(node, False)]
        open_nodes: set[Node] = set()
        while waiting:
            node, done = waiting.pop()
            if done:
                open_nodes.discard(node)
                self._paths[node] = self._combined(node)
            elif node not in self._paths:
                if node in open_nodes:
                    name = self._named(next(b for b in _bits(self.cells[node[0]], "output")))
                    raise _FaultError(f"{name}: depends on itself")
                open_nodes.add(node)
                waiting.append((node, True))
                for bit in self._operands(node):
                    self.source(bit, node[0])
                    driver = self._drivers.get(bit)
                    if driver in open_nodes:
                        raise _FaultError(f"{self._named(bit)}: depends on itself")
                    if driver is not None and driver not in self._paths:
                        waiting.append((driver, False))

    def _combined(self, node: Node) -> Paths:
        register = self.cells[node[0]]["type"] == REGISTER
        operand_paths = [self._of(bit) for bit in self._operands(node)]
        step = int(register)
        if node[0] in self._cases and all(p == Paths() for p in operand_paths):
            name = self._named(next(_bits(self.cells[node[0]], "output")))
            raise _FaultError(f"{name}: a case statement of constants, which simulators may never execute")
        return Paths(
            data=_ends([p.data for p in operand_paths], step),
            valid=_ends([p.valid for p in operand_paths], step),
            longest=max((p.longest for p in operand_paths), default=0) + step,
            logic=any(p.logic or (not register and p.valid is not None) for p in operand_paths),
        )


def _ends(several: Sequence[tuple[int, int] | None], step: int) -> tuple[int, int] | None:
    known = [ends for ends in several if ends is not None]
    return (min(e[0] for e in known) + step, max(e[1] for e in known) + step) if known else None
