"""Tables and plots of taggers on the page of physics."""

from __future__ import annotations

import made_cards
import pytest

from trigger_lut.cards.physics import DiscriminatorResult, PhysicsCard
from trigger_lut.report.pages.physics import physics_page
from trigger_lut.report.plots.classification import roc
from trigger_lut.report.plots.style import styled


@pytest.fixture
def card() -> PhysicsCard:
    plain = made_cards.physics()
    pairs = [made_cards.pair(("deepB", "Firmware"))]
    given = DiscriminatorResult(name="deepB", signal="W", stated=False, roc=pairs[0].methods[0].roc)
    return plain.model_copy(update={"pairs": pairs, "discriminators": [given]})


def test_page_has_tables_of_pairs_mistags_and_discriminators(card: PhysicsCard) -> None:
    with styled():
        page = physics_page(card, made_cards.reference())
    tables = {table.title: table for table in page.tables}
    pairs, mistags, given = (tables[name] for name in ("Pairs of classes", "Mistag rates", "Given discriminators"))
    assert [cell.text for cell in pairs.rows[0]] == ["W", "g", "deepB", "0.9000 ± 0.0100", "50.00 %", "20.00 %"]
    assert [cell.text for cell in mistags.rows[1]][:4] == ["W against g", "0.001", "deepB", "none"]
    assert len(mistags.rows) == 2 * 2
    assert [cell.text for cell in given.rows[0]][3] == "the largest AUC in validation"
    assert [name for name, _, _ in page.plots] == ["roc.svg", "confusion.svg", "scores.svg", "pairs.svg", "binned.svg"]


def test_page_without_pairs_has_scores_alone() -> None:
    with styled():
        page = physics_page(made_cards.physics(), made_cards.reference())
    assert not {"Pairs of classes", "Mistag rates", "Given discriminators"} & {table.title for table in page.tables}
    assert [name for name, _, _ in page.plots] == ["roc.svg", "confusion.svg", "scores.svg"]


def test_discriminator_is_a_further_line_for_its_class_alone(card: PhysicsCard) -> None:
    with styled():
        figure = roc(card)
    labels = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes[: len(card.classes)]]
    assert [any("deepB" in label for label in of_class) for of_class in labels] == [False, False, True]
