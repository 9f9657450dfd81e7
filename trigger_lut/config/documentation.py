"""Documentation of the configuration files, made from the models that check them."""

from __future__ import annotations

import json
from typing import Any

from trigger_lut.config.data_set.functions import FUNCTIONS
from trigger_lut.config.schema import schema_of

_REDUCTIONS = ", ".join(f"`{name}`" for name, function in FUNCTIONS.items() if function.reduces)
_OTHERS = ", ".join(f"`{name}`" for name, function in FUNCTIONS.items() if not function.reduces)
EXPRESSIONS = (
    "Expressions (features, label, cut) hold numbers, branch names, `+ - * / % **`, comparisons, `x[condition]` and "
    "`x[:, 3]`. `& | ~` take truth values, and `& | << >>` the bits of integers. `==` and `!=` compare a branch with "
    f"text in quotes. The functions are {_OTHERS}. A branch with a list per entry is reduced to one number by "
    f"{_REDUCTIONS}. `nth(x, n)` counts from 0. If the list is too short, `nth(x, n, other)` gives `other`. "
    '`nth(x, n)`, `min` and `max` give NaN then. Write `branch("Jet.PT")` if a name is not an identifier, and the '
    'complete path, `branch("a/v")`, if two objects have branches of one name.'
)
NAMES = (
    "The name of a design becomes part of names in Verilog, VHDL and C++. It has letters, digits, and single `_` or "
    "`-`, at most 64 characters. It begins with a letter and does not end with `_` or `-`. It is no reserved word of "
    "VHDL. Names of two designs must differ by more than case, or `-` instead of `_`. Other names are one line of "
    "printable characters. Put a name that YAML reads as something else, such as `on` or `007`, in quotes."
)

FILES = {
    "budget": (
        "config/budget.yaml",
        f"What you ask for. `trigger-lut` refuses unknown keys and impossible values.\n\n{NAMES}",
    ),
    "data-set": (
        "config/data_sets/<name>.yaml",
        f"Which events, which features, in which hardware formats.\n\n{EXPRESSIONS}",
    ),
    "targets": ("config/targets.yaml", "Places in a trigger that a network can be built for, by name."),
}


def documentation() -> str:
    """Return the configuration files as Markdown tables: every key with its type, default and meaning."""
    lines = ["# Configuration", "", "Made from the models that check these files: `trigger-lut schema documentation`."]
    for file, (path, lead) in FILES.items():
        schema = schema_of(file)
        lines += ["", f"## {path}", "", lead, "", "| key | value | default | meaning |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in _rows("", schema, schema["$defs"], {})]
    return "\n".join(lines) + "\n"


def _rows(
    prefix: str, node: dict[str, Any], definitions: dict[str, Any], shown: dict[str, str]
) -> list[tuple[str, str, str, str]]:
    """(key, value, default, meaning) of every key below a mapping of the schema.

    shown: the key under which each definition was spelled out already; elsewhere the table refers to it.
    """
    entries = {key: (entry, key in node.get("required", [])) for key, entry in node.get("properties", {}).items()}
    if by_name := _by_name(node):
        entries["<name>"] = (by_name, True)
    rows = []
    for key, (entry, required) in entries.items():
        path = f"{prefix}{key}"
        default = "required" if required else f"`{json.dumps(entry['default'])}`" if "default" in entry else ""
        below = {name: definitions[name] for name in _references(entry)}
        meaning = entry.get("description") or " ".join(d.get("description", "").split("\n")[0] for d in below.values())
        again = [name for name in below if name in shown]
        meaning = " ".join([meaning, *(f"Keys as of `{shown[name]}`." for name in again)])
        rows.append((f"`{path}`", _type(entry), default, meaning.replace("|", "\\|")))
        inside = "[]" if _is_list(entry) else ""
        for name, definition in below.items():
            if name not in again:
                shown[name] = path + inside
                rows += _rows(f"{path}{inside}.", definition, definitions, shown)
        for option in [entry, *entry.get("anyOf", [])]:
            if by_name := _by_name(option):
                rows += _rows(path + ".", {"additionalProperties": by_name}, definitions, shown)
    return rows


def _is_list(entry: dict[str, Any]) -> bool:
    return any("items" in option for option in [entry, *entry.get("anyOf", [])])


def _by_name(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the values under names that the user chooses, if a mapping has such."""
    schema = [*entry.get("patternProperties", {}).values(), entry.get("additionalProperties")][0]
    return schema if isinstance(schema, dict) else None


def _references(entry: dict[str, Any]) -> list[str]:
    """Names of the definitions that an entry, its options or its items refer to."""
    options = [entry, *entry.get("anyOf", [])]
    items = [option["items"] for option in options if isinstance(option.get("items"), dict)]
    options += [option for item in items for option in (item, *item.get("anyOf", []))]
    return [option["$ref"].rsplit("/", 1)[1] for option in options if "$ref" in option]


_TYPES = {"string": "text", "boolean": "true or false", "null": "null", "object": "mapping"}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def _type(entry: dict[str, Any]) -> str:
    if "anyOf" in entry:
        return ", or ".join(_type(option) for option in entry["anyOf"] if option.get("type") != "null")
    if "$ref" in entry:
        return "mapping"
    if "const" in entry:
        return f"`{json.dumps(entry['const'])}`"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if entry.get("type") == "array":
        if "prefixItems" in entry:
            return "list of " + ", ".join(_type(item) for item in entry["prefixItems"])
        return "list of " + _type(entry.get("items", {}))
    limits = [f"{words} {entry[key]}" for key, words in _LIMITS.items() if key in entry]
    kind = str(entry.get("type", "mapping"))
    return ", ".join([_TYPES.get(kind, kind), *limits])
