"""Consistency of the cards of one design: with each other, with the specification, and with the files they describe.

Each function returns problems, one message each, with the file, the expected and the found value. Figures that follow
from other cards are computed again. What only a tool can measure (LUTs, mismatches) is taken from its card.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from trigger_lut.cards.base import Card, read_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.firmware import FirmwareCard, SynthCard, TimingCard, VerifyCard
from trigger_lut.cards.physics import PhysicsCard
from trigger_lut.cards.proof import FaultsCard, ProveCard
from trigger_lut.cards.provenance import files_in
from trigger_lut.cards.release import ReleaseCard
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.evaluation.timing import timing_figures
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.network.network import Network, load_network
from trigger_lut.synthesis.netlist import resources
from trigger_lut.utils.files import sha256

MEASURED: dict[str, type[Card]] = {
    "train": TrainCard,
    "firmware": FirmwareCard,
    "verify": VerifyCard,
    "synth": SynthCard,
    "timing": TimingCard,
    "physics": PhysicsCard,
}
"""Cards that every design has."""
OPTIONAL_CARDS: dict[str, type[Card]] = {
    "prove": ProveCard,
    "faults": FaultsCard,
    "decision": DecisionCard,
    "release": ReleaseCard,
}
"""Cards that a design has where they were asked for."""
INPUTS: dict[str, tuple[str, ...]] = {
    "train": ("spec.json",),
    "firmware": ("spec.json", "model.keras", "network.npz"),
    "verify": ("spec.json", "model.keras", "network.npz", "firmware.json"),
    "synth": ("spec.json", "network.npz", "train.json", "firmware.json"),
    "timing": ("spec.json", "verify.json", "synth.json"),
    "physics": ("spec.json", "network.npz", "predictions.npz"),
    "prove": ("spec.json", "network.npz", "firmware.json"),
    "faults": ("spec.json", "network.npz", "firmware.json"),
    "decision": ("spec.json", "network.npz", "firmware.json", "thresholds.json"),
    "release": ("spec.json", "network.npz", "firmware.json", "verify.json", "synth.json", "timing.json"),
}
"""Files in a design's own folder that each stage must have read."""
CODES = ("train", "verify", "physics", "faults", "decision", "release")
MANIFEST = "manifest.json"
FORMS = ("keras", "hls4ml", "alkaid", "rtl")
"""Forms that every design is verified in; VHDL needs GHDL."""


@dataclass(frozen=True)
class Design:
    """Everything that is known of one design, read from its folder."""

    folder: Path
    spec: Spec
    network: Network
    cards: dict[str, Any]  # by stage

    def path(self, stage: str) -> Path:
        """Return the path of a card.

        Parameters
        ----------
        stage
            Stage that writes the card.

        Returns
        -------
        Path
            Path in the design's folder; the file need not exist.
        """
        return self.folder / f"{stage}.json"


def read_design(folder: Path, optional: dict[str, Path]) -> Design:
    """Read the specification, the network and the cards of a design.

    Parameters
    ----------
    folder
        Folder of the design.
    optional
        Path by stage of the cards that not every design has, of the stages in `OPTIONAL_CARDS`.

    Returns
    -------
    Design
        Design with the cards that all designs have, and the optional ones.

    Raises
    ------
    CardError
        If a card is missing or invalid.
    """
    cards: dict[str, Any] = {stage: read_card(kind, folder / f"{stage}.json") for stage, kind in MEASURED.items()}
    cards |= {stage: read_card(OPTIONAL_CARDS[stage], path) for stage, path in optional.items()}
    return Design(folder, read_card(Spec, folder / "spec.json"), load_network(folder / "network.npz"), cards)


def problems_of(design: Design) -> list[str]:
    """Check that the cards of a design agree.

    Parameters
    ----------
    design
        Design with its cards.

    Returns
    -------
    list of str
        One message per problem; empty if all agree.
    """
    checks = (_names_and_inputs, _specification, _firmware, _verification, _timing, _proof, _decision, _release)
    return [problem for check in checks for problem in check(design)]


def differs(
    path: Path, key: str, *, expected: object, actual: object, source: str = "the other files"
) -> Iterator[str]:
    """Compare two values; records and mappings are compared key by key.

    Parameters
    ----------
    path
        File with the value that was found.
    key
        Key of the value; "" for the whole file.
    expected, actual
        Values to compare: models, mappings, lists or plain values.
    source
        Origin of the expected value.

    Yields
    ------
    str
        Message for each value that differs.
    """
    if isinstance(expected, BaseModel) and isinstance(actual, BaseModel):
        expected, actual = expected.model_dump(), actual.model_dump()
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in expected | actual:
            inner = f"{key}.{name}" if key else str(name)
            yield from differs(path, inner, expected=expected.get(name), actual=actual.get(name), source=source)
    elif _are_records(expected, actual):
        for n, (one, other) in enumerate(zip(expected, actual, strict=True)):  # type: ignore[call-overload]
            yield from differs(path, f"{key}.{n}", expected=one, actual=other, source=source)
    elif expected != actual:
        yield f"{path}: {key}: does not agree with {source}. Expected {expected}, found {actual}."


def _are_records(*values: object) -> bool:
    """Return whether values are lists of as many mappings, which are compared one by one."""
    if not all(isinstance(value, list | tuple) and all(isinstance(x, dict) for x in value) for value in values):
        return False
    return len({len(value) for value in values}) == 1  # type: ignore[arg-type]


def _names_and_inputs(design: Design) -> Iterator[str]:
    codes: set[str] = set()
    for stage, card in design.cards.items():
        path = design.path(stage)
        yield from differs(path, "design", expected=design.spec.design, actual=card.design)
        read = {Path(name).resolve() for name in card.inputs}
        for name in INPUTS[stage]:
            if (design.folder / name).resolve() not in read:
                yield f"{path}: inputs: made from other files. Expected {design.folder / name}, found no such path."
        if stage in CODES:
            own = [name for name in card.inputs if Path(name).name == "codes.npz"]
            codes |= set(own)
            if not own:
                yield f"{path}: inputs: made without data. Expected codes.npz, found none."
    if len(codes) > 1:
        yield f"{design.folder}: cards of one design are of two data sets. Expected one, found {sorted(codes)}."


def _specification(design: Design) -> Iterator[str]:
    spec, train, synth = design.spec, design.cards["train"], design.cards["synth"]
    yield from differs(design.path("train"), "luts_budget", expected=spec.budget.luts, actual=train.luts_budget)
    yield from differs(
        design.path("train"),
        "latency_cycles_budget",
        expected=spec.latency_cycles_budget,
        actual=train.latency_cycles_budget,
    )
    yield from differs(design.path("synth"), "part", expected=spec.target.part, actual=synth.part)
    yield from differs(design.path("synth"), "family", expected=spec.target.family, actual=synth.family)
    yield from differs(
        design.path("synth"), "luts_estimate", expected=train.luts_estimate, actual=synth.luts_estimate.value
    )
    error = (train.luts_estimate - (synth.luts.value or 0)) / max(synth.luts.value or 0, 1)
    yield from differs(design.path("synth"), "luts_estimate_error", expected=error, actual=synth.luts_estimate_error)
    for name, count in asdict(resources(synth.cells)).items():
        measured = getattr(synth, name)
        if measured.value is not None:
            yield from differs(
                design.path("synth"), f"{name}, by the cells of the netlist", expected=count, actual=measured.value
            )
            yield from differs(
                design.path("synth"), f"{name}.source", expected=spec.target.synthesizer, actual=measured.source
            )
    if synth.stages and synth.ff.value is not None:
        registers = sum(stage.registers for stage in synth.stages)
        yield from differs(design.path("synth"), "ff, by the stages", expected=registers, actual=synth.ff.value)
    if not synth.netlist_vectors:
        yield f"{design.path('synth')}: netlist_vectors: the netlist was not evaluated. Expected at least 1, found 0."


def _firmware(design: Design) -> Iterator[str]:
    card, path = design.cards["firmware"], design.path("firmware")
    yield from differs(
        path, "clock_period_ns", expected=design.spec.target.clock_period_ns, actual=card.clock_period_ns
    )
    project = read_project(Path(card.rtl_project))
    yield from differs(path, "rtl_top", expected=project.top, actual=card.rtl_top)
    latency = project.latency_cycles_planned
    yield from differs(path, "rtl_latency_cycles_planned", expected=latency, actual=card.rtl_latency_cycles_planned)
    yield from differs(project.folder / "project.json", "inputs", expected=design.network.inputs, actual=project.inputs)
    yield from differs(
        project.folder / "project.json", "outputs", expected=design.network.output_formats(), actual=project.outputs
    )
    listed = {Path(name) for name in card.files}
    for file in (*project.files, *project.vhdl, project.folder / "project.json"):
        if file not in listed:
            yield f"{path}: files: expected {file}, found no checksum of it."


def _verification(design: Design) -> Iterator[str]:
    card, path = design.cards["verify"], design.path("verify")
    yield from differs(path, "outputs", expected=len(design.network.output_formats()), actual=card.outputs)
    latency = design.cards["firmware"].rtl_latency_cycles_planned
    yield from differs(path, "latency_cycles_measured", expected=latency, actual=card.latency_cycles_measured)
    compared = {comparison.name: comparison for comparison in card.comparisons}
    for form in (*FORMS, *(["rtl_words"] if design.spec.budget.input_cycles else [])):
        if form not in compared:
            yield f"{path}: comparisons: a form is missing. Expected {form}, found {', '.join(compared) or 'none'}."
        elif form in FORMS and compared[form].vectors < card.vectors:
            yield (
                f"{path}: {form}: vectors: fewer than the vectors of all forms. Expected at least {card.vectors}, "
                f"found {compared[form].vectors}."
            )
    for name, comparison in compared.items():
        given = name == "keras" and design.spec.network.keras_file is not None
        if not given:  # float rounding excuses imported models alone
            yield from differs(path, f"{name}: rounding_mismatches", expected=0, actual=comparison.rounding_mismatches)


def _timing(design: Design) -> Iterator[str]:
    card = design.cards["timing"]
    for key, value in timing_figures(design.spec, design.cards["verify"], synthesized=design.cards["synth"]).items():
        yield from differs(design.path("timing"), key, expected=value, actual=getattr(card, key))


def _proof(design: Design) -> Iterator[str]:
    formats, names = design.network.output_formats(), design.network.classes
    expected = [(names[n] if n < len(names) else str(n), kif.bits) for n, kif in enumerate(formats)]
    if card := design.cards.get("prove"):
        actual = [(output.name, output.bits) for output in card.outputs]
        yield from differs(design.path("prove"), "outputs", expected=expected, actual=actual)
        latency = design.cards["firmware"].rtl_latency_cycles_planned
        ways = [output.by for output in card.outputs if output.status == "proven"]
        # Without registers on all paths, some output was not proven.
        if card.registers is not None or len(ways) == len(card.outputs):
            yield from differs(design.path("prove"), "registers", expected=latency, actual=card.registers)
        if ways and not card.seconds_allowed:
            yield f"{design.path('prove')}: seconds_allowed: expected the time of the proof, found 0."
        if "SAT" in ways and not card.gates:
            yield f"{design.path('prove')}: gates: expected those of the graphs that SAT compared, found none."
        if card.second is not None:
            named = [*(name for name, _ in expected), "valid_out"]
            yield from differs(
                design.path("prove"), "second.outputs", expected=named, actual=[x.name for x in card.second.outputs]
            )
            yield from differs(design.path("prove"), "second.cycles", expected=latency, actual=card.second.cycles)
        for output in card.outputs:
            if output.status == "proven" and output.by is None:
                yield f"{design.path('prove')}: {output.name}: by: expected how it was proven, found null."


def _decision(design: Design) -> Iterator[str]:
    if card := design.cards.get("decision"):
        path, target = design.path("decision"), design.spec.target
        latency = design.cards["firmware"].rtl_latency_cycles_planned
        yield from differs(path, "network_latency_cycles", expected=latency, actual=card.network_latency_cycles)
        yield from differs(path, "clock_mhz", expected=target.clock_mhz, actual=card.clock_mhz)
        if card.latency_cycles.value is not None:
            expected = card.latency_cycles.value * target.clock_period_ns
            yield from differs(path, "latency_ns", expected=expected, actual=card.latency_ns.value)


def _release_folder(archive: Path) -> Iterator[str]:
    """Compare the release's folder, which lies next to the zip, with the zip file by file."""
    folder = archive.with_suffix("")
    if not folder.is_dir():
        return
    with zipfile.ZipFile(archive) as content:
        digests = {str(folder / name): hashlib.sha256(content.read(name)).hexdigest() for name in content.namelist()}
    actual = files_in(folder)
    for name in sorted(digests.keys() | actual.keys()):
        yield from differs(
            Path(name), "sha256", expected=digests.get(name, "no such file"), actual=actual.get(name, "no such file")
        )


def _release(design: Design) -> Iterator[str]:
    card = design.cards.get("release")
    if card is None:
        return
    path, archive = design.path("release"), Path(card.archive)
    if not archive.is_file():
        yield f"{archive}: missing. Expected the release that {path} lists, found none. Run the release stage again."
        return
    yield from differs(archive, "sha256", expected=card.archive_sha256, actual=sha256(archive))
    yield from differs(archive, "bytes", expected=card.archive_bytes, actual=archive.stat().st_size)
    with zipfile.ZipFile(archive) as content:
        sizes = {entry.filename: entry.file_size for entry in content.infolist()}
        manifest = content.read(MANIFEST) if MANIFEST in sizes else b""
    yield from differs(archive, MANIFEST, expected=card.manifest_sha256, actual=hashlib.sha256(manifest).hexdigest())
    yield from differs(path, "files", expected=card.files, actual=sizes)
    yield from _release_folder(archive)
    if not card.vectors or not card.checks:
        yield f"{path}: nothing was checked. Expected vectors and checks, found {card.vectors} and {len(card.checks)}."
    # A missed budget is judged from the budget's own lines.
    for check in card.checks:
        if check.status == "failed" and check.name != "budget":
            yield f"{path}: {check.name}: the release failed its check: {check.detail}"
