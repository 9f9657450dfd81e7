"""How the files that people edit are read and checked: every mistake at once, with its dotted path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, StringConstraints, ValidationError

from trigger_lut.cards import Strict
from trigger_lut.errors import ConfigurationError, nearest

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Positive = Annotated[int, Field(gt=0)]
AnyModel = TypeVar("AnyModel", bound=Strict)


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
            lines.append(f"{where}: {text}" + ("" if named else f", found {shown(item['input'])}"))
        else:
            lines.append(f"{where}: {_expected(item, str(item['loc'][-1:]))}, found {shown(item['input'])}")
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


def shown(value: Any) -> str:
    """A value as YAML would have it, shortened."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys_at(model: type[Strict], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that a mapping of the model may have, by the path to it."""
    schema: dict[str, Any] = model.model_json_schema()

    def follow(found: Any) -> dict[str, Any]:
        node: dict[str, Any] = found if isinstance(found, dict) else {}
        for option in node.get("anyOf", []):
            if {"$ref", "properties", "items", "additionalProperties"} & set(option):
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
            node = node.get("properties", {}).get(str(part)) or patterns[0] or {}
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
