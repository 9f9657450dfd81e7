"""Faults in generated Verilog: which ones the vectors notice, and which of the others change nothing, by proof."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import ToolLimitError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import bus_words, compile_verilated, pack, used_bits
from trigger_lut.fixed_point.formats import IntArray, codes_of_bits
from trigger_lut.network.time_sharing import Part
from trigger_lut.utils.programs import run_program
from trigger_lut.utils.progress import watched
from trigger_lut.utils.wording import counted
from trigger_lut.verification.faults.instrument import BITS, FILL_BITS, probed, write_instrumented
from trigger_lut.verification.faults.sites import Fault
from trigger_lut.verification.faults.unfold import moved, unfolded
from trigger_lut.verification.faults.word_level import prove_by_sums
from trigger_lut.verification.formal.module_graphs import module_graph
from trigger_lut.verification.formal.netlist_graph import Gates, copied
from trigger_lut.verification.formal.sat import (
    Graph,
    Result,
    Verdict,
    constant,
    equivalent,
    with_constants,
    with_outputs,
)

LOG = logging.getLogger(__name__)
HARNESS = Path(__file__).with_name("harness.cpp")
WRAPPER = """module wrapped (
    input wire [{high_in}:0] data_in,
    input wire [{high_fault}:0] fault,
    input wire [{high_fill}:0] fill,
    output wire [{high_out}:0] data_out{probe_port}
);
    {top} top (.clk(1'b0), .valid_in(1'b1), .data_in(data_in), .fault(fault), .fill(fill), .data_out(data_out){probe});
endmodule
"""
Status = Literal["detected", "solved", "equivalent", "undetected", "undecided"]
FAULTS_AT_ONCE = 20  # in one simulation; the first one runs all vectors without a fault as well
TURNS = 3  # of two events, for a fault that shows in one after the other
AFTER_PROOF: dict[Verdict, Status] = {"proven": "equivalent", "different": "undetected", "open": "undecided"}


@dataclass(frozen=True)
class Outcome:
    """Outcome of one fault, and the vector at which it was noticed.

    The other statuses are of faults that no vector notices:

    - equivalent: it is proven that no output changes.
    - solved: an input that was found for it, from the sums or by SAT, shows it in simulation.
    - undetected: it is proven that an output changes, but no such input was found.
    - undecided: the time did not suffice, or the answer depends on undefined entries of tables that the fault leads to.

    Each holds for all ways of filling these entries that `instrument` knows.
    """

    fault: Fault
    status: Status
    vector: int | None = None
    inputs: tuple[int, ...] | None = None  # codes at which it shows, where they were found for it


@dataclass(frozen=True)
class SatResult:
    """Result of SAT for a fault.

    A fault that no input shows with all fillings of undefined entries, but some input with one of them, is open.

    Attributes
    ----------
    verdict
        Whether an output changes.
    events
        Bits of the input, event after event, that should show it.
    """

    verdict: Verdict
    events: tuple[tuple[int, ...], ...] = ()


def run_faults(
    project: RtlProject,
    faults: Sequence[Fault],
    *,
    codes: IntArray,
    reference: Callable[[IntArray], IntArray],
    seconds: float,
    parts: Sequence[Part] = (),
) -> list[Outcome]:
    """Put faults into a project's Verilog, one at a time, and determine the outcome of each.

    Parameters
    ----------
    project
        Firmware of a network.
    faults
        Faults in it.
    codes : IntArray of shape (N, C_in)
        Vectors that must notice the faults.
    reference
        Function from any input codes (M, C_in) to output codes (M, C_out).
    seconds
        Time for the proof of one fault in s.
    parts
        Parts of the network, for a project with parts.

    Returns
    -------
    list of Outcome
        One entry per fault, in the same order.

    Raises
    ------
    AssertionError
        If the Verilog without a fault differs: then there is nothing to compare faults with.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_faults_") as scratch:
        files = write_instrumented(project, faults, folder=Path(scratch), filled=True)
        first_vectors = _simulate(files, project, len(faults), codes, reference(codes))
        assert first_vectors[0] < 0, f"the Verilog without a fault differs at vector {first_vectors[0]}"
        outcomes = {n: Outcome(fault, "detected", int(first_vectors[n])) for n, fault in enumerate(faults, 1)}
        silent = [n for n in outcomes if first_vectors[n] < 0]
        pipeline, in_pipeline = _for_proofs(project, parts, faults, Path(scratch))
        outcomes |= {n: Outcome(faults[n - 1], "undecided") for n in silent if n not in in_pipeline}
        silent = [n for n in silent if n in in_pipeline]
        if silent:
            by_sums = prove_by_sums(pipeline, [in_pipeline[n] for n in silent], seed=len(codes))
            outcomes |= {
                n: Outcome(faults[n - 1], "equivalent") for n, s in zip(silent, by_sums, strict=True) if s.changeless
            }
            silent = [n for n in silent if outcomes[n].status == "detected"]
            outcomes |= _replayed(
                files,
                project,
                faults=faults,
                waiting=silent,
                codes=np.concatenate([s.codes for s in by_sums]),
                reference=reference,
            )
            silent = [n for n in silent if outcomes[n].status == "detected"]
        if silent:
            proven = _changeless(pipeline, [in_pipeline[n] for n in silent], Path(scratch), seconds)
            for n, result in zip(silent, proven, strict=True):
                outcomes[n] = Outcome(faults[n - 1], AFTER_PROOF[result.verdict])
            solved = [codes_of_bits(bits, project.inputs) for result in proven for bits in result.events]
            waiting = [n for n in silent if outcomes[n].status != "equivalent"]
            more = np.concatenate([codes[:0], *solved])
            outcomes |= _replayed(files, project, faults=faults, waiting=waiting, codes=more, reference=reference)
    return list(outcomes.values())


def _for_proofs(
    project: RtlProject, parts: Sequence[Part], faults: Sequence[Fault], folder: Path
) -> tuple[RtlProject, dict[int, Fault]]:
    """Return a pipeline of the same function, and by number each fault that it can have."""
    numbered = dict(enumerate(faults, 1))
    if not project.parts:
        return project, numbered
    in_pipeline = {n: other for n, fault in numbered.items() if (other := moved(fault, project)) is not None}
    return unfolded(project, parts, folder=folder), in_pipeline


def _replayed(
    files: list[Path],
    project: RtlProject,
    *,
    faults: Sequence[Fault],
    waiting: Sequence[int],
    codes: IntArray,
    reference: Callable[[IntArray], IntArray],
) -> dict[int, Outcome]:
    """Return the waiting faults by number that codes (N, C_in) show in simulation."""
    if not len(codes) or not waiting:
        return {}
    first_vectors = _simulate(files, project, len(faults), codes, reference(codes))
    assert first_vectors[0] < 0, f"the Verilog without a fault differs at inputs {codes[first_vectors[0]].tolist()}"
    return {
        n: Outcome(faults[n - 1], "solved", inputs=tuple(codes[first_vectors[n]].tolist()))
        for n in waiting
        if first_vectors[n] >= 0
    }


def _simulate(
    files: list[Path], project: RtlProject, faults: int, codes: IntArray, outputs: IntArray
) -> NDArray[np.int64]:
    """Find the first vector at which each fault, and none, differs with all fillings of undefined entries; -1: none."""
    binary = compile_verilated(files, project.top, harness=HARNESS, checks=())
    words_in, words_out = bus_words(project.inputs), bus_words(project.outputs)
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        paths = [Path(scratch, name) for name in ("in.bin", "expected.bin", "result.bin")]
        np.concatenate([pack(codes, project.inputs), used_bits(project.inputs)]).tofile(paths[0])
        pack(outputs, project.outputs).tofile(paths[1])
        first_vectors = np.full(faults + 1, -1, dtype=np.int64)
        for first in watched(range(0, faults + 1, FAULTS_AT_ONCE), "faults: simulation, in blocks of faults"):
            last = min(first + FAULTS_AT_ONCE - 1, faults)
            sizes = (first, last, len(codes), words_in, words_out, project.latency_cycles_planned, project.ii)
            run_program([binary, *map(str, sizes), *paths], what="simulation of faults")
            first_vectors[first : last + 1] = np.fromfile(paths[2], dtype=np.int64)
        return first_vectors


def _changeless(project: RtlProject, faults: Sequence[Fault], folder: Path, seconds: float) -> list[SatResult]:
    """Prove of each fault that it changes no output, or changes one, and then for which events.

    A bit that comes a cycle early or late is another event's: that changes nothing if the bit is constant, or if
    outputs are the same whatever it is. It shows where an event whose output hangs on the bit, and one in which the bit
    is other, take turns.
    """
    probes = probed(faults)
    stuck_probes = [Fault(f.kind, f.module, f.place, f.bit, c) for f in probes for c in ("stuck at 0", "stuck at 1")]
    folder = folder / "proof"
    folder.mkdir()
    texts = write_instrumented(project, [*faults, *stuck_probes], folder=folder, filled=True)
    try:
        graph = _graph(texts, project, len(probes), folder)
    except ToolLimitError as error:
        LOG.warning("faults: no proof by SAT, %s undecided: %s", counted(len(faults), "fault"), error)
        return [SatResult("different" if fault.place == "valid_out" else "open") for fault in faults]
    bits_in = sum(kif.bits for kif in project.inputs)
    bits_out = sum(kif.bits for kif in project.outputs)
    healthy = _with_fault(graph, bits_in, 0)
    data = list(range(bits_out))

    def same(number: int) -> Result:
        faulty = with_outputs(_with_fault(graph, bits_in, number), data)
        return equivalent(with_outputs(healthy, data), faulty, seconds=seconds)

    def always_different(number: int) -> Result:
        """Find an input at which outputs change however undefined entries are filled; proven: there is none."""
        gates, shown = Gates(bits_in), []
        free = [2 * (n + 1) for n in range(bits_in)]
        graphs = [with_outputs(g, data) for g in (healthy, _with_fault(graph, bits_in, number))]
        fills = itertools.product((0, 1), repeat=graph.inputs - bits_in - BITS)
        try:
            for fill in fills:
                pairs = zip(*(copied(gates, g, inputs=[*free, *[0] * BITS, *fill]) for g in graphs), strict=True)
                shown.append(gates.any_of([gates.other(a, b) for a, b in pairs]))
        except ToolLimitError as error:  # copies of a graph that is near the limit itself
            return Result("open", reason=str(error))
        return equivalent(gates.graph([gates.all_of(shown)]), constant(bits_in, [0]), seconds=seconds)

    def early_or_late(k: int) -> SatResult:
        probe = with_outputs(healthy, [bits_out + k])
        constants = [equivalent(probe, constant(graph.inputs, [v]), seconds=seconds) for v in (0, 1)]
        if "proven" in (c.verdict for c in constants):
            return SatResult("proven")
        stuck = [same(len(faults) + 2 * k + 1 + v) for v in (0, 1)]
        if all(s.verdict == "proven" for s in stuck):
            return SatResult("proven")
        events: list[tuple[int, ...]] = []
        verdict: Verdict = "open"
        for v in (0, 1):
            other = constants[1 - v]
            if stuck[v].verdict != "different" or other.verdict != "different":
                continue
            hangs = always_different(len(faults) + 2 * k + 1 + v)
            if hangs.verdict == "different":
                verdict = "different"
                if hangs.inputs is not None and other.inputs is not None:
                    # More than once: the simulation leaves a cycle idle now and then.
                    events += [hangs.inputs, other.inputs[:bits_in]] * TURNS
        return SatResult(verdict, tuple(events))

    def result_of(n: int, fault: Fault) -> SatResult:
        if fault in probes:
            return early_or_late(probes.index(fault))
        if fault.place == "valid_out":
            return SatResult("different")
        answer = same(n)
        if answer.verdict != "different":
            return SatResult(answer.verdict)
        shown = always_different(n)
        inputs = shown.inputs if shown.verdict == "different" else answer.inputs  # this one may show it too
        return SatResult(
            "different" if shown.verdict == "different" else "open", () if inputs is None else (inputs[:bits_in],)
        )

    return [result_of(n, fault) for n, fault in enumerate(watched(faults, "faults: proof by SAT"), 1)]


def _with_fault(graph: Graph, bits_in: int, number: int) -> Graph:
    return with_constants(graph, {bits_in + b: number >> b & 1 for b in range(BITS)})


def _graph(files: list[Path], project: RtlProject, probes: int, folder: Path) -> Graph:
    wrapper = folder / "wrapped.v"
    wrapper.write_text(
        WRAPPER.format(
            top=project.top,
            high_in=sum(kif.bits for kif in project.inputs) - 1,
            high_out=sum(kif.bits for kif in project.outputs) - 1,
            high_fault=BITS - 1,
            high_fill=FILL_BITS - 1,
            probe_port=f",\n    output wire [{probes - 1}:0] probe" if probes else "",
            probe=", .probe(probe)" if probes else "",
        )
    )
    # Undefined entries of tables are inputs here; what else is undefined is read by nothing.
    return module_graph([wrapper, *files], "wrapped")
