"""Options of releases: `release` of the budget file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.validation import DesignName, Name, Text
from trigger_lut.errors import nearest

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,63}$")]


class CmsswModel(StrictModel):
    """Name and version of a design's model in CMSSW: library <model>_v<version>.so."""

    model: ModelName | None = Field(
        None, description="Letters and digits. Default: TriggerLut, followed by the design's name without - and _."
    )
    version: int | None = Field(
        None,
        ge=1,
        le=9999,
        description="Version of the design, in names of library, HLS, emulators, Verilog and VHDL. Raise it for other "
        "tables. Default: 1, and none in names in Verilog and VHDL.",
    )


class AxiStreamOptions(StrictModel):
    """AXI4-Stream wrapper in Verilog."""

    ready: bool = Field(True, description="Back-pressure: s_axis_tready, m_axis_tready and a FIFO. One cycle longer.")
    beat_bytes: int | None = Field(
        None, ge=1, le=512, description="Bytes of a beat of the input. Default: an event is one beat."
    )


class EmpOptions(StrictModel):
    """Payload of the EMP framework in VHDL."""

    input_link: int = Field(0, ge=0, le=127, description="First link of the input.")
    input_links: int | None = Field(
        None, ge=1, le=128, description="Links of the input. Default: as many as hold an event in one frame."
    )
    output_link: int = Field(0, ge=0, le=127, description="First link of the output.")


class BoardWrappers(StrictModel):
    """Wrappers of a design for frameworks of boards."""

    axi_stream: AxiStreamOptions | None = Field(None, description="AXI4-Stream and an IP for Vivado; {} for defaults.")
    emp: EmpOptions | None = Field(None, description="EMP framework; {} for defaults.")


class HardwareInteger(StrictModel):
    """Integer of the hardware: ap_int<width> or ap_uint<width>."""

    signed: bool
    width: int = Field(ge=1, le=32, description="Bits in all, the sign included.")


class HardwareObjects(StrictModel):
    """List of objects, as hardware has it."""

    length: int = Field(ge=1, le=1024, description="Objects that can arrive, each with a valid bit.")
    branches: dict[Text, HardwareInteger] = Field(min_length=1, description="Integers of each object, by branch.")


class ObjectStepOptions(StrictModel):
    """Verilog of the way from objects of hardware integers to input codes, and of the network behind it."""

    numbers: dict[Text, HardwareInteger] = Field(
        default_factory=dict, description="Branches with one integer per event, such as missing momentum."
    )
    lists: dict[Name, HardwareObjects] = Field(
        default_factory=dict, description="Lists, by the name of the objects in the data set."
    )


class ReleaseOptions(StrictModel):
    """Names of what a release delivers. No option changes a network, so training is not repeated."""

    cmssw: dict[DesignName, CmsswModel] = Field(
        default_factory=dict, description="Model in CMSSW by design. A design that is not listed has the defaults."
    )

    boards: dict[DesignName, BoardWrappers] = Field(
        default_factory=dict, description="Wrappers for boards by design. A design that is not listed has none."
    )

    object_step: dict[DesignName, ObjectStepOptions] = Field(
        default_factory=dict,
        description="Verilog from objects of hardware integers to codes, by design. A design that is not listed has "
        "none. Its branches are integers: selection, order, slots and scales of the data set must be exact in them.",
    )

    def object_step_text(self, design: str) -> str:
        """Return the object step of a design as JSON; empty without one."""
        chosen = self.object_step.get(design)
        return chosen.model_dump_json() if chosen is not None else ""

    def board_wrappers(self, design: str) -> str:
        """Return the wrappers of a design as JSON; empty without any."""
        chosen = self.boards.get(design)
        return chosen.model_dump_json() if chosen is not None else ""

    def cmssw_model(self, design: str) -> tuple[str, int]:
        """Return name and version of a design's model in CMSSW."""
        chosen = self.cmssw.get(design, CmsswModel(model=None, version=None))
        return chosen.model or default_model_name(design), chosen.version or 1

    def given_version(self, design: str) -> int | None:
        """Return the version of a design; None where the budget file gives none."""
        chosen = self.cmssw.get(design)
        return None if chosen is None else chosen.version


def default_model_name(design: str) -> str:
    """Return the default name of a design's model in CMSSW.

    Parameters
    ----------
    design : str
        Name of the design.

    Returns
    -------
    str
        Name in CamelCase: `small-jets` gives `TriggerLutSmallJets`.
    """
    return "TriggerLut" + "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", design))


def release_problems(options: ReleaseOptions, designs: Iterable[str]) -> list[str]:
    """Return what is wrong with names of models: a design that does not exist, or one library for two designs."""
    designs = list(designs)
    problems = [
        f"release.{key}.{name}: no such design. Expected one of {', '.join(designs)}{nearest(name, designs)}"
        for key, names in (("cmssw", options.cmssw), ("boards", options.boards), ("object_step", options.object_step))
        for name in names
        if name not in designs
    ]
    problems += [
        f"release.boards.{name}: no wrapper. Expected axi_stream, emp or both. Write axi_stream: {{}}, or remove it"
        for name, chosen in options.boards.items()
        if chosen.axi_stream is None and chosen.emp is None
    ]
    libraries: dict[tuple[str, int], str] = {}
    for design in designs:
        model, version = options.cmssw_model(design)
        other = libraries.setdefault((model.lower(), version), design)
        if other != design:
            problems.append(
                f"release.cmssw.{design}: {model}_v{version} is the library of design {other!r} too. Expected another "
                "model or version. Name the model of one of them"
            )
    return problems
