"""YAML files that people edit: refused with the place where they say something else than it seems.

PyYAML follows YAML 1.1. There `on` is a truth value, `007` and `1:30` are other numbers, and the last of two equal
keys counts. A few lines of aliases can represent more values than any memory holds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from trigger_lut.errors import ConfigurationError, visible

MOST_BYTES = 1_000_000
MOST_LEVELS = 40
MOST_VALUES = 50_000  # with every alias written out

_TAG = "tag:yaml.org,2002:"
_KINDS = {"bool": "true or false", "int": "a number", "float": "a number", "null": "no value", "timestamp": "a date"}
_KNOWN = ("str", "int", "float", "bool", "null", "seq", "map")


def read_yaml(path: Path) -> Any:
    """Parse a YAML or JSON file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict, list, str, int, float, bool or None
        The content; keys are text.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is too large, or is no YAML. If a key occurs twice or is no text, or YAML reads a
        value as something else. If aliases expand to more than MOST_VALUES values.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(
                f"{path}: expected at most {MOST_BYTES:,} bytes, found {path.stat().st_size:,}. "
                "Long lists of ROOT files go into a text file, as @list.txt"
            )
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not valid YAML: 'utf-8' codec: byte {error.start} is not UTF-8") from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        return loader.construct_document(node)
    except _RefusedError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:  # PyYAML's constructors
        raise ConfigurationError(f"{path}: not valid YAML: {_reason(error)}") from error


class _RefusedError(Exception):
    """Valid YAML that is refused; the message begins with the place."""


class _Loader(yaml.SafeLoader):
    """Bounds levels and values while it composes. It reads 1e-3 as a number."""

    levels = values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.levels, self.values = self.levels + 1, self.values + 1
        if self.levels > MOST_LEVELS or self.values > MOST_VALUES:
            what = f"{MOST_LEVELS} levels" if self.levels > MOST_LEVELS else f"{MOST_VALUES:,} values"
            raise _RefusedError(f"line {self.line + 1}: expected at most {what}")
        node = super().compose_node(parent, index)
        self.levels -= 1
        return node


# YAML 1.1 takes numbers such as 1e-3 (no point) for text.
_Loader.add_implicit_resolver(
    _TAG + "float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _check(root: yaml.Node) -> None:
    """Raise _RefusedError for all that is refused. Each node is checked once, at the first place that it has."""
    mistakes: list[str] = []
    sizes: dict[int, int] = {}  # values that a node represents; 0 while those within it are counted
    todo = [(root, "", False)]
    while todo:
        node, place, done = todo.pop()
        if done:
            size = 1 + sum(sizes[id(child)] for _, child in _children(node, place))
            if size > MOST_VALUES:
                raise _RefusedError(
                    f"{_at(place, node)}: aliases expand to more than {MOST_VALUES:,} values. Use fewer aliases"
                )
            sizes[id(node)] = size
        elif id(node) not in sizes:
            mistakes += _mistakes(node, place)
            sizes[id(node)] = 0
            todo.append((node, place, True))
            todo += [(child, inner, False) for inner, child in _children(node, place)]
        elif sizes[id(node)] == 0:
            raise _RefusedError(f"{_at(place, node)}: an alias refers to a value that contains it. Write the value out")
    if mistakes:
        head = "" if len(mistakes) == 1 else f"{len(mistakes)} mistakes\n  "
        raise _RefusedError(head + "\n  ".join(mistakes))


def _children(node: yaml.Node, place: str) -> list[tuple[str, yaml.Node]]:
    above = f"{place}." if place else ""
    if isinstance(node, yaml.MappingNode):
        return [(f"{above}{key.value}", value) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [(f"{above}{n}", value) for n, value in enumerate(node.value)]
    return []


def _mistakes(node: yaml.Node, place: str) -> list[str]:
    """Return what one node says otherwise than it seems, as 'place: problem. What to do'."""
    tag, at = node.tag.removeprefix(_TAG), _at(place, node)
    if tag not in _KNOWN:
        return [f"{at}: {_said(node)} is read as {_KINDS.get(tag, tag)}. {_quotes(node)}"]
    if isinstance(node, yaml.MappingNode):
        return _mistaken_keys(node, place)
    if not isinstance(node, yaml.ScalarNode):
        return []
    if tag in ("int", "float") and re.match(r"[-+]?0[0-9_]|.*:", node.value):
        return [
            f"{at}: {_said(node)} is read as another number, of base 8 or 60. Write it without zeros in front and "
            "without colons, or in quotes where it is a name"
        ]
    broken = any("\ud800" <= c <= "\udfff" for c in node.value)
    return [f"{at}: {_said(node)} holds half of a character"] if broken else []


def _mistaken_keys(node: yaml.MappingNode, place: str) -> list[str]:
    names, mistakes = set(), []
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(f"not valid YAML: {_at(place, key)}: a key must be a name")
            continue
        at, tag = _at(f"{place}.{key.value}" if place else key.value, key), key.tag.removeprefix(_TAG)
        if tag == "merge":
            mistakes.append(f"{at}: merging with the key << is not supported. Write the keys out")
        elif tag != "str":
            mistakes.append(
                f"{at}: the key {_said(key)} is read as {_KINDS.get(tag, tag)}, expected a name. {_quotes(key)}, or "
                "choose another name"
            )
        elif key.value in names:
            mistakes.append(f"not valid YAML: {at}: key {_said(key)} occurs twice")
        else:
            names.add(key.value)
    return mistakes


def _at(place: str, node: yaml.Node) -> str:
    return f"{visible(place) or 'the whole file'} (line {node.start_mark.line + 1})"


def _said(node: yaml.Node) -> str:
    text = repr(node.value) if isinstance(node, yaml.ScalarNode) else node.tag
    return text if len(text) <= 60 else text[:57] + "..."


def _quotes(node: yaml.Node) -> str:
    return f"Write it in quotes: {_said(node)}" if isinstance(node, yaml.ScalarNode) else "Leave the tag out"


def _reason(error: Exception) -> str:
    """Return what PyYAML says, in one line, with line and column."""
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error) or type(error).__name__
    where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    return where + " ".join(str(reason).split())
