"""The page of the teacher of an anomaly's networks."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TeacherCard
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Page, Table, cells, fixed, write_page


def page_of_teacher(teacher: Path, folder: Path) -> None:
    """Write teacher.html and scores.svg. Raises CardError when the card is missing or damaged."""
    with styled():
        write_page(teacher_page(read_card(TeacherCard, teacher)), folder / "teacher.html")


def teacher_page(card: TeacherCard) -> Page:
    from trigger_lut.report.plots.anomaly import scores

    areas = Table(
        "Classes against background",
        ["Class", "Test events", "Area under the ROC curve"],
        [cells(name, sum(card.counts[name]), fixed(area, 3)) for name, area in card.auc.items()],
        note="Background of the test split as it was made, each kind with as many events as the description asks for. "
        "What matters in a trigger is the efficiency at a rate, on the page of each design.",
    )
    widths = [*card.units, *card.units[-2::-1]]
    return Page(
        title="What is unusual",
        lead=f"An autoencoder (Dense layers of {', '.join(map(str, widths))} units and back to its "
        f"{len(card.channels)} channels) was trained on {card.events} of {', '.join(card.background)}. The score "
        "of an event is log2 of the mean squared error with which it gives the event back; networks for firmware learn "
        "that score from the same codes.",
        tables=[areas],
        cards={"teacher": card},
        plots=[("scores.svg", scores(card), "Scores of test events by class, and the error in training by epoch.")],
    )
