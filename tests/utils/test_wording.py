"""Numbers in sentences: singular and plural."""

import pytest

from trigger_lut.utils.wording import counted


@pytest.mark.parametrize(
    ("number", "plural", "text"),
    [(1, "", "1 fault"), (0, "", "0 faults"), (1240, "", "1,240 faults"), (2, "errors", "2 errors")],
)
def test_noun_follows_the_number(number, plural, text):
    assert counted(number, "fault", plural=plural) == text
