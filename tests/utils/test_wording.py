"""Numbers in sentences: singular and plural."""

import pytest

from trigger_lut.utils.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "plural", "text"),
    [
        (1, "fault", "", "1 fault"),
        (0, "fault", "", "0 faults"),
        (1240, "fault", "", "1,240 faults"),
        (2, "entry", "entries", "2 entries"),
        (1, "mismatch", "", "1 mismatch"),
        (2, "mismatch", "", "2 mismatches"),
        (5, "class", "", "5 classes"),
    ],
)
def test_noun_follows_the_number(number, noun, plural, text):
    assert counted(number, noun, plural=plural) == text
