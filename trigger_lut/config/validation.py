"""Check of the files that people edit: all mistakes at once, each with its dotted path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, create_model

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.yaml_file import read_yaml as read_yaml
from trigger_lut.errors import ConfigurationError, nearest, visible
from trigger_lut.utils.identifiers import design_mistake

NAME_EXPECTED = "expected a name of letters, digits, '_' and '-', the first a letter or digit"
LONGEST = 64  # characters of a name that becomes part of names of files and modules
LONGEST_TEXT = 200  # of any other name


def _printable(text: str) -> str:
    """Raise ValueError for line breaks, control characters and characters that change the order of reading."""
    if wrong := next((c for c in text if not c.isprintable()), None):
        raise ValueError(
            f"expected printable characters in one line, found U+{ord(wrong):04X} at position {text.index(wrong)}"
        )
    return text


def _fits_code(name: str) -> str:
    """Raise ValueError where a design's name is not possible in names of modules and entities."""
    if mistake := design_mistake(name):
        raise ValueError(mistake)
    return name


Name = Annotated[str, Field(max_length=LONGEST), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
DesignName = Annotated[Name, AfterValidator(_fits_code)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_printable)]
"""A name for people, such as that of a class or a feature: one line of printable characters."""
Line = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
"""A sentence for people, or the name of a file, a tree or a branch."""
Positive = Annotated[int, Field(gt=0)]
AnyModel = TypeVar("AnyModel", bound=StrictModel)


def explain(error: ValidationError, model: type[StrictModel]) -> list[str]:
    """Every mistake of a validation as 'dotted.path: what is wrong', unknown keys with the nearest valid ones."""
    lines = []
    for item in _by_one_branch(error.errors()):
        where = visible(".".join(str(part) for part in item["loc"] if part != "[key]")) or "the whole file"
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
            quotes = item["type"] == "string_type" and isinstance(item["input"], bool | int | float)
            lines.append(
                f"{where}: {_expected(item, str(item['loc'][-1:]))}, found {shown(item['input'])}"
                + (". Write it in quotes" if quotes else "")
            )
    return lines


def _by_one_branch(errors: list[Any]) -> list[Any]:
    """Return errors without pydantic's names of the branches of a union.

    Of branches that fail, those that fail within the value are the ones that were meant. If all refuse the value
    itself, one error states them together.
    """
    groups: dict[Any, list[Any]] = {}
    for number, item in enumerate(errors):
        at = next((n for n, part in enumerate(item["loc"]) if _BRANCH.match(str(part))), None)
        groups.setdefault(number if at is None else item["loc"][:at], []).append((at, item))
    chosen: list[Any] = []
    for group in groups.values():
        inner = [(at, item) for at, item in group if at is not None and len(item["loc"]) > at + 1]
        for at, item in inner or group[:1]:
            loc = item["loc"] if at is None else (*item["loc"][:at], *item["loc"][at + 1 :])
            chosen.append({**item, "loc": loc})
        if not inner and len(group) > 1:
            texts = [_expected(item, "").removeprefix("expected ") for _, item in group]
            chosen[-1] |= {"type": "union", "msg": f"expected {' or '.join(texts)}"}
    return chosen


_BRANCH = re.compile(r"(?:list|dict|tuple|set|literal|function-\w+|constrained-\w+|nullable)\[")
"""Names that pydantic gives to branches of a union."""

# What was expected, by pydantic's type of error; the braces are filled from the error's context.
_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
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
    "string_too_long": "at most {max_length} characters",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
_UNITS = ("ns", "mhz", "gev", "tev")


def _expected(item: Any, key: str) -> str:
    if item["type"] == "string_pattern_mismatch":
        return NAME_EXPECTED.replace("'_'", "'.', '_'" if "." in item["ctx"]["pattern"] else "'_'")
    if item["type"] not in _EXPECTED:
        return str(item["msg"]).replace("Input should be", "expected")
    limits = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in item.get("ctx", {}).items()}
    text = "expected " + _EXPECTED[item["type"]].format(**limits)
    unit = key.strip("(),'").rsplit("_", 1)[-1]
    if item["type"] == "float_type" and unit in _UNITS:
        text += f" (in {unit}, without the unit)"
    return text


def shown(value: Any) -> str:
    """Return a value as YAML writes it, shortened to 80 characters."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys_at(model: type[StrictModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a mapping of the model may have, by the path to it."""
    schema: dict[str, Any] = model.model_json_schema()

    def follow(content: Any) -> dict[str, Any]:
        node: dict[str, Any] = content if isinstance(content, dict) else {}
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
    """Check parsed YAML against a model, with strict types. Raises pydantic's ValidationError."""
    return model.model_validate_json(json.dumps(content, default=str), strict=True)


def validate(model: type[AnyModel], content: Any, *, path: Path) -> AnyModel:
    """Check parsed YAML against a model. Raises ConfigurationError that lists every mistake at once."""
    try:
        return checked(model, content)
    except ValidationError as error:
        raise refused(path, explain(error, model)) from error


def read_block(path: Path, key: str, *, model: type[AnyModel]) -> AnyModel:
    """Read one block of a YAML file, and leave the others alone.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        Key of the block.
    model : type
        Model of the block.

    Returns
    -------
    AnyModel
        The block.

    Raises
    ------
    ConfigurationError
        If the file has no such block, or an invalid one.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or key not in content:
        raise ConfigurationError(f"{path}: {key}: missing. Expected a block with the parameters of the simulation")
    block = create_model("Block", __base__=StrictModel, **{key: (model, ...)})  # type: ignore[call-overload]
    content_read: AnyModel = getattr(validate(block, {key: content[key]}, path=path), key)
    return content_read


def refused(path: Path, mistakes: list[str]) -> ConfigurationError:
    """Return an error that lists all mistakes of a file.

    Parameters
    ----------
    path : Path
        The file.
    mistakes : list of str
        Mistakes as 'dotted.path: problem'.

    Returns
    -------
    ConfigurationError
        Error with the number of mistakes in its first line.
    """
    count = f"{len(mistakes)} mistake" + ("s" if len(mistakes) != 1 else "")
    return ConfigurationError(f"{path}: {count}\n  " + "\n  ".join(mistakes))
