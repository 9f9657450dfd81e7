"""Comparison of all implementations of a network with the reference model, each with its negative control."""

from __future__ import annotations

import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.firmware import Comparison, Difference
from trigger_lut.errors import FirmwareError, NotReproducibleError, ToolFailedError, ToolMissingError
from trigger_lut.firmware.backend import Backend, Design
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.rtl.object_words import simulate_words
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.firmware.rtl.time_multiplexing import channels_of
from trigger_lut.fixed_point.formats import IntArray, uniform
from trigger_lut.network.bit_flip import BitFlip, choose_flip, flipped
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.utils.wording import counted
from trigger_lut.verification.exact_keras import Explained, explained
from trigger_lut.verification.keras_model import flip_keras, run_keras

LOG = logging.getLogger(__name__)

CONTROL_VECTORS = 4000
# Of back ends that are interpreted: a few hundred to a few thousand vectors a second.
SAMPLED_VECTORS, SAMPLED_CONTROL_VECTORS = 8000, 1000
WORD_EVENTS = 2000
"""Events whose objects arrive over several cycles."""

BLOCK_BYTES = 1 << 27
"""Most bytes of a block of codes, which is compared before the next one: memory does not depend on their number."""


@dataclass(frozen=True)
class ComparisonResult:
    """Comparisons of a design with the reference model.

    Attributes
    ----------
    flip
        Bit that the negative controls flip.
    comparisons
        One entry per implementation.
    not_run
        Reason by implementation that was not compared.
    latency_cycles, ii
        Latency and initiation interval of the simulations in cycles.
    """

    flip: BitFlip
    comparisons: list[Comparison]
    not_run: dict[str, str]
    latency_cycles: int
    ii: int


@dataclass(frozen=True)
class Run:
    """One implementation with its vectors and its negative control.

    Attributes
    ----------
    name
        Name in the card.
    vectors, predict
        Input codes, and the function from codes to outputs.
    control_vectors, control
        Input codes of the control, and its function. It returns outputs of the changed implementation, and the network
        that they must differ from.
    exactly
        Function that finds the events in which float rounding alone differs; None where rounding is no excuse.
    more
        Further input codes, in blocks that are made when they are needed.
    """

    name: str
    vectors: IntArray
    predict: Callable[[IntArray], Any]
    control_vectors: IntArray
    control: Callable[[IntArray], tuple[Any, Network]]
    exactly: Callable[..., Explained] | None = None
    more: Iterable[IntArray] = ()


def compare(design: Design, folder: Path, *, vectors: IntArray, seed: int, rtl_vectors: int = 0) -> ComparisonResult:
    """Compare the Keras model and all back ends of a design with the reference model.

    Back ends that the release stage delivers are compared there.

    Parameters
    ----------
    design
        Design; the control changes the tables of its Keras model.
    folder
        Firmware folder that the firmware stage wrote.
    vectors : IntArray of shape (N, C_in)
        Input codes.
    seed
        Seed of all choices.
    rtl_vectors
        Number of vectors that the Verilog gets at least; those beyond N are random.

    Returns
    -------
    ComparisonResult
        Comparisons, and the cycles that simulations measured.

    Raises
    ------
    NotReproducibleError
        If simulations differ in latency or initiation interval.
    ToolMissingError, ToolFailedError
        For the programs that are not optional.
    """
    network, rng = design.network, np.random.default_rng(seed)
    control_vectors = vectors[_choice(rng, len(vectors), CONTROL_VECTORS)]
    flip = choose_flip(network, control_vectors, seed=seed)
    visible = (evaluate(flipped(network, flip), control_vectors) != evaluate(network, control_vectors)).any(axis=1)
    runs, not_run = [_keras_run(design, flip, vectors, control_vectors)], {}
    cycles: dict[str, set[tuple[int, int]]] = {}
    with tempfile.TemporaryDirectory(prefix="trigger_lut_verify_") as scratch:
        for name, backend in BACKENDS.items():
            if backend.delivery == "release":
                continue
            if reason := _missing(backend):
                not_run[name] = reason
                continue
            own, given, of_control = folder, vectors, control_vectors
            if backend.delivery == "never":
                own = Path(scratch, name)
                backend.write(design, own)
            more = random_blocks(network, max(rtl_vectors - len(vectors), 0), seed=seed) if name == "rtl" else ()
            if backend.sampled:
                given = vectors[_choice(rng, len(vectors), SAMPLED_VECTORS)]
                of_control = control_vectors[np.argsort(~visible, kind="stable")[:SAMPLED_CONTROL_VECTORS]]
            predict = partial(_predict, backend, own, cycles.setdefault(name, set()))
            control = partial(_control, backend, design, flip, own)
            runs.append(Run(name, given, predict, of_control, control, more=more))
        if cycles_of_event := design.spec.budget.input_cycles:
            chosen = vectors[_choice(rng, len(vectors), WORD_EVENTS)]
            of_control = control_vectors[np.argsort(~visible, kind="stable")[:WORD_EVENTS]]
            runs.append(_words_run(design, flip, folder, cycles_of_event, (chosen, of_control)))
        comparisons = [_comparison(run, network) for run in runs]
    measured = set().union(*cycles.values())
    if len(measured) != 1:
        raise NotReproducibleError(f"{folder}: latency and II in cycles differ between simulations: {cycles}")
    return ComparisonResult(flip, comparisons, not_run, *measured.pop())


def random_blocks(network: Network, count: int, *, seed: int) -> Iterator[IntArray]:
    """Draw random codes of the inputs of a network, block by block.

    Parameters
    ----------
    network
        Network.
    count
        Number of vectors in all blocks.
    seed
        Seed of the codes.

    Yields
    ------
    IntArray of shape (N, C_in)
        At most BLOCK_BYTES, at least one vector.
    """
    rng = np.random.default_rng([seed, count])
    size = _block_size(len(network.inputs))
    for start in range(0, count, size):
        yield uniform(network.inputs, min(size, count - start), rng=rng)


def _block_size(channels: int) -> int:
    """Return how many vectors fit into BLOCK_BYTES, at least one."""
    return max(1, BLOCK_BYTES // (8 * channels))


def _blocks(vectors: IntArray) -> Iterator[IntArray]:
    """Cut vectors into blocks of at most BLOCK_BYTES: implementations keep several arrays of the size of a block."""
    size = _block_size(vectors.shape[1])
    for start in range(0, len(vectors), size):
        yield vectors[start : start + size]


def _missing(backend: Backend) -> str:
    """Return why an optional back end cannot run. Raises ToolMissingError for one that is not optional."""
    try:
        backend.require()
    except ToolMissingError as error:
        if not backend.sampled:
            raise
        return str(error)
    return ""


def _predict(backend: Backend, folder: Path, cycles: set[tuple[int, int]], codes: IntArray) -> IntArray:
    """Evaluate a back end and add what it measured to `cycles`."""
    prediction = backend.predict(folder, codes)
    if backend.clocked:
        cycles.add((prediction.figures["latency_cycles"], prediction.figures["ii"]))
    return prediction.outputs


def _control(
    backend: Backend, design: Design, flip: BitFlip, folder: Path, codes: IntArray
) -> tuple[IntArray, Network]:
    """Flip the bit in a back end. One without such a bit is compared, unchanged, with the flipped network."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_control_") as changed:
        if backend.flip_bit(design, flip, folder=folder, changed=Path(changed)):
            return backend.predict(Path(changed), codes).outputs, design.network
    return backend.predict(folder, codes).outputs, flipped(design.network, flip)


def _words_run(design: Design, flip: BitFlip, folder: Path, cycles: int, vectors: tuple[IntArray, IntArray]) -> Run:
    """Set up the run of the Verilog behind its wrapper, for events whose objects arrive over several cycles."""
    backend = BACKENDS["rtl"]
    channels = channels_of([tensor.shape for tensor in design.model.inputs])

    def simulate(firmware: Path, codes: IntArray) -> IntArray:
        project = read_project(firmware / "rtl")
        return simulate_words(project, channels=channels, cycles=cycles, codes=codes, seed=design.spec.seed)

    def changed(codes: IntArray) -> tuple[IntArray, Network]:
        with tempfile.TemporaryDirectory(prefix="trigger_lut_control_") as scratch:
            backend.flip_bit(design, flip, folder=folder, changed=Path(scratch))
            return simulate(Path(scratch), codes), design.network

    return Run("rtl_words", vectors[0], partial(simulate, folder), vectors[1], changed)


def _keras_run(design: Design, flip: BitFlip, vectors: IntArray, control_vectors: IntArray) -> Run:
    """Set up the run of the Keras model. Of an imported model no table can be changed, and rounding is an excuse."""
    model, network = design.model, design.network

    def predict(codes: IntArray) -> Any:
        return run_keras(model, network, codes=codes)

    def changed(codes: IntArray) -> tuple[Any, Network]:
        flip_keras(model, network, flip=flip)
        return predict(codes), network

    if design.spec.network.keras_file is None:
        return Run("keras", vectors, predict, control_vectors, changed)
    faulty = flipped(network, flip)
    exactly = partial(explained, model, network)
    return Run("keras", vectors, predict, control_vectors, lambda codes: (predict(codes), faulty), exactly)


def _choice(rng: np.random.Generator, count: int, most: int) -> IntArray:
    """Choose `most` of so many indices, in order; all where there are fewer."""
    chosen: IntArray = np.sort(rng.choice(count, min(most, count), replace=False))
    return chosen


def _comparison(run: Run, network: Network) -> Comparison:
    """Compare one implementation with the reference model, and run its control."""
    start = time.monotonic()
    vectors = mismatches = rounding = 0
    first, notes, sizes = None, [], []
    for codes in itertools.chain(_blocks(run.vectors), run.more):
        expected, outputs = evaluate(network, codes), run.predict(codes)
        judged = outputs
        if run.exactly is not None and outputs.shape == expected.shape:
            excused = run.exactly(codes=codes, expected=expected, actual=outputs)
            judged = np.where(excused.rounding[:, None], expected, outputs)
            rounding += int((judged != outputs).sum())
            notes.append(excused.note)
        count, difference = differences(expected, judged)
        if first is None and difference is not None:
            first = difference.model_copy(update={"vector": difference.vector + vectors})
        mismatches, vectors = mismatches + count, vectors + len(codes)
        size = largest_difference(expected, outputs)
        sizes.append(np.inf if count and size is None else size or 0.0)
    seconds = time.monotonic() - start
    try:
        changed, reference = run.control(run.control_vectors)
        caught = differences(evaluate(reference, run.control_vectors), changed)[0]
    except FirmwareError as error:
        LOG.warning(f"verify: no negative control for {run.name}: {error}")
        caught = 0
    LOG.info(
        f"verify: {run.name}: {counted(mismatches, 'mismatch')} in {vectors} vectors, {rounding} by float rounding, "
        f"{seconds:.2f} s; "
        f"control: {caught} in {len(run.control_vectors)}, {time.monotonic() - start - seconds:.2f} s",
    )
    return Comparison(
        name=run.name,
        vectors=vectors,
        mismatches=mismatches,
        first=first,
        seconds=round(seconds, 3),
        control_mismatches=caught,
        rounding_mismatches=rounding,
        largest_difference=largest if (largest := max(sizes, default=0.0)) and np.isfinite(largest) else None,
        note=next((note for note in notes if note is not None), None),
    )


def differences(expected: IntArray, actual: NDArray[np.generic]) -> tuple[int, Difference | None]:
    """Count the output values that differ, without tolerance.

    Parameters
    ----------
    expected : IntArray of shape (N, C_out)
        Outputs of the reference model.
    actual : NDArray of shape (N, C_out)
        Integers or reals. A value that is not an integer differs.

    Returns
    -------
    int
        Number of values that differ.
    Difference or None
        The first of them, in order of vector and output.

    Raises
    ------
    ToolFailedError
        If the shapes differ.
    """
    if actual.shape != expected.shape:
        raise ToolFailedError(f"expected outputs of shape {expected.shape}, found {actual.shape}")
    places = np.argwhere(actual != expected)
    if not len(places):
        return 0, None
    vector, output = (int(n) for n in places[0])
    value = actual[vector, output].item()
    number: int | float | None = value
    if isinstance(value, float):
        number = int(value) if value.is_integer() else value if np.isfinite(value) else None
    return len(places), Difference(vector=vector, output=output, expected=int(expected[vector, output]), found=number)


def largest_difference(expected: IntArray, actual: NDArray[np.generic]) -> float | None:
    """Find the largest difference in steps of the output.

    Parameters
    ----------
    expected : IntArray of shape (N, C_out)
        Outputs of the reference model.
    actual : NDArray of shape (N, C_out)
        Outputs of an implementation.

    Returns
    -------
    float or None
        None where nothing differs, or where a value is not finite.
    """
    largest = float(np.abs(actual.astype(np.float64) - expected).max(initial=0.0))
    return largest if largest and np.isfinite(largest) else None


def verdict(comparisons: list[Comparison]) -> str:
    """Summarize comparisons in one sentence.

    Parameters
    ----------
    comparisons
        Comparisons of all implementations.

    Returns
    -------
    str
        "bit-exact", or number and first position of the mismatches; then the mismatches by float rounding.
    """
    differing = [c for c in comparisons if c.mismatches]
    reasons = []
    if differing:
        total = sum(c.mismatches for c in differing)
        first = differing[0].first
        assert first is not None
        reasons.append(
            f"{total} {'mismatch' if total == 1 else 'mismatches'} in {', '.join(c.name for c in differing)}; first at "
            f"vector {first.vector}, output {first.output}: expected {first.expected}, found {first.found}"
        )
    if missed := [c.name for c in comparisons if not c.control_mismatches]:
        reasons.append(f"the flipped bit of the negative control was not caught by {', '.join(missed)}")
    reasons += [f"{c.name}: {c.note}" for c in differing if c.note]
    judged = ["not bit-exact: " + "; ".join(reasons) if reasons else "bit-exact"]
    rounded = [f"{c.name} differs {c.rounding_mismatches} times by float rounding" for c in comparisons]
    return "; ".join(judged + [text for text, c in zip(rounded, comparisons, strict=True) if c.rounding_mismatches])
