"""The README's tables of card fields are those of the models."""

from pathlib import Path

from trigger_lut.cards.documentation import CARDS, card_tables, with_card_tables

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_is_in_step_with_the_models():
    text = README.read_text(encoding="utf-8")
    assert with_card_tables(text) == text, "run: trigger-lut schema cards --write README.md"


def test_an_outdated_table_is_replaced():
    text = README.read_text(encoding="utf-8")
    assert with_card_tables(text.replace("`accuracy_reference`", "`accuracy_old`")) == text


def test_every_field_has_a_meaning():
    rows = [line for line in card_tables().splitlines() if line.startswith("| `")]
    assert len(rows) > len(CARDS)
    assert [row for row in rows if row.endswith("|  |")] == []
