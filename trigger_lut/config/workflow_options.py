"""Options that Snakemake gets by --config and --configfile, checked before anything is planned."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigger_lut.config.validation import shown
from trigger_lut.errors import ConfigurationError, nearest

PATHS = {"budget": "config/budget.yaml", "targets": "config/targets.yaml", "data_sets": "config/data_sets"}
COUNTS = {"train_threads": (1, 1), "train_gpus": (0, 0), "check_files": (1, 0)}  # default, least
OF_A_BUDGET = {"designs", "network", "scan", "target", "data_set"}  # what only a budget file holds


@dataclass(frozen=True)
class WorkflowOptions:
    """Files of the workflow, what each training may use, and whether planning looks into data files."""

    budget: Path
    targets: Path
    data_sets: Path
    train_threads: int
    train_gpus: int
    check_files: int


def workflow_options(config: Mapping[str, Any], files: Sequence[Path] = ()) -> WorkflowOptions:
    """Check Snakemake's `config`.

    Parameters
    ----------
    config : mapping
        What --config and --configfile hold together.
    files : sequence of Path
        The files of --configfile.

    Raises
    ------
    ConfigurationError
        For unknown keys, a budget file that is given as --configfile, and values that are no paths or integers.
    """
    known = [*PATHS, *COUNTS]
    unknown = [key for key in config if key not in known]
    if OF_A_BUDGET & set(unknown):
        raise ConfigurationError(_not_as_configfile(config, files))
    mistakes = [f"unknown key {key!r}{nearest(str(key), known)}" for key in unknown]
    values: dict[str, Any] = {}
    for key, default in PATHS.items():
        value = config.get(key, default)
        if not isinstance(value, str):
            mistakes.append(f"{key}: expected a path, found {shown(value)}. Write a number or a word as ./NAME")
        elif not value or not value.isprintable():
            mistakes.append(f"{key}: expected a path of printable characters, found {shown(value)}. Rename the file")
        else:
            values[key] = Path(value)
    for key, (usual, least) in COUNTS.items():
        value = config.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            mistakes.append(f"{key}: expected an integer, at least {least}, found {shown(value)}")
        else:
            values[key] = value
    if mistakes:
        raise ConfigurationError("--config: " + "\n  ".join(mistakes))
    return WorkflowOptions(**values)


def _not_as_configfile(config: Mapping[str, Any], files: Sequence[Path]) -> str:
    file = str(files[-1]) if files else "FILE"
    named = config.get("designs")
    designs = ", ".join(f"results/{name}/" for name in named) if isinstance(named, dict) else "those of its scan"
    return (
        f"--configfile {file}: this is a budget file, so its designs ({designs}) would not be planned. "
        f"Give it as: --config budget={shlex.quote(file)}"
    )
