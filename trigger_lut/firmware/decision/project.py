"""Description of a folder with the decision's firmware, as plain data that a later stage and a receiver read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.cards.base import write_text
from trigger_lut.errors import CardError, FirmwareError
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.rtl.project import IDENTIFIER
from trigger_lut.fixed_point.formats import KIF

FILE = "project.json"


@dataclass(frozen=True)
class DecisionProject:
    """Verilog and VHDL around the top-level module of a network.

    Attributes
    ----------
    folder
        Folder of the files.
    top
        Name of the module that contains the network; `top`_logic forms the decision of the network's outputs.
    network
        Name of the network's module.
    score
        Score of the decision.
    rates_khz
        Rates of the working points, bit 0 of the decision first.
    thresholds
        Smallest score that passes, for each working point; None: none does.
    cycles
        Clock cycles from the network's outputs to the decision.
    latency_cycles
        Clock cycles from data_in to the decision.
    paths
        Path of each working point; empty: the score alone.
    """

    folder: Path
    top: str
    network: str
    score: Score
    rates_khz: tuple[float, ...]
    thresholds: tuple[int | None, ...]
    cycles: int
    latency_cycles: int
    paths: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[str]:
        """Rate of each working point in kHz as text, after its path if there is one."""
        return [
            f"{path} at {khz:g} kHz" if path else f"{khz:g} kHz"
            for path, khz in zip(self.paths or ("",) * len(self.rates_khz), self.rates_khz, strict=True)
        ]

    @property
    def verilog(self) -> Path:
        """Verilog file."""
        return self.folder / f"{self.top}.v"

    @property
    def vhdl(self) -> Path:
        """VHDL file."""
        return self.folder / f"{self.top}.vhd"

    @property
    def logic(self) -> str:
        """Name of the module that forms the decision of the network's outputs."""
        return f"{self.top}_logic"


def save_decision(project: DecisionProject) -> None:
    """Write project.json into the project's folder."""
    content = {
        "top": project.top,
        "network": project.network,
        "outputs": project.score.outputs,
        "signal": project.score.signal,
        "background": project.score.background,
        "fraction": project.score.fraction,
        "rates_khz": project.rates_khz,
        "thresholds": project.thresholds,
        "cycles": project.cycles,
        "latency_cycles": project.latency_cycles,
        **({"paths": project.paths} if project.paths else {}),
    }
    write_text(project.folder / FILE, json.dumps(content, indent=2) + "\n")


def read_decision(folder: Path) -> DecisionProject:
    """Read the project in a folder.

    Parameters
    ----------
    folder
        Folder.

    Returns
    -------
    DecisionProject
        Its description.

    Raises
    ------
    CardError
        If it is missing, damaged or incomplete.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outputs = tuple(KIF(*kif) for kif in content["outputs"])
        project = DecisionProject(
            folder=folder,
            top=content["top"],
            network=content["network"],
            score=Score(outputs, tuple(content["signal"]), tuple(content["background"])),
            rates_khz=tuple(content["rates_khz"]),
            thresholds=tuple(content["thresholds"]),
            cycles=content["cycles"],
            latency_cycles=content["latency_cycles"],
            paths=tuple(content.get("paths", ())),
        )
    except FileNotFoundError as error:
        raise CardError(
            f"{folder}: no decision in firmware. Expected {FILE}, found none. Run the decision stage first."
        ) from error
    except (ValueError, KeyError, TypeError, FirmwareError) as error:
        raise CardError(
            f"{path}: not a description of a decision ({type(error).__name__}: {error}). Run the decision stage again."
        ) from error
    if not all(isinstance(name, str) and IDENTIFIER.fullmatch(name) for name in (project.top, project.network)):
        raise CardError(f"{path}: top, network: no names of modules. Expected letters, digits and _ in both")
    if missing := [p.name for p in (project.verilog, project.vhdl) if not p.is_file()]:
        raise CardError(
            f"{folder}: incomplete decision. Expected {', '.join(missing)}, found no such file. Run the "
            "decision stage again."
        )
    return project
