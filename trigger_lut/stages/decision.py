"""Stage `decision`: the thresholds as bits of the firmware, verified, proven and synthesized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trigger_lut.cards.base import Measured, Stopwatch, read_card, write_card
from trigger_lut.cards.decision import DecisionBit, DecisionCard
from trigger_lut.cards.physics import ThresholdsCard, of_point_key
from trigger_lut.cards.provenance import require_card_of, require_current_files
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.clock import fmax_estimate_mhz, fmax_interval, fmax_measured
from trigger_lut.cost_model.delay import UNMEASURED
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, load_codes
from trigger_lut.errors import CardError, NotReproducibleError
from trigger_lut.firmware.decision.module import write_decision
from trigger_lut.firmware.decision.pipeline import levels
from trigger_lut.firmware.decision.project import FILE, DecisionProject
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.rtl.ghdl import GHDL_MISSING, has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network, load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.netlist import LongestPath, Resources, cell_counts, longest_path, resources
from trigger_lut.synthesis.synthesizers import Verilog, synthesizer_of
from trigger_lut.utils.files import sha256
from trigger_lut.utils.wording import counted
from trigger_lut.verification.decision import DecisionComparison, Vectors, at_edges, compared, some_at_edges
from trigger_lut.verification.decision_proof import DecisionProof, prove_decision
from trigger_lut.verification.vectors import make_vectors

CONTROL_VECTORS = 4000
VHDL_VECTORS, VHDL_CONTROL_VECTORS = 4000, 1000  # GHDL interprets: a few hundred to a few thousand vectors a second
EDGE_EVENTS = 500  # events of the validation split at each edge of a threshold, at most


def run(
    *,
    spec: Path,
    network: Path,
    codes: Path,
    firmware_card: Path,
    thresholds_card: Path,
    seconds: int,
    folder: Output,
    card: Output,
) -> DecisionCard:
    """Write the trigger's decision as bits of the firmware, and verify, prove and synthesize it.

    Parameters
    ----------
    thresholds_card : Path
        Card of the firmware's thresholds (thresholds.json).
    seconds : int
        Time for SAT in seconds; 0 proves nothing.

    Returns
    -------
    DecisionCard
        The card.

    Raises
    ------
    CardError
        If the files do not belong together.
    NotReproducibleError
        If the firmware differs from the reference model, or a negative control is missed. The card is written
        before.
    """
    watch = Stopwatch()
    design, thresholds = read_card(Spec, spec), require_card_of(ThresholdsCard, thresholds_card, made_from=network)
    firmware = require_current_files(firmware_card, spec, network)
    rtl, integers, events = read_project(Path(firmware.rtl_project)), load_network(network), load_codes(codes)
    if events.formats != integers.inputs:
        raise CardError(
            f"{codes}: codes in other formats. Expected the formats of the inputs of {network}. Run the workflow "
            "again, so that ingest and train agree."
        )
    points = {of_point_key(key): point.code for key, point in thresholds.points.items()}
    classes = () if events.class_head is None else events.class_head.head.outputs
    score = score_of(integers, thresholds, path=thresholds_card, classes=classes)
    decision, used, path = fastest(design, rtl, score=score, names=integers.classes, points=points, folder=folder)
    fmax = fmax_estimate_mhz(path.delay_ns, design.target.family, luts=used.luts)
    vectors, sets = _vectors(integers, events, decision, design.seed)
    comparisons = _compare(decision, rtl, vectors, design.seed)
    proof = (
        prove_decision(decision, rtl, seconds=seconds) if seconds > 0 else DecisionProof("open", None, "not asked for")
    )
    edges = at_edges(decision, vectors.outputs)
    forms, verdict = [x.form for x in comparisons], _verdict(comparisons, proof)
    step, source = 2.0**-score.fraction, design.target.synthesizer
    packages = synthesizer_of(design.target).packages

    def measured(value: float, source: str) -> Measured:
        return Measured(value=value, source=source)

    result = DecisionCard(
        design=design.design,
        folder=str(folder),
        top=decision.top,
        files={path.name: sha256(path) for path in (decision.verilog, decision.vhdl, folder / FILE)},
        signal=[integers.classes[o] for o in score.signal],
        background=[integers.classes[o] for o in score.background],
        fraction=score.fraction,
        score_range=(score.lo, score.hi),
        score_bits=score.bits,
        bits=[
            DecisionBit(
                path=path,
                rate_khz=wanted,
                code=code,
                threshold=None if code is None else code * step,
                vectors={name: len(edge[name]) for name in edge},
                control=noticed,
            )
            for ((path, wanted), code), edge, noticed in zip(points.items(), edges, comparisons[0].noticed, strict=True)
        ],
        paths=thresholds.paths,
        network_latency_cycles=rtl.latency_cycles_planned,
        latency_cycles=measured(decision.latency_cycles, "rtl-simulation"),
        latency_ns=measured(decision.latency_cycles * design.target.clock_period_ns, "rtl-simulation"),
        luts=measured(used.luts, source),
        ff=measured(used.ff, source),
        logic_levels=measured(path.levels, f"{source}-levels"),
        clock_mhz=design.target.clock_mhz,
        fmax_mhz_estimate=fmax_measured(fmax, design.target.family, synthesizer=source),
        fmax_mhz_interval=fmax_interval(fmax, design.target.family),
        clock_met=design.target.family not in UNMEASURED and fmax >= design.target.clock_mhz,
        vector_sets=sets,
        forms=forms,
        not_run={} if has_ghdl() else {"vhdl": GHDL_MISSING},
        proof="sampled" if proof.status == "open" else proof.status,
        proof_detail=proof.detail,
        proof_control=proof.control,
        differences=sum(form.differences for form in forms),
        bit_exact=verdict == "bit-exact",
        verdict=verdict,
        **watch.provenance([spec, network, codes, firmware_card, thresholds_card], *packages, "verilator", "numpy"),
    )
    write_card(result, card)
    if not result.bit_exact:
        raise NotReproducibleError(f"{decision.top}: {verdict}")
    return result


def score_of(network: Network, card: ThresholdsCard, *, path: Path, classes: Sequence[str]) -> Score:
    """Return the score of the thresholds on the outputs of a network.

    Parameters
    ----------
    network : Network
    card : ThresholdsCard
    path : Path
        File of the card, for messages.
    classes : sequence of str
        Outputs of the network that are classes; a score reads no other.

    Returns
    -------
    Score

    Raises
    ------
    CardError
        If the card is of other classes.
    """
    if card.single_score and len(network.classes) == 1:
        return Score(network.output_formats(), (0,), ())
    if sorted((*card.signal, *card.background)) != sorted(classes):
        raise CardError(
            f"{path}: other classes than the network. Expected {list(classes)} in signal and background, found "
            f"{[*card.signal, *card.background]}. Run the physics stage again."
        )

    def numbers(names: list[str]) -> tuple[int, ...]:
        return tuple(network.classes.index(name) for name in names)

    return Score(network.output_formats(), numbers(card.signal), numbers(card.background))


def fastest(
    design: Spec,
    rtl: RtlProject,
    *,
    score: Score,
    names: tuple[str, ...],
    points: dict[tuple[str, float], int | None],
    folder: Path,
) -> tuple[DecisionProject, Resources, LongestPath]:
    """Return the firmware with the fewest cycles whose netlist keeps to the target's clock by the delay model.

    Where none does, it has a register behind every step. Raises the errors of `write_decision` and of the synthesizer.
    """
    target = design.target
    for cycles in range(1, levels(score) + 1):
        project = write_decision(
            rtl,
            score,
            names=names,
            rates_khz=[khz for _, khz in points],
            paths=[path for path, _ in points] if any(path for path, _ in points) else (),
            thresholds=list(points.values()),
            cycles=cycles,
            folder=folder,
        )
        module = synthesizer_of(target).synthesize(Verilog((project.verilog,), project.logic), target)
        path = longest_path(module, target.family)
        used = resources(cell_counts(module))
        if fmax_estimate_mhz(path.delay_ns, target.family, luts=used.luts) >= target.clock_mhz:
            break
    return project, used, path


def _vectors(
    network: Network, events: EventCodes, decision: DecisionProject, seed: int
) -> tuple[Vectors, dict[str, int]]:
    """Return vectors of the verify stage's kinds, then validation events at the edges of the thresholds."""
    codes, sets = make_vectors(network.inputs, events.of(TEST)[0], seed=seed)
    edge = _edge_events(network, events, decision)
    codes = np.concatenate([codes, edge])
    return Vectors(codes, evaluate(network, codes)), sets | {"edge": len(edge)}


def _edge_events(network: Network, events: EventCodes, decision: DecisionProject) -> IntArray:
    """Return codes (n, C_in) of the first EDGE_EVENTS validation events at each edge of each threshold.

    A threshold is the score of such an event, so one event is at it. Events one step away may not exist.
    """
    kept = [np.zeros((0, len(network.inputs)), dtype=np.int64)]
    full: Counter[tuple[int, str]] = Counter()
    for block, _ in events.chunks(VALIDATION):
        codes, chosen = np.asarray(block, dtype=np.int64), np.zeros(len(block), dtype=np.bool_)
        for n, edges in enumerate(at_edges(decision, evaluate(network, codes))):
            for name, edge_events in edges.items():
                some = edge_events[: EDGE_EVENTS - full[n, name]]
                chosen[some] = True
                full[n, name] += len(some)
        kept.append(codes[chosen])
    return np.concatenate(kept)


def _compare(decision: DecisionProject, rtl: RtlProject, vectors: Vectors, seed: int) -> list[DecisionComparison]:
    """Compare the Verilog on all vectors, and the VHDL on some where GHDL is installed."""
    rng = np.random.default_rng(seed)

    def some(count: int) -> Vectors:
        return vectors.chosen(some_at_edges(decision, vectors.outputs, count=count, rng=rng))

    comparisons = [
        compared("rtl", decision, rtl=rtl, vectors=vectors, some=some(CONTROL_VECTORS), simulate=simulate_rtl)
    ]
    if has_ghdl():
        comparisons.append(
            compared(
                "vhdl",
                decision,
                rtl=rtl,
                vectors=some(VHDL_VECTORS),
                some=some(VHDL_CONTROL_VECTORS),
                simulate=simulate_vhdl,
            )
        )
    return comparisons


def _verdict(comparisons: list[DecisionComparison], proof: DecisionProof) -> str:
    """Return 'bit-exact', or all differences with counts and positions."""
    problems = []
    for form in (x.form for x in comparisons):
        if form.first is not None:
            at = form.first
            problems.append(
                f"{form.name}: {counted(form.differences, 'mismatch')} in {form.vectors} vectors; first at vector "
                f"{at.vector}, output {at.output}: expected {at.expected}, found {at.found}"
            )
        if form.control_missed:
            problems.append(f"{form.name}: {form.control_missed} moved thresholds were not noticed as they must be")
    if proof.status == "different":
        problems.append("the logic is proven to be another function")
    if proof.control is False:
        problems.append("a moved threshold was proven equal")
    return "not bit-exact: " + "; ".join(problems) if problems else "bit-exact"
