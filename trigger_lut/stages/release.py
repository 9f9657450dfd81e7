"""The release stage: files, manifest and README as a folder and as a zip, both the same for the same inputs."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.firmware import SynthCard, TimingCard, VerifyCard
from trigger_lut.cards.provenance import require_card_of, require_current_files, require_digest
from trigger_lut.cards.release import CheckLine, ReleaseCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.release import BoardWrappers
from trigger_lut.cost_model.delay import has_vendor_scripts
from trigger_lut.data.event_codes import TEST, EventCodes, load_codes
from trigger_lut.data.raw_events import raw_events
from trigger_lut.errors import BadFileError, CardError, FirmwareError, NotReproducibleError
from trigger_lut.firmware.board.files import BOARD, BOARD_LICENCE
from trigger_lut.firmware.front_end.description import coded_channels, front_end
from trigger_lut.firmware.front_end.files import DESCRIBED, EVENT_CODES, EVENTS, event_lines, front_end_files
from trigger_lut.firmware.hls.project import load_hls
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import load_network
from trigger_lut.release.check import CheckOptions, check_release
from trigger_lut.release.contents import Files, Sources, files_of
from trigger_lut.release.differences import content, differences, differences_text
from trigger_lut.release.differences import read as read_former
from trigger_lut.release.forms import events_per_second
from trigger_lut.release.manifest import MANIFEST, Shipped, facts_of, manifest_text, published
from trigger_lut.release.readme import readme
from trigger_lut.release.signature import manifest_sha256
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.vivado.scripts import hls_scripts, vivado_scripts
from trigger_lut.utils.files import atomic_folder, atomic_path, sha256
from trigger_lut.verification.vectors import make_vectors

VECTORS = 4000
CHANGES = "CHANGES.txt"
"""Differences from the release of the design that was trained again."""
RAW_EVENTS = 2000
LOG = logging.getLogger(__name__)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def run(
    *,
    spec: Path,
    network: Path,
    codes: Path,
    firmware_card: Path,
    verify_card: Path,
    synth_card: Path,
    timing_card: Path,
    folder: Output,
    archive: Output,
    card: Output,
    decision_card: Path | None = None,
    cmssw_model: str | None = None,
    cmssw_version: int = 1,
    boards: BoardWrappers | None = None,
    description: Path | None = None,
    source: str | None = None,
) -> ReleaseCard:
    """Write the release of a design as a folder and a zip, and check it as its receiver would.

    Parameters
    ----------
    archive : Output
        Zip to write.
    decision_card : Path, optional
        Card of the decision, if the data set has a trigger.
    cmssw_model : str, optional
        Name of the model in CMSSW; default: from the name of the design.
    cmssw_version : int
        Version of the model in CMSSW, and of the IP for Vivado.
    boards : BoardWrappers, optional
        Wrappers for frameworks of boards.
    description : Path, optional
        Description of the data set (JSON), for the way from branches to codes.
    source : str, optional
        JSON of a file of the data set, for raw events.

    Returns
    -------
    ReleaseCard

    Raises
    ------
    CardError
        If files do not belong together.
    NotReproducibleError
        If a check fails, apart from the budget.
    """
    watch = Stopwatch()
    design = read_card(Spec, spec)
    firmware = require_current_files(firmware_card, spec, network)
    verified = read_card(VerifyCard, verify_card)
    synthesized, timed = read_card(SynthCard, synth_card), read_card(TimingCard, timing_card)
    integers, events = load_network(network), load_codes(codes)
    vectors = _vectors(*make_vectors(integers.inputs, events.of(TEST)[0], seed=design.seed), design.seed)
    decided = None if decision_card is None else _decided(decision_card, firmware_card)
    folders = (Path(firmware.rtl_project).parent, Path(decided.folder) if decided else None)
    described, input_texts = _inputs(description, source, codes=events, formats=integers.inputs)
    sources = Sources(
        *(design.design, firmware.versions["trigger_lut"], integers, *folders),
        cmssw_model=cmssw_model,
        cmssw_version=cmssw_version,
        boards=boards,
        part=design.target.part,
        inputs=described,
    )
    files = files_of(sources, vectors)
    files |= _scripts(design, sources)
    files |= _input_files(sources, input_texts)
    cards = published(Shipped(design, firmware, verified, synthesized, timed, decided))
    files |= cards.files()
    if design.frozen is not None:
        design.frozen.require_unchanged()
        changes = differences(read_former(Path(design.frozen.files.archive)), content(files))
        files[CHANGES] = differences_text(changes).encode()
    facts = facts_of(cards, len(vectors))
    if boards is not None:
        facts["licences"] |= {BOARD: BOARD_LICENCE}
    files["README.md"] = readme(facts, sources, vectors=len(vectors), inputs=DESCRIBED in files).encode()
    files[MANIFEST] = manifest_text(facts, files)
    _write_folder(files, folder)
    _write_zip(files, archive)
    checks = check_release(archive, CheckOptions(sandbox=False, seed=design.seed))  # our own code
    # The verdict judges a missed budget; the manifest records it.
    if failed := [line for line in checks if line.status == "failed" and line.name != "budget"]:
        raise NotReproducibleError(f"{archive}: " + "; ".join(f"{line.name}: {line.detail}" for line in failed))
    result = ReleaseCard(
        design=design.design,
        archive=str(archive),
        archive_sha256=sha256(archive),
        archive_bytes=archive.stat().st_size,
        manifest_sha256=manifest_sha256(files[MANIFEST]),
        files={path: len(content) for path, content in sorted(files.items())},
        vectors=len(vectors),
        emulator_events_per_second=events_per_second(folder),
        checks=[CheckLine(name=line.name, status=line.status, detail=line.detail) for line in checks],
        **watch.provenance(
            [
                *(spec, network, codes, firmware_card, verify_card, synth_card, timing_card),
                *(path for path in (decision_card, description) if path is not None),
            ],
            "numpy",
        ),
    )
    write_card(result, card)
    return result


def _decided(card: Path, firmware_card: Path) -> DecisionCard:
    """Read the card of the decision. Raises CardError for other firmware, or files that it does not list."""
    decision = require_card_of(DecisionCard, card, made_from=firmware_card)
    for name, digest in decision.files.items():
        require_digest(Path(decision.folder, name), digest, card=card, stage="decision")
    return decision


def _inputs(
    description: Path | None, source: str | None, *, codes: EventCodes, formats: tuple[KIF, ...]
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Describe the way from branches to codes; return it with raw events and their codes.

    Where it has no emulator, only how values become codes is known, and there are no events.
    """
    if description is None:
        return None, {}
    data_set = load_data_set(description, truth=False)
    only_channels = {"channels": coded_channels(data_set, formats)}
    if source is None:
        return only_channels, {}
    try:
        branches, expected = raw_events(data_set, Source.of(source), codes=codes, count=RAW_EVENTS)
        described = front_end(data_set, formats, branches=branches)
        front_end_files(described, "design")  # an expression may have no form in C++
    except (FirmwareError, BadFileError, CardError) as error:  # such a file may be skipped, or have no event
        LOG.warning(f"release: without an emulator of the inputs: {error}")
        return only_channels, {}
    return described, {
        EVENTS: event_lines(described, branches, count=len(expected)),
        EVENT_CODES: "".join(" ".join(map(str, row)) + "\n" for row in expected.tolist()),
    }


def _input_files(sources: Sources, events: dict[str, str]) -> Files:
    """Return the emulators of the way from branches to codes, with raw events; nothing without events."""
    if not events or sources.inputs is None:
        return {}
    return {path: text.encode() for path, text in (front_end_files(sources.inputs, sources.named) | events).items()}


def _scripts(design: Spec, sources: Sources) -> Files:
    """Constraints and build scripts for Vivado and Vitis HLS, to be run in their folder."""
    if not has_vendor_scripts(design.target.family):
        return {}
    project = read_project(sources.rtl)
    verilog = [f"../rtl/{path.relative_to(project.folder).as_posix()}" for path in project.files]
    texts = vivado_scripts(design, project.top, verilog=verilog)
    top = load_hls(sources.hls).name
    texts |= hls_scripts(design, top, sources=[f"../hls/firmware/{top}.cpp"])
    return {f"vendor/{name}": text.encode() for name, text in texts.items()}


def _vectors(codes: IntArray, sets: dict[str, int], seed: int) -> IntArray:
    """Return some vectors of each origin, in their order."""
    rng, chosen, first = np.random.default_rng(seed), [], 0
    for count in sets.values():
        some = rng.choice(count, min(count, VECTORS // len(sets)), replace=False)
        chosen.append(first + np.sort(some))
        first += count
    return codes[np.concatenate(chosen)]


def _write_folder(files: Files, folder: Path) -> None:
    with atomic_folder(folder) as part:
        for path, content in files.items():
            place = part / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _write_zip(files: Files, archive: Path) -> None:
    with atomic_path(archive) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zip_file:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.endswith(".sh") else 0o644) << 16
            zip_file.writestr(entry, content)
