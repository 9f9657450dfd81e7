"""From the branches of an event to input codes. Needs NumPy alone; a copy lies in releases.

    python inputs.py inputs.json events.txt > codes.txt

A line of events.txt has the branches of inputs.json in order: a number, or the length of a list and its numbers.
A line of codes.txt has a code a channel, or "-" for an event that has none: a value is NaN or infinite and has no
replacement, or lists of the same objects have different lengths.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Mod: np.mod,
}
BITS: dict[type[ast.operator], Any] = {
    ast.BitAnd: np.bitwise_and,
    ast.BitOr: np.bitwise_or,
    ast.LShift: np.left_shift,
    ast.RShift: np.right_shift,
}
COMPARE: dict[type[ast.cmpop], Any] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
ELEMENTWISE = {
    name: getattr(np, name)
    for name in (
        *("log", "log2", "log10", "log1p", "exp", "sqrt", "abs", "floor", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
        *("minimum", "maximum", "arctan2", "hypot", "isnan", "isfinite", "where"),
    )
}
TYPES: dict[str, Any] = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}


class NoCodesError(Exception):
    """The event has no codes."""


def codes_of(described: dict[str, Any], event: dict[str, Any]) -> list[int]:
    """Compute the codes of an event.

    described: content of inputs.json. event: number or one-dimensional array by branch. Raises NoCodesError.
    """
    values = []
    with np.errstate(all="ignore"):
        for text in described["features"]:
            values.append(float(number(expression(text, event))))
        for objects in described["objects"]:
            values += slots(objects, event)
        return [code(channel, np.float32(value)) for channel, value in zip(described["channels"], values, strict=True)]


def slots(objects: dict[str, Any], event: dict[str, Any]) -> list[float]:
    """Select, sort, cut off and pad: the values of all slots, one after the other."""
    columns = [number(expression(text, event)) for text in objects["features"]]
    length = len(columns[0])
    chosen, key = np.ones(length, np.bool_), None
    if objects["select"] is not None:
        chosen = expression(objects["select"], event)
    if objects["sort_by"] is not None:
        key = number(expression(objects["sort_by"], event))
    if any(len(one) != length for one in (*columns, chosen, *([] if key is None else [key]))):
        raise NoCodesError
    places = [n for n in range(length) if chosen[n]]
    if key is not None:
        # sorted() keeps the order of equal keys
        places = sorted(places, key=lambda n: np.inf if np.isnan(key[n]) else -key[n])
    places = places[: objects["count"]]
    values = []
    for slot in range(objects["count"]):
        filled = slot < len(places)
        values += [float(column[places[slot]]) if filled else float(objects["pad"]) for column in columns]
        if objects["mask"]:
            values.append(float(filled))
    return values


def code(channel: dict[str, Any], value: Any) -> int:
    """Scale, round and saturate a 32-bit value."""
    if not np.isfinite(value):
        if channel["replace"] is None:
            raise NoCodesError
        value = np.float32(channel["replace"])
    k, i, f = channel["kif"]
    if channel["lsb"] is None:
        scaled = np.floor(np.float64(value) * 2.0**f)
    else:
        scaled = np.floor(np.float64(value) / channel["lsb"] + (0.5 if channel["half_up"] else 0.0))
    high = (1 << (i + f)) - 1
    return int(min(max(scaled, -high - 1 if k else 0), high))


def number(value: Any) -> Any:
    """Numbers as 64-bit floating point."""
    return np.asarray(value).astype(np.float64)


def floating(value: Any) -> Any:
    """Numbers as 64-bit floating point; truth values as they are."""
    return value if np.asarray(value).dtype == np.bool_ else number(value)


_PARSED: dict[str, ast.expr] = {}


def expression(text: str, event: dict[str, Any]) -> Any:
    """Compute an expression; `functions` of the data set reference lists what they mean."""
    if text not in _PARSED:
        _PARSED[text] = ast.parse(text.strip(), mode="eval").body
    return floating(evaluate(_PARSED[text], event))


def same_length(*values: Any) -> tuple[Any, ...]:
    """Raise NoCodesError for lists of different lengths."""
    if len({len(value) for value in values if np.ndim(value)}) > 1:
        raise NoCodesError
    return values


def evaluate(node: Any, event: dict[str, Any]) -> Any:
    """Compute a node of an expression."""
    if isinstance(node, ast.Constant):
        value: Any = node.value
        return np.bool_(value) if isinstance(value, bool) else np.float64(value)
    if isinstance(node, ast.Name):
        return event[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in BITS:
        return bits(node, event)
    if isinstance(node, ast.BinOp):
        left, right = same_length(*(number(evaluate(one, event)) for one in (node.left, node.right)))
        return np.power(left, right) if isinstance(node.op, ast.Pow) else ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp):
        value = evaluate(node.operand, event)
        if isinstance(node.op, ast.Invert):
            return np.logical_not(value)
        return -number(value) if isinstance(node.op, ast.USub) else number(value)
    if isinstance(node, ast.Compare):
        values = same_length(*(floating(evaluate(one, event)) for one in (node.left, *node.comparators)))
        pairs = zip(node.ops, values, values[1:], strict=False)
        return np.logical_and.reduce([COMPARE[type(op)](a, b) for op, a, b in pairs])
    if isinstance(node, ast.Subscript):
        return subscript(node, event)
    name = node.func.id
    if name == "branch":
        return event[node.args[0].value]
    return function(name, [floating(evaluate(argument, event)) for argument in node.args])


def bits(node: Any, event: dict[str, Any]) -> Any:
    """Compute & | on truth values, and & | << >> on integers of 64 bits."""
    values = []
    for one in (node.left, node.right):
        constant = isinstance(one, ast.Constant) and type(one.value) is int
        values.append(
            np.asarray(one.value, np.int64 if one.value < 1 << 63 else np.uint64) if constant else evaluate(one, event)
        )
    left, right = (np.asarray(value) for value in same_length(*values))
    if left.dtype != np.bool_:
        left, right = (one if one.dtype.kind in "iu" else one.astype(np.int64) for one in (left, right))
        kind = np.uint64 if "u" in (left.dtype.kind, right.dtype.kind) else np.int64
        left, right = left.astype(kind), right.astype(kind)
    return BITS[type(node.op)](left, right)


def subscript(node: Any, event: dict[str, Any]) -> Any:
    """Compute x[condition], x[:, 3], x[:, 0:4] and x[..., 3]."""
    values = evaluate(node.value, event)
    index: Any = node.slice
    if not isinstance(index, ast.Tuple):
        condition = evaluate(index, event)
        same_length(values, condition)
        return values[condition]
    place: Any = index.elts[1]
    if isinstance(place, ast.Slice):
        ends: list[Any] = [place.lower, place.upper]
        return values[slice(*(None if end is None else end.value for end in ends))]
    return nth(values, place.value)


def nth(values: Any, place: Any, *, other: Any = np.nan) -> Any:
    """Element of a list, or another number."""
    return values[int(place)] if int(place) < len(values) else other


def function(name: str, arguments: list[Any]) -> Any:
    """Compute a function of the language."""
    if name in ELEMENTWISE:
        return ELEMENTWISE[name](*same_length(*arguments))
    first = arguments[0]
    if name == "clip":
        return np.minimum(np.maximum(first, arguments[1]), arguments[2])
    if name == "deltaphi":
        return delta_phi(*same_length(*arguments))
    if name == "deltaR":
        eta, phi, other_eta, other_phi = same_length(*arguments)
        return np.hypot(eta - other_eta, delta_phi(phi, other_phi))
    if name == "nth":
        return nth(first, arguments[1], other=arguments[2] if len(arguments) > 2 else np.nan)
    if name == "sort":
        key = number(arguments[-1])
        same_length(first, key)
        return first[sorted(range(len(first)), key=lambda n: np.inf if np.isnan(key[n]) else -key[n])]
    if name in ("num", "count"):
        return len(first)
    if name in ("any", "all"):
        return np.bool_(getattr(first, name)())
    numbers = [float(value) for value in first]
    if name in ("sum", "mean"):
        total = 0.0
        for value in numbers:  # one after the other: numpy.sum adds in another order
            total += value
        return total if name == "sum" else np.float64(total) / len(numbers)
    kept = [value for value in numbers if value == value]
    if not numbers:
        return np.nan
    return (min if name == "min" else max)(kept, default=np.inf if name == "min" else -np.inf)


def delta_phi(a: Any, b: Any) -> Any:
    """Return a - b within [-pi, pi)."""
    return (a - b + np.pi) % (2 * np.pi) - np.pi


def events_in(described: dict[str, Any], lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Read the lines of a file of events."""
    for line in lines:
        words = iter(line.split())
        event: dict[str, Any] = {}
        for name, branch in described["branches"].items():
            read: Any = float.fromhex if branch["kind"] == "f" else int
            if branch["list"]:
                count = int(next(words))
                event[name] = np.array([read(next(words)) for _ in range(count)], TYPES[branch["kind"]])
            else:
                event[name] = TYPES[branch["kind"]](read(next(words)))
        yield event


def main() -> None:
    """Print the codes of a file of events."""
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with Path(sys.argv[2]).open(encoding="utf-8") as file:
        for event in events_in(described, file):
            try:
                print(*codes_of(described, event))
            except NoCodesError:
                print("-")


if __name__ == "__main__":
    main()
