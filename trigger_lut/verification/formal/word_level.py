"""Proof word by word: the generated Verilog and the network as sums of functions (`normal_form`), output by output.

No search: the time grows with the size of the design, and sums may be built in any order. What is not seen to be equal
is not disproven by that. The sums take registers as wires; that this is right for a netlist is what `structure` checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.network.network import Network
from trigger_lut.utils.progress import watched
from trigger_lut.verification.formal.cell_library import library_holds
from trigger_lut.verification.formal.circuit import Circuit, read_modules
from trigger_lut.verification.formal.network_forms import network_forms
from trigger_lut.verification.formal.normal_form import Algebra, Form, FormError
from trigger_lut.verification.formal.source_check import source_refusal
from trigger_lut.verification.formal.structure import Structure, check_structure

SECONDS = 60.0
"""For SAT, to compare alkaid's library with its meaning."""


@dataclass(frozen=True)
class WordProof:
    """Result of the proof.

    Attributes
    ----------
    open
        Reason why an output is not proven, "" where it is; one entry per output.
    registers
        Number of registers that every path from data_in to data_out, and valid's, crosses. None where an output is not
        proven.
    """

    open: tuple[str, ...]
    registers: int | None


@dataclass(frozen=True)
class Verilog:
    """A project's Verilog as Yosys reads it.

    Attributes
    ----------
    modules
        Modules by name, as in Yosys' JSON; none where the Verilog is refused.
    library_holds
        Whether alkaid's small modules compute what they are taken for.
    structure
        Reasons why it is no pipeline that a proof can be about.
    """

    modules: dict[str, Any]
    library_holds: bool
    structure: Structure


def read_verilog(project: RtlProject, *, instrumented: bool = False) -> Verilog:
    """Read a project's Verilog, and check that a proof of its function says all of it.

    Parameters
    ----------
    project
        The generated project.
    instrumented
        The Verilog has faults built in, and more ports: what it is written like and its registers are not checked.

    Raises
    ------
    ToolMissingError, ToolFailedError
        Of Yosys and ABC. Verilog that Yosys refuses does not raise: `structure` says why.
    """
    if instrumented:
        modules = read_modules(project)
        return Verilog(modules, _library_holds(modules, project), Structure("not checked", (), None))
    nothing = ("",) * len(project.outputs)
    if refusal := source_refusal(project.files):
        return Verilog({}, False, Structure(refusal, nothing, None))
    try:
        modules = read_modules(project)
    except ToolFailedError as error:
        return Verilog({}, False, Structure(str(error), nothing, None))
    structure = check_structure(modules, project)
    holds = not structure.whole and _library_holds(modules, project)
    return Verilog(modules, holds, structure)


def _library_holds(modules: dict[str, Any], project: RtlProject) -> bool:
    return library_holds(modules, Circuit(modules, project.top, algebra=Algebra()).parts, seconds=SECONDS)


def prove_words(network: Network, project: RtlProject, *, verilog: Verilog) -> WordProof:
    """Prove outputs of a project's Verilog word by word, for all inputs, states and gaps.

    Parameters
    ----------
    network
        Network that the Verilog must be.
    project
        Firmware of the network.
    verilog
        Its Verilog, from `read_verilog`.

    Returns
    -------
    WordProof
        Reason for each output that is not proven.
    """
    count, structure = len(network.output_values), verilog.structure
    if structure.whole:
        return WordProof((structure.whole,) * count, None)
    if network.inputs != project.inputs or count != len(project.outputs):
        return WordProof(("the network's inputs or outputs are not those of the buses",) * count, None)
    if not verilog.library_holds:
        return WordProof(("alkaid's library is not what it is taken for",) * count, None)
    algebra = Algebra()
    try:
        inputs = [algebra.input(kif.lo, kif.hi) for kif in network.inputs]
    except FormError as error:
        return WordProof((f"an input: {error}",) * count, None)
    expected = network_forms(network, algebra, inputs=inputs)
    circuit = Circuit(verilog.modules, project.top, algebra=algebra)
    for nets, form in zip(circuit.fields("data_in", network.inputs), inputs, strict=True):
        circuit.give(nets, form)
    reasons, buses = [], circuit.fields("data_out", project.outputs)
    outputs = list(zip(buses, project.outputs, network.output_formats(), strict=True))
    for o, (nets, kif, own) in enumerate(watched(outputs, "proof by words: outputs")):
        reason = structure.outputs[o] or _compared(circuit, nets, expected[o])
        if not reason and (own.f != kif.f or own.lo < kif.lo or own.hi > kif.hi):
            reason = f"the network's output is not seen to fit {kif}"
        reasons.append(reason)
    return WordProof(tuple(reasons), None if any(reasons) else structure.registers)


def _compared(circuit: Circuit, nets: list[int | str], form: Form | str) -> str:
    """Say why an output is not seen to be a form; "" where it is."""
    if isinstance(form, str):
        return f"the network: {form}"
    try:
        word = circuit.word(nets)
        difference = circuit.algebra.less(word.form, form)
    except FormError as error:
        return f"the Verilog: {error}"
    same = circuit.algebra.divided(difference, 1 << len(nets)) is not None
    return "" if same else "Verilog and network are not seen to be the same sum"
