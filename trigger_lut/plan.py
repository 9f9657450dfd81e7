"""Designs, data sets and their files, which are known before any job runs. Imports stay light."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from trigger_lut.config import retrain, scan, shapes
from trigger_lut.config.budget import Budget, Spec, Target, load_budget, resolve
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.compatibility import differences
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.simulation import PlannedFile
from trigger_lut.config.validation import refused
from trigger_lut.cost_model.delay import delays
from trigger_lut.cost_model.lower_bounds import impossible
from trigger_lut.errors import ConfigurationError, DataError, nearest
from trigger_lut.firmware.front_end.verilog import refusal
from trigger_lut.synthesis.synthesizers import synthesizer_of

# Folders under results/ that a design's folder would collide with
RESERVED = ("data", "checkpoints", "logs")


@dataclass(frozen=True)
class DataSetPlan:
    """A data set and its files.

    Attributes
    ----------
    description : Path
        The file that describes it.
    data_set : DataSet
        Its content.
    sources : list of Source
        Files to read, each with its friends.
    files : list of Path
        ROOT files of the data set, those of friends among them.
    remote : list of str
        Addresses of files that are read over a network.
    simulated : list of PlannedFile
        The files to simulate; empty where the data set is not simulated.
    """

    description: Path
    data_set: DataSet
    sources: list[Source]
    files: list[Path]
    remote: list[str]
    simulated: list[PlannedFile]


@dataclass(frozen=True)
class Plan(DataSetPlan):
    """One budget file, resolved, with the data set that its designs are trained on.

    Attributes
    ----------
    budget : Budget
        Content of the budget file.
    specs : dict of str to Spec
        Designs by name, in the order of the budget file; those of the scan come last.
    drift : dict of str to DataSetPlan
        Data sets by name that are compared with the one of the designs.
    """

    budget: Budget
    specs: dict[str, Spec]
    drift: dict[str, DataSetPlan]

    @property
    def data_sets(self) -> dict[str, DataSetPlan]:
        """All data sets by their folder below results/data/: that of the designs, and those compared with it."""
        name = self.data_set.name
        return {name: self, **{f"{name}/drift/{other}": described for other, described in self.drift.items()}}

    @property
    def designs(self) -> list[str]:
        """The designs that are judged."""
        return list(self.budget.designs)

    @property
    def scanned(self) -> list[str]:
        """The designs of the scan."""
        return list(self.budget.points)


def load_plan(budget_path: Path, targets_path: Path, *, data_sets: Path) -> Plan:
    """Read the budget, its target and the descriptions of its data sets.

    Parameters
    ----------
    budget_path : Path
        Budget file.
    targets_path : Path
        File of targets.
    data_sets : Path
        Folder of the descriptions.

    Returns
    -------
    Plan
        Designs, data sets and files.

    Raises
    ------
    ConfigurationError
        If a file has mistakes; the message lists those of the first file that has any.
    DataError
        If a file of a data set is missing.
    """
    budget, target = load_budget(budget_path, targets_path)
    if wrong := _target_mistakes(target):
        raise refused(targets_path, [f"{budget.target}.{line}" for line in wrong])
    mistakes = [
        f"designs.{name}: reserved name, as results/{name}/ holds other files. Rename the design"
        for name in budget.designs
        if name.lower() in RESERVED
    ]
    description = data_sets / f"{budget.data_set}.yaml"
    if not description.is_file():
        known = sorted(path.stem for path in data_sets.glob("*.yaml"))
        mistakes.append(f"data_set: no file {description}{nearest(budget.data_set, known)}")
        raise refused(budget_path, mistakes)
    data_set = _load(description)
    others, wrong = _others(budget, data_set, data_sets)
    mistakes += [*_shape_mistakes(budget, data_set), *wrong]
    if mistakes:
        raise refused(budget_path, mistakes)
    described = _with_files(description, data_set)
    drift = {path.stem: _with_files(path, other) for path, other in others.items()}
    specs: dict[str, Spec] = {}
    for name in (*budget.designs, *budget.points):
        try:
            specs[name] = resolve(budget, target, design=name)
        except ConfigurationError as error:
            mistakes.append(f"designs.{name}.{error}")
    mistakes += _retrain_mistakes(specs, data_set)
    mistakes += [
        f"release.object_step.{name}: {reason}"
        for name, options in budget.release.object_step.items()
        if (reason := refusal(data_set, options)) is not None
    ]
    if mistakes:
        raise refused(budget_path, mistakes)
    classes = max(len(head.outputs) for head in data_set.heads)
    mistakes += [f"design {name}: {problem}" for name, spec in specs.items() for problem in impossible(spec, classes)]
    if mistakes:
        raise refused(budget_path, mistakes)
    return Plan(**vars(described), budget=budget, specs=specs, drift=drift)


def _retrain_mistakes(specs: dict[str, Spec], data_set: DataSet) -> list[str]:
    """List what keeps designs from being trained again inside the interfaces of earlier ones."""
    mistakes, formats = [], {}
    for name, spec in specs.items():
        if (frozen := spec.frozen) is None:
            continue
        former = json.loads(Path(frozen.files.spec).read_text(encoding="utf-8"))
        lines = retrain.design_mistakes(
            frozen,
            former,
            network=spec.network.model_dump(mode="json"),
            target=spec.target.model_dump(mode="json"),
            ii=spec.budget.ii,
        )
        lines += retrain.data_mistakes(frozen, former, data_set=data_set)
        latency_ns = frozen.latency_cycles * spec.target.clock_period_ns
        if spec.budget.latency_ns < latency_ns * (1 - 1e-9):
            lines.append(
                f"latency_ns: expected at least {latency_ns:.4g}, the {frozen.latency_cycles} cycles of "
                f"{frozen.result}, found {spec.budget.latency_ns:g}"
            )
        lines += [
            f"retrain: {frozen.result}: expected a design that this file does not train, found {other!r}. Remove "
            f"{other!r} here, or copy its folder"
            for other in specs
            if Path(frozen.result).resolve() == Path("results", other).resolve()
        ]
        formats[name] = tuple(frozen.inputs)
        if formats[name] != next(iter(formats.values())):
            lines.append(
                f"retrain: {frozen.result}: expected the input formats of design {next(iter(formats))!r}, as both read "
                "one data set. Use a budget file for each"
            )
        mistakes += [f"designs.{name}.{line}" for line in lines]
    return mistakes


def frozen_formats(plan: Plan) -> str:
    """Return the input formats that a design of the plan keeps.

    Parameters
    ----------
    plan : Plan
        The plan.

    Returns
    -------
    str
        Formats as JSON; empty where no design keeps any.
    """
    kept = [spec.frozen.inputs for spec in plan.specs.values() if spec.frozen is not None]
    return json.dumps(kept[0]) if kept else ""


def refuse_unreadable_files(plan: Plan, results: Path = Path("results")) -> None:
    """Look into the files of all data sets that were not ingested yet.

    Parameters
    ----------
    plan : Plan
        The plan.
    results : Path
        Folder of the results.

    Raises
    ------
    DataError
        If a file lacks the tree or a branch, is damaged, or has entries that do not fit the description. The message
        lists all problems.
    """
    problems = []
    for name, described in plan.data_sets.items():
        if described.simulated or _ingested(described, results / "data" / name / "ingest.json"):
            continue
        from trigger_lut.data.first_look import first_look  # reads ROOT files with uproot

        problems += first_look(described.data_set, described.sources)
    if problems:
        raise DataError("\n  ".join(problems))


def _ingested(described: DataSetPlan, card: Path) -> bool:
    """Report whether the card is newer than all files of a data set."""
    if not card.is_file():
        return False
    written = card.stat().st_mtime
    return all(path.stat().st_mtime <= written for path in (described.description, *described.files))


def _target_mistakes(target: Target) -> list[str]:
    """List keys of a target that name no row of a registry."""
    checks: dict[str, Callable[[], object]] = {
        "family": lambda: delays(target.family),
        "synthesizer": lambda: synthesizer_of(target),
    }
    mistakes = []
    for key, check in checks.items():
        try:
            check()
        except ConfigurationError as error:
            mistakes.append(f"{key}: {error}")
    return mistakes


def _with_files(description: Path, data_set: DataSet) -> DataSetPlan:
    """Return a data set with the lists of its files. Raises DataError when a file is missing."""
    simulated = data_set.simulated()
    simulated_files = sorted(Path("data", data_set.name, file.name) for file in simulated)
    sources = [Source(file) for file in simulated_files] or data_set.sources()
    addresses = {file for source in sources for file in source.all_files()}
    files = sorted(file for file in addresses if isinstance(file, Path))
    remote = sorted(file for file in addresses if isinstance(file, str))
    return DataSetPlan(description, data_set, sources, files, remote, simulated)


def _load(description: Path, truth: bool = True) -> DataSet:
    data_set = load_data_set(description, truth)
    if data_set.name != description.stem:
        raise ConfigurationError(
            f"{description}: name: expected {description.stem!r} as the file, found {data_set.name!r}"
        )
    return data_set


def _others(budget: Budget, data_set: DataSet, folder: Path) -> tuple[dict[Path, DataSet], list[str]]:
    """Return the data sets under `drift` by the files that describe them, and mistakes in that list."""
    others: dict[Path, DataSet] = {}
    mistakes = []
    for n, name in enumerate(budget.drift):
        path = folder / f"{name}.yaml"
        if path in others or name in budget.drift[:n]:
            mistakes.append(f"drift.{n}: {name!r} occurs twice")
        elif not path.is_file():
            known = sorted(file.stem for file in folder.glob("*.yaml"))
            mistakes.append(f"drift.{n}: no file {path}{nearest(name, known)}")
        else:
            others[path] = _load(path, truth=False)
            mistakes += [f"drift.{n}: {path}: {line}" for line in differences(data_set, others[path])]
    return others, mistakes


def _shape_mistakes(budget: Budget, data_set: DataSet) -> list[str]:
    """List networks whose layers do not fit each other, the data set's features or its classes."""
    networks = {"network": budget.network}
    if budget.scan is not None:
        networks.update({variant.place: variant.network for variant in scan.variants(budget.scan, budget.network)})
    mistakes = []
    for place, network in networks.items():
        if network.gives_probabilities and len(data_set.heads) > 1:
            mistakes.append(f"{place}.output: probabilities need a single head, data set {data_set.name!r} has several")
        lines = shapes.mistakes(network, len(channels(data_set)), classes=data_set.outputs, data_set=data_set.name)
        if place.startswith("scan.units."):
            lines = [line.removeprefix("units: ") for line in lines]
            mistakes += [f"{place}: {line}" for line in lines]
        else:
            mistakes += [f"{place}.{line}" for line in lines]
    return mistakes


def simulation_of(data_set: DataSet) -> dict[str, Any]:
    """Return the part of a description that simulation depends on.

    Parameters
    ----------
    data_set : DataSet
        The description.

    Returns
    -------
    dict
        The block simulate, simulate_muons or simulate_crossings under its key, as JSON content.

    Raises
    ------
    ConfigurationError
        If the data set is not simulated.
    """
    if data_set.simulate_muons is not None:
        return {"simulate_muons": data_set.simulate_muons.model_dump(mode="json")}
    if data_set.simulate_crossings is not None:
        return {"simulate_crossings": data_set.simulate_crossings.model_dump(mode="json")}
    if data_set.simulate is None:
        raise ConfigurationError(
            f"data set {data_set.name}: simulate: missing. Expected a data set that is simulated, found one of "
            "files. Choose another data set."
        )
    return {"simulate": data_set.simulate.model_dump(mode="json")}


def is_stale(path: Path, content: BaseModel | dict[str, Any] | None) -> bool:
    """Return True where a resolved file exists and has other content.

    Parameters
    ----------
    path : Path
        The file (JSON). One that cannot be read counts as other content.
    content : BaseModel, dict or None
        Content to compare with; None: there is nothing to compare.

    Returns
    -------
    bool
        False also where there is no such file.
    """
    if content is None:
        return False
    wanted = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) != wanted)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def stage_errors(logs: Path, since: float) -> list[str]:
    """Return the errors of stages in logs that were written since a time.

    Parameters
    ----------
    logs : Path
        Folder of the logs (*.log, at any depth).
    since : float
        Earliest time of modification, in seconds since 1970.

    Returns
    -------
    list of str
        The last error of each log, after its path.
    """
    mark = "trigger-lut: error:"
    errors = []
    for path in sorted(logs.rglob("*.log")):
        if path.stat().st_mtime >= since and mark in (text := path.read_text(encoding="utf-8", errors="replace")):
            errors.append(f"{path}: {text[text.rindex(mark) :].removeprefix('trigger-lut: ').strip()}")
    return errors


def flat_parameters(content: BaseModel | dict[str, Any]) -> list[str]:
    """Return every value of a record as a line, which Snakemake compares to find changes.

    Parameters
    ----------
    content : BaseModel or dict
        The record.

    Returns
    -------
    list of str
        Lines 'dotted.key=value', with the value as JSON.
    """
    parameters = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    return list(_flat("", parameters))


def _flat(prefix: str, value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, entry in value.items() for line in _flat(f"{prefix}.{key}" if prefix else key, entry)]
    return [f"{prefix}={json.dumps(value)}"]
