"""The example of docs/how-to/extend_card_field.md: a field of a record, and its column."""

import pytest
from documentation_pages import ROOT, run_python

from trigger_lut.cards.firmware import PipelineStage
from trigger_lut.report.template import record_table

PAGE = ROOT / "docs/how-to/extend_card_field.md"


@pytest.fixture(scope="module")
def names():
    return run_python(PAGE)


def test_field_with_a_title_is_a_column_of_its_records(names):
    (row,), header = names["table"].rows, names["table"].header
    assert header[-2:] == ["Largest fanout", "Routing"]
    assert [cell.text for cell in row] == ["1", "12", "3", "0", "40", "1.25", "9", "60.00 %"]


def test_field_without_a_title_is_no_column(names):
    plain = PipelineStage(tables=1, adders=0, choices=0, register_bits=1, logic_ns=0.5)
    assert "Largest fanout" not in record_table("Pipeline", [plain]).header


def test_record_of_an_earlier_card_is_read(names):
    earlier = PipelineStage(tables=1, adders=0, choices=0, register_bits=1, logic_ns=0.5).model_dump()
    assert names["StageWithFanout"].model_validate(earlier).fanout == 0
