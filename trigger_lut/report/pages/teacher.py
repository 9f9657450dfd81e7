"""Page of the teacher of an anomaly detection."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TeacherCard
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Page, Table, cells, fixed, write_page


def page_of_teacher(*, teacher: Path, folder: Path) -> None:
    """Write the page of the teacher of an anomaly detection: teacher.html and scores.svg.

    Parameters
    ----------
    teacher : Path
        TeacherCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        write_page(teacher_page(read_card(TeacherCard, teacher)), folder / "teacher.html")


def teacher_page(card: TeacherCard) -> Page:
    """Return the page."""
    from trigger_lut.report.plots.anomaly import scores

    areas = Table(
        "Classes against background",
        ["Class", "Test events", "Area under the ROC curve"],
        [cells(name, sum(card.counts[name]), fixed(area, 3)) for name, area in card.auc.items()],
        note="Background of the test split, with the mixture of the data set. The page of each design gives the "
        "efficiency at a trigger rate.",
    )
    widths = [*card.units, *card.units[-2::-1]]
    return Page(
        title="Anomaly score",
        lead=f"An autoencoder (Dense layers of {', '.join(map(str, widths))} units and back to its "
        f"{len(card.channels)} channels) was trained on {card.events} of {', '.join(card.background)}. The score "
        "of an event is log2 of the mean squared error of its reconstruction. Networks for firmware learn this score "
        "from the same codes.",
        tables=[areas] if card.auc else [],
        cards={"teacher": card},
        plots=[("scores.svg", scores(card), "Scores of test events by class, and the error in training by epoch.")],
    )
