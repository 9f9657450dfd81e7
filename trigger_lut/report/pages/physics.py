"""Page of the physics performance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.physics import PairedDifference, PhysicsCard, QuantizationLoss, Resolution
from trigger_lut.cards.stage_cards import METRICS, ReferenceCard
from trigger_lut.evaluation.predictions import FIRMWARE
from trigger_lut.report.pages.baselines import SCORES_NOTE, baselines_table, score_cells, with_error
from trigger_lut.report.pages.tagging import share, tagging_plots, tagging_tables
from trigger_lut.report.template import Cell, Page, Table, cells, fixed, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANKS = " Rank correlation: Spearman's, with the score of the teacher; a trigger needs the order of events alone."


Plots = list[tuple[str, "Figure", str]]
HEADS_NOTE = f"Mean score: the weighted mean over heads, event by event. Training chooses networks by it. {SCORES_NOTE}"


def physics_page(card: PhysicsCard, reference: ReferenceCard) -> Page:
    """Return the page of a classification, of a regression, or of both."""
    parts = [
        *([_classification(card, reference)] if card.classes else []),
        *([_regression(card)] if card.targets else []),
    ]
    return Page(
        title=f"{card.design}: physics",
        lead=" ".join(lead for lead, _, _ in parts),
        tables=[*_heads(card), *(table for _, tables, _ in parts for table in tables), baselines_table(reference)],
        cards={"physics": card},
        plots=[plot for _, _, plots in parts for plot in plots],
    )


def _heads(card: PhysicsCard) -> list[Table]:
    """Return the scores of all heads of several, and their mean."""
    rows = [
        cells(head.name, METRICS[head.metric], method, *score_cells(head.scores), percent(head.share), "-")
        for n in range(len(card.heads.get(FIRMWARE, [])))
        for method, heads in card.heads.items()
        for head in [heads[n]]
    ]
    if rows:
        whole = [*score_cells(card.scores), "-", "-"]
        rows.append(cells("all", METRICS[card.metric], FIRMWARE, *whole))
    rows += [
        cells(
            "all",
            f"{METRICS[card.metric]}, firmware minus this",
            method,
            *(["-"] * 4),
            Cell(_signed(difference, 100, 2)),
        )
        for method, difference in card.differences.items()
    ]
    header = ["Head", "Figure", "Method", "Score", "Plain", "Balanced", "Weight", "Difference [percentage points]"]
    return [Table("Heads", header, rows, note=HEADS_NOTE)] if rows else []


def _classification(card: PhysicsCard, reference: ReferenceCard) -> tuple[str, list[Table], Plots]:
    """Return the lead, tables and plots of the classes."""
    from trigger_lut.report.plots.classification import confusion, roc, with_error

    costs = {cost.method: cost for cost in card.quantization_losses}
    largest = reference.largest_class
    nothing = "" if largest is None else f" Always {largest.name}: {score_cells(largest.scores)[0].text}."
    methods = Table(
        "Accuracy",
        [
            "Method",
            "Accuracy [%]",
            "Plain",
            "Balanced",
            "Firmware minus this [percentage points]",
            "Correct only in firmware",
            "Correct only in this method",
        ],
        [
            [
                *cells(method.method, share(method.accuracy), *score_cells(method.scores)[1:]),
                *_cost(costs.get(method.method)),
            ]
            for method in card.methods
        ],
        note="Errors of the accuracy are central 68.3 % intervals (Clopper and Pearson). Errors of the difference "
        "(McNemar) are smaller, because both methods use the same events. "
        f"{SCORES_NOTE}{nothing}",
    )
    classes = Table(
        "Each class against all others",
        [
            *("Class", "Test events", "Method", "AUC", "Firmware minus this"),
            *("Signal efficiency at 1 %", "Signal efficiency at 0.1 %"),
        ],
        [
            cells(
                name,
                sum(card.confusion[k]),
                method.method,
                Cell(with_error(method.classes[name].auc, method.classes[name].auc_error)),
                Cell(_signed(costs[method.method].auc[name], 1, 4) if method.method in costs else "-"),
                percent(method.classes[name].efficiency_at_1e2),
                percent(method.classes[name].efficiency_at_1e3),
            )
            for k, name in enumerate(card.classes)
            for method in card.methods
        ],
        note=f"Signal efficiencies are at background efficiencies of 1 % and 0.1 %. {_background(card)} Errors of "
        "areas and of their differences: DeLong et al., Biometrics 44 (1988) 837.",
    )
    assigned = Table(
        "Confusion",
        ["True class", "Method", *(f"Assigned to {name} [%]" for name in card.classes)],
        [
            [*cells(name, method.method), *(fixed(100 * n / max(sum(row), 1), 1) for n in row)]
            for k, name in enumerate(card.classes)
            for method in card.methods
            for row in [method.confusion[k]]
        ],
    )
    return (
        _lead(card, reference),
        [methods, classes, *tagging_tables(card), assigned],
        [
            (
                "roc.svg",
                roc(card),
                "ROC curves of each class against all others, with areas and their standard errors. The score is the "
                "log-odds of the softmax probability.",
            ),
            (
                "confusion.svg",
                confusion(card),
                "Fraction of each true class that the firmware assigns to each class, and its difference to the "
                f"baseline {card.methods[0].method!r}.",
            ),
            *tagging_plots(card),
        ],
    )


def _lead(card: PhysicsCard, reference: ReferenceCard) -> str:
    names = {baseline.name for baseline in reference.baselines}
    losses = [
        f"{_signed(loss.accuracy, 100, 2)} points against {loss.method}"
        for loss in card.quantization_losses
        if loss.method in names
    ]
    return (
        f"{card.events:,} events of the test split. Accuracy of the firmware, on the same events: {'; '.join(losses)}."
    )


def _cost(loss: QuantizationLoss | None) -> list[Cell]:
    if loss is None:
        return [Cell("-"), Cell("-"), Cell("-")]
    return cells(Cell(_signed(loss.accuracy, 100, 2)), loss.only_firmware, loss.only_other)


def _signed(difference: PairedDifference, scale: float, digits: int) -> str:
    value = f"{scale * difference.value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return value if difference.error is None else f"{value} ± {scale * difference.error:.{digits}f}"


def _background(card: PhysicsCard) -> str:
    fewest = card.events - max(sum(row) for row in card.confusion)
    return f"A background efficiency of 0.1 % is {fewest / 1000:.1f} test events for the smallest background."


def _rank(resolution: Resolution) -> Cell:
    return Cell("-") if resolution.rank_correlation is None else fixed(resolution.rank_correlation, 4)


def _regression(card: PhysicsCard) -> tuple[str, list[Table], Plots]:
    """Return the lead, tables and plots of the targets."""
    from trigger_lut.report.plots.regression import residuals, resolution_by_true

    ranked = any(method.rank_correlation is not None for target in card.targets for method in target.methods)
    rows = [
        cells(
            target.name,
            method.method,
            percent(method.r2),
            f"{method.central:.4g} ± {method.central_error:.1g}",
            method.rms,
            method.bias,
            target.unit or "-",
            *([_rank(method)] if ranked else []),
        )
        for target in card.targets
        for method in target.methods
    ]
    of_targets = [head.scores for head in card.heads.get(FIRMWARE, []) if head.metric == "r2"] or [card.scores]
    explained = ", ".join(with_error(scores.weighted, scores.weighted_error).text for scores in of_targets)
    return (
        f"Predicted minus true values of {card.events:,} events of the test split; R² {explained}.",
        [
            Table(
                "Resolution",
                [
                    *("Target", "Method", "R²", "Half width of the central 68.3 %", "RMS", "Bias", "Unit"),
                    *(["Rank correlation"] if ranked else []),
                ],
                rows,
                note="Errors of the width are from resampled events. Firmware: the integers that verification compares "
                f"with the Verilog.{RANKS if ranked else ''}",
            ),
        ],
        [
            ("residuals.svg", residuals(card), "Predicted minus true; the end bins include all values beyond."),
            ("resolution.svg", resolution_by_true(card), "Half width of the central 68.3 % against the true value."),
        ],
    )
