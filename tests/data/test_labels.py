"""Classes from values, text and conditions of any kind, and how often there is none."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trigger_lut.config.data_set.model import Label
from trigger_lut.data.labels import NO_CLASS, OTHER_VALUES, class_numbers, shortened, without_class
from trigger_lut.errors import DataError

BRANCHES = {
    "y": np.array([-1, 1, 1, -1]),
    "z": np.array([0.1, 7.0, np.nan, -3.5], np.float32),
    "process": ak.Array(["qcd", "tt", "", "tt"]),
    "flags": np.array([1, 2, 4, 8], np.uint64),
    "is_b": np.array([True, False, False, False]),
    "is_c": np.array([0.0, 1.0, 0.0, 0.0]),
}


def classes(**content: Any) -> list[int]:
    label = Label.model_validate(content)
    return class_numbers(label, BRANCHES, entry=np.arange(10, 14)).tolist()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"expression": "y", "classes": {"b": [-1], "s": [1]}}, [0, 1, 1, 0]),
        ({"expression": "(y + 1) / 2", "classes": ["b", "s"]}, [0, 1, 1, 0]),
        ({"expression": "z", "classes": {"a": [0.1], "b": [7, -3.5]}}, [0, 1, NO_CLASS, 1]),
        ({"expression": "process", "classes": {"b": ["qcd", "zz"], "s": ["tt"]}}, [0, 1, NO_CLASS, 1]),
        ({"expression": "flags", "classes": {"b": [1, 2], "s": [4]}}, [0, 0, 1, NO_CLASS]),
        ({"expression": "flags & 6", "classes": {"b": [0], "s": [2, 4]}}, [0, 1, 1, 0]),
        ({"classes": {"b": "is_b", "c": "is_c"}}, [0, 1, NO_CLASS, NO_CLASS]),
        (
            {
                "classes": {"b": "(flags & 3) > 0", "c": "process == 'tt' "},
            },
            None,
        ),
        (
            {
                "classes": {"b": "(flags & 1) > 0", "c": "process == 'tt' "},
            },
            [0, 1, NO_CLASS, 1],
        ),
    ],
)
def test_class_numbers_value(content: dict[str, Any], expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(DataError, match=r"entry 11 meets the conditions of two classes, 'b' and 'c'"):
            classes(**content)
    else:
        assert classes(**content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"expression": "y", "classes": ["b", "s"]},
            "label 'y': -1 at entry 10 is none of the 2 classes (0 to 1: b, s). Values here: -1, 1. Map values to "
            "classes, as in classes: {b: [5], light: [0, 1]}",
        ),
        (
            {"expression": "z", "classes": ["b", "s"]},
            "label 'z': 0.1 at entry 10 is not an integer. Values here: -3.5, 0.1, 7, nan. Map values to classes, as "
            "in classes: {b: [5], light: [0, 1]}",
        ),
        (
            {"expression": "process", "classes": ["qcd", "tt"]},
            "label 'process':  at entry 12 is none of the classes (qcd, tt). Values here: , qcd, tt. Map values to "
            "classes, as in classes: {b: [5], light: [0, 1]}",
        ),
        (
            {"expression": "process", "classes": {"a": [0], "b": ["tt"]}},
            "label 'process': holds text, but label.classes has a number: 0.0",
        ),
        (
            {"expression": "y", "classes": {"a": ["x"], "b": [1]}},
            "label 'y': holds numbers, but label.classes has text: 'x'",
        ),
        (
            {"classes": {"b": "is_b", "c": "flags"}},
            "label, class 'c': 'flags' is 2 at entry 11, expected true or false, 0 or 1; compare, as in x > 0",
        ),
    ],
)
def test_class_numbers_mistake_names_the_values(content: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        classes(**content)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"classes": {"a": [0], "b": [1]}}, "expression: missing; the classes have values of an expression"),
        ({"expression": "y", "classes": {"a": [0], "b": [1, 0]}}, "the value 0.0 is listed twice"),
        ({"expression": "y", "classes": {"a": [0], "b": []}}, "at least 1 item"),
        ({"expression": "y", "classes": {"a": "y == 1", "b": "y == 0"}}, "classes with conditions need no expression"),
        ({"classes": {"a": "y ==", "b": "y"}}, "cannot be parsed"),
        ({"expression": "y", "classes": ["a", "b"], "values": {"b": [0], "a": [1]}}, "expected the classes"),
        ({"expression": "y", "classes": []}, "at least 1 item"),
    ],
)
def test_label_mistake_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Label.model_validate(content)


def test_label_mapping_survives_a_round_trip() -> None:
    for content in ({"expression": "y", "classes": {"a": [0, 2], "b": ["x"]}}, {"classes": {"a": "x", "b": "y > 1"}}):
        label = Label.model_validate(content)
        assert Label.model_validate(label.model_dump()) == label


@given(st.lists(st.integers(-40, 40), min_size=1))
def test_without_class_counts_all(values: list[int]) -> None:
    counts = without_class(np.array(values, float))
    assert counts.total() == len(values)
    assert len(counts) <= 21
    assert (OTHER_VALUES in counts) == (len(set(values)) > 20)
    assert shortened(counts + counts).total() == 2 * len(values)
