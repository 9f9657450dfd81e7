"""The page of a design as a trigger."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards import read_card
from trigger_lut.figures.style import styled
from trigger_lut.pages.html import Cell, Page, Table, cells, number, write_page
from trigger_lut.records_physics import Measured68, RateCard


def page_of_rate(rate: Path, folder: Path) -> None:
    """Write rate.html and its plots. Raises CardError when the card is missing or damaged."""
    with styled():
        write_page(rate_page(read_card(RateCard, rate)), folder / "rate.html")


def rate_page(card: RateCard) -> Page:
    from trigger_lut.figures.rates import rates, reliability, turnons

    names = list(next(iter(card.points.values()))[0].efficiency)
    points = Table(
        "Working points",
        [
            *("Wanted [kHz]", "Method", "Threshold", "In codes", "Rate on test [kHz]"),
            *(f"Efficiency, {name}" for name in names),
        ],
        [
            [
                *cells(float(wanted), point.method),
                *(
                    [Cell("no threshold keeps to it", "text"), Cell("-")]
                    if point.threshold is None
                    else [Cell(f"{point.threshold:.4g}"), Cell("-" if point.code is None else str(point.code))]
                ),
                _kilohertz(point.rate_khz),
                *(_share(point.efficiency[name]) for name in names),
            ]
            for wanted, methods in card.points.items()
            for point in methods
        ],
        note="Thresholds were chosen on the validation split; rates and efficiencies are of the test split, with the "
        "interval of 68.3 % after Clopper and Pearson. In codes: the firmware passes an event when its largest signal "
        "output minus its largest background output, as integers of the finest output, is at least that.",
    )
    events = Table("Test events", ["Class", "Events"], [cells(name, count) for name, count in card.events.items()])
    plots = [
        (
            "rates.svg",
            rates(card),
            "Rate against threshold and against signal efficiency. Dots: working points.",
        ),
        (
            "turnons.svg",
            turnons(card),
            "Signal efficiency at one working point, in bins of as many signal events.",
        ),
        ("reliability.svg", reliability(card), "Calibration: is what is called 80 % signal so in 80 % of the cases?"),
    ]
    return Page(
        title=f"{card.design}: rates",
        lead=f"{', '.join(card.signal)} against {', '.join(card.background)}, which come in at "
        f"{number(card.input_rate_khz)} kHz ({card.input_rate_from}). {card.sample}.",
        tables=[points, events],
        cards={"rate": card},
        plots=plots,
    )


def _kilohertz(found: Measured68) -> Cell:
    return Cell(f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})", key=found.value)


def _share(found: Measured68) -> Cell:
    return Cell(f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})", key=found.value)
