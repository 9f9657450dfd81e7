"""Manifest of a release, and its comparison with the files and cards that are shipped with it.

The cards in a release are those of the stages without times and paths, so that the same inputs give the same release.
The manifest lists the sha256 of every other file. Its own sha256 identifies the release.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import AnyCard, card_text, load_json, parse_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.firmware import FirmwareCard, SynthCard, TimingCard, VerifyCard
from trigger_lut.config.budget import Spec
from trigger_lut.errors import DataError
from trigger_lut.evaluation.timing import timing_figures
from trigger_lut.release.archive import Files
from trigger_lut.synthesis.netlist import resources
from trigger_lut.verification.consistency import differs

MANIFEST = "manifest.json"
SCHEMA_VERSION = 2
LICENCES = {
    "rtl": "generated with alkaid; its Verilog and VHDL primitives are its authors' (LGPL-3.0-or-later)",
    "hls": "generated with hls4ml, whose headers it holds (Apache-2.0); firmware/ap_types is AMD's (Apache-2.0)",
    "emulator": "trigger_lut (Apache-2.0)",
    "cmssw": "trigger_lut (Apache-2.0)",
}
OF_SYNTHESIS = ("luts", "ff", "dsp", "bram18")


@dataclass(frozen=True)
class Shipped:
    """Cards in a release. The decision is None without a trigger."""

    spec: Spec
    firmware: FirmwareCard
    verify: VerifyCard
    synth: SynthCard
    timing: TimingCard
    decision: DecisionCard | None = None

    def files(self) -> Files:
        """Return the cards as files, by path in the release."""
        return {_path(name): card_text(card).encode() for name, card in vars(self).items() if card is not None}


def published(cards: Shipped) -> Shipped:
    """Remove times and paths from cards.

    Parameters
    ----------
    cards
        Cards of the stages.

    Returns
    -------
    Shipped
        Cards as a release has them.
    """

    def plain(card: AnyCard, **changes: Any) -> AnyCard:
        return card.model_copy(update={"seconds": 0.0, "inputs": {}, **changes})

    bench = None if cards.firmware.rtl_bench is None else "rtl/bench"
    places: dict[str, Any] = {"hls_project": "hls", "rtl_project": "rtl", "rtl_bench": bench, "files": {}}
    compared = [form.model_copy(update={"seconds": 0.0}) for form in cards.verify.comparisons]
    decision = cards.decision
    if decision is not None:
        forms = [form.model_copy(update={"seconds": 0.0}) for form in decision.forms]
        decision = plain(decision, folder="decision", forms=forms)
    return Shipped(
        spec=cards.spec,
        firmware=plain(cards.firmware, **places),
        verify=plain(cards.verify, comparisons=compared),
        synth=plain(cards.synth),
        timing=plain(cards.timing),
        decision=decision,
    )


def read_shipped(files: Files) -> Shipped:
    """Read the cards of a release. Raises DataError when one is missing, CardError when it is not sound."""

    def card(kind: type[AnyCard], name: str) -> AnyCard:
        if _path(name) not in files:
            raise DataError(f"{_path(name)}: missing. Expected it in a release of schema_version {SCHEMA_VERSION}.")
        return parse_card(kind, files[_path(name)].decode("utf-8", errors="replace"), path=Path(_path(name)))

    return Shipped(
        spec=card(Spec, "spec"),
        firmware=card(FirmwareCard, "firmware"),
        verify=card(VerifyCard, "verify"),
        synth=card(SynthCard, "synth"),
        timing=card(TimingCard, "timing"),
        decision=card(DecisionCard, "decision") if _path("decision") in files else None,
    )


def _path(name: str) -> str:
    return f"cards/{name}.json"


def facts_of(cards: Shipped, vectors: int) -> dict[str, Any]:
    """Collect the content of the manifest apart from the list of files.

    Parameters
    ----------
    cards
        Cards in the release.
    vectors
        Number of vectors in the release.

    Returns
    -------
    dict
        Content, without times and paths.
    """
    measured = {name: getattr(cards.synth, name) for name in OF_SYNTHESIS}
    measured |= {name: getattr(cards.timing, name) for name in ("latency_cycles", "latency_ns", "ii")}
    versions = cards.synth.versions | cards.firmware.versions | cards.verify.versions
    return {
        "schema_version": SCHEMA_VERSION,
        "design": cards.spec.design,
        "target": cards.spec.target.model_dump(mode="json"),
        "budget": cards.spec.budget.model_dump(mode="json"),
        "figures": {name: figure.model_dump(mode="json") for name, figure in measured.items()},
        "vectors": vectors,
        "rtl_top": cards.firmware.rtl_top,
        "hls_handlers": cards.firmware.hls_handlers,
        "verification": {
            "verdict": cards.verify.verdict,
            "bit_exact": cards.verify.bit_exact,
            "forms": {c.name: {"vectors": c.vectors, "differences": c.mismatches} for c in cards.verify.comparisons},
            "not_run": cards.verify.not_run,
        },
        "versions": dict(sorted(versions.items())),
        **_decision(cards.decision),
        "licences": LICENCES | ({"decision": "trigger_lut (Apache-2.0)"} if cards.decision else {}),
    }


def _decision(decided: DecisionCard | None) -> dict[str, Any]:
    """Collect what the manifest says of the decision in firmware; nothing where there is none."""
    if decided is None:
        return {}
    described = decided.model_dump(
        mode="json", include={"top", "signal", "background", "fraction", "luts", "ff", "proof"}
    )
    return {
        "decision": {
            **described,
            "latency_cycles": decided.latency_cycles.model_dump(mode="json"),
            "bits": [
                {**({"path": bit.path} if bit.path else {}), "rate_khz": bit.rate_khz, "code": bit.code}
                for bit in decided.bits
            ],
            "verdict": decided.verdict,
        },
    }


def manifest_text(facts: Mapping[str, Any], files: Files) -> bytes:
    """Write the manifest of some files.

    Parameters
    ----------
    facts
        Content from `facts_of`.
    files
        All other files of the release.

    Returns
    -------
    bytes
        JSON.
    """
    listed = {
        path: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for path, content in sorted(files.items())
    }
    return (json.dumps({**facts, "files": listed}, indent=2) + "\n").encode()


def read_manifest(files: Files) -> dict[str, Any]:
    """Read the manifest of a release.

    Parameters
    ----------
    files
        Files of the release.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    DataError
        If there is none, or one of another form or version.
    """
    if MANIFEST not in files:
        raise DataError(f"{MANIFEST}: missing. Expected a release that the release stage made.")
    try:
        manifest = load_json(files[MANIFEST].decode("utf-8"))
    except ValueError as error:
        raise DataError(f"{MANIFEST}: {error}. Expected JSON as the release stage writes it.") from error
    listed = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(listed, dict) or not all(map(_is_entry, listed.values())):
        raise DataError(f"{MANIFEST}: files: no list of files. Expected sha256 and bytes of each.")
    version = manifest.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{MANIFEST}: schema_version: made by another version of trigger_lut. Expected {SCHEMA_VERSION}, found "
            f"{version!r}. Check the release with the version of trigger_lut that its manifest names."
        )
    return dict(manifest)


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"sha256", "bytes"}:
        return False
    return isinstance(entry["sha256"], str) and type(entry["bytes"]) is int


def changed_files(manifest: Mapping[str, Any], files: Files) -> list[str]:
    """List the files that are not as the manifest lists them.

    Parameters
    ----------
    manifest
        Content of the manifest.
    files
        Files of the release.

    Returns
    -------
    list of str
        One message per file.
    """
    listed, there = manifest["files"], files.keys() - {MANIFEST}
    problems = [f"{path} is missing" for path in sorted(listed.keys() - there)]
    problems += [f"{path} is not in the manifest" for path in sorted(there - listed.keys())]
    for path in sorted(there & listed.keys()):
        entry = {"sha256": hashlib.sha256(files[path]).hexdigest(), "bytes": len(files[path])}
        if entry != listed[path]:
            problems.append(f"{path} was changed")
    return problems


def disagreements(manifest: Mapping[str, Any], cards: Shipped, *, vectors: int) -> Iterator[str]:
    """Yield what in a manifest, or in the cards shipped with it, does not follow from the rest of the release.

    Parameters
    ----------
    manifest
        Content of the manifest.
    cards
        Cards in the release.
    vectors
        Number of vectors in the release.

    Yields
    ------
    str
        One message per disagreement.
    """
    facts = json.loads(json.dumps(facts_of(cards, vectors)))
    for key in facts.keys() | manifest.keys():
        if key not in ("files", "licences"):  # licences: a sentence that a later version may word otherwise
            yield from differs(Path(MANIFEST), key, expected=facts.get(key), actual=manifest.get(key))
    for name, card in vars(cards).items():
        if card is not None:
            yield from differs(Path(_path(name)), "design", expected=cards.spec.design, actual=card.design)
    for key, value in timing_figures(cards.spec, cards.verify, synthesized=cards.synth).items():
        yield from differs(Path(_path("timing")), key, expected=value, actual=getattr(cards.timing, key))
    counted = resources(cards.synth.cells)
    for name in OF_SYNTHESIS:
        yield from differs(
            Path(_path("synth")), name, expected=getattr(counted, name), actual=getattr(cards.synth, name).value
        )
