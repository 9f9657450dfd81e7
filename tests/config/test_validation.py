"""Messages about values that may have several forms."""

import pytest
from pydantic import ValidationError

from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.validation import checked, explain

CONTENT = {
    "name": "toy",
    "files": ["a.root"],
    "tree": "t",
    "label": {"expression": "y", "classes": ["a", "b"]},
    "features": [{"name": "x"}],
}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a\nb"], "event_id.0: expected printable characters in one line, found U+000A at position 1"),
        (["x", 1], "event_id.1: expected text, found 1. Write it in quotes"),
        ("entries", "event_id: expected a list or 'entry', found 'entries'"),
        ({"a": 1}, "event_id: expected a list or 'entry', found {'a': 1}"),
        ([], "event_id: expected 1 or more entries or 'entry', found []"),
    ],
)
def test_union_mistake_is_named_once_by_its_key(value, message):
    with pytest.raises(ValidationError) as error:
        checked(DataSet, {**CONTENT, "event_id": value})
    assert explain(error.value, DataSet) == [message]
