"""Check that each bit of a net has one driver at most, before Yosys forgets the direction of assignments.

For Yosys an assignment makes two names of one net. With `assign y = w` and another driver of y, it reads that driver's
value at w too, which nothing drives. Simulators follow the direction, and read z or 0 at w. So this check takes the
netlist in RTLIL, where assignments still have a direction. Each bit of a net may be an input of its module. Otherwise
it may be the target of one assignment, of one register, or of one output of a cell.

Then a net that Yosys sees driven is driven in the direction of the assignments. Of bits that are joined, one alone is
not assigned, and all others get its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from trigger_lut.errors import ToolFailedError

Bit = tuple[str, int]
"""Name of a net, and number of the bit."""

SIGNAL = re.compile(r"([\\$]\S+)(?: \[(\d+)(?::(\d+))?\])?|(\d+'\S*|-?\d+)|[{}]")
OWN_OUTPUT = r"\Y"
"""The output of Yosys' own cells, before processes become cells."""


def check_drivers(lines: Iterable[str]) -> None:
    """Raise ToolFailedError where a bit of a net has several drivers.

    Parameters
    ----------
    lines
        Of RTLIL that Yosys writes after `hierarchy`, with processes.
    """
    statements = [line.strip().partition(" ") for line in lines]
    outputs = _outputs(statements)
    open_blocks: list[str] = []
    module, sync = "", ""
    widths: dict[str, int] = {}
    driven: set[Bit] = set()
    for word, _, rest in statements:
        if word in ("module", "cell", "process", "switch"):
            open_blocks.append(rest.partition(" ")[0] if word == "cell" else word)
            if word == "module":
                module, widths, driven = rest, {}, set()
        elif word == "end":
            open_blocks.pop()
        elif word == "wire":
            width, direction, name = _wire(rest)
            widths[name] = width
            if direction in ("input", "inout"):
                _drive(module, [(name, n) for n in range(width)], driven)
        elif word == "sync":
            sync = rest
        elif word == "update" and sync != "init":
            _drive(module, _targets(rest, widths), driven)
        elif word == "connect":
            port, _, signal = rest.partition(" ")
            cell = open_blocks[-1]
            if cell == "module":
                _drive(module, _targets(rest, widths), driven)
            elif port in outputs.get(cell, {OWN_OUTPUT}):
                _drive(module, _targets(signal, widths), driven)


def _outputs(statements: Iterable[tuple[str, str, str]]) -> dict[str, set[str]]:
    """Return the output ports of each module."""
    outputs: dict[str, set[str]] = {}
    module = ""
    for word, _, rest in statements:
        if word == "module":
            module = rest
            outputs[module] = set()
        elif word == "wire":
            _, direction, name = _wire(rest)
            if direction in ("output", "inout"):
                outputs[module].add(name)
    return outputs


def _wire(rest: str) -> tuple[int, str, str]:
    """Return width, direction ("" for no port) and name of a wire."""
    options = rest.split(" ")
    width = int(options[options.index("width") + 1]) if "width" in options[:-1] else 1
    direction = next((word for word in ("input", "output", "inout") if word in options[:-1]), "")
    return width, direction, options[-1]


def _targets(text: str, widths: dict[str, int]) -> Iterator[Bit]:
    """Return the bits of a text's first signal: a net, some bits of it, or several of these in braces."""
    depth = 0
    for part in SIGNAL.finditer(text):
        name, high, low, constant = part.groups()
        if constant is not None:
            raise ToolFailedError(f"Yosys: a constant {constant} is driven")
        if name is None:
            depth += 1 if part[0] == "{" else -1
        elif high is None:
            yield from ((name, n) for n in range(widths[name]))
        else:
            yield from ((name, n) for n in range(int(low or high), int(high) + 1))
        if not depth:
            return


def _drive(module: str, bits: Iterable[Bit], driven: set[Bit]) -> None:
    for name, n in bits:
        if (name, n) in driven:
            raise ToolFailedError(
                f"module {module[1:]}: {name[1:]}[{n}] has several drivers. Expected one "
                "assignment, register, input or output of an instance"
            )
        driven.add((name, n))
