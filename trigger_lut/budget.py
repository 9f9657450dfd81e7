"""What may be asked for: the budget file, the trigger targets, and the resolved specification of one design."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from trigger_lut.cards import Strict
from trigger_lut.errors import ConfigurationError, nearest

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Positive = Annotated[int, Field(gt=0)]
AnyModel = TypeVar("AnyModel", bound=Strict)


class DeviceTotals(Strict):
    """What a whole device holds; null where no source was found."""

    luts: Positive | None = None
    ff: Positive | None = None
    dsp: Positive | None = None
    bram18: Positive | None = None
    uram: Positive | None = None


class Target(Strict):
    """A place in a trigger that a network is built for."""

    description: str = Field(description="The system and the part of it that the network runs in.")
    part: str = Field(description="FPGA part number.")
    family: Literal["xcup", "xcu", "xc7"] = Field(description="Family as Yosys' synth_xilinx names it.")
    clock_mhz: float = Field(gt=0, le=1000, description="Clock of the firmware.")
    latency_allowed_ns: float | None = Field(gt=0, description="Latency the trigger allows; null where not found.")
    event_period_ns: float = Field(gt=0, description="Time between two events at the input.")
    totals: DeviceTotals = Field(description="Resources of the whole device.")
    source: str = Field(description="Where these facts come from.")

    @property
    def clock_period_ns(self) -> float:
        return 1000.0 / self.clock_mhz


class NetworkShape(Strict):
    """The layers of the network."""

    units: list[Annotated[int, Field(gt=0, le=1024)]] = Field(
        min_length=1, description="Outputs of each LUTDense layer; the last is the number of classes."
    )
    batch_norm: bool = Field(True, description="Batch normalisation of edge outputs in all layers but the last.")
    hidden_width: int = Field(8, ge=1, le=16, description="Hidden units H of the small network behind each edge.")
    max_input_bits: int = Field(6, ge=1, le=10, description="Largest address width of an edge; 6 bits fill one LUT.")


class Training(Strict):
    """How long and in what steps to train. There is no penalty weight: the controller finds it."""

    epochs: int = Field(default=300, ge=4, le=1_000_000, description="Passes over the training split.")
    batch_size: int = Field(default=4096, ge=1, description="Events a step.")
    learning_rate: float = Field(
        default=0.01, gt=0, le=1, description="Largest learning rate; it decays along a cosine."
    )


class DesignBudget(Strict):
    """What one design may use."""

    luts: Positive = Field(description="6-input LUTs after synthesis.")
    latency_ns: float = Field(gt=0, description="From valid input to valid output at the target's clock.")
    ii: Literal[1] = Field(1, description="Initiation interval in cycles; the firmware is fully pipelined.")
    dsp: int = Field(0, ge=0, description="DSP slices.")
    bram18: int = Field(0, ge=0, description="18 Kb block RAMs.")


class Budget(Strict):
    """config/budget.yaml: the file that the user edits."""

    data_set: Name = Field(description="Name of a description in config/data_sets/, without .yaml.")
    target: Name = Field(description="Name of a target in config/targets.yaml.")
    seed: int = Field(1, ge=0, lt=2**31, description="Seed of initialisation and shuffling.")
    network: NetworkShape
    training: Training = Training()
    designs: dict[Name, DesignBudget] = Field(min_length=1, description="Designs by name.")


class Spec(Strict):
    """results/<design>/spec.json: one design with everything spelled out."""

    schema_version: Literal[1] = 1
    design: Name
    data_set: Name
    target_name: Name
    target: Target
    seed: int
    network: NetworkShape
    training: Training
    budget: DesignBudget

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if problems := impossible(self.budget, self.target):
            raise ValueError("; ".join(problems))
        return self

    @property
    def latency_cycles_budget(self) -> int:
        """Whole clock cycles within the latency budget."""
        return int(self.budget.latency_ns / self.target.clock_period_ns + 1e-9)


def impossible(budget: DesignBudget, target: Target) -> list[str]:
    """What no design could meet on this target; each entry begins with the key."""
    problems = []
    if budget.latency_ns < target.clock_period_ns:
        problems.append(
            f"latency_ns: {budget.latency_ns} is less than one clock period of the target "
            f"({target.clock_period_ns:.3g} ns at {target.clock_mhz:g} MHz)"
        )
    if target.latency_allowed_ns is not None and budget.latency_ns > target.latency_allowed_ns:
        problems.append(f"latency_ns: {budget.latency_ns} is more than the target allows ({target.latency_allowed_ns})")
    for key in ("luts", "dsp", "bram18"):
        total = getattr(target.totals, key)
        if total is not None and getattr(budget, key) > total:
            problems.append(f"{key}: {getattr(budget, key)} is more than {target.part} has ({total})")
    return problems


def read_yaml(path: Path) -> Any:
    """Parse a YAML or JSON file. Raises ConfigurationError when it cannot be read or parsed, or holds a key twice."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not valid YAML: {error}") from error


class _UniqueKeys(yaml.SafeLoader):
    """YAML's loader keeps the last of two equal keys without a word; this one refuses. It reads 1e-3 as a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a name", key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1, which PyYAML follows, takes numbers such as 1e-3 (no point) for text.
_UniqueKeys.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def explain(error: ValidationError, model: type[Strict]) -> list[str]:
    """Every mistake of a validation as 'dotted.path: what is wrong', unknown keys with the nearest valid ones."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"] if part != "[key]") or "the whole file"
        if item["type"] == "extra_forbidden":
            known = _keys_at(model, item["loc"][:-1])
            lines.append(f"{where}: unknown key{nearest(str(item['loc'][-1]), known)}")
        elif item["type"] == "missing":
            lines.append(f"{where}: missing")
        elif item["type"] == "value_error":
            text = str(item["ctx"]["error"])
            named = "found" in text or repr(item["input"]) in text
            lines.append(f"{where}: {text}" + ("" if named else f", found {_shown(item['input'])}"))
        else:
            lines.append(f"{where}: {_expected(item, str(item['loc'][-1:]))}, found {_shown(item['input'])}")
    return lines


# What was expected, by pydantic's type of error; the braces are filled from the error's context.
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "{min_length} or more entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "text",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
_UNITS = ("ns", "mhz", "gev", "tev")


def _expected(item: Any, key: str) -> str:
    if item["type"] == "string_pattern_mismatch":
        return "expected a name of letters, digits, '_' and '-'"
    if item["type"] not in _EXPECTED:
        return str(item["msg"]).replace("Input should be", "expected")
    limits = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in item.get("ctx", {}).items()}
    text = "expected " + _EXPECTED[item["type"]].format(**limits)
    unit = key.strip("(),'").rsplit("_", 1)[-1]
    if item["type"] == "float_type" and unit in _UNITS:
        text += f" (in {unit}, without the unit)"
    return text


def _shown(value: Any) -> str:
    """A value as YAML would have it, shortened."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys_at(model: type[Strict], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that a mapping of the model may have, by the path to it."""
    schema: dict[str, Any] = model.model_json_schema()

    def follow(found: Any) -> dict[str, Any]:
        node: dict[str, Any] = found if isinstance(found, dict) else {}
        for option in node.get("anyOf", []):
            if "$ref" in option or "properties" in option:
                node = option
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return node

    node = schema
    for part in loc:
        node = follow(node)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            patterns = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
            node = node.get("properties", {}).get(part) or patterns[0] or {}
    return [str(key) for key in follow(node).get("properties", {})]


def checked(model: type[AnyModel], content: Any) -> AnyModel:
    """Parsed YAML as a model, types strictly: no number in quotes, no true for 1. Raises ValidationError."""
    return model.model_validate_json(json.dumps(content, default=str), strict=True)


def validate(model: type[AnyModel], content: Any, path: Path) -> AnyModel:
    """Check parsed YAML against a model. Raises ConfigurationError that lists every mistake at once."""
    try:
        return checked(model, content)
    except ValidationError as error:
        raise refused(path, explain(error, model)) from error


def refused(path: Path, mistakes: list[str]) -> ConfigurationError:
    """The error that lists all mistakes of a file."""
    count = f"{len(mistakes)} mistake" + ("s" if len(mistakes) != 1 else "")
    return ConfigurationError(f"{path}: {count}\n  " + "\n  ".join(mistakes))


def load_targets(path: Path) -> dict[str, Target]:
    """Targets by name. Raises ConfigurationError."""
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(f"{path}: expected targets by name, found {_shown(content)}")
    targets: dict[str, Target] = {}
    mistakes: list[str] = []
    for name, entry in content.items():
        try:
            targets[str(name)] = checked(Target, entry)
        except ValidationError as error:
            mistakes += [f"{name}.{line}" for line in explain(error, Target)]
    if mistakes:
        raise refused(path, mistakes)
    return targets


def load_budget(path: Path, targets_path: Path) -> tuple[Budget, Target]:
    """The budget file and its target. Raises ConfigurationError that lists every mistake with its dotted path."""
    targets = load_targets(targets_path)
    content = read_yaml(path)
    mistakes: list[str] = []
    budget = None
    try:
        budget = checked(Budget, content)
    except ValidationError as error:
        mistakes += explain(error, Budget)
    # What the models cannot know is looked for even in a file with other mistakes, so that one run shows them all.
    held = content if isinstance(content, dict) else {}
    name, designs = held.get("target"), held.get("designs")
    if isinstance(name, str) and name not in targets:
        mistakes.append(f"target: {targets_path} has no {name!r}{nearest(name, targets)}")
    elif isinstance(name, str) and isinstance(designs, dict):
        for design, entry in designs.items():
            wanted = _sound_part(entry, targets[name])
            mistakes += [f"designs.{design}.{problem}" for problem in impossible(wanted, targets[name])]
    if mistakes or budget is None:
        raise refused(path, mistakes)
    return budget, targets[budget.target]


def _sound_part(entry: Any, target: Target) -> DesignBudget:
    """A design's budget without the values that are mistakes in themselves: possible ones stand in for these."""
    sound: dict[str, Any] = {"luts": 1, "latency_ns": target.clock_period_ns}
    for key, value in entry.items() if isinstance(entry, dict) else ():
        with contextlib.suppress(ValidationError):
            checked(DesignBudget, {**sound, key: value})
            sound[key] = value
    return checked(DesignBudget, sound)


def resolve(budget: Budget, target: Target, design: str) -> Spec:
    """One design with defaults and target spelled out. Raises ConfigurationError for an unknown design."""
    if design not in budget.designs:
        raise ConfigurationError(f"no design {design!r}{nearest(design, budget.designs)}")
    return Spec(
        design=design,
        data_set=budget.data_set,
        target_name=budget.target,
        target=target,
        seed=budget.seed,
        network=budget.network,
        training=budget.training,
        budget=budget.designs[design],
    )
