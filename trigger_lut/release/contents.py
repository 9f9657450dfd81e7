"""Files of a release as bytes, by their path in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.config.release import BoardWrappers, default_model_name
from trigger_lut.firmware.board.files import board_files
from trigger_lut.firmware.decision.project import read_decision
from trigger_lut.firmware.emulator.cmssw import CMSSW, cmssw_files
from trigger_lut.firmware.emulator.files import decision_files, emulator_files
from trigger_lut.firmware.hls.project import load_hls
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.verilator import pack
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release.pattern_files import board_data, pattern_text, words_of_bus
from trigger_lut.utils.identifiers import versioned

PATTERN_VECTORS = 100  # of the first vectors; with gaps
PATTERN_GAP = 3  # idle frames behind every eighth event
STAMP = "release"
DECISIONS = "vectors/decisions.txt"
LEFT_OUT = re.compile(r"(\.so|\.o|\.log|keras_model\.keras|\.snakemake_timestamp)$")

Files = dict[str, bytes]


@dataclass(frozen=True)
class Sources:
    """Sources of a release.

    Attributes
    ----------
    design
        Name of the design.
    version
        Version of trigger_lut that wrote the firmware.
    network
        Integer network.
    firmware
        Firmware folder, with a folder per back end.
    decision
        Folder of the decision in firmware; None without one.
    cmssw_model, cmssw_version
        Name and version of the model in CMSSW; default: from the name of the design, and 1. The version is that of
        the design in all names.
    boards
        Wrappers for frameworks of boards; None: none.
    part
        Part of the target, for the IP.
    inputs
        The way from branches to codes, or how values become codes alone; see `cmssw_files`.
    """

    design: str
    version: str
    network: Network
    firmware: Path
    decision: Path | None = None
    cmssw_model: str | None = None
    cmssw_version: int = 1
    boards: BoardWrappers | None = None
    part: str = ""
    inputs: Mapping[str, Any] | None = None

    @property
    def named(self) -> str:
        """Name and version of the design, for names in code."""
        return versioned(self.design, self.cmssw_version)

    @property
    def rtl(self) -> Path:
        """Folder of the Verilog project."""
        return self.firmware / "rtl"

    @property
    def hls(self) -> Path:
        """Folder of the hls4ml project."""
        return self.firmware / "hls"


def files_of(sources: Sources, vectors: IntArray) -> Files:
    """Collect all files of a release but README and manifest.

    Parameters
    ----------
    sources
        Sources of the release.
    vectors : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    dict
        Content by path in the release.
    """
    outputs = evaluate(sources.network, vectors)
    project = read_project(sources.rtl)
    texts = {
        **emulator_files(sources.network, sources.named, version=sources.version),
        "vectors/inputs.txt": _lines(vectors),
        "vectors/outputs.txt": _lines(outputs),
        **_patterns(project, vectors, outputs),
    }
    decided = {}
    decision = None if sources.decision is None else read_decision(sources.decision)
    external = cmssw_files(
        sources.network,
        model=sources.cmssw_model or default_model_name(sources.design),
        model_version=sources.cmssw_version,
        writer_version=sources.version,
        decision=decision,
        inputs=sources.inputs,
    )
    texts |= {f"{CMSSW}/{name}": text for name, text in external.items()}
    if sources.boards is not None:
        texts |= board_files(project, sources.boards, version=sources.cmssw_version, part=sources.part)
    if sources.decision is not None and decision is not None:
        texts[DECISIONS] = _lines(decision.score.decided(outputs, decision.thresholds))
        texts |= decision_files(decision, sources.named)
        decided = {f"decision/{key}": content for key, content in _tree(sources.decision).items()}
    return {
        **decided,
        **_firmware(sources.firmware),
        **{path: text.encode() for path, text in texts.items()},
    }


def _firmware(folder: Path) -> Files:
    """Collect the files of all back ends."""
    files: Files = {}
    for own in sorted(path for path in folder.iterdir() if path.is_dir()):
        content = _hls(own) if own.name == "hls" else _tree(own)
        files |= {f"{own.name}/{key}": data for key, data in content.items()}
    return files


def _lines(codes: IntArray) -> str:
    return "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist())


def _patterns(project: RtlProject, vectors: IntArray, outputs: IntArray) -> dict[str, str]:
    """Write pattern files of the module's input and output, frame by frame."""
    count = min(PATTERN_VECTORS, len(vectors))
    at = project.ii * (np.arange(count) + np.arange(count) // 8 * PATTERN_GAP)
    frames = int(at[-1]) + 1 + project.latency_cycles_planned
    texts = {}
    for path, codes, formats, delay in (
        ("patterns/input.txt", vectors, project.inputs, 0),
        ("patterns/output.txt", outputs, project.outputs, project.latency_cycles_planned),
    ):
        bus = pack(codes[:count], formats)
        delayed, valid = np.zeros((frames, bus.shape[1]), dtype=np.uint32), np.zeros(frames, dtype=np.bool_)
        delayed[at + delay], valid[at + delay] = bus, True
        texts[path] = pattern_text(board_data(project.top, words_of_bus(delayed), valid=valid))
    return texts


def _tree(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not LEFT_OUT.search(path.name)
    }


def _hls(folder: Path) -> Files:
    """Collect an hls4ml project without what differs from run to run: the stamp, and the folder it was made in."""
    stamp = Path(load_hls(folder).library).stem.rpartition("-")[2]
    files = _tree(folder)
    for path in ("build_lib.sh", "project.json", "hls4ml_config.yml"):
        # YAML quotes a stamp that reads as a number: 12345678, 1234e567.
        text = re.sub(f"(['\"]?){re.escape(stamp)}\\1", STAMP, files[path].decode())
        files[path] = re.sub(r"[^'\s]*" + re.escape(folder.as_posix()), ".", text).encode()
    return files
