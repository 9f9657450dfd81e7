"""Proof of each output, word by word and by SAT, with its negative control."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.proof import OutputProof
from trigger_lut.errors import FirmwareError, ToolFailedError, TriggerLutError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import KIF, codes_of_bits, uniform
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.utils.progress import watched
from trigger_lut.verification.formal.circuit import read_modules
from trigger_lut.verification.formal.netlist_graph import netlist_graph, read_netlist
from trigger_lut.verification.formal.reference_verilog import reference_module
from trigger_lut.verification.formal.sat import Graph, Result, equivalent, evaluated, with_outputs
from trigger_lut.verification.formal.word_level import Verilog, prove_words, read_verilog

BY_WORDS = "Word by word: generated Verilog, as Yosys reads it, and network are the same sums of functions"


BY_SAT = (
    "SAT sweeping (ABC, cec) on and-inverter graphs: the generated Verilog, its registers as wires, against "
    "behavioral Verilog written from the network's integers"
)


CONTROL_VECTORS = 2000


CONTROL_FLIPS = 20


CONTROL_OUTPUTS = 3
"""Outputs that SAT compares in the control."""


@dataclass
class Proof:
    """Results of the outputs and of the negative control.

    Attributes
    ----------
    outputs
        Result of each output.
    registers
        Number of registers that all paths from the inputs to the outputs cross; None where it is not the same.
    gates
        Gates of the graphs by name, where SAT was needed.
    control
        Description of the flipped bit, or the reason why there is no control.
    control_caught
        Whether the flipped bit is not proven equal; None: there is no control, or it is open.
    """

    outputs: list[OutputProof]
    registers: int | None
    gates: dict[str, int]
    control: str
    control_caught: bool | None


def prove_both_ways(network: Network, project: RtlProject, *, seconds: float, seed: int, folder: Path) -> Proof:
    """Prove the outputs of a project, by words where they suffice, else by SAT.

    Nothing is proven of Verilog that is not plain (`source_check`) or no pipeline (`structure`): neither way would see
    it, as both take registers as wires.

    Parameters
    ----------
    network, project
        The network, and the Verilog that is to be its function.
    seconds
        For SAT; 0: nothing is proven.
    seed
        Of the negative control.
    folder
        For files of this run.

    Returns
    -------
    Proof
        One entry per output, and the negative control.
    """
    formats = network.output_formats()
    names = [network.classes[o] if o < len(network.classes) else str(o) for o in range(len(formats))]
    outputs = [
        OutputProof(name=name, bits=kif.bits, status="sampled", by=None, detail="not asked for")
        for name, kif in zip(names, formats, strict=True)
    ]
    if seconds <= 0:
        return Proof(outputs, None, {}, "not asked for", None)
    verilog, gates, rtl = read_verilog(project), {}, None
    words = prove_words(network, project, verilog=verilog)
    proven = {"status": "proven", "by": "words", "detail": ""}
    for o, reason in enumerate(words.open):
        outputs[o] = outputs[o].model_copy(update={"detail": reason} if reason else proven)
    if len(project.outputs) != len(formats) or verilog.structure.whole:
        return Proof(outputs, None, {}, "not carried out: nothing is proven", None)
    open_ones = [o for o, reason in enumerate(words.open) if reason and not verilog.structure.outputs[o]]
    if open_ones and (network.inputs, formats) == (project.inputs, project.outputs):
        try:
            rtl, reference = rtl_graph(project, modules=verilog.modules), reference_graph(network, folder)
            gates = {"reference": len(reference.gates), "firmware": len(rtl.gates)}
            by_sat = prove_outputs(network, project, reference=reference, rtl=rtl, seconds=seconds, chosen=open_ones)
        except ToolFailedError as error:
            by_sat = [outputs[o].model_copy(update={"detail": f"{words.open[o]}; SAT: {error}"}) for o in open_ones]
        for o, proof in zip(open_ones, by_sat, strict=True):
            outputs[o] = proof
    control, caught = _control(
        network, project, verilog=verilog, rtl=rtl, seed=seed, seconds=seconds, folder=folder, outputs=outputs
    )
    return Proof(outputs, verilog.structure.registers, gates, control, caught)


def rtl_graph(project: RtlProject, *, modules: Mapping[str, Any] | None = None) -> Graph:
    """Make the graph of the generated Verilog, see `netlist_graph`.

    Parameters
    ----------
    project
        Firmware of a network.
    modules
        Modules of the project's Verilog, where they have been read; None: they are read here.

    Returns
    -------
    Graph
        Graph from data_in to data_out, and a flag of undefined values for each output.
    """
    read = read_modules(project) if modules is None else modules
    return netlist_graph(read, project.top, groups=[kif.bits for kif in project.outputs])


def reference_graph(network: Network, folder: Path, *, name: str = "reference") -> Graph:
    """Make the graph of a network, by way of behavioral Verilog of our own.

    Parameters
    ----------
    network
        Network.
    folder
        Folder for the Verilog file.
    name
        Name of the module and of the file.

    Returns
    -------
    Graph
        Graph with the inputs and outputs of `rtl_graph`; no flag of undefined values is ever 1.
    """
    source = folder / f"{name}.v"
    source.write_text(reference_module(network, name), encoding="utf-8")
    groups = [kif.bits for kif in network.output_formats()]
    graph = netlist_graph(read_netlist(source, name), name, groups=groups, own=True)
    assert not any(graph.outputs[sum(groups) :]), "the reference has no undefined value"
    return graph


def prove_outputs(
    network: Network,
    project: RtlProject,
    *,
    reference: Graph,
    rtl: Graph,
    seconds: float,
    chosen: Sequence[int] | None = None,
) -> list[OutputProof]:
    """Prove by SAT: all outputs at once where the time suffices, else one by one, the smallest first.

    Registers count as wires: the caller has seen that the Verilog is a pipeline (`structure`).

    Parameters
    ----------
    network, project
        Network and its firmware.
    reference, rtl
        Graphs of the network and of the firmware.
    seconds
        Time for all outputs together in s; half of it is for all outputs at once.
    chosen
        Outputs by number; None: all.

    Returns
    -------
    list of OutputProof
        One entry for each chosen output.
    """
    formats = network.output_formats()
    names = [network.classes[o] if o < len(network.classes) else str(o) for o in range(len(formats))]
    wanted = list(range(len(formats))) if chosen is None else list(chosen)
    places = {o: bits for o, bits in enumerate(_places(formats)) if o in wanted}
    every = [bit for bits in places.values() for bit in bits]
    started = time.monotonic()
    if equivalent(with_outputs(reference, every), with_outputs(rtl, every), seconds=seconds / 2).verdict == "proven":
        return [OutputProof(name=names[o], bits=formats[o].bits, status="proven", by="SAT") for o in wanted]
    results: dict[int, Result] = {}
    order = sorted(wanted, key=lambda o: _cone(rtl, places[o]))
    for done, o in enumerate(watched(order, "proof by SAT: outputs")):
        left = seconds - (time.monotonic() - started)
        results[o] = Result("open", reason="the time did not suffice")
        if left >= 1:
            share = max(left / (len(order) - done), 1)
            results[o] = equivalent(with_outputs(reference, places[o]), with_outputs(rtl, places[o]), seconds=share)
    proofs = {}
    for o, result in results.items():
        different = result.verdict == "different"
        proofs[o] = OutputProof(
            name=names[o],
            bits=formats[o].bits,
            status="sampled" if result.verdict == "open" else result.verdict,
            by="SAT" if result.verdict == "proven" else None,
            detail=_replayed(network, project, rtl, result.inputs, o) if different else result.reason,
        )
    return [proofs[o] for o in wanted]


def _places(formats: Sequence[KIF]) -> list[list[int]]:
    """Return for each network output the outputs of a graph: its bits, and whether one of them is undefined."""
    ends = np.cumsum([kif.bits for kif in formats]).tolist()
    return [[*range(end - kif.bits, end), ends[-1] + o] for o, (kif, end) in enumerate(zip(formats, ends, strict=True))]


def _cone(graph: Graph, outputs: list[int]) -> int:
    """Count the gates that some outputs depend on."""
    waiting = [graph.outputs[o] >> 1 for o in outputs]
    cone: set[int] = set()
    while waiting:
        variable = waiting.pop()
        gate = variable - graph.inputs - 1
        if gate >= 0 and variable not in cone:
            cone.add(variable)
            waiting += [int(operand) >> 1 for operand in graph.gates[gate]]
    return len(cone)


def _replayed(network: Network, project: RtlProject, rtl: Graph, bits: tuple[int, ...] | None, o: int) -> str:
    """Say what reference and simulated Verilog give for a counterexample."""
    if bits is None:
        return "different, without a counterexample"
    codes = codes_of_bits(bits, network.inputs)
    where, expected = f"inputs {codes[0].tolist()}", int(evaluate(network, codes)[0, o])
    if evaluated(rtl, bits)[len(rtl.outputs) - len(project.outputs) + o]:
        return f"{where}: expected {expected}, found a value that is not defined: a table without this entry, or an x"
    try:
        actual = int(simulate_rtl(project, codes)[0][0, o])
    except TriggerLutError as error:
        return f"{where}: expected {expected}; the simulation cannot show it: {str(error).splitlines()[0]}"
    if actual == expected:
        return f"{where}: expected {expected}, which the simulation gives too: the tools read the Verilog differently"
    return f"{where}: expected {expected}, found {actual} in simulation"


def _control(
    network: Network,
    project: RtlProject,
    *,
    verilog: Verilog,
    rtl: Graph | None,
    seed: int,
    seconds: float,
    folder: Path,
    outputs: Sequence[OutputProof],
) -> tuple[str, bool | None]:
    """Flip a table bit in the network: of the proven outputs that it changes on vectors, nothing may be proven.

    One flip for each way in which outputs were proven; None: there is no such flip, or SAT ran out of time.
    """
    flips: list[str] = []
    results: list[bool | None] = []
    for way in ("words", "SAT"):
        proven = np.array([x.by == way for x in outputs])
        if not proven.any():
            continue
        try:
            flip, wrong, changed = _wrong_network(network, proven, seed)
        except FirmwareError as error:
            return str(error), None
        flips.append(flip)
        if way == "words":
            reasons = prove_words(wrong, project, verilog=verilog).open
            results.append(all(reasons[o] for o in np.flatnonzero(changed)))
        else:
            assert rtl is not None, "SAT has proven an output of it"
            reference = reference_graph(wrong, folder, name="control")
            places = _places(wrong.output_formats())
            verdicts = [
                equivalent(with_outputs(reference, places[o]), with_outputs(rtl, places[o]), seconds=seconds).verdict
                for o in np.flatnonzero(changed)[:CONTROL_OUTPUTS]
            ]
            results.append(False if "proven" in verdicts else None if "open" in verdicts else True)
    if not results:
        return "not carried out: nothing is proven", None
    caught = False if False in results else None if None in results else True
    return "; ".join(dict.fromkeys(flips)), caught


def _wrong_network(network: Network, proven: NDArray[np.bool_], seed: int) -> tuple[str, Network, NDArray[np.bool_]]:
    """Flip a bit that changes a proven output on vectors: return its description, the network and these outputs.

    Raises
    ------
    FirmwareError
        If no such bit was found.
    """
    codes = uniform(network.inputs, CONTROL_VECTORS, rng=np.random.default_rng(seed))
    for n in range(CONTROL_FLIPS):
        flip = choose_flip(network, codes, seed=seed + n)
        wrong = flipped(network, flip)
        changed = (evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0) & proven
        if changed.any() and wrong.output_formats() == network.output_formats():
            return flip.describe(network), wrong, changed
    raise FirmwareError(f"no negative control: {CONTROL_FLIPS} flipped bits change no proven output")
