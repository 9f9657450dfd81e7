"""The prove stage: the generated Verilog is the network for all inputs, output by output."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.cards import Stopwatch, read_card, write_card
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl_project import RtlProject, read_project
from trigger_lut.firmware.rtl_simulation import simulate_rtl
from trigger_lut.fixed_point import codes_of_bits, uniform
from trigger_lut.network import Network, load_network
from trigger_lut.proof.aiger import write_aiger
from trigger_lut.proof.equivalence import Graph, Result, equivalent, read_graph, with_outputs
from trigger_lut.proof.reference_rtl import reference_module
from trigger_lut.proof.sequential import second_proof
from trigger_lut.proof.words import Verilog, prove_words, read_verilog
from trigger_lut.provenance import require_current_files
from trigger_lut.records_firmware import FirmwareCard
from trigger_lut.records_proof import OutputProof, ProveCard
from trigger_lut.reference import evaluate
from trigger_lut.verification.control import choose_flip, flipped

BY_WORDS = "Word by word: generated Verilog, as Yosys reads it, and network are the same sums of functions"
BY_SAT = (
    "SAT sweeping (ABC, cec) on and-inverter graphs by Yosys: the generated Verilog, its registers as wires, against "
    "behavioural Verilog written from the network's integers"
)
CONTROL_VECTORS = 2000
WRAPPER = """module wrapped (input wire [{high_in}:0] data_in, output wire [{high_out}:0] data_out);
    {top} top (.clk(1'b0), .valid_in(1'b1), .data_in(data_in), .data_out(data_out));
endmodule
"""


def prove(
    spec: Path, network: Path, firmware_card: Path, card: Path, seconds: int, second_seconds: int = 0
) -> ProveCard:
    """Write the ProveCard of a design.

    seconds: time for SAT, of what is not proven word by word; 0: nothing is proven. second_seconds: processor time for
    the second proof, which needs a first one; 0: it is not made. An output that differs does not raise: the card says
    so. Raises CardError for files that do not belong together, FirmwareError when the firmware's plan is not the
    network.
    """
    watch = Stopwatch()
    design, firmware = read_card(Spec, spec), read_card(FirmwareCard, firmware_card)
    require_current_files(firmware_card, spec, network)
    integers, project = load_network(network), read_project(Path(firmware.rtl_project))
    with tempfile.TemporaryDirectory(prefix="trigger_lut_prove_") as scratch:
        found = prove_both_ways(integers, project, seconds, design.seed, Path(scratch))
    asked = second_seconds if seconds else 0
    outputs, second = second_proof(integers, project, asked, design.seed, found.outputs)
    result = ProveCard(
        design=design.design,
        outputs=outputs,
        method=BY_WORDS + (f"; what is not seen so: {BY_SAT}" if found.gates else ""),
        registers=found.registers,
        gates=found.gates,
        seconds_allowed=seconds,
        control=found.control,
        control_caught=found.control_caught,
        second=second,
        **watch.provenance([spec, network, firmware_card, *project.files], "pyosys", "alkaid", "python-sat"),
    )
    write_card(result, card)
    return result


@dataclass
class Proof:
    """What became of the outputs and of the negative control; gates of the graphs where SAT was needed."""

    outputs: list[OutputProof]
    registers: int | None
    gates: dict[str, int]
    control: str
    control_caught: bool | None


def prove_both_ways(network: Network, project: RtlProject, seconds: float, seed: int, folder: Path) -> Proof:
    """Word by word, and by SAT what is not proven so. seed: of the control. seconds: for SAT; 0: nothing is proven."""
    formats = network.output_formats()
    names = [network.classes[o] if o < len(network.classes) else str(o) for o in range(len(formats))]
    outputs = [
        OutputProof(name=name, bits=kif.bits, status="sampled", by=None, detail="not asked for")
        for name, kif in zip(names, formats, strict=True)
    ]
    if seconds <= 0:
        return Proof(outputs, None, {}, "not asked for", None)
    verilog, gates, rtl = read_verilog(project), {}, None
    words = prove_words(network, project, verilog)
    proven = {"status": "proven", "by": "words", "detail": ""}
    for o, reason in enumerate(words.open):
        outputs[o] = outputs[o].model_copy(update={"detail": reason} if reason else proven)
    if any(words.open):
        rtl, reference = rtl_graph(project, folder), reference_graph(network, folder)
        gates = {"reference": len(reference.gates), "firmware": len(rtl.gates)}
        open_ones = [o for o, reason in enumerate(words.open) if reason]
        for o, said in zip(open_ones, prove_outputs(network, project, reference, rtl, seconds, open_ones), strict=True):
            outputs[o] = said
    return Proof(outputs, words.registers, gates, *_control(network, project, verilog, rtl, seed, seconds, folder))


def rtl_graph(project: RtlProject, folder: Path) -> Graph:
    """The function of the generated Verilog."""
    wrapper, path = folder / "wrapped.v", folder / "rtl.aig"
    high_in, high_out = (sum(kif.bits for kif in formats) - 1 for formats in (project.inputs, project.outputs))
    wrapper.write_text(WRAPPER.format(top=project.top, high_in=high_in, high_out=high_out), encoding="utf-8")
    write_aiger([wrapper, *project.files], "wrapped", path)
    return read_graph(path)


def reference_graph(network: Network, folder: Path, name: str = "reference") -> Graph:
    """The function of a network, by way of behavioural Verilog of our own."""
    source, path = folder / f"{name}.v", folder / f"{name}.aig"
    source.write_text(reference_module(network, name), encoding="utf-8")
    write_aiger([source], name, path)
    return read_graph(path)


def prove_outputs(
    network: Network,
    project: RtlProject,
    reference: Graph,
    rtl: Graph,
    seconds: float,
    chosen: Sequence[int] | None = None,
) -> list[OutputProof]:
    """By SAT: all outputs at once where the time suffices, else one by one, the smallest first, in what is left of it.

    chosen: outputs by number; None: all.
    """
    formats = network.output_formats()
    names = [network.classes[o] if o < len(network.classes) else str(o) for o in range(len(formats))]
    wanted = list(range(len(formats))) if chosen is None else list(chosen)
    ends = np.cumsum([kif.bits for kif in formats]).tolist()
    places = {o: list(range(ends[o] - formats[o].bits, ends[o])) for o in wanted}
    every = [bit for bits in places.values() for bit in bits]
    started = time.monotonic()
    if equivalent(with_outputs(reference, every), with_outputs(rtl, every), seconds / 2).verdict == "proven":
        return [OutputProof(name=names[o], bits=formats[o].bits, status="proven", by="SAT") for o in wanted]
    found: dict[int, OutputProof] = {}
    order = sorted(wanted, key=lambda o: _cone(rtl, places[o]))
    for done, o in enumerate(order):
        left = seconds - (time.monotonic() - started)
        said, detail = Result("open"), "the time did not suffice"
        if left >= 1:
            share = max(left / (len(order) - done), 1)
            said = equivalent(with_outputs(reference, places[o]), with_outputs(rtl, places[o]), share)
            detail = f"open after {share:.0f} s"
            if said.verdict == "different":
                detail = _replayed(network, project, said.inputs, o)
            elif said.verdict == "proven":
                detail = ""
        found[o] = OutputProof(
            name=names[o],
            bits=formats[o].bits,
            status="sampled" if said.verdict == "open" else said.verdict,
            by="SAT" if said.verdict == "proven" else None,
            detail=detail,
        )
    return [found[o] for o in wanted]


def _cone(graph: Graph, outputs: list[int]) -> int:
    """Gates that some outputs depend on."""
    waiting = [graph.outputs[o] >> 1 for o in outputs]
    seen: set[int] = set()
    while waiting:
        variable = waiting.pop()
        gate = variable - graph.inputs - 1
        if gate >= 0 and variable not in seen:
            seen.add(variable)
            waiting += [int(operand) >> 1 for operand in graph.gates[gate]]
    return len(seen)


def _replayed(network: Network, project: RtlProject, bits: tuple[int, ...] | None, o: int) -> str:
    """What reference and simulated Verilog give for a counterexample."""
    if bits is None:
        return "different, without a counterexample"
    codes = codes_of_bits(bits, network.inputs)
    expected, found = int(evaluate(network, codes)[0, o]), int(simulate_rtl(project, codes)[0][0, o])
    return f"inputs {codes[0].tolist()}: expected {expected}, found {found} in simulation"


def _control(
    network: Network,
    project: RtlProject,
    verilog: Verilog,
    rtl: Graph | None,
    seed: int,
    seconds: float,
    folder: Path,
) -> tuple[str, bool | None]:
    """One flipped table bit in the network: of what it changes on vectors nothing may be proven, in either way."""
    codes = uniform(network.inputs, CONTROL_VECTORS, np.random.default_rng(seed))
    try:
        flip = choose_flip(network, codes, seed)
    except FirmwareError as error:
        return str(error), None
    wrong = flipped(network, flip)
    changed = (evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0)
    seen = prove_words(wrong, project, verilog).open
    caught = all(reason for reason, differs in zip(seen, changed, strict=True) if differs)
    if rtl is None or not caught:
        return flip.describe(network), caught
    said = equivalent(reference_graph(wrong, folder, "control"), rtl, seconds).verdict
    return flip.describe(network), None if said == "open" else said == "different"
