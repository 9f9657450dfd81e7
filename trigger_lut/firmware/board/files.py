"""Files of the wrappers for boards in a release, by path, and their description `board/board.json`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from trigger_lut.config.release import BoardWrappers
from trigger_lut.errors import CardError
from trigger_lut.firmware.board.axi_stream import (
    PACKAGE_IP,
    AxiStream,
    axi_stream,
    axi_stream_text,
    package_ip_text,
)
from trigger_lut.firmware.board.emp import COMPONENT, EmpPayload, emp_payload, emp_texts
from trigger_lut.firmware.rtl.project import RtlProject, require_plain_names

BOARD = "board"
DESCRIPTION = "board.json"
BOARD_LICENCE = "trigger_lut (Apache-2.0); board/emp holds copies of rtl, see there"


@dataclasses.dataclass(frozen=True)
class Board:
    """Wrappers in a release; None where there is no such wrapper."""

    axi_stream: AxiStream | None
    emp: EmpPayload | None


def board_files(project: RtlProject, options: BoardWrappers, *, version: int, part: str) -> dict[str, str]:
    """Write the wrappers of a project.

    Parameters
    ----------
    project
        RTL project.
    options
        Wrappers.
    version
        Version of the design.
    part
        Part of the target.

    Returns
    -------
    dict
        Texts by path in the release.
    """
    texts = {}
    stream, emp = None, None
    if options.axi_stream is not None:
        stream = axi_stream(project, options.axi_stream.ready, beat_bytes=options.axi_stream.beat_bytes)
        name = f"{stream.top}.v"
        sources = [*(f"../../rtl/{path.name}" for path in project.files), name]
        texts[f"axi_stream/{name}"] = axi_stream_text(project, stream)
        texts[f"axi_stream/{PACKAGE_IP}"] = package_ip_text(
            project, stream, version=version, part=part, sources=sources
        )
    if options.emp is not None:
        emp = emp_payload(project, **options.emp.model_dump())
        texts |= {f"emp/{path}": text for path, text in emp_texts(project, emp).items()}
    texts[DESCRIPTION] = json.dumps(dataclasses.asdict(Board(stream, emp)), indent=2) + "\n"
    return {f"{BOARD}/{path}": text for path, text in texts.items()}


def has_board(release: Path) -> bool:
    """Return whether a release has wrappers for boards.

    Parameters
    ----------
    release
        Folder of the release.

    Returns
    -------
    bool
        True if it has the folder `board`.
    """
    return (release / BOARD).exists()


def read_board(release: Path) -> Board:
    """Read the description of the wrappers in a release.

    Parameters
    ----------
    release
        Folder of the release.

    Returns
    -------
    Board
        Wrappers.

    Raises
    ------
    CardError
        If it is missing or of another form.
    """
    path = release / BOARD / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stream = None if content["axi_stream"] is None else AxiStream(**content["axi_stream"])
        emp = None if content["emp"] is None else EmpPayload(**content["emp"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CardError(
            f"{path}: no description of wrappers. Expected one of the release stage, found {type(error).__name__}: "
            f"{error}. Make the release again."
        ) from error
    for top in (wrapper.top for wrapper in (stream, emp) if wrapper is not None):
        require_plain_names(path, top, names=[])
    return Board(stream, emp)


def component_files(release: Path, wrapper: EmpPayload) -> list[Path]:
    """List the VHDL files of the EMP component in the order of its .dep file.

    Parameters
    ----------
    release
        Folder of the release.
    wrapper
        EMP wrapper.

    Returns
    -------
    list of Path
        Files.

    Raises
    ------
    CardError
        If the .dep file has another line than `src --vhdl2008 FILE`, or a file is missing.
    """
    folder = release / BOARD / "emp" / COMPONENT
    dep = folder / "cfg" / f"{wrapper.top}.dep"
    try:
        lines = [line for line in dep.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    except (OSError, ValueError) as error:
        raise CardError(f"{dep}: cannot be read ({error}). Make the release again.") from error
    words = [line.split() for line in lines]
    if wrong := [
        line for line, word in zip(lines, words, strict=True) if word[:2] != ["src", "--vhdl2008"] or len(word) != 3
    ]:
        raise CardError(f"{dep}: expected lines `src --vhdl2008 FILE`, found {wrong[0]!r}. Make the release again.")
    require_plain_names(dep, wrapper.top, names=[word[2] for word in words])
    files = [folder / "hdl" / word[2] for word in words]
    if missing := [path.name for path in files if not path.is_file()]:
        raise CardError(f"{dep}: expected its files in hdl, found no {', '.join(missing)}. Make the release again.")
    return files
