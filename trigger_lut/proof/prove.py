"""The prove stage: the generated Verilog is the network for all inputs, output by output."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.cards import Stopwatch, read_card, sha256, write_card
from trigger_lut.errors import CardError, FirmwareError
from trigger_lut.firmware.rtl_project import RtlProject, read_project
from trigger_lut.firmware.rtl_simulation import simulate_rtl
from trigger_lut.fixed_point import codes_of_bits, uniform
from trigger_lut.network import Network, load_network
from trigger_lut.proof.aiger import write_aiger
from trigger_lut.proof.equivalence import Graph, equivalent, read_graph, with_outputs
from trigger_lut.proof.reference_rtl import reference_module
from trigger_lut.records_firmware import FirmwareCard
from trigger_lut.records_proof import OutputProof, ProveCard
from trigger_lut.reference import evaluate
from trigger_lut.verification.control import choose_flip, flipped

METHOD = (
    "SAT sweeping (ABC, cec) on and-inverter graphs by Yosys: the generated Verilog, its registers as wires, against "
    "behavioural Verilog written from the network's integers"
)
CONTROL_VECTORS = 2000
WRAPPER = """module wrapped (input wire [{high_in}:0] data_in, output wire [{high_out}:0] data_out);
    {top} top (.clk(1'b0), .valid_in(1'b1), .data_in(data_in), .data_out(data_out));
endmodule
"""


def prove(spec: Path, network: Path, firmware_card: Path, card: Path, seconds: int) -> ProveCard:
    """Write the ProveCard of a design.

    seconds: time for SAT; 0: nothing is proven. An output that differs does not raise: the card says so. Raises
    CardError for files that do not belong together, FirmwareError when the firmware's plan is not the network.
    """
    watch = Stopwatch()
    design, firmware = read_card(Spec, spec), read_card(FirmwareCard, firmware_card)
    if sha256(network) not in firmware.inputs.values():
        raise CardError(f"{firmware_card}: the firmware was not made from {network}; run the firmware stage again")
    integers, project = load_network(network), read_project(Path(firmware.rtl_project))
    with tempfile.TemporaryDirectory(prefix="trigger_lut_prove_") as scratch:
        rtl, reference = rtl_graph(project, Path(scratch)), reference_graph(integers, Path(scratch))
        outputs = prove_outputs(integers, project, reference, rtl, seconds)
        control, caught = _control(integers, rtl, design.seed, seconds, Path(scratch))
    result = ProveCard(
        design=design.design,
        outputs=outputs,
        method=METHOD,
        gates={"reference": len(reference.gates), "firmware": len(rtl.gates)},
        seconds_allowed=seconds,
        control=control,
        control_caught=caught,
        **watch.provenance([spec, network, firmware_card, *project.files], "pyosys", "alkaid"),
    )
    write_card(result, card)
    return result


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
    network: Network, project: RtlProject, reference: Graph, rtl: Graph, seconds: float
) -> list[OutputProof]:
    """All outputs at once where the time suffices, else one by one, the smallest first, in what is left of it."""
    formats = network.output_formats()
    names = [network.classes[o] if o < len(network.classes) else str(o) for o in range(len(formats))]
    if seconds <= 0:
        return [
            OutputProof(name=name, bits=kif.bits, status="sampled", detail="not asked for")
            for name, kif in zip(names, formats, strict=True)
        ]
    started = time.monotonic()
    if equivalent(reference, rtl, seconds / 2).verdict == "proven":
        return [OutputProof(name=n, bits=k.bits, status="proven") for n, k in zip(names, formats, strict=True)]
    ends = np.cumsum([kif.bits for kif in formats]).tolist()
    found: dict[int, OutputProof] = {}
    order = sorted(range(len(formats)), key=lambda o: _cone(rtl, list(range(ends[o] - formats[o].bits, ends[o]))))
    for done, o in enumerate(order):
        left = seconds - (time.monotonic() - started)
        bits = list(range(ends[o] - formats[o].bits, ends[o]))
        if left < 1:
            status, detail = "sampled", "the time did not suffice"
        else:
            share = max(left / (len(order) - done), 1)
            said = equivalent(with_outputs(reference, bits), with_outputs(rtl, bits), share)
            status, detail = "proven", ""
            if said.verdict == "open":
                status, detail = "sampled", f"open after {share:.0f} s"
            elif said.verdict == "different":
                status, detail = "different", _replayed(network, project, said.inputs, o)
        found[o] = OutputProof(name=names[o], bits=formats[o].bits, status=status, detail=detail)  # type: ignore[arg-type]
    return [found[o] for o in range(len(formats))]


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


def _control(network: Network, rtl: Graph, seed: int, seconds: int, folder: Path) -> tuple[str, bool | None]:
    """One flipped table bit in the reference must make it another function than the firmware."""
    if seconds <= 0:
        return "not asked for", None
    codes = uniform(network.inputs, CONTROL_VECTORS, np.random.default_rng(seed))
    try:
        flip = choose_flip(network, codes, seed)
    except FirmwareError as error:
        return str(error), None
    said = equivalent(reference_graph(flipped(network, flip), folder, "control"), rtl, seconds).verdict
    return flip.describe(network), None if said == "open" else said == "different"
