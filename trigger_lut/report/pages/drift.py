"""Page of later data in the frozen firmware of a design: inputs, outputs and rates."""

from __future__ import annotations

import math
from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.drift import DriftCard, InputDrift, NumberDrift, Spread, ValueRatio
from trigger_lut.cards.physics import Interval68, point_key
from trigger_lut.report.drift_findings import CHANCE, findings, shifted
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, judgement, number, write_page

SHIFTED_OF = 10  # inputs whose most shifted codes are listed


def page_of_drift(*, drift: Path, folder: Path) -> None:
    """Write the page of a comparison with later data, drift_<data set>.html and its plot of the same name.

    Parameters
    ----------
    drift : Path
        DriftCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    card = read_card(DriftCard, drift)
    with styled():
        write_page(drift_page(card), folder / f"drift_{card.drift}.html")


def drift_page(card: DriftCard) -> Page:
    """Return the page."""
    from trigger_lut.report.plots.drift import inputs

    changes = findings(card)
    what = Table(
        "Findings",
        ["Aspect", "Within chance", "Finding"],
        [[Cell(x.about, "text"), judgement(x.good, "yes", no="no"), Cell(x.text, "text")] for x in changes],
        note="This page does not affect the verdict: people decide if the firmware may stay. An input counts as "
        f"shifted if the smaller probability of both tests, times two tests and {len(card.features)} inputs, is below "
        f"{CHANCE:g}. With many events even small shifts are significant; the distance gives their size.",
    )
    events = " and ".join(f"{count:,}" for count in card.events)
    drawn = sum(x.histogram is not None for x in card.features)
    plot = (
        f"drift_{card.drift}.svg",
        inputs(card),
        f"The {drawn} inputs with the largest drift: fractions of events by value of the code, and their ratio "
        "(triangles: beyond the axis). Bars and band: statistical errors.",
    )
    return Page(
        title=f"{card.design}: {card.drift} in the frozen firmware",
        lead=f"Inputs and outputs of the firmware in {card.drift}, compared with {card.data_set}: {events} events "
        f"(test split of {card.data_set}, all of {card.drift}). Formats and network are those frozen with "
        f"{card.data_set}. {_sample(card)}",
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
    sentences = []
    if card.class_counts:
        sentences.append("New events are weighted to the trained mixture of classes.")
    elif card.metric == "accuracy":
        sentences.append(
            "Classes are not known in both data sets, so another mixture of classes also shows as a drift."
        )
    if card.skipped_events:
        sentences.append(f"Skipped classes without new events: {', '.join(card.skipped_events)}.")
    if card.shared_events:
        sentences.append(
            f"{card.shared_events:,} of the new events have the identity (event_id) of one of {card.data_set}: "
            "if they are the same events, both agree better than by chance."
        )
    return " ".join(sentences)


def _inputs(card: DriftCard) -> Table:
    moved = {x.name for x in shifted(card.features)}
    return Table(
        "Inputs, most drifted first",
        [
            *("Input", "Shifted", "Distance", "Probability", "Probability, codes", "Total variation (by chance)"),
            *("Mean before", "Mean now"),
        ],
        [_input(x, x.name in moved) for x in card.features],
        note="Distance: largest difference of the cumulative distributions of codes (Kolmogorov and Smirnov). "
        "Probability: upper limit of the probability of this distance by chance (Noether 1963). Probability, codes: "
        "probability of the difference of the fractions of codes (chi-square). Total variation: fraction of events "
        "that would have to change their code, and its expectation by chance.",
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
        note="Values beyond the format have the lowest or highest code. Saturated: values beyond the format, in all "
        "events of both data sets. New codes: fraction of events with a code that did not occur before, and its "
        "expectation (Good 1953).",
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
        note="" if len(card.features) <= SHIFTED_OF else f"Codes of the {SHIFTED_OF} inputs with the largest drift.",
    )


def _numbers(title: str, head: str, numbers: list[NumberDrift]) -> Table:
    return Table(
        title,
        [
            *(head, "Distance", "Probability", "Probability, codes"),
            *("Mean before", "Mean now", "Spread before", "Spread now"),
        ],
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
        wanted = p.wanted_khz if not p.path else point_key(p.path, p.wanted_khz)
        threshold = cells(wanted, "none" if p.threshold is None else float(p.threshold), p.code)
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
        note=f"Thresholds are those of the rate card; passing fractions are {of}. Errors are central 68.3 % intervals "
        "(Clopper and Pearson); errors of ratios are added in quadrature to first order. Both rates are at "
        f"{number(card.input_rate_khz)} kHz of background at the input, as in {card.data_set}"
        + ("." if rated else "; without labels there are no rates."),
    )


def _accuracy(card: DriftCard) -> Table:
    return Table(
        "Accuracy",
        ["Class", "Before [%]", "Now [%]", "Ratio"],
        [[Cell(name, "text"), *_both(x, 100.0, 1), _ratio(x)] for name, x in card.accuracy.items()],
        note="Fraction of events with the largest output in their class; 'all' has the trained mixture of classes.",
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
        "Resolution of targets",
        ["Target", "Data set", "R²", f"Bias{unit}", f"RMS{unit}", f"Central width{unit}"],
        rows,
        note="Central width: half of the interval with 68.3 % of predicted minus true. R² also depends on the spread "
        "of the true values.",
    )


def _classes(card: DriftCard) -> Table:
    return Table(
        "Events",
        ["Class", f"{card.data_set}, test split", card.drift],
        [cells(name, *counts) for name, counts in card.class_counts.items()],
    )


def _expressions(card: DriftCard) -> Table:
    return Table(
        "Different expressions",
        ["Input", f"In {card.data_set}", f"In {card.drift}"],
        [cells(name, *both) for name, both in card.expressions.items()],
        note="A drift of these inputs may come from the description.",
    )


def _unread(card: DriftCard) -> Table:
    return Table("Skipped files", ["File", "Reason"], [cells(*line) for line in card.skipped_files.items()])


def _mean(x: Spread) -> Cell:
    """Format value and error with one digit of the error."""
    digits = max(-math.floor(math.log10(x.error)), 0) if x.error > 0 else 4
    return Cell(f"{x.mean:.{digits}f} ± {x.error:.{digits}f}", key=x.mean)


def _percent(fraction: float) -> Cell:
    return Cell(f"{100 * fraction:.2f}", key=fraction)


def _both(values: ValueRatio, scale: float, digits: int) -> list[Cell]:
    return [_with_errors(side, scale, digits) for side in (values.trained, values.new)]


def _ratio(values: ValueRatio | None) -> Cell:
    return Cell("-") if values is None or values.ratio is None else _with_errors(values.ratio, 1.0, 2)


def _with_errors(interval: Interval68, scale: float, digits: int) -> Cell:
    """Format a value with its upper and lower error."""
    value, up, down = (
        scale * interval.value,
        scale * (interval.high - interval.value),
        scale * (interval.value - interval.low),
    )
    return Cell(f"{value:.{digits}f} +{up:.{digits}f} \N{MINUS SIGN}{down:.{digits}f}", key=interval.value)
