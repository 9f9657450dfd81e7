"""Equivalence of two and-inverter graphs for all inputs, decided by ABC output by output."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import ToolFailedError, ToolMissingError
from trigger_lut.utils.memory import PROGRAM_BYTES, gigabytes, limited

Verdict = Literal["proven", "different", "open"]


@dataclass(frozen=True)
class Graph:
    """A combinational AIGER file.

    Literals are 2 * variable, + 1 where negated; variable 0 is the constant 0.

    Attributes
    ----------
    inputs
        Number of inputs, which are the variables from 1 on.
    outputs
        Literal of each output.
    gates : NDArray of shape (A, 2)
        Literals of the two operands of each gate; gates are the variables behind the inputs.
    """

    inputs: int
    outputs: tuple[int, ...]
    gates: NDArray[np.int64]


@dataclass(frozen=True)
class Result:
    """Verdict of ABC on two graphs.

    Attributes
    ----------
    verdict
        "proven" where they are equal.
    inputs
        Values of all inputs in order where the graphs differ.
    reason
        Reason why the verdict is open.
    """

    verdict: Verdict
    inputs: tuple[int, ...] | None = None
    reason: str = ""


def write_graph(graph: Graph, path: Path) -> None:
    """Write a graph as binary AIGER."""
    gates = len(graph.gates)
    text = f"aig {graph.inputs + gates} {graph.inputs} 0 {len(graph.outputs)} {gates}\n"
    parts = [text.encode(), *(f"{literal}\n".encode() for literal in graph.outputs)]
    for n, (a, b) in enumerate(graph.gates.tolist()):
        own, high, low = 2 * (graph.inputs + n + 1), max(a, b), min(a, b)
        parts += [_bytes(own - high), _bytes(high - low)]
    path.write_bytes(b"".join(parts))


def _bytes(value: int) -> bytes:
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def with_constants(graph: Graph, constants: dict[int, int]) -> Graph:
    """Return the graph with constants (0 or 1) in place of some inputs, which remain as inputs that nothing reads."""
    literal = np.arange(2 * (graph.inputs + len(graph.gates) + 1), dtype=np.int64)
    for i, value in constants.items():
        literal[2 * (i + 1)], literal[2 * (i + 1) + 1] = value, 1 - value
    return Graph(graph.inputs, tuple(int(literal[o]) for o in graph.outputs), literal[graph.gates])


def with_outputs(graph: Graph, outputs: list[int]) -> Graph:
    """Return the graph with some of its outputs, by number."""
    return Graph(graph.inputs, tuple(graph.outputs[o] for o in outputs), graph.gates)


def evaluated(graph: Graph, inputs: Sequence[int]) -> list[int]:
    """Evaluate a graph.

    Parameters
    ----------
    graph
        Graph.
    inputs
        Value (0 or 1) of each input.

    Returns
    -------
    list of int
        Value of each output.
    """
    values = [0, *inputs]
    for a, b in graph.gates.tolist():
        values.append((values[a >> 1] ^ (a & 1)) & (values[b >> 1] ^ (b & 1)))
    return [values[literal >> 1] ^ (literal & 1) for literal in graph.outputs]


def constant(inputs: int, values: list[int]) -> Graph:
    """Return a graph whose outputs are constants."""
    return Graph(inputs, tuple(values), np.zeros((0, 2), dtype=np.int64))


def equivalent(first: Graph, second: Graph, *, seconds: float, memory_bytes: int = PROGRAM_BYTES) -> Result:
    """Compare two graphs for all inputs, by SAT sweeping in ABC (`cec`).

    Parameters
    ----------
    first, second
        Graphs to compare.
    seconds
        Time limit of ABC in s. The result is open where ABC reaches it.
    memory_bytes
        Memory limit of ABC in bytes. The result is open where ABC reaches it.

    Returns
    -------
    Result
        Verdict, and inputs for which they differ.

    Raises
    ------
    ToolMissingError
        If ABC is not installed.
    ToolFailedError
        If the graphs have other numbers of inputs or outputs, or ABC gives no verdict.
    """
    if (first.inputs, len(first.outputs)) != (second.inputs, len(second.outputs)):
        raise ToolFailedError("equivalence: the graphs differ in their inputs or outputs")
    with tempfile.TemporaryDirectory(prefix="trigger_lut_abc_") as folder:
        paths = [Path(folder, name) for name in ("first.aig", "second.aig")]
        for graph, path in zip((first, second), paths, strict=True):
            write_graph(graph, path)
        command = limited(
            [str(abc_program()), "-c", f"cec -T {max(int(seconds), 1)} {paths[0]} {paths[1]}"], memory_bytes
        )
        try:  # ABC itself checks the time in some of its steps only
            done = subprocess.run(command, capture_output=True, text=True, timeout=max(seconds, 1) + 1)
        except subprocess.TimeoutExpired:
            return Result("open", reason=f"open after {seconds:.0f} s")
        output = done.stdout + done.stderr
    if "Networks are equivalent" in output:
        return Result("proven")
    if "NOT EQUIVALENT" in output:
        return Result("different", _counterexample(output, first.inputs))
    if "UNDECIDED" in output.upper() or "timeout" in output.lower():
        return Result("open", reason=f"open after {seconds:.0f} s")
    if done.returncode:  # ABC does not survive an allocation that fails
        limit = gigabytes(memory_bytes)
        return Result("open", reason=f"ABC ended with status {done.returncode}; its limit of memory is {limit}")
    raise ToolFailedError(f"ABC: expected a verdict on equivalence, found: {output.strip().splitlines()[-3:]}")


def abc_program() -> Path:
    """Return the path of the ABC that comes with pyosys. Raises ToolMissingError."""
    spec = find_spec("pyosys")
    program = Path(spec.origin).parent / "yosys-abc" if spec is not None and spec.origin else None
    if program is None or not program.is_file():
        raise ToolMissingError("ABC is not installed; it comes with: pip install pyosys==0.70")
    return program


def _counterexample(output: str, inputs: int) -> tuple[int, ...] | None:
    """Return the values of the inputs that ABC prints, `pi<n> = 1'h<value>`; None where it does not print them all."""
    line = re.search(r"^INPUT: (.*?)\.  OUTPUT:", output, re.MULTILINE)
    bits = {int(n): int(value) for n, value in re.findall(r"pi(\d+) = 1'h([01])", line[1])} if line else {}
    return tuple(bits[n] for n in range(inputs)) if bits.keys() == set(range(inputs)) else None
