"""A finished results folder with made-up figures that agree: for the verdict, without TensorFlow or any tool."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import made_cards
from networks import random_network

from trigger_lut.cards.base import Card, digest_of, write_card, write_text
from trigger_lut.cards.proof import OutputProof
from trigger_lut.cards.provenance import files_in
from trigger_lut.firmware.rtl.project import RtlProject, save_project
from trigger_lut.network.network import save_network
from trigger_lut.stages.scan import run as scan
from trigger_lut.stages.summary import run as summary
from trigger_lut.stages.timing import run as timing
from trigger_lut.utils.files import sha256

NETWORK = random_network(6)
OPTIONAL_CARDS = ("prove", "faults", "release")


def finished(folder: Path, *designs: str, points: tuple[str, ...] = (), **changed: dict[str, Card]) -> Path:
    """Write results/ of some designs and of a scan's points; changed: other cards, by design and stage."""
    results = folder / "results"
    data = results / "data/toy"
    write_text(folder / "ntuples/a.root", "events")
    write_text(data / "data_set.json", "{}")
    write_text(data / "codes.npz", "codes")
    write_text(data / "reference.npz", "outputs")
    made_of(made_cards.ingest(), data / "ingest.json", data / "data_set.json", folder / "ntuples/a.root")
    made_of(made_cards.reference(), data / "reference.json", data / "codes.npz")
    for design in (*designs, *points):
        write_design(results / design, design, data, changed.get(design, {}))
    folders = [results / design for design in designs]
    if designs:
        write_summary(results, folders, data / "reference.json")
    if points:
        write_scan(results, folders, [results / point for point in points], data / "reference.json")
    return results


def write_summary(root: Path, folders: Sequence[Path], reference: Path) -> Path:
    """Write summary.json and summary.tsv of designs; return the card."""
    card = root / "summary.json"
    summary(reference=reference, folders=folders, json=card, tsv=card.with_suffix(".tsv"))
    return card


def write_scan(
    root: Path, designs: Sequence[Path], points: Sequence[Path], reference: Path, published: str | None = None
) -> Path:
    """Write scan.json and scan.tsv of designs and points; return the card."""
    card, tsv = root / "scan.json", root / "scan.tsv"
    scan(reference=reference, designs=designs, points=points, json=card, tsv=tsv, published=published)
    return card


def made_of(card: Card, path: Path, *inputs: Path, **changes: Any) -> None:
    """Write a card that names these files as its inputs."""
    write_card(card.model_copy(update={"inputs": {str(p): sha256(p) for p in inputs}, **changes}), path)


def write_design(folder: Path, design: str, data: Path, cards: Mapping[str, Card]) -> None:
    """Write the cards of a design, stage by stage, each with its true inputs."""
    at: Callable[[str], Path] = folder.__truediv__
    codes, formats = data / "codes.npz", NETWORK.output_formats()
    write_card(made_cards.spec(design), at("spec.json"))
    write_text(at("model.keras"), "model")
    write_text(at("predictions.npz"), "predictions")
    save_network(NETWORK, at("network.npz"))
    made_of(made_cards.train(design), at("train.json"), at("spec.json"), codes)
    rtl = at("firmware") / "rtl"
    write_text(rtl / "top.v", "module top; endmodule\n")
    project = RtlProject(rtl, "top", (rtl / "top.v",), (), NETWORK.inputs, formats, 7, 10.0)
    save_project(project)
    write_text(at("firmware") / "hls/project.json", "{}")
    inputs = [at(name) for name in ("spec.json", "model.keras", "network.npz")]
    firmware = made_cards.firmware_of(project, *inputs, hls=at("firmware") / "hls")
    update = {"design": design, "clock_period_ns": 2.5, "files": files_in(at("firmware"))}
    write_card(firmware.model_copy(update=update), at("firmware.json"))
    common = [at("spec.json"), at("network.npz"), at("firmware.json")]
    made_of(cards.get("verify", made_cards.verify(design)), at("verify.json"), *common, at("model.keras"), codes)
    outputs = [
        OutputProof(name=name, bits=kif.bits, status="proven", by="words")
        for name, kif in zip(NETWORK.classes, formats, strict=True)
    ]
    second = made_cards.second(cycles=project.latency_cycles_planned, names=NETWORK.classes)
    proof = {"outputs": outputs, "second": second, "registers": project.latency_cycles_planned}
    made_of(made_cards.prove(design), at("prove.json"), *common, rtl / "top.v", **proof)
    made_of(made_cards.faults(design), at("faults.json"), *common, codes)
    synth: Any = cards.get("synth", made_cards.synth(design))
    error = (950 - synth.luts.value) / synth.luts.value
    figures = {"luts_estimate_error": error, "netlist_vectors": 1000, "path_ns_estimate": 1.5}
    made_of(synth, at("synth.json"), *common, at("train.json"), **figures)
    timing(spec=at("spec.json"), verify_card=at("verify.json"), synth_card=at("synth.json"), card=at("timing.json"))
    physics = (at("spec.json"), at("network.npz"), codes, at("predictions.npz"), data / "reference.npz")
    made_of(made_cards.physics(design), at("physics.json"), *physics)
    with zipfile.ZipFile(at("release.zip"), "w") as archive:
        archive.writestr("manifest.json", "{}")
    delivered = {
        "archive": str(at("release.zip")),
        "archive_sha256": sha256(at("release.zip")),
        "archive_bytes": at("release.zip").stat().st_size,
        "manifest_sha256": hashlib.sha256(b"{}").hexdigest(),
        "files": {"manifest.json": 2},
    }
    measured = [at(f"{name}.json") for name in ("verify", "synth", "timing")]
    made_of(made_cards.release(design), at("release.json"), *common, *measured, codes, **delivered)


def cards_beside(results: Path, *designs: str) -> list[Path]:
    """Return the cards that the verdict gets, without summary and scan."""
    return [results / design / f"{name}.json" for design in designs for name in OPTIONAL_CARDS]


def edit(path: Path, change: Callable[[dict[str, Any]], None], *, digest: bool = True) -> None:
    """Change a card by hand; digest: with the digest of the new content, as an attacker would."""
    content = json.loads(path.read_text())
    change(content)
    if digest and "digest" in content:
        content["digest"] = digest_of(content)
    path.write_text(json.dumps(content))


def cover_up(results: Path) -> None:
    """Write the present checksums of all files into all cards, in the order of the stages, with fitting digests."""
    for _ in range(6):  # more than there are cards in a row from the data to the release
        for path in sorted(results.rglob("*.json")):
            content = json.loads(path.read_text())
            if not isinstance(content, dict) or "inputs" not in content or "stage" not in content:
                continue

            def renewed(content: dict[str, Any]) -> None:
                listed = ["inputs", "files"] if content["stage"] == "firmware" else ["inputs"]
                for key in listed:
                    content[key] = {name: sha256(Path(name)) for name in content[key] if Path(name).is_file()}

            edit(path, renewed)
