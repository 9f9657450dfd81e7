"""Stages `resolve_*`: the files that people write, with all defaults spelled out."""

from __future__ import annotations

import json
from pathlib import Path

from trigger_lut.cards.base import write_card, write_text
from trigger_lut.config.budget import load_design
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.plan import simulation_of
from trigger_lut.stages.registry import Output


def resolve_design(*, budget: Path, targets: Path, design: str, output: Output) -> None:
    """Write one design with defaults and target spelled out.

    Parameters
    ----------
    budget : Path
        Budget file (YAML).
    targets : Path
        Trigger targets (YAML).
    design : str
        Name of a design or of a point of the scan.
    output : Output
        Specification to write (spec.json).
    """
    write_card(load_design(design, budget, targets=targets), output)


def resolve_data_set(*, description: Path, output: Output) -> None:
    """Write a data set description with defaults spelled out. Label and targets may be missing.

    Parameters
    ----------
    description : Path
        Description of the data set (YAML).
    output : Output
        File to write (data_set.json).
    """
    write_card(load_data_set(description, truth=False), output)


def resolve_simulation(*, description: Path, output: Output) -> None:
    """Write the part of a data set description that simulation depends on.

    Parameters
    ----------
    description : Path
        Description of the data set (YAML).
    output : Output
        File to write (simulation.json).
    """
    data_set = load_data_set(description, truth=False)
    write_text(output, json.dumps(simulation_of(data_set), indent=2) + "\n")
