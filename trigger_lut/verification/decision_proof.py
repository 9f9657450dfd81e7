"""Proof that the decision's Verilog is the decision in every cycle, for all outputs of the network.

It combines checks of the text and SAT. Two circuits are proven: the logic alone, and the part of the combined module
that follows the network. The combined module as a whole is checked as the network's Verilog is (`source_check`,
`drivers`, `structure`). With the proof of the network, its decision is the decision on the network's function of
data_in.

The reference shares nothing with the firmware: an event passes when some signal output is above every background output
by the threshold, difference by difference.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.decision.module import literal
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.verification.formal.circuit import BOXES, read_modules
from trigger_lut.verification.formal.netlist_graph import netlist_graph, read_netlist
from trigger_lut.verification.formal.sat import Graph, equivalent
from trigger_lut.verification.formal.source_check import source_refusal
from trigger_lut.verification.formal.structure import Structure, check_pipeline

Status = Literal["proven", "different", "open"]
PORTS = ("data_out", "decision")
NETWORK_INPUTS = ("clk", "valid_in", "data_in")


@dataclass(frozen=True)
class DecisionProof:
    """The result for a decision's Verilog.

    Attributes
    ----------
    status
        "proven", "different", or "open" where a check refuses the Verilog or the time did not suffice.
    control
        Whether a threshold moved by one code is not proven; None where nothing is proven or it is open.
    detail
        Why it is not proven; empty where it is.
    """

    status: Status
    control: bool | None
    detail: str = ""


def prove_decision(project: DecisionProject, rtl: RtlProject, *, seconds: float) -> DecisionProof:
    """Prove the Verilog of a decision, and try a threshold moved by one code as negative control.

    Parameters
    ----------
    project
        The decision's Verilog.
    rtl
        The network's firmware.
    seconds
        Time limit of each run of SAT in s.

    Returns
    -------
    DecisionProof
        Status of the Verilog and of the negative control; "open" if a tool fails.

    Raises
    ------
    ToolMissingError
        If Yosys or ABC is not installed.
    """
    combined = dataclasses.replace(rtl, top=project.top, files=(*rtl.files, project.verilog))
    try:
        # A network that uses its hardware in several cycles is no pipeline; `prove_parts` checks it.
        refusal = source_refusal(combined.files) or ("" if rtl.parts else _no_pipeline(project, combined))
        circuits = {} if refusal else _circuits(project, combined)
        refusal = refusal or next(filter(None, (_refused(project, *known) for known in circuits.items())), "")
        if refusal:
            return DecisionProof("open", None, refusal)
        groups = [offsets(project.score.outputs)[-1], len(project.thresholds)]
        graphs = [netlist_graph(modules, name, groups=groups, ports=PORTS) for name, modules in circuits.items()]
        return _compared(project, graphs, seconds)
    except ToolFailedError as error:
        return DecisionProof("open", None, " ".join(str(error).split()))


def _no_pipeline(project: DecisionProject, combined: RtlProject) -> str:
    """Say why the combined module is no pipeline of the planned latency; "" where it is."""
    outputs = [*(("data_out", kif.bits) for kif in combined.outputs), ("decision", len(project.thresholds))]
    bits_in, modules = sum(kif.bits for kif in combined.inputs), read_modules(combined)
    return _first(
        check_pipeline(modules, project.top, bits_in=bits_in, outputs=outputs, latency=project.latency_cycles)
    )


def _refused(project: DecisionProject, name: str, modules: Mapping[str, Any]) -> str:
    """Say why a circuit behind the network is no pipeline of the decision's cycles; "" where it is."""
    bits = offsets(project.score.outputs)[-1]
    outputs = [("data_out", bits), ("decision", len(project.thresholds))]
    return _first(check_pipeline(modules, name, bits_in=bits, outputs=outputs, latency=project.cycles))


def _first(structure: Structure) -> str:
    return structure.whole or next(filter(None, structure.outputs), "")


def _circuits(project: DecisionProject, combined: RtlProject) -> dict[str, dict[str, Any]]:
    """Read the modules of the logic alone, and of the combined module without the network, by name."""
    alone = dataclasses.replace(combined, top=project.logic, files=(project.verilog,))
    return {project.logic: read_modules(alone), project.top: _behind_network(project, combined)}


def _behind_network(project: DecisionProject, combined: RtlProject) -> dict[str, Any]:
    """Return the combined module without its network, whose outputs become the ports valid_in and data_in.

    Raises
    ------
    ToolFailedError
        If the network does not occur exactly once, or its inputs are not the module's own.
    """
    module = read_modules(combined, (*BOXES, project.network))[project.top]
    ports, cells = module["ports"], module["cells"]
    instances = [name for name, cell in cells.items() if cell["type"] == project.network]
    if len(instances) != 1:
        raise ToolFailedError(
            f"{project.top}: expected the module {project.network} once, found it {len(instances)} times"
        )
    network = cells[instances[0]]["connections"]
    for port in NETWORK_INPUTS:
        if network[port] != ports[port]["bits"]:
            raise ToolFailedError(f"{project.top}: expected the port {port} at the network's {port}, found other nets")
    inputs = {"valid_in": network["valid_out"], "data_in": network["data_out"]}
    cut = {port: {**ports[port], "bits": bits} for port, bits in inputs.items()}
    others = {name: cell for name, cell in cells.items() if name != instances[0]}
    return {project.top: {**module, "cells": others, "ports": {**ports, **cut}}}


def _compared(project: DecisionProject, graphs: Sequence[Graph], seconds: float) -> DecisionProof:
    """Compare circuits with the reference, and one of them with a reference of which a threshold is moved."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_decision_") as scratch:
        reference = reference_graph(project.score, project.thresholds, folder=Path(scratch))
        results = [equivalent(reference, graph, seconds=seconds) for graph in graphs if not _same(graph, graphs[0])]
        results.insert(0, equivalent(reference, graphs[0], seconds=seconds))
        verdicts = {result.verdict for result in results}
        if verdicts != {"proven"}:
            status: Status = "different" if "different" in verdicts else "open"
            detail = "another function by SAT" if status == "different" else results[-1].reason
            return DecisionProof(status, None, detail)
        first = next((n for n, code in enumerate(project.thresholds) if code is not None), None)
        if first is None:
            return DecisionProof("proven", None)
        moved = [code if code is None or n != first else code + 1 for n, code in enumerate(project.thresholds)]
        control = equivalent(
            reference_graph(project.score, moved, folder=Path(scratch)), graphs[0], seconds=seconds
        ).verdict
    return DecisionProof("proven", None if control == "open" else control == "different")


def _same(first: Graph, second: Graph) -> bool:
    return first.outputs == second.outputs and first.gates.tolist() == second.gates.tolist()


def reference_graph(score: Score, thresholds: Sequence[int | None], *, folder: Path) -> Graph:
    """Make the graph of the decision by way of behavioral Verilog of our own. folder: for that file."""
    source = folder / "reference.v"
    source.write_text(reference_module(score, thresholds), encoding="utf-8")
    groups = [offsets(score.outputs)[-1], len(thresholds)]
    return netlist_graph(read_netlist(source, "reference"), "reference", groups=groups, ports=PORTS, own=True)


def reference_module(score: Score, thresholds: Sequence[int | None]) -> str:
    """Return Verilog of a module `reference`: it decides on data_in, the network's outputs, and passes it on."""
    at, wide = offsets(score.outputs), score.bits + 1
    lines = [
        f"module reference (input wire [{at[-1] - 1}:0] data_in, output wire [{at[-1] - 1}:0] data_out,",
        f"    output wire [{len(thresholds) - 1}:0] decision);",
        "    assign data_out = data_in;",
    ]
    for o in (*score.signal, *score.background):
        kif = score.outputs[o]
        sign = "signed " if kif.k else ""
        lines.append(f"    wire {sign}[{kif.bits - 1}:0] code{o} = data_in[{at[o + 1] - 1}:{at[o]}];")
        lines.append(f"    wire signed [{wide - 1}:0] wide{o} = code{o};")
        lines.append(f"    wire signed [{wide - 1}:0] value{o} = wide{o} <<< {score.shift(o)};")
    subtracted = [f"value{b}" for b in score.background] or [literal(0, wide)]
    for n, code in enumerate(thresholds):
        text = "1'b0"
        if code is not None:
            ways = [
                "(" + " && ".join(f"value{s} - {b} >= {literal(code, wide)}" for b in subtracted) + ")"
                for s in score.signal
            ]
            text = " || ".join(ways)
        lines.append(f"    assign decision[{n}] = {text};")
    return "\n".join([*lines, "endmodule", ""])
