"""Page of rates and efficiencies of a design."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.physics import ALL, Interval68, RateCard, WorkingPoint, of_point_key
from trigger_lut.report.pages.decision import decision_tables
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, number, write_page

NO_SIGNAL = "none, so the network is judged by rate and by its agreement with the teacher"
AGREEMENT = " Shared: of the background that passes the teacher's threshold of this rate, what passes here too."


def page_of_rate(*, rate: Path, decision: Path, folder: Path) -> None:
    """Write the page of the rates of a design: rate.html and its plots.

    Parameters
    ----------
    rate, decision : Path
        RateCard and DecisionCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        page = rate_page(read_card(RateCard, rate), read_card(DecisionCard, decision))
        write_page(page, folder / "rate.html")


def rate_page(card: RateCard, decision: DecisionCard) -> Page:
    """Return the page."""
    from trigger_lut.report.plots.rates import rates, reliability, turnons

    names = list(next(iter(card.points.values()))[0].efficiency)
    names.sort(key=lambda name: name != ALL)  # the sum first, which stays in sight where there are many classes
    shared = any(point.shared_with_teacher for methods in card.points.values() for point in methods)
    points = Table(
        "Working points",
        [
            *(["Path"] if card.paths else []),
            *("Wanted [kHz]", "Method", "Threshold", "In codes", "Rate on test [kHz]"),
            *(f"Efficiency, {name} [%]" for name in names),
            *(["Shared with the teacher [%]"] if shared else []),
        ],
        [
            [
                *([Cell(path, "text")] if card.paths else []),
                *cells(wanted, point.method),
                *(
                    [Cell("no threshold", "text"), Cell("-")]
                    if point.threshold is None
                    else [Cell(f"{point.threshold:.4g}"), Cell(number(point.code) if point.code is not None else "-")]
                ),
                _kilohertz(point.rate_khz),
                *(_share(point.efficiency[name]) for name in names),
                *([_shared(point)] if shared else []),
            ]
            for key, methods in card.points.items()
            for path, wanted in [of_point_key(key)]
            for point in methods
        ],
        note="Thresholds come from the validation split, rates and efficiencies from the test split. Errors are "
        f"central 68.3 % intervals (Clopper and Pearson){_together(card)}. In codes: {_accepts(card)} if "
        f"{_in_codes(card)} is at least this code.{AGREEMENT if shared else ''}",
    )
    events = Table(
        "Test events",
        ["Class", "Events", "Rate of one event [kHz]"],
        [
            [*cells(name, count), Cell(f"{khz:.3g}" if (khz := card.khz_per_event.get(name)) is not None else "signal")]
            for name, count in card.events.items()
        ],
        note="Curves have no error bars; they are not reliable at rates of a few events.",
    )
    against = "against the efficiency of all signal" if card.signal else "events that pass here and in the teacher"
    kind = "signal" if card.signal else "background"
    plots = [
        (
            "rates.svg",
            rates(card),
            f"Rate against threshold, and {against}, on the test split. Points: thresholds from the validation split "
            "for the rates at the dotted lines, with errors.",
        ),
        (
            "turnons.svg",
            turnons(card),
            f"Efficiency of the {kind} at one working point, in bins with the same number of its events.",
        ),
    ]
    if card.reliability:
        caption = "Calibration: observed fraction of signal against its predicted probability."
        plots.append(("reliability.svg", reliability(card), caption))
    return Page(
        title=f"{card.design}: rates",
        lead=f"Signal: {', '.join(card.signal) or _no_signal(card)}. Background: {', '.join(card.background)}, "
        f"with an input rate of {number(card.input_rate_khz)} kHz ({card.input_rate_from}). Data: {card.plot_label}.",
        tables=[*_paths(card), points, *decision_tables(decision), events],
        cards={"rate": card, "decision": decision},
        plots=plots,
    )


def _no_signal(card: RateCard) -> str:
    return NO_SIGNAL if card.single_score else "none stated, so all events make the rate"


def _paths(card: RateCard) -> list[Table]:
    """Return the conditions of paths; nothing where the score alone decides."""
    rows = [[Cell(name, "text"), Cell(condition, "text")] for name, condition in card.paths.items()]
    note = "The threshold of a path is that on the score. All else in its condition is fixed."
    if card.of_rows:
        note += " An event has several rows: score, features and observables are lists of its rows."
    return [Table("Paths", ["Path", "Condition"], rows, note=note)] if rows else []


def _accepts(card: RateCard) -> str:
    return "a score passes" if card.paths else "the firmware accepts an event"


def _in_codes(card: RateCard) -> str:
    if card.single_score:
        return "its output, as an integer,"
    return "its largest signal output minus its largest background output, as integers of the finest output,"


def _together(card: RateCard) -> str:
    alone = len(set(card.khz_per_event.values())) < 2
    return "" if alone else "; those of the background classes are added in quadrature"


def _kilohertz(rate: Interval68) -> Cell:
    digits = 2 if rate.high < 100 else 0
    return Cell(_with_errors(rate, 1.0, digits), key=rate.value)


def _shared(point: WorkingPoint) -> Cell:
    return Cell("-") if point.shared_with_teacher is None else _share(point.shared_with_teacher)


def _share(fraction: Interval68) -> Cell:
    return Cell(_with_errors(fraction, 100.0, 1), key=fraction.value)


def _with_errors(interval: Interval68, scale: float, digits: int) -> str:
    """Format a value with its upper and lower error."""
    value, up, down = (
        scale * interval.value,
        scale * (interval.high - interval.value),
        scale * (interval.value - interval.low),
    )
    return f"{value:.{digits}f} +{up:.{digits}f} \N{MINUS SIGN}{down:.{digits}f}"
