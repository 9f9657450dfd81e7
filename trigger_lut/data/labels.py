"""Class of each entry: from 0, 1, ..., from values or text that the description maps to classes, or from conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.expressions import Expression, parse
from trigger_lut.config.data_set.functions import is_jagged, value_kind
from trigger_lut.config.data_set.model import Label
from trigger_lut.errors import DataError

NO_CLASS = -1
SHOWN = 8  # values in a message
LISTED = 20  # values without a class in a card
OTHER_VALUES = "other values"


def class_numbers(label: Label, branches: Mapping[str, Any], *, entry: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of each entry.

    Parameters
    ----------
    label : Label
        With an expression or conditions.
    branches : mapping of str to numpy.ndarray or awkward.Array
        Branches of (N,) entries.
    entry : numpy.ndarray (N,)
        Number of each entry in its tree, for messages.

    Returns
    -------
    numpy.ndarray (N,)
        Index into `label.classes`; NO_CLASS where the description gives none.

    Raises
    ------
    DataError
        If a value is no class and `label` has no mapping, or an entry meets the conditions of two classes.
    """
    if label.conditions is not None:
        return _from_conditions(label.conditions, branches, entry)
    values = label_values(label, branches, count=len(entry))
    if label.values is not None or values.dtype.kind == "U":
        mapping = label.values or {name: [name] for name in label.classes}
        numbers = _from_values(mapping, values, label)
        if label.values is None and (numbers == NO_CLASS).any():
            _refuse(label, values, entry, numbers == NO_CLASS, f"is none of the classes ({', '.join(label.classes)})")
        return numbers
    integer = np.isfinite(values) & (values == np.floor(values))
    _refuse(label, values, entry, ~integer, "is not an integer")
    last = len(label.classes) - 1
    outside = (values < 0) | (values > last)
    names = ", ".join(label.classes)
    _refuse(label, values, entry, outside, f"is none of the {last + 1} classes (0 to {last}: {names})")
    return values.astype(np.int64)


def label_values(label: Label, branches: Mapping[str, Any], *, count: int) -> NDArray[Any]:
    """Return the values (count,) of a label's expression: float64, or text.

    Raises
    ------
    DataError
        If the expression gives a list per entry.
    """
    assert label.expression is not None
    expression = parse(label.expression)
    array = branches[expression.names[0]] if expression.is_branch else None
    if array is not None and value_kind(array) == "U" and not is_jagged(array):
        import awkward as ak

        return np.asarray(ak.to_numpy(array)).astype(str)
    return one_number("label", expression, branches=branches, count=count).astype(np.float64)


def one_number(
    purpose: str, expression: Expression, *, branches: Mapping[str, Any], count: int
) -> NDArray[np.floating[Any]]:
    """Return one number per entry, (count,), as float64.

    Raises
    ------
    DataError
        If the expression cannot be evaluated or gives a list per entry; the message begins with `purpose`.
    """
    value = evaluated(purpose, expression, branches=branches)
    if is_jagged(value):
        raise DataError(
            f"{purpose}: {expression.text!r} is a list{' of lists' * (value.ndim > 2)} per entry, expected one number. "
            "Reduce it with sum, num, min, max or nth, or take an element, as in x[:, 0]. Or make each element a row, "
            "as in rows: Jet"
        )
    return np.broadcast_to(np.asarray(value).astype(np.float64), (count,))


def evaluated(purpose: str, expression: Expression, *, branches: Mapping[str, Any]) -> Any:
    """Evaluate an expression. Raises DataError that begins with `purpose`."""
    try:
        return expression.evaluate(branches)
    except DataError as error:
        raise DataError(f"{purpose}: {error}") from error


def without_class(values: NDArray[Any]) -> Counter[str]:
    """Count the values of entries without a class by their text."""
    unknown, counts = np.unique(values, return_counts=True)
    texts = unknown if unknown.dtype.kind == "U" else [f"{value:g}" for value in unknown]
    return shortened(Counter(dict(zip(map(str, texts), counts.tolist(), strict=True))))


def shortened(counts: Counter[str]) -> Counter[str]:
    """Keep the LISTED most frequent values and count the rest as OTHER_VALUES.

    Parameters
    ----------
    counts : Counter
        Changed in place.

    Returns
    -------
    Counter
    """
    rest = counts.pop(OTHER_VALUES, 0)
    first = Counter(dict(counts.most_common(LISTED)))
    if rest := rest + counts.total() - first.total():
        first[OTHER_VALUES] = rest
    return first


def _from_values(mapping: Mapping[str, list[float | str]], values: NDArray[Any], label: Label) -> NDArray[np.int64]:
    """Return the class whose list has the value."""
    wanted = [(value, number) for number, listed in enumerate(mapping.values()) for value in listed]
    text = values.dtype.kind == "U"
    if wrong := [value for value, _ in wanted if isinstance(value, str) != text]:
        expected, given = ("text", "a number") if text else ("numbers", "text")
        raise DataError(f"label {label.expression!r}: holds {expected}, but label.classes has {given}: {wrong[0]!r}")
    # a value of a float32 branch, such as 0.1, is not the float64 of the description
    rounded = [] if text else [(float(np.float32(value)), number) for value, number in wanted]
    numbers = dict([*rounded, *wanted])
    keys = np.array(sorted(numbers), values.dtype if text else np.float64)
    classes = np.array([numbers[key] for key in sorted(numbers)], np.int64)
    at = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    return np.where(keys[at] == values, classes[at], NO_CLASS)


def _from_conditions(
    conditions: Mapping[str, str], branches: Mapping[str, Any], entry: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the class whose condition is true."""
    names = list(conditions)
    numbers = np.full(len(entry), NO_CLASS, np.int64)
    for number, (name, text) in enumerate(conditions.items()):
        values = one_number(f"label, class {name!r}", parse(text), branches=branches, count=len(entry))
        if not (one_or_zero := np.isin(values, (0, 1))).all():
            n = int(np.argmin(one_or_zero))
            raise DataError(
                f"label, class {name!r}: {text!r} is {values[n]:g} at entry {entry[n]}, expected true or false, 0 or "
                "1; compare, as in x > 0"
            )
        chosen = values == 1
        if (twice := chosen & (numbers != NO_CLASS)).any():
            n = int(np.argmax(twice))
            both = f"{names[numbers[n]]!r} and {name!r}"
            raise DataError(f"label: entry {entry[n]} meets the conditions of two classes, {both}. Make them exclusive")
        numbers[chosen] = number
    return numbers


def _refuse(label: Label, values: NDArray[Any], entry: NDArray[np.int64], bad: NDArray[np.bool_], problem: str) -> None:
    """Raise DataError for the first bad value, with the values that occur."""
    if not bad.any():
        return
    first = int(np.argmax(bad))
    different = np.unique(values if values.dtype.kind == "U" else values + 0.0)  # 0 instead of -0
    text = [str(v) if different.dtype.kind == "U" else f"{v:g}" for v in different[:SHOWN]]
    more = ", ..." if len(different) > SHOWN else ""
    value = str(values[first]) if different.dtype.kind == "U" else f"{values[first]:g}"
    raise DataError(
        f"label {label.expression!r}: {value} at entry {entry[first]} {problem}. Values here: {', '.join(text)}{more}. "
        "Map values to classes, as in classes: {b: [5], light: [0, 1]}"
    )
