"""The decision's logic is the decision for all outputs of the network, by SAT.

The reference shares nothing with the firmware: an event passes when some signal output is above every background output
by the threshold, difference by difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from trigger_lut.decision.project import DecisionProject
from trigger_lut.decision.score import Score
from trigger_lut.decision.wrapper import literal
from trigger_lut.firmware.rtl_top import offsets
from trigger_lut.proof.aiger import write_aiger
from trigger_lut.proof.equivalence import Graph, equivalent, read_graph
from trigger_lut.proof.netlist_graph import read_netlist
from trigger_lut.proof.structure import check_pipeline

Status = Literal["proven", "different", "open"]

LOGIC = """module wrapped (input wire [{high}:0] data_in, output wire [{last}:0] decision);
    {logic} decide (.clk(1'b0), .valid_in(1'b1), .data_in(data_in), .decision(decision));
endmodule
"""


def prove_decision(project: DecisionProject, seconds: float) -> tuple[Status, bool | None]:
    """Say whether the Verilog of the logic is the decision, and whether one with a threshold moved by a code is not.

    Verilog whose paths do not all cross the planned registers is left open.

    seconds: for each of the two. The second is None where it was open, or there is no threshold to move.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_decision_") as scratch:
        folder, first = Path(scratch), next((n for n, t in enumerate(project.thresholds) if t is not None), None)
        if not _is_pipeline(project):
            return "open", None
        firmware = logic_graph(project, folder)
        status = equivalent(reference_graph(project.score, project.thresholds, folder), firmware, seconds).verdict
        if first is None:
            return status, None
        moved = [t if t is None or n != first else t + 1 for n, t in enumerate(project.thresholds)]
        control = equivalent(reference_graph(project.score, moved, folder), firmware, seconds).verdict
    return status, None if control == "open" else control == "different"


def _is_pipeline(project: DecisionProject) -> bool:
    """Say whether all paths to valid_out, data_out and the decision cross the planned registers.

    Without that, logic with its registers as wires says nothing of the logic with registers.
    """
    bits = offsets(project.score.outputs)[-1]
    outputs = [("data_out", bits), ("decision", len(project.thresholds))]
    modules = read_netlist(project.verilog, project.logic)
    found = check_pipeline(modules, project.logic, bits, outputs, project.cycles)
    return found.registers is not None


def logic_graph(project: DecisionProject, folder: Path) -> Graph:
    """The function of the generated logic, its registers as wires."""
    wrapper, path = folder / "wrapped.v", folder / "logic.aig"
    high, last = offsets(project.score.outputs)[-1] - 1, len(project.thresholds) - 1
    wrapper.write_text(LOGIC.format(high=high, last=last, logic=project.logic), encoding="utf-8")
    write_aiger([wrapper, project.verilog], "wrapped", path)
    return read_graph(path)


def reference_graph(score: Score, thresholds: Sequence[int | None], folder: Path) -> Graph:
    """The decision by way of behavioural Verilog of our own."""
    source, path = folder / "reference.v", folder / "reference.aig"
    source.write_text(reference_module(score, thresholds), encoding="utf-8")
    write_aiger([source], "reference", path)
    return read_graph(path)


def reference_module(score: Score, thresholds: Sequence[int | None]) -> str:
    """Verilog of a module `reference` with data_in as of the network's outputs, and decision."""
    at, wide = offsets(score.outputs), score.bits + 1
    lines = [f"module reference (input wire [{at[-1] - 1}:0] data_in, output wire [{len(thresholds) - 1}:0] decision);"]
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
