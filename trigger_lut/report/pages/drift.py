"""The page of other data in the frozen firmware of a design: does it see the same inputs, and give the same rate?"""

from __future__ import annotations

import math
from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.drift import DriftCard, InputDrift, NumberDrift, Spread, ValueRatio
from trigger_lut.cards.physics import Interval68
from trigger_lut.report.drift_findings import CHANCE, findings, shifted
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, judgement, number, write_page

SHIFTED_OF = 10  # inputs whose most shifted codes are listed


def page_of_drift(drift: Path, folder: Path) -> None:
    """Write drift_<data set>.html and its plot of the same name.

    Raises CardError when the card is missing or damaged.
    """
    card = read_card(DriftCard, drift)
    with styled():
        write_page(drift_page(card), folder / f"drift_{card.drift}.html")


def drift_page(card: DriftCard) -> Page:
    from trigger_lut.report.plots.drift import inputs

    found = findings(card)
    what = Table(
        "What is found",
        ["Aspect", "Within chance", "Finding"],
        [[Cell(x.about, "text"), judgement(x.good, "yes", "no"), Cell(x.text, "text")] for x in found],
        note="This page informs. It does not enter the verdict: whether the firmware may stay is for people to judge. "
        "Inputs count as shifted where the smaller probability of both tests, times two tests and "
        f"{len(card.features)} inputs, is below {CHANCE:g}. Of many events a small shift is soon beyond statistics; "
        "how large it is, the distance says.",
    )
    events = " and ".join(f"{count:,}" for count in card.events)
    drawn = sum(x.histogram is not None for x in card.features)
    plot = (
        f"drift_{card.drift}.svg",
        inputs(card),
        f"The {drawn} inputs that drifted most, as the firmware sees them: shares of events by value of the code, and "
        "their ratio (triangles: beyond the axis). Bars and band: statistical errors.",
    )
    return Page(
        title=f"{card.design}: {card.drift} in the frozen firmware",
        lead=f"Does the firmware see in {card.drift} what it saw in {card.data_set}, and does it answer the same? "
        f"{events} events (test split of {card.data_set}, all of {card.drift}), in the formats and through the network "
        f"that were frozen with {card.data_set}. {_sample(card)}",
        tables=[
            what,
            _inputs(card),
            _ends(card),
            _codes(card),
            *([_numbers("Sums over slots", "Feature", card.sums)] if card.sums else []),
            _numbers("Outputs", "Output", card.outputs),
            *([_points(card)] if card.points else []),
            *([_accuracy(card)] if card.accuracy else []),
            *([_targets(card)] if card.targets else []),
            *([_classes(card)] if card.class_counts else []),
            *([_expressions(card)] if card.expressions else []),
            *([_unread(card)] if card.skipped_files else []),
        ],
        cards={"drift": card},
        plots=[plot],
    )


def _sample(card: DriftCard) -> str:
    said = []
    if card.class_counts:
        said.append("New events are weighted so that each class has the share that it has there.")
    elif card.metric == "accuracy":
        said.append("Classes are not known in both: another mixture of them shows as a drift, too.")
    if card.skipped_events:
        said.append(f"Without {', '.join(card.skipped_events)}, of which there are no new events.")
    if card.shared_events:
        said.append(
            f"{card.shared_events:,} of the new events have the identity (event_id) of one of {card.data_set}: "
            "where they are the same events, both agree better than chance would have it."
        )
    return " ".join(said)


def _inputs(card: DriftCard) -> Table:
    moved = {x.name for x in shifted(card.features)}
    return Table(
        "Inputs, most drifted first",
        [
            *("Input", "Shifted", "Distance", "Probability", "Of codes", "Total variation (by chance)"),
            *("Mean before", "Mean now"),
        ],
        [_input(x, x.name in moved) for x in card.features],
        note="Distance: largest difference of the cumulative distributions of codes (Kolmogorov and Smirnov). "
        "Probability: of at least that distance by chance; where whole numbers repeat it is smaller still (Noether "
        "1963). Of codes: probability of shares of codes that differ at least as much (chi-square). Total variation: "
        "share of events that would have to change their code, and what chance alone gives.",
        sortable=True,
    )


def _input(x: InputDrift, moved: bool) -> list[Cell]:
    near = x.distance
    return [
        Cell(x.name, "text"),
        Cell("yes", "bad") if moved else Cell("no"),
        Cell(f"{near.ks:.4f}", key=near.ks),
        *(Cell(f"{p:.2g}", key=p) for p in (near.ks_p_value, near.chi2_p_value)),
        Cell(f"{near.total_variation:.3f} ({near.by_chance:.3f})", key=near.total_variation),
        _mean(x.trained),
        _mean(x.new),
    ]


def _ends(card: DriftCard) -> Table:
    return Table(
        "Use of the formats",
        [
            *("Input", "Format", "Lowest code [%]", "now", "Highest code [%]", "now", "Saturated [%]", "now"),
            *("Codes", "now", "New codes [%]", "by chance"),
        ],
        [
            [
                *cells(x.name, x.format),
                *(_percent(side.value) for end in (x.lowest, x.highest) for side in (end.trained, end.new)),
                *(_percent(share) for share in x.saturated),
                *cells(*x.distinct_codes),
                *(_percent(share) for share in (x.unseen, x.unseen_by_chance)),
            ]
            for x in card.features
        ],
        note="Lowest and highest code: where values beyond the format end up. Saturated: values beyond the format, of "
        "all events of both data sets, whatever their class. New codes: share of events with a code that none had "
        "before, and what one expects of it (Good 1953).",
        sortable=True,
    )


def _codes(card: DriftCard) -> Table:
    return Table(
        "Most shifted codes",
        ["Input", "Code", "Value", "Before [%]", "Now [%]"],
        [
            [*cells(x.name, c.code, float(c.value)), _percent(c.trained), _percent(c.new)]
            for x in card.features[:SHIFTED_OF]
            for c in x.shifted
        ],
        note="" if len(card.features) <= SHIFTED_OF else f"Of the {SHIFTED_OF} inputs that drifted most.",
    )


def _numbers(title: str, head: str, numbers: list[NumberDrift]) -> Table:
    return Table(
        title,
        [head, "Distance", "Probability", "Of codes", "Mean before", "Mean now", "Spread before", "Spread now"],
        [
            [
                Cell(f"{x.name} [{x.unit}]" if x.unit else x.name, "text"),
                Cell(f"{x.distance.ks:.4f}"),
                *(Cell(f"{p:.2g}") for p in (x.distance.ks_p_value, x.distance.chi2_p_value)),
                *(_mean(side) for side in (x.trained, x.new)),
                *cells(x.trained.spread, x.new.spread),
            ]
            for x in numbers
        ],
    )


def _points(card: DriftCard) -> Table:
    names = list(card.points[0].passing)
    rated = any(p.rate_khz is not None for p in card.points)
    rows = []
    for p in card.points:
        threshold = cells(p.wanted_khz, "none" if p.threshold is None else float(p.threshold), p.code)
        khz = [*_both(p.rate_khz, 1.0, 2), _ratio(p.rate_khz)] if p.rate_khz is not None else cells("-", "-", "-")
        shares = [cell for name in names for cell in (*_both(p.passing[name], 100.0, 1), _ratio(p.passing[name]))]
        rows.append([*threshold, *(khz if rated else []), *shares])
    heads = ["Rate before [kHz]", "now", "Ratio"] if rated else []
    for name in names:
        heads += [f"{name} before [%]", "now", "Ratio"]
    of = "of all events" if not rated and list(names) == ["all"] else "of each class"
    return Table(
        "Rates at the frozen thresholds",
        ["Wanted [kHz]", "Threshold", "In codes", *heads],
        rows,
        note=f"Thresholds are those of the rate card; shares that pass are {of}. Errors reach to the ends of central "
        "68.3 % intervals after Clopper and Pearson, those of ratios are added in quadrature to first order. Rates of "
        f"both are at {number(card.input_rate_khz)} kHz of background at the input, as {card.data_set} states it"
        + ("." if rated else "; without labels there are none here."),
    )


def _accuracy(card: DriftCard) -> Table:
    return Table(
        "Right classes",
        ["Class", "Before [%]", "Now [%]", "Ratio"],
        [[Cell(name, "text"), *_both(x, 100.0, 1), _ratio(x)] for name, x in card.accuracy.items()],
        note="Share of events whose largest output is their class; of all at the shares of classes of the trained set.",
    )


def _targets(card: DriftCard) -> Table:
    rows = []
    for target in card.targets:
        for name, x in ((card.data_set, target.trained), (card.drift, target.new)):
            width = Cell(f"{x.central:.4g} ± {x.central_error:.2g}")
            rows.append([Cell(target.name, "text"), Cell(name, "text"), *cells(x.r2, x.bias, x.rms), width])
    units = {target.unit for target in card.targets}
    unit = f" [{units.pop()}]" if len(units) == 1 and units != {""} else ""
    return Table(
        "Targets found",
        ["Target", "Data set", "R²", f"Bias{unit}", f"RMS{unit}", f"Central width{unit}"],
        rows,
        note="Central width: half of the interval with 68.3 % of found minus true. R² depends on how widely the true "
        "values spread, too.",
    )


def _classes(card: DriftCard) -> Table:
    return Table(
        "Events",
        ["Class", f"{card.data_set}, test split", card.drift],
        [cells(name, *counts) for name, counts in card.class_counts.items()],
    )


def _expressions(card: DriftCard) -> Table:
    return Table(
        "Read differently",
        ["Input", f"In {card.data_set}", f"In {card.drift}"],
        [cells(name, *both) for name, both in card.expressions.items()],
        note="A drift of these may be one of the description.",
    )


def _unread(card: DriftCard) -> Table:
    return Table("Files left out", ["File", "Reason"], [cells(*line) for line in card.skipped_files.items()])


def _mean(x: Spread) -> Cell:
    """Value and error with one digit of the error."""
    digits = max(-math.floor(math.log10(x.error)), 0) if x.error > 0 else 4
    return Cell(f"{x.mean:.{digits}f} ± {x.error:.{digits}f}", key=x.mean)


def _percent(share: float) -> Cell:
    return Cell(f"{100 * share:.2f}", key=share)


def _both(found: ValueRatio, scale: float, digits: int) -> list[Cell]:
    return [_with_errors(side, scale, digits) for side in (found.trained, found.new)]


def _ratio(found: ValueRatio | None) -> Cell:
    return Cell("-") if found is None or found.ratio is None else _with_errors(found.ratio, 1.0, 2)


def _with_errors(found: Interval68, scale: float, digits: int) -> Cell:
    """Value, error upwards and error downwards."""
    value, up, down = scale * found.value, scale * (found.high - found.value), scale * (found.value - found.low)
    return Cell(f"{value:.{digits}f} +{up:.{digits}f} \N{MINUS SIGN}{down:.{digits}f}", key=found.value)
