"""What a release holds: its files as bytes, by their path in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.firmware.decision.project import read_decision
from trigger_lut.firmware.emulator.files import decision_files, emulator_files
from trigger_lut.firmware.hls.project import load_hls
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.verilator import pack
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release.emp_patterns import as_links, pattern_text

PATTERN_VECTORS = 100  # of the first vectors; with gaps
PATTERN_GAP = 3  # idle frames behind every eighth event
STAMP = "release"
DECISIONS = "vectors/decisions.txt"
LEFT_OUT = re.compile(r"(\.so|\.o|\.log|keras_model\.keras|\.snakemake_timestamp)$")

Files = dict[str, bytes]


@dataclass(frozen=True)
class Made:
    """What a release is made of.

    version: of trigger_lut when it wrote the firmware.
    decision: the folder of the decision in firmware, where there is one.
    """

    design: str
    version: str
    network: Network
    rtl: Path
    hls: Path
    decision: Path | None = None


def files_of(made: Made, vectors: IntArray) -> Files:
    """All files but README and manifest. vectors: (N, C_in) input codes."""
    outputs = evaluate(made.network, vectors)
    project = read_project(made.rtl)
    texts = {
        **emulator_files(made.network, made.design, made.version),
        "vectors/inputs.txt": _lines(vectors),
        "vectors/outputs.txt": _lines(outputs),
        **_patterns(project, vectors, outputs),
    }
    decided = {}
    if made.decision is not None:
        decision = read_decision(made.decision)
        texts[DECISIONS] = _lines(decision.score.decided(outputs, decision.thresholds))
        texts |= decision_files(decision, made.design)
        decided = {f"decision/{key}": content for key, content in _tree(made.decision).items()}
    return {
        **decided,
        **{f"rtl/{key}": content for key, content in _tree(made.rtl).items()},
        **{f"hls/{key}": content for key, content in _hls(made.hls).items()},
        **{path: text.encode() for path, text in texts.items()},
    }


def _lines(codes: IntArray) -> str:
    return "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist())


def _patterns(project: RtlProject, vectors: IntArray, outputs: IntArray) -> dict[str, str]:
    """Pattern files of the module's input and of what comes out, frame by frame."""
    count = min(PATTERN_VECTORS, len(vectors))
    at = np.arange(count) + np.arange(count) // 8 * PATTERN_GAP
    frames = int(at[-1]) + 1 + project.latency_cycles_planned
    texts = {}
    for path, codes, formats, delay in (
        ("patterns/input.txt", vectors, project.inputs, 0),
        ("patterns/output.txt", outputs, project.outputs, project.latency_cycles_planned),
    ):
        bus = pack(codes[:count], formats)
        held, valid = np.zeros((frames, bus.shape[1]), dtype=np.uint32), np.zeros(frames, dtype=np.bool_)
        held[at + delay], valid[at + delay] = bus, True
        texts[path] = pattern_text(project.top, as_links(held), valid)
    return texts


def _tree(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not LEFT_OUT.search(path.name)
    }


def _hls(folder: Path) -> Files:
    """An hls4ml project without what differs from run to run: the stamp, and where it was made."""
    stamp = Path(load_hls(folder).library).stem.rpartition("-")[2]
    found = _tree(folder)
    for path in ("build_lib.sh", "project.json", "hls4ml_config.yml"):
        # YAML quotes a stamp that reads as a number: 12345678, 1234e567.
        text = re.sub(f"(['\"]?){re.escape(stamp)}\\1", STAMP, found[path].decode())
        found[path] = re.sub(r"[^'\s]*" + re.escape(folder.as_posix()), ".", text).encode()
    return found
