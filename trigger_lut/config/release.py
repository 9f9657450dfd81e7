"""Options of releases: `release` of the budget file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from trigger_lut.cards.base import Strict
from trigger_lut.config.validation import DesignName
from trigger_lut.errors import nearest

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,63}$")]


class CmsswModel(Strict):
    """Name and version of a design's model in CMSSW: library <model>_v<version>.so."""

    model: ModelName | None = Field(
        None, description="Letters and digits. Default: TriggerLut, followed by the design's name without - and _."
    )
    version: int = Field(1, ge=1, le=9999, description="Version of the model; raise it for other tables or ports.")


class ReleaseOptions(Strict):
    """Names of what a release delivers. No option changes a network, so training is not repeated."""

    cmssw: dict[DesignName, CmsswModel] = Field(
        default_factory=dict, description="Model in CMSSW by design. A design that is not listed has the defaults."
    )

    def cmssw_model(self, design: str) -> tuple[str, int]:
        """Return name and version of a design's model in CMSSW."""
        chosen = self.cmssw.get(design, CmsswModel(model=None, version=1))
        return chosen.model or default_model_name(design), chosen.version


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
        f"release.cmssw.{name}: no such design. Expected one of {', '.join(designs)}{nearest(name, designs)}"
        for name in options.cmssw
        if name not in designs
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
