"""The check of a release: everything in it is as the manifest says, and all forms in it are the same function.

Nothing but the release is read: on another machine it needs this package, and GHDL for the VHDL. Code of the release is
run only after all checksums agree, in processes of its own, in a sandbox where there is one. It gets input codes alone,
of the vectors in the release and of fresh ones; outputs are compared here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trigger_lut.config.budget import Target
from trigger_lut.errors import DataError, FirmwareError, NotReproducibleError, ToolMissingError, TriggerLutError
from trigger_lut.evaluation.budget_lines import budget_lines, describe_miss
from trigger_lut.firmware.backend import Prediction
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.decision.project import read_decision
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.firmware.hls.project import load_hls
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.firmware.rtl.verilator import pack
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.archive import Files, UnsoundError, read_release
from trigger_lut.release.check_board import board_checks
from trigger_lut.release.check_decision import decision_checks
from trigger_lut.release.check_inputs import input_checks
from trigger_lut.release.check_objects import object_checks
from trigger_lut.release.compare import SAMPLED_VECTORS, Vectors, codes_in, same
from trigger_lut.release.contents import DECISIONS
from trigger_lut.release.fresh import drawn_seed, fresh_vectors, require_enough, require_formats
from trigger_lut.release.manifest import (
    MANIFEST,
    OF_SYNTHESIS,
    Shipped,
    changed_files,
    disagreements,
    read_manifest,
    read_shipped,
)
from trigger_lut.release.network_file import NETWORK, read_network_file
from trigger_lut.release.pattern_files import read_pattern, words_of_bus
from trigger_lut.release.sandbox import DESCRIPTION, NONE, Run, run_form, sandbox
from trigger_lut.release.signature import check_signature, manifest_sha256
from trigger_lut.release.sources import require_plain
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.utils.wording import counted

Checks = dict[str, Callable[[], str]]
FAILURES = (TriggerLutError, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError)


@dataclass(frozen=True)
class Line:
    """Check: its name, status and details."""

    name: str
    status: Literal["ok", "failed", "not checked"]
    detail: str


@dataclass(frozen=True)
class CheckOptions:
    """Options of the check of a release.

    Attributes
    ----------
    run
        Whether to run code of the release. Without it, files are compared and our own reference model is evaluated.
    synthesize
        Whether to synthesize again and count cells.
    sandbox
        Whether to run code in a sandbox where there is one; False: it is a release of this user.
    seed
        Seed of the fresh vectors; None: one that nobody can foresee.
    manifest_sha256
        Checksum of the manifest, as the sender states it.
    signature, public_key
        Signature and key of the sender.
    """

    run: bool = True
    synthesize: bool = False
    sandbox: bool = True
    seed: int | None = None
    manifest_sha256: str | None = None
    signature: Path | None = None
    public_key: Path | None = None


ALL = CheckOptions()


def check_release(release: Path, options: CheckOptions = ALL) -> list[Line]:
    """Check a release in a copy of it. Nothing is written into it.

    Parameters
    ----------
    release
        Zip or folder.
    options
        Options of the check.

    Returns
    -------
    list of Line
        One entry per check. A failed check is a line, not an exception.

    Raises
    ------
    DataError
        If there is no release, or a damaged zip.
    """
    try:
        files = read_release(release)
    except UnsoundError as error:
        return [Line("archive", "failed", str(error)), Line("forms", "not checked", "no code of the release was run")]
    lines = [_line("manifest", lambda: _files(files)), *_origin(files, options)]
    if failed := [line.name for line in lines if line.status == "failed"]:
        return [*lines, Line("forms", "not checked", f"no code of the release was run; failed: {', '.join(failed)}")]
    manifest = read_manifest(files)
    with tempfile.TemporaryDirectory(prefix="trigger_lut_release_") as scratch:
        folder = Path(scratch, "release")
        _write(files, folder)
        figures = _line("figures", lambda: _figures(files, folder, manifest))
        lines.append(figures)
        if figures.status == "failed":
            return [*lines, Line("forms", "not checked", "no code of the release was run, as its figures do not agree")]
        cards = read_shipped(files)
        lines += [_line("budget", lambda: _budget(cards)), *_without_running(folder, manifest)]
        if not options.run:
            lines.append(Line("forms", "not checked", "not asked for (--no-run): no code of the release was run"))
        else:
            lines += _forms(folder, manifest, cards, options)
        return [*lines, *_stated(cards, options)]


def _files(files: Files) -> str:
    problems = changed_files(read_manifest(files), files)
    if problems:
        raise DataError("; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""))
    return f"{counted(len(files) - 1, 'file')} as listed; sha256 of {MANIFEST} {manifest_sha256(files[MANIFEST])}"


def _origin(files: Files, options: CheckOptions) -> list[Line]:
    """Compare the manifest with what its sender says of it."""
    lines, manifest = [], files.get(MANIFEST, b"")

    def checksum() -> str:
        actual, expected = manifest_sha256(manifest), str(options.manifest_sha256).strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", expected):
            raise DataError(f"--manifest-sha256: no sha256. Expected 64 hexadecimal digits, found {expected!r}.")
        if actual != expected:
            raise DataError(f"{MANIFEST}: not the manifest of the sender. Expected sha256 {expected}, found {actual}.")
        return "the manifest has the sha256 that was given"

    def signature() -> str:
        if options.signature is None or options.public_key is None:
            raise DataError("--signature and --public-key go together. Expected both, found one.")
        return check_signature(manifest, options.signature, public_key=options.public_key)

    if options.manifest_sha256 is not None:
        lines.append(_line("manifest checksum", checksum))
    if options.signature is not None or options.public_key is not None:
        line = _line("signature", signature)
        # A signature that was asked for and not checked is no reason to go on.
        lines.append(Line(line.name, "failed", line.detail) if line.status == "not checked" else line)
    if not lines:
        detail = "the sender is unknown. Give --manifest-sha256, or --signature and --public-key, to check it"
        lines.append(Line("origin", "not checked", detail))
    return lines


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _figures(files: Files, folder: Path, manifest: Any) -> str:
    """Compare the manifest, the cards and the vectors with each other."""
    cards = read_shipped(files)
    vectors, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
    problems = list(disagreements(manifest, cards, vectors=len(vectors)))
    project = read_project(folder / "rtl")
    if len(expected) != len(vectors):
        problems.append(f"vectors/outputs.txt: expected {len(vectors)} lines, found {len(expected)}.")
    for name, codes, formats in (("inputs", vectors, project.inputs), ("outputs", expected, project.outputs)):
        limits = np.array([(kif.lo, kif.hi) for kif in formats])
        if codes.shape[1] != len(limits) or ((codes < limits[:, 0]) | (codes > limits[:, 1])).any():
            problems.append(f"vectors/{name}.txt: expected codes in the formats of rtl/project.json, found others.")
    if project.top != cards.firmware.rtl_top:
        problems.append(f"rtl/project.json: top: expected {cards.firmware.rtl_top}, found {project.top}.")
    if project.latency_cycles_planned != cards.timing.latency_cycles.value:
        planned = project.latency_cycles_planned
        problems.append(f"rtl/project.json: latency: expected {cards.timing.latency_cycles.value:g}, found {planned}.")
    if problems:
        raise DataError(" ".join(sorted(problems)[:5]))
    return f"the manifest follows from the cards and from {counted(len(vectors), 'vector')}"


def _budget(cards: Shipped) -> str:
    lines = budget_lines(cards.spec, cards.synth, timing=cards.timing)
    if over := [describe_miss(line) for line in lines if not line.met]:
        raise DataError("; ".join(over))
    if not cards.verify.bit_exact:
        raise DataError(f"verify.json: {cards.verify.verdict}")
    return ", ".join(f"{x.quantity} {x.measured:g} of {x.budget:g} ({x.source})" for x in lines)


def _without_running(folder: Path, manifest: Any) -> list[Line]:
    """Check what needs no code of the release: our own reference on its vectors, and its pattern files."""
    vectors, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
    checks: Checks = {
        "sources": lambda: require_plain(folder),
        "formats": lambda: _formats(folder),
        "vectors": lambda: require_enough(vectors, read_project(folder / "rtl").inputs),
        "reference": lambda: _reference(folder, vectors, expected),
        "patterns": lambda: _patterns(folder, manifest, vectors, expected),
    }
    if "decision" in manifest:
        checks["decision, reference"] = lambda: _decided(folder, expected)
    return [_line(name, check) for name, check in checks.items()]


def _formats(folder: Path) -> str:
    hls = load_hls(folder / "hls")
    return require_formats(
        _network(folder), read_project(folder / "rtl"), hls_inputs=hls.inputs, hls_fractions=hls.fractions
    )


def _reference(folder: Path, vectors: IntArray, expected: IntArray) -> str:
    """Evaluate the network of the release with the reference of this package."""
    return same(expected, emulator.evaluate(emulator.as_arrays(_network(folder)), vectors))


def _network(folder: Path) -> Any:
    return read_network_file((folder / NETWORK).read_bytes())


def _decided(folder: Path, expected: IntArray) -> str:
    decision = read_decision(folder / "decision")
    return same(decision.score.decided(expected, decision.thresholds), codes_in(folder / DECISIONS))


def _forms(folder: Path, manifest: Any, cards: Shipped, options: CheckOptions) -> list[Line]:
    """Run all forms in the release, each in a process of its own, in a sandbox where there is one."""
    boxed = options.sandbox and sandbox(folder.parent) is not None
    lines = [Line("sandbox", "ok", DESCRIPTION) if boxed else Line("sandbox", "not checked", NONE)]
    shipped, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
    vectors = Vectors(shipped, expected, len(shipped))
    seed = drawn_seed() if options.seed is None else options.seed
    try:
        vectors, drawn = _with_fresh(folder, vectors, seed)
        lines.append(Line("fresh vectors", "ok", f"{drawn}; drawn with --seed {seed}"))
    except FAILURES as error:
        lines.append(Line("fresh vectors", "failed", str(error) or type(error).__name__))
    run = partial(run_form, release=folder, sandboxed=boxed, trusted=not options.sandbox)
    checks: Checks = {
        backend.title: partial(_back_end, name, run, manifest, vectors)
        for name, backend in BACKENDS.items()
        if backend.delivery != "never"
    }
    if "decision" in manifest:
        checks |= decision_checks(run, folder, manifest=manifest, vectors=vectors)
    checks |= board_checks(run, folder, vectors=vectors)
    checks |= input_checks(run, folder, seed=seed)
    checks |= object_checks(run, folder, seed=seed)
    if options.synthesize:
        checks["synthesis"] = lambda: _synthesis(run, manifest, cards.spec.target)
    return [*lines, *(_line(name, check) for name, check in checks.items())]


def _with_fresh(folder: Path, vectors: Vectors, seed: int) -> tuple[Vectors, str]:
    """Draw fresh vectors and evaluate the network file of the release for them, with the reference of this package."""
    codes, drawn = fresh_vectors(read_project(folder / "rtl").inputs, vectors.codes, seed=seed)
    outputs = emulator.evaluate(emulator.as_arrays(_network(folder)), codes)
    both = np.concatenate([vectors.codes, codes]), np.concatenate([vectors.expected, outputs])
    return Vectors(*both, vectors.shipped), f"{len(codes)} ({drawn})"


def _synthesis(run: Run, manifest: Any, target: Target) -> str:
    synthesizer_of(target).require()
    figures = run("synthesis", codes=np.zeros((0, 1), dtype=np.int64)).figures
    for name in OF_SYNTHESIS:
        stated = manifest["figures"][name]["value"]
        if figures.get(name) != stated:
            raise NotReproducibleError(f"{name}: expected {stated:g} as stated, found {figures.get(name)}")
    return ", ".join(f"{name} {figures[name]}" for name in OF_SYNTHESIS)


def _stated(cards: Shipped, options: CheckOptions) -> list[Line]:
    """Name the figures that the release states and that were not measured again."""
    statements = [
        f"bit-exact in the verify stage ({form.name} {form.vectors} vectors)" for form in cards.verify.comparisons
    ]
    if not (options.run and options.synthesize):
        figures = ", ".join(f"{name} {getattr(cards.synth, name).value:g}" for name in OF_SYNTHESIS)
        statements.insert(0, f"{figures} (--synthesize counts them again)")
    clock = cards.timing.fmax_mhz_estimate.value
    statements.append("clock not measured" if clock is None else f"clock {clock:g} MHz by the delay model")
    if not options.run:
        statements.append(f"latency {cards.timing.latency_cycles.value:g} cycles")
    if cards.decision is not None:
        statements.append(f"decision {cards.decision.proof} by the decision stage")
    return [Line("stated", "not checked", "stated, not checked: " + "; ".join(statements))]


def _line(name: str, check: Callable[[], str]) -> Line:
    try:
        return Line(name, "ok", check())
    except ToolMissingError as error:
        return Line(name, "not checked", str(error))
    except FAILURES as error:
        return Line(name, "failed", str(error) or type(error).__name__)


def _back_end(name: str, run: Run, manifest: Any, vectors: Vectors) -> str:
    """Compare a back end of the release with the expected outputs, and its cycles with the manifest."""
    backend = BACKENDS[name]
    backend.require()
    given = vectors.some(SAMPLED_VECTORS) if backend.sampled else vectors
    prediction = run(name, codes=given.codes)
    same_outputs = given.same(given.expected, prediction.outputs)
    return f"{same_outputs}, {_cycles(manifest, prediction)}" if backend.clocked else same_outputs


def _cycles(manifest: Any, prediction: Prediction) -> str:
    figures, measured = manifest["figures"], [prediction.figures.get(name) for name in ("latency_cycles", "ii")]
    wanted = [figures[name]["value"] for name in ("latency_cycles", "ii")]
    if measured != wanted:
        raise NotReproducibleError(
            f"latency and II: expected {wanted[0]:g} and {wanted[1]:g} cycles as in {MANIFEST}, found {measured[0]} "
            f"and {measured[1]}."
        )
    return f"latency {measured[0]} cycles, II {measured[1]}"


def _patterns(folder: Path, manifest: Any, vectors: IntArray, expected: IntArray) -> str:
    """Check that the n-th valid frame of each file is the n-th vector, and that outputs come after the latency."""
    project = read_project(folder / "rtl")
    frames = []
    for name, codes, formats in (("input", vectors, project.inputs), ("output", expected, project.outputs)):
        text = (folder / "patterns" / f"{name}.txt").read_text(encoding="utf-8")
        data = read_pattern(text, "EMPv2", source=f"patterns/{name}.txt")
        valid = data.valid[:, 0]
        if (data.valid != valid[:, None]).any():
            raise FirmwareError(f"patterns/{name}.txt: expected equal valid bits on all links, found different ones.")
        frames.append(np.flatnonzero(valid))
        wanted = words_of_bus(pack(codes[: valid.sum()], formats))
        if not np.array_equal(data.words[valid], wanted):
            raise FirmwareError(f"patterns/{name}.txt: expected the words of vectors/{name}s.txt, found others.")
    delay = manifest["figures"]["latency_cycles"]["value"]
    if not np.array_equal(frames[0] + int(delay), frames[1]):
        raise FirmwareError(
            f"patterns/output.txt: expected outputs {delay:g} frames behind patterns/input.txt, found others."
        )
    return f"{counted(len(frames[0]), 'event')}, outputs {delay:g} frames behind inputs"
