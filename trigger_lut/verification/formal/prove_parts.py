"""Proof of the outputs of firmware that uses its hardware in several cycles; see `shared` for the statement."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.cards.proof import OutputProof
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import uniform
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Block, Part, cut_network
from trigger_lut.utils.progress import watched
from trigger_lut.verification.formal.prove import CONTROL_VECTORS, Proof, prove_both_ways
from trigger_lut.verification.formal.shared import composition_gaps, prove_block, series_problem, wrong_block

BY_PARTS = (
    "Part by part: the parts are the network (sums of functions), and each pipeline is its part. Each block (unrolled, "
    "SAT) gives its step the words of its cycles and collects the outputs"
)


def prove_parts(network: Network, project: RtlProject, *, seconds: float, seed: int, folder: Path) -> Proof:
    """Prove the outputs of a project that consists of parts.

    Parameters
    ----------
    network, project
        The network, and the Verilog that is to be its function.
    seconds
        For the SAT of each part; 0: nothing is proven.
    seed
        Of the negative controls.
    folder
        For files of this run.

    Returns
    -------
    Proof
        One entry per output, and the negative control. `registers` are the cycles from an event to its outputs.
    """
    formats, names = network.output_formats(), network.output_names()
    outputs = [
        OutputProof(name=name, bits=kif.bits, status="sampled", by=None, detail="not asked for")
        for name, kif in zip(names, formats, strict=True)
    ]
    if seconds <= 0:
        return Proof(outputs, None, {}, "not asked for", None)
    parts = cut_network(network, project.cuts)
    if len(parts) != len(project.parts) or (network.inputs, formats) != (project.inputs, project.outputs):
        problem = "the project's parts or buses are not those of the network"
        proofs: list[tuple[Part, Proof]] = []
    else:
        problem = series_problem(project)
        proofs = [
            (part, _pipeline(part, part_project, seconds, seed, folder / f"part{n}"))
            for n, (part, part_project) in enumerate(
                watched(list(zip(parts, project.parts, strict=True)), "proof: parts")
            )
        ]
        problem = problem or next((text for part, proof in proofs if (text := _open(part, proof))), "")
        problem = problem or _block_problem(parts, project, seconds, seed)
    gaps = composition_gaps(network, parts)
    by_sat = any(output.by == "SAT" for _, proof in proofs for output in proof.outputs)
    for o, gap in enumerate(gaps):
        reason = problem or gap
        done = {"status": "proven", "by": "SAT" if by_sat else "words", "detail": ""}
        outputs[o] = outputs[o].model_copy(update={"detail": reason} if reason else done)
    proven = np.array([output.status == "proven" for output in outputs])
    gates = {
        f"{part.name if isinstance(part, Block) else 'part'} {n}, {key}": count
        for n, (part, proof) in enumerate(proofs)
        for key, count in proof.gates.items()
    }
    if not proven.any():
        return Proof(outputs, None, gates, "not carried out: nothing is proven", None)
    control, caught = _control(network, parts, project, proven=proven, seed=seed, seconds=seconds)
    inner = [proof.control_caught for _, proof in proofs]
    caught = False if False in (caught, *inner) else None if None in (caught, *inner) else True
    return Proof(outputs, project.latency_cycles_planned if proven.all() else None, gates, control, caught)


def _pipeline(part: Part, part_project: RtlProject, seconds: float, seed: int, folder: Path) -> Proof:
    """Prove the pipeline of a part; of a block, that of its step."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(part, Block):
        return prove_both_ways(part.step, part_project.parts[0], seconds=seconds, seed=seed, folder=folder)
    return prove_both_ways(part, part_project, seconds=seconds, seed=seed, folder=folder)


def _open(part: Part, proof: Proof) -> str:
    name = part.name if isinstance(part, Block) else part.layers[0].name
    for output in proof.outputs:
        if output.status != "proven":
            return f"{name}, output {output.name}: {output.detail}"
    return ""


def _block_problem(parts: tuple[Part, ...], project: RtlProject, seconds: float, seed: int) -> str:
    for part, part_project in zip(parts, project.parts, strict=True):
        if isinstance(part, Block) and (problem := prove_block(part, part_project, seconds=seconds, seed=seed).problem):
            return f"{part.name}, {problem}"
    return ""


def _control(
    network: Network, parts: tuple[Part, ...], project: RtlProject, *, proven: np.ndarray, seed: int, seconds: float
) -> tuple[str, bool | None]:
    """Flip a bit of the network, and change a word or a sum of a block: nothing of either may be proven."""
    descriptions, results = [], []
    codes = uniform(network.inputs, CONTROL_VECTORS, rng=np.random.default_rng(seed))
    try:
        flip = choose_flip(network, codes, seed=seed)
        wrong = flipped(network, flip)
        changed = (evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0) & proven
        gaps = composition_gaps(wrong, parts)
        descriptions.append(flip.describe(network))
        results.append(all(gaps[o] for o in np.flatnonzero(changed)) if changed.any() else None)
    except FirmwareError as error:
        descriptions.append(str(error))
        results.append(None)
    for part, part_project in zip(parts, project.parts, strict=True):
        if isinstance(part, Block):
            descriptions.append(f"another plan of {part.name}")
            results.append(bool(prove_block(wrong_block(part), part_project, seconds=seconds, seed=seed).problem))
    return "; ".join(descriptions), False if False in results else None if None in results else True
