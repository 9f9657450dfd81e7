"""Description of a folder of generated Verilog and VHDL, as plain data that a later stage reads back."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import write_text
from trigger_lut.errors import CardError, FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.time_sharing import Cut

PROJECT_FILE = "project.json"
IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,199}", re.ASCII)


@dataclass(frozen=True)
class RtlProject:
    """Generated Verilog, and the same as VHDL.

    Attributes
    ----------
    folder
        Folder of the files.
    top
        Name of the top-level module.
    files
        Verilog files, all that simulation and synthesis need.
    vhdl
        VHDL-2008 files of the same pipeline, in an order in which they can be analyzed.
    inputs, outputs
        Formats on the buses data_in and data_out, the first channel at bit 0.
    latency_cycles_planned
        Registers from data_in to data_out.
    cost
        alkaid's estimate of LUTs.
    stages
        Pipeline stage of each operation of `build.live_logic`, from 1 on; () where all outputs are constant, and for a
        design that consists of parts.
    ii
        Cycles between two events that the firmware needs.
    cuts
        Cuts that make the parts of the network.
    parts
        Parts of a design that shares hardware, in order; of a block, its step.
    """

    folder: Path
    top: str
    files: tuple[Path, ...]
    vhdl: tuple[Path, ...]
    inputs: tuple[KIF, ...]
    outputs: tuple[KIF, ...]
    latency_cycles_planned: int
    cost: float
    stages: tuple[int, ...] = ()
    ii: int = 1
    cuts: tuple[Cut, ...] = ()
    parts: tuple[RtlProject, ...] = ()

    def __post_init__(self) -> None:
        """Raise FirmwareError for a name that code and names of files cannot have."""
        if not isinstance(self.top, str) or not IDENTIFIER.fullmatch(self.top):
            raise FirmwareError(f"top: no name of a module. Expected letters, digits and _, found {self.top!r}")


def save_project(project: RtlProject) -> None:
    """Write project.json into the project's folder."""
    write_text(project.folder / PROJECT_FILE, json.dumps(_content(project), indent=2) + "\n")


def _content(project: RtlProject) -> dict[str, Any]:
    content: dict[str, Any] = {
        "top": project.top,
        "files": [p.name for p in project.files],
        "vhdl": [p.relative_to(project.folder).as_posix() for p in project.vhdl],
        "inputs": project.inputs,
        "outputs": project.outputs,
        "latency_cycles_planned": project.latency_cycles_planned,
        "cost": project.cost,
        "stages": project.stages,
    }
    if project.parts:
        content["ii"] = project.ii
        content["cuts"] = [asdict(one) for one in project.cuts]
        content["parts"] = [_content(part) for part in project.parts]
    return content


def read_project(folder: Path) -> RtlProject:
    """Read the project that `write_rtl` left in a folder.

    Parameters
    ----------
    folder
        Folder.

    Returns
    -------
    RtlProject
        Project.

    Raises
    ------
    CardError
        If it is missing, damaged or incomplete.
    """
    path = folder / PROJECT_FILE
    try:
        project = _read(path, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise CardError(
            f"{folder}: no RTL project. Expected project.json, found none. Run the firmware stage first."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CardError(
            f"{path}: not a description of an RTL project ({type(error).__name__}: {error}). Run the "
            "firmware stage again."
        ) from error
    if missing := [p.name for p in (*project.files, *project.vhdl) if not p.is_file()]:
        raise CardError(
            f"{folder}: incomplete RTL project. Expected {', '.join(missing)}, found no such file. Run the "
            "firmware stage again."
        )
    return project


def _read(path: Path, content: dict[str, Any]) -> RtlProject:
    require_plain_names(path, content["top"], names=content["files"] + content["vhdl"])
    return RtlProject(
        folder=path.parent,
        top=content["top"],
        files=tuple(path.parent / name for name in content["files"]),
        vhdl=tuple(path.parent / name for name in content["vhdl"]),
        inputs=tuple(KIF(*kif) for kif in content["inputs"]),
        outputs=tuple(KIF(*kif) for kif in content["outputs"]),
        latency_cycles_planned=content["latency_cycles_planned"],
        cost=content["cost"],
        stages=tuple(map(int, content["stages"])),
        ii=int(content.get("ii", 1)),
        cuts=tuple(Cut(c["part"], tuple(c["layers"]), c["instances"]) for c in content.get("cuts", ())),
        parts=tuple(_read(path, part) for part in content.get("parts", ())),
    )


def require_plain_names(path: Path, top: object, *, names: list[object]) -> None:
    """Raise CardError for a module or file name that could mean anything outside of the project's folder."""
    if not isinstance(top, str) or not IDENTIFIER.fullmatch(top):
        raise CardError(f"{path}: top: no name of a module. Expected letters, digits and _, found {top!r}")
    for name in names:
        parts = name.split("/") if isinstance(name, str) else [""]
        if not all(re.fullmatch(r"\w[\w.-]*", part, re.ASCII) for part in parts):
            raise CardError(f"{path}: files: not a file in this folder. Expected a relative path, found {name!r}")
