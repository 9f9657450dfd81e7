"""Budget file, trigger targets, and the resolved specification of one design."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from trigger_lut.cards.base import StrictModel
from trigger_lut.config import scan as scans
from trigger_lut.config.network import NetworkShape as NetworkShape
from trigger_lut.config.network import function_digest, model_digest
from trigger_lut.config.release import ReleaseOptions, release_problems
from trigger_lut.config.renamed_keys import BUDGET, with_present_keys
from trigger_lut.config.retrain import FrozenInterface, Keep, read_frozen
from trigger_lut.config.scan import Point, Scan
from trigger_lut.config.validation import NAME_EXPECTED, DesignName, Line, Positive, checked, explain, refused, shown
from trigger_lut.config.validation import Name as Name
from trigger_lut.config.validation import read_yaml as read_yaml
from trigger_lut.config.validation import validate as validate
from trigger_lut.config.verification import VerificationOptions
from trigger_lut.errors import ConfigurationError, nearest
from trigger_lut.utils.identifiers import same_in_code


class DeviceTotals(StrictModel):
    """Resources of the whole device; null where no source was found."""

    luts: Positive | None = None
    ff: Positive | None = None
    dsp: Positive | None = None
    bram18: Positive | None = None
    uram: Positive | None = None


PartNumber = Annotated[str, Field(max_length=64), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Target(StrictModel):
    """A place in a trigger that a network is built for."""

    description: Line = Field(description="The system and the part of it that the network runs in.")
    part: PartNumber = Field(description="FPGA part number.")
    family: PartNumber = Field(
        description="Family: xcup, xcu, xc7, as Yosys' synth_xilinx names them; versal, agilex, stratix10, polarfire, "
        "whose clock is not measured and therefore never met."
    )
    clock_mhz: float = Field(gt=0, le=1000, description="Clock of the firmware.")
    latency_allowed_ns: float | None = Field(gt=0, description="Latency the trigger allows; null where not found.")
    event_period_ns: float = Field(gt=0, description="Time between two events at the input.")
    totals: DeviceTotals = Field(description="Resources of the whole device.")
    source: Line = Field(description="Where these facts come from.")
    synthesizer: PartNumber = Field("yosys", description="Program that synthesizes the designs.")

    @property
    def clock_period_ns(self) -> float:
        """Period of the clock in ns."""
        return 1000.0 / self.clock_mhz

    @property
    def cycles_between_events(self) -> int:
        """Whole clock cycles from one event to the next, at least 1."""
        return max(1, int(self.event_period_ns / self.clock_period_ns + 1e-9))


LEAST_EPOCHS = 4
EPOCHS, LEAST_STEPS = 300, 2_400  # by default: epochs of a large sample, and steps of a small one


class Training(StrictModel):
    """Length and steps of the training. There is no penalty weight: the controller finds it."""

    epochs: int | None = Field(
        default=None,
        ge=LEAST_EPOCHS,
        le=1_000_000,
        description=f"Passes over the training split; default: {EPOCHS}, and more for small samples: at least "
        f"{LEAST_STEPS} steps of batch_size events.",
    )
    batch_size: int | None = Field(
        default=None,
        ge=1,
        description="Events per step; default: 1024, and less for small samples: a power of two from 32 on, with at "
        "least 16 steps per epoch.",
    )
    learning_rate: float = Field(
        default=0.01, gt=0, le=1, description="Largest learning rate; it decays along a cosine."
    )
    memory_mb: int = Field(
        default=1000,
        ge=1,
        description="Memory for decoded events, in MB. Splits for training and validation that take more are read from "
        "disk again and again, window by window.",
    )


OPTIONAL_KEYS = ("input_cycles", "retrain", "keep")
"""Keys of a design that its specification holds only where they are given, so that it stays the same without them."""


class DesignBudget(StrictModel):
    """Largest resources and latency of one design."""

    luts: Positive = Field(description="6-input LUTs after synthesis.")
    latency_ns: float = Field(gt=0, description="From valid input to valid output at the target's clock.")
    ii: int = Field(
        1,
        ge=1,
        description="Initiation interval in cycles, an allowance: the trigger grants at least so many cycles between "
        "two events. The firmware uses all, a part or none of them to share hardware. 1: fully pipelined.",
    )
    input_cycles: int | None = Field(
        None,
        ge=1,
        description="Cycles over which the objects of an event arrive, in the order of the inputs, an equal number in "
        "each cycle. The wrapper <top>_tmux takes them and is verified. Latency counts from the last objects. Null: "
        "all inputs arrive at once.",
    )
    dsp: int = Field(0, ge=0, description="DSP slices. The firmware uses none: all arithmetic is built from LUTs.")
    bram18: int = Field(
        0,
        ge=0,
        description="18 Kb block RAMs. 0: all tables are built from LUTs. More: synthesis may put as many tables "
        "into block RAM.",
    )
    retrain: Line | None = Field(
        None,
        description="Folder of a finished design, such as results/small: training begins with its weights and keeps "
        "ports, formats and latency.",
    )
    keep: Keep | None = Field(
        None,
        description="With retrain: structure keeps the structure too, so that tables alone change; default: interface.",
    )

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if self.keep is not None and self.retrain is None:
            raise ValueError("keep: only with retrain, found without")
        return self

    @model_serializer(mode="wrap")
    def _without_retrain(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what concerns no design but those that are trained again."""
        return {key: v for key, v in handler(self).items() if v is not None or key not in OPTIONAL_KEYS}


class Budget(StrictModel):
    """config/budget.yaml: the file that the user edits."""

    data_set: Name = Field(description="Name of a description in config/data_sets/, without .yaml.")
    target: Name = Field(description="Name of a target in config/targets.yaml.")
    seed: int = Field(1, ge=0, lt=2**31, description="Seed of initialization and shuffling.")
    network: NetworkShape
    training: Training = Training()
    verification: VerificationOptions = VerificationOptions()
    release: ReleaseOptions = ReleaseOptions()
    designs: dict[DesignName, DesignBudget] = Field(
        default_factory=dict,
        min_length=1,
        description="Designs by name. Each must meet its budget, or the workflow fails. Optional with a scan.",
    )
    scan: Scan | None = Field(
        None,
        description="More designs, at all combinations of lists; they are compared on a page and not judged.",
    )

    drift: list[Name] = Field(
        [],
        description="Names of other data sets in config/data_sets/ with the same features. The workflow runs each "
        "through the frozen network of each design and compares it with the training data. It fails nothing.",
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.designs and self.scan is None:
            raise ValueError("expected designs, a scan, or both, found neither")
        return self

    @model_validator(mode="after")
    def _releases_can_be_told_apart(self) -> Self:
        if problems := release_problems(self.release, self.designs):
            raise ValueError("; ".join(problems))
        return self

    @property
    def points(self) -> dict[str, Point]:
        """The designs of the scan by name; empty without one."""
        if self.scan is None:
            return {}
        return {point.name: point for point in scans.points(self.scan, self.network, seed=self.seed)}


class Spec(StrictModel):
    """results/<design>/spec.json: one design with everything spelled out."""

    schema_version: Literal[2] = 2
    design: DesignName
    data_set: Name
    target_name: Name
    target: Target
    seed: int
    network: NetworkShape
    training: Training
    budget: DesignBudget
    warm_from: Name | None = Field(None, description="Design of the scan that training starts from; null: none.")
    function_sha256: str | None = Field(None, description="Of the file of network.builder in the working directory.")
    model_sha256: str | None = Field(None, description="Of the file network.keras_file.")
    frozen: FrozenInterface | None = Field(None, description="Interface that is kept; null: training chooses it.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if problems := impossible(self.budget, self.target):
            raise ValueError("; ".join(problems))
        return self

    @property
    def latency_cycles_budget(self) -> int:
        """Whole clock cycles within the latency budget; of a frozen interface its cycles."""
        if self.frozen is not None:
            return self.frozen.latency_cycles
        return int(self.budget.latency_ns / self.target.clock_period_ns + 1e-9)

    @property
    def keeps_structure(self) -> bool:
        """True where training changes the content of tables alone."""
        return self.frozen is not None and self.frozen.keep == "structure"


def impossible(budget: DesignBudget, target: Target) -> list[str]:
    """List values of a budget that no design can meet on a target.

    Parameters
    ----------
    budget : DesignBudget
        Resources and latency to check.
    target : Target
        Clock, allowed latency and resources of the device. A limit that is null is not checked.

    Returns
    -------
    list of str
        Problems; each begins with the key of the value.
    """
    problems = []
    if budget.latency_ns < target.clock_period_ns:
        problems.append(
            f"latency_ns: {budget.latency_ns} is less than one clock period of the target "
            f"({target.clock_period_ns:.3g} ns at {target.clock_mhz:g} MHz)"
        )
    if target.latency_allowed_ns is not None and budget.latency_ns > target.latency_allowed_ns:
        problems.append(f"latency_ns: {budget.latency_ns} is more than the target allows ({target.latency_allowed_ns})")
    for key, cycles in (("ii", budget.ii), ("input_cycles", budget.input_cycles or 1)):
        if cycles > target.cycles_between_events:
            problems.append(
                f"{key}: {cycles} is more than the {target.cycles_between_events} cycles between two events of the "
                f"target ({target.event_period_ns:g} ns at {target.clock_mhz:g} MHz)"
            )
    for key in ("luts", "dsp", "bram18"):
        total = getattr(target.totals, key)
        if total is not None and getattr(budget, key) > total:
            problems.append(f"{key}: {getattr(budget, key)} is more than {target.part} has ({total})")
    return problems


def load_targets(path: Path) -> dict[str, Target]:
    """Read the file of targets.

    Parameters
    ----------
    path : Path
        YAML file with targets by name.

    Returns
    -------
    dict of str to Target
        Targets by name.

    Raises
    ------
    ConfigurationError
        If the file has mistakes; the message lists all of them.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(f"{path}: expected targets by name, found {shown(content)}")
    targets: dict[str, Target] = {}
    mistakes: list[str] = []
    for name, entry in content.items():
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError:
            mistakes.append(f"{name!r}: {NAME_EXPECTED}. Rename the target")
            continue
        try:
            targets[name] = checked(Target, entry)
        except ValidationError as error:
            mistakes += [f"{name}.{line}" for line in explain(error, Target)]
    if mistakes:
        raise refused(path, mistakes)
    return targets


def load_budget(path: Path, targets_path: Path) -> tuple[Budget, Target]:
    """Read the budget file and its target.

    Parameters
    ----------
    path : Path
        Budget file (YAML).
    targets_path : Path
        File of targets (YAML).

    Returns
    -------
    Budget
        The content of the budget file, with defaults.
    Target
        The target that it names.

    Raises
    ------
    ConfigurationError
        If a file has mistakes; the message lists all of them with their dotted paths.
    """
    targets = load_targets(targets_path)
    content, mistakes = with_present_keys(read_yaml(path), BUDGET, path=path)
    budget = None
    try:
        budget = checked(Budget, content)
    except ValidationError as error:
        mistakes += explain(error, Budget)
    # What the models cannot know is looked for even in a file with other mistakes, so that one run shows them all.
    keys = content if isinstance(content, dict) else {}
    name, designs = keys.get("target"), keys.get("designs")
    designs = designs if isinstance(designs, dict) else {}
    scan = _sound_scan(keys["scan"], targets.get(str(name))) if isinstance(keys.get("scan"), dict) else None
    if isinstance(name, str) and name not in targets:
        mistakes.append(f"target: {targets_path} has no {name!r}{nearest(name, targets)}")
    elif isinstance(name, str):
        for design, entry in designs.items():
            wanted = _sound_part(entry, targets[name])
            mistakes += [f"designs.{design}.{problem}" for problem in impossible(wanted, targets[name])]
        mistakes += _impossible_in_scan(scan, targets[name])
    if scan is not None:
        seed = keys.get("seed", 1)
        network = _sound_network(keys.get("network"))
        mistakes += scans.mistakes(scan, network, seed=seed if isinstance(seed, int) else 1, designs=designs)
    for design, other in same_in_code(designs):
        mistakes.append(
            f"designs.{design}: the same as {other!r} in names of modules and files, where case does not count and '-' "
            "is '_'. Rename one of them"
        )
    if mistakes or budget is None:
        raise refused(path, mistakes)
    return budget, targets[budget.target]


def _sound_network(content: Any) -> NetworkShape | None:
    """Return the network; None where it is missing or mistaken."""
    with contextlib.suppress(ValidationError):
        return checked(NetworkShape, content)
    return None


def _sound_scan(content: dict[str, Any], target: Target | None) -> Scan:
    """Return a scan in which possible values replace the lists that are mistakes in themselves."""
    sound: dict[str, Any] = {"luts": [1], "latency_ns": [target.clock_period_ns if target else 1.0]}
    for key, value in content.items():
        with contextlib.suppress(ValidationError):
            checked(Scan, {**sound, key: value})
            sound[key] = value
    return checked(Scan, sound)


def _impossible_in_scan(scan: Scan | None, target: Target) -> list[str]:
    """List values of the scan's lists that no design can meet."""
    if scan is None:
        return []
    possible = {"luts": 1, "latency_ns": target.clock_period_ns}
    return [
        f"scan.{key}.{n}: {problem.removeprefix(key + ': ')}"
        for key in possible
        for n, value in enumerate(getattr(scan, key))
        for problem in impossible(DesignBudget.model_validate({**possible, key: value}), target)
    ]


def _sound_part(entry: Any, target: Target) -> DesignBudget:
    """Return a design's budget in which possible values replace those that are mistakes in themselves."""
    sound: dict[str, Any] = {"luts": 1, "latency_ns": target.clock_period_ns}
    for key, value in entry.items() if isinstance(entry, dict) else ():
        with contextlib.suppress(ValidationError):
            checked(DesignBudget, {**sound, key: value})
            sound[key] = value
    return checked(DesignBudget, sound)


def load_design(
    design: str, budget: str | Path = "config/budget.yaml", *, targets: str | Path = "config/targets.yaml"
) -> Spec:
    """Read one design of a budget file.

    Parameters
    ----------
    design : str
        Name of the design, or of a point of the scan.
    budget, targets : str or Path
        The budget file and the file of targets.

    Returns
    -------
    Spec
        The design with its target and all defaults.

    Raises
    ------
    ConfigurationError
        If a file has mistakes (all of them are listed) or there is no such design.
    """
    return resolve(*load_budget(Path(budget), Path(targets)), design=design)


def resolve(budget: Budget, target: Target, *, design: str) -> Spec:
    """Return one design with its target and all defaults.

    Parameters
    ----------
    budget : Budget
        The budget file.
    target : Target
        The target that it names.
    design : str
        Name of the design, or of a point of the scan.

    Returns
    -------
    Spec
        The design. One that starts from another design has fewer epochs and a smaller learning rate.

    Raises
    ------
    ConfigurationError
        If there is no such design, or no finished one to be trained again.
    """
    points = budget.points
    if design in budget.designs:
        asked, network, seed, warm_from = budget.designs[design], budget.network, budget.seed, None
    elif design in points:
        point = points[design]
        asked = DesignBudget.model_validate({"luts": point.luts, "latency_ns": point.latency_ns})
        network, seed, warm_from = point.network, point.seed, point.warm_from
    else:
        raise ConfigurationError(f"no design {design!r}{nearest(design, [*budget.designs, *points])}")
    frozen = None if asked.retrain is None else read_frozen(asked.retrain, asked.keep or "interface")
    return Spec(
        design=design,
        data_set=budget.data_set,
        target_name=budget.target,
        target=target,
        seed=seed,
        network=network,
        training=budget.training if warm_from is None and frozen is None else _after_warm_start(budget.training),
        budget=asked,
        warm_from=warm_from,
        function_sha256=function_digest(network),
        model_sha256=model_digest(network),
        frozen=frozen,
    )


def _after_warm_start(training: Training) -> Training:
    """Epochs and learning rate of a training that does not begin from scratch."""
    epochs = max(round(scans.WARM_EPOCHS * (training.epochs or EPOCHS)), LEAST_EPOCHS)
    return training.model_copy(update={"epochs": epochs, "learning_rate": scans.WARM_RATE * training.learning_rate})
