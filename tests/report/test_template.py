"""Tables of records: columns from titles, formats, keys."""

from pydantic import Field

from trigger_lut.cards.base import Measured, StrictModel
from trigger_lut.report.template import record_table


class Record(StrictModel):
    """Record of all kinds of fields."""

    name: str = Field(title="Name", description="-")
    hidden: int = Field(0, description="-")
    count: int = Field(title="Wrong", json_schema_extra={"format": "zero"}, description="-")
    delay: float | None = Field(title="Delay", json_schema_extra={"format": ".2f"}, description="-")
    luts: Measured = Field(Measured(), title="LUTs", description="-")
    given: bool = Field(True, title="Given", description="-")


GOOD, BAD = Record(name="a", count=0, delay=1.234), Record(name="b", count=2, delay=None, given=False)


def test_record_table_formats_each_kind_of_value():
    table = record_table("Title", [GOOD, BAD], note="Note.")
    assert (table.title, table.header, table.note) == ("Title", ["Name", "Wrong", "Delay", "LUTs", "Given"], "Note.")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["a", "0", "1.23", "not measured", "yes"],
        ["b", "2", "not measured", "not measured", "no"],
    ]
    assert [row[1].kind for row in table.rows] == ["good", "bad"]


def test_record_table_has_keys_or_numbers_in_the_first_column():
    named = record_table("", {"x": GOOD}, head="Key")
    assert (named.header[0], named.rows[0][0].text, named.rows[0][0].kind) == ("Key", "x", "text")
    assert [row[0].text for row in record_table("", [GOOD, BAD], head="#").rows] == ["1", "2"]


def test_record_table_without_records_is_empty():
    assert record_table("Title", []).rows == []
