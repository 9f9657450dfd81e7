"""Tables and plots of taggers on the page of physics: pairs of classes, mistag rates, given discriminators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.physics import Interval68, PhysicsCard
from trigger_lut.report.template import Cell, Table, cells, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tagging_tables(card: PhysicsCard) -> list[Table]:
    """Return tables of pairs, mistag rates and given discriminators; none where the data set asks for none.

    Parameters
    ----------
    card : PhysicsCard
        Results of a classification.

    Returns
    -------
    list of Table
        The tables.
    """
    from trigger_lut.report.plots.classification import with_error

    tables = []
    if card.pairs:
        tables.append(
            Table(
                "Pairs of classes",
                ["Signal", "Background", "Method", "AUC", "Efficiency at 1e-2", "Efficiency at 1e-3"],
                [
                    cells(
                        pair.signal,
                        pair.background,
                        method.method,
                        Cell(with_error(method.roc.auc, method.roc.auc_error)),
                        percent(method.roc.efficiency_at_1e2),
                        percent(method.roc.efficiency_at_1e3),
                    )
                    for pair in card.pairs
                    for method in pair.methods
                ],
                note="Other classes are left aside. The score of a network is the difference of both outputs.",
            )
        )
        tables.append(
            Table(
                "Mistag rates",
                [
                    *("Pair", "Mistag rate asked for", "Method", "Threshold"),
                    *(f"Passing {name} [%]" for name in card.classes),
                ],
                [
                    [
                        *cells(f"{pair.signal} against {pair.background}", point.mistag_rate, method.method),
                        Cell("none" if point.threshold is None else f"{point.threshold:.4g}"),
                        *(share(point.efficiency[name]) for name in card.classes),
                    ]
                    for pair in card.pairs
                    for method in pair.methods
                    for point in method.points
                ],
                note="Thresholds are set on the validation split, fractions are of the test split. Errors are central "
                "68.3 % intervals (Clopper and Pearson).",
            )
        )
    if card.discriminators:
        tables.append(
            Table(
                "Given discriminators",
                ["Name", "Class", "AUC against all others", "Class chosen by"],
                [
                    cells(
                        method.name,
                        method.signal,
                        Cell(with_error(method.roc.auc, method.roc.auc_error)),
                        "the description" if method.stated else "the largest AUC in validation",
                    )
                    for method in card.discriminators
                ],
            )
        )
    return tables


def tagging_plots(card: PhysicsCard) -> list[tuple[str, Figure, str]]:
    """Return the plots of scores, pairs and bins with file names and captions.

    Parameters
    ----------
    card : PhysicsCard
        Results of a classification.

    Returns
    -------
    list of tuple
        File name, figure and caption of each plot.
    """
    from trigger_lut.report.plots.tagging import binned, pair_curves, scores

    plots = []
    if card.score_histograms:
        caption = "Score of each class in firmware, by true class. The end bins include all values beyond."
        plots.append(("scores.svg", scores(card), caption))
    if card.pairs:
        plots.append(("pairs.svg", pair_curves(card), "ROC curves of pairs of classes, with areas and their errors."))
    if any(pair.methods[0].binned for pair in card.pairs):
        caption = "Efficiency and mistag rate at one threshold, in bins with about as many signal events each."
        plots.append(("binned.svg", binned(card), caption))
    return plots


def share(fraction: Interval68) -> Cell:
    """Return a fraction in percent with its asymmetric errors."""
    value, up, down = (100 * x for x in (fraction.value, fraction.high - fraction.value, fraction.value - fraction.low))
    return Cell(f"{value:.2f} +{up:.2f} \N{MINUS SIGN}{down:.2f}", key=value)
