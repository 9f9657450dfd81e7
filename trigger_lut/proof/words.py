"""Proof word by word: the generated Verilog and the network as sums of functions (`forms`), output by output.

No search: the time grows with the size of the design, and sums may be built in any order. What is not seen to be equal
is not disproven by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trigger_lut.firmware.rtl_project import RtlProject
from trigger_lut.network import Network
from trigger_lut.proof.circuit import Circuit, read_modules
from trigger_lut.proof.forms import Algebra, Form, FormError
from trigger_lut.proof.library import library_holds
from trigger_lut.proof.network_forms import network_forms

SECONDS = 60.0
"""For SAT, to compare alkaid's library with its meaning."""


@dataclass(frozen=True)
class WordProof:
    """What is seen.

    open       why an output is not proven, "" where it is; one entry an output
    registers  that every path from data_in to data_out, and valid's, crosses; None: they do not cross as many, or that
               is not seen
    """

    open: tuple[str, ...]
    registers: int | None


@dataclass(frozen=True)
class Verilog:
    """A project's Verilog as Yosys reads it, and whether alkaid's small modules compute what they are taken for."""

    modules: dict[str, Any]
    library_holds: bool


def read_verilog(project: RtlProject, seconds: float = SECONDS) -> Verilog:
    """Read a project. seconds: for SAT on the library. Raises ToolMissingError and ToolFailedError of Yosys and ABC."""
    modules = read_modules(project)
    parts = Circuit(modules, project.top, Algebra()).parts
    return Verilog(modules, library_holds(parts, project.files, seconds))


def prove_words(network: Network, project: RtlProject, verilog: Verilog) -> WordProof:
    """Which outputs of a project's Verilog are the network's, for all inputs, and as many cycles later as planned."""
    algebra = Algebra()
    inputs = [algebra.input(kif.lo, kif.hi) for kif in network.inputs]
    if not verilog.library_holds:
        return WordProof(("alkaid's library is not what it is taken for",) * len(network.output_values), None)
    if network.inputs != project.inputs or len(network.output_values) != len(project.outputs):
        return WordProof(
            ("the network's inputs or outputs are not those of the buses",) * len(network.output_values), None
        )
    expected = network_forms(network, algebra, inputs)
    circuit = Circuit(verilog.modules, project.top, algebra)
    for nets, form in zip(circuit.fields("data_in", network.inputs), inputs, strict=True):
        circuit.give(nets, form)
    valid = algebra.input(0, 1)
    circuit.give(circuit.port("valid_in"), valid)
    late = {_registers(circuit, "valid_out", valid)}
    found, buses = [], circuit.fields("data_out", project.outputs)
    for nets, kif, own, output in zip(buses, project.outputs, network.output_formats(), expected, strict=True):
        reason, registers = _compared(circuit, nets, output)
        if not reason and (own.f != kif.f or own.lo < kif.lo or own.hi > kif.hi):
            reason = f"the network's output is not seen to fit {kif}"
        found.append(reason)
        late |= {registers} if registers is not None else set()
    registers = late.pop() if len(late) == 1 else None
    if registers is None:
        found = [reason or "not all outputs and valid cross as many registers" for reason in found]
    elif registers != project.latency_cycles_planned:
        found = [reason or f"{registers} registers, {project.latency_cycles_planned} planned" for reason in found]
    return WordProof(tuple(found), None if any(found) else registers)


def _registers(circuit: Circuit, port: str, form: Form) -> int | None:
    try:
        word = circuit.word(circuit.port(port))
    except FormError:
        return None
    return word.registers if word.form == form else None


def _compared(circuit: Circuit, nets: list[int | str], form: Form | str) -> tuple[str, int | None]:
    """Why an output is not seen to be a form, and the registers that it crosses."""
    if isinstance(form, str):
        return f"the network: {form}", None
    try:
        word = circuit.word(nets)
    except FormError as error:
        return f"the Verilog: {error}", None
    difference = circuit.algebra.less(word.form, form)
    same = circuit.algebra.divided(difference, 1 << len(nets)) is not None
    return "" if same else "Verilog and network are not seen to be the same sum", word.registers
