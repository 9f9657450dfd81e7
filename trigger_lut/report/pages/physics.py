"""Page of the physics performance."""

from __future__ import annotations

from trigger_lut.cards.physics import PairedDifference, PhysicsCard, QuantizationLoss, Resolution
from trigger_lut.cards.stage_cards import ReferenceCard
from trigger_lut.report.pages.baselines import SCORES_NOTE, baselines_table, score_cells, with_error
from trigger_lut.report.pages.tagging import share, tagging_plots, tagging_tables
from trigger_lut.report.template import Cell, Page, Table, cells, fixed, percent

RANKS = " Rank correlation: Spearman's, with the score of the teacher; a trigger needs the order of events alone."


def physics_page(card: PhysicsCard, reference: ReferenceCard) -> Page:
    """Return the page of a classification or of a regression."""
    return _regression(card, reference) if card.targets else _classification(card, reference)


def _classification(card: PhysicsCard, reference: ReferenceCard) -> Page:
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
            "Correct only here",
        ],
        [
            [
                *cells(found.method, share(found.accuracy), *score_cells(found.scores)[1:]),
                *_cost(costs.get(found.method)),
            ]
            for found in card.methods
        ],
        note="Errors of the accuracy are central 68.3 % intervals (Clopper and Pearson). Errors of the difference "
        "(McNemar) are smaller, because both methods use the same events. "
        f"{SCORES_NOTE}{nothing}",
    )
    classes = Table(
        "Each class against all others",
        [
            *("Class", "Test events", "Method", "AUC", "Firmware minus this"),
            *("Signal efficiency at 1e-2", "Signal efficiency at 1e-3"),
        ],
        [
            cells(
                name,
                sum(card.confusion[k]),
                found.method,
                Cell(with_error(found.classes[name].auc, found.classes[name].auc_error)),
                Cell(_signed(costs[found.method].auc[name], 1, 4) if found.method in costs else "-"),
                percent(found.classes[name].efficiency_at_1e2),
                percent(found.classes[name].efficiency_at_1e3),
            )
            for k, name in enumerate(card.classes)
            for found in card.methods
        ],
        note=f"Signal efficiencies are at background efficiencies of 1e-2 and 1e-3. {_background(card)} Errors of "
        "areas and of their differences: DeLong et al., Biometrics 44 (1988) 837.",
    )
    assigned = Table(
        "Confusion",
        ["True class", "Method", *(f"Assigned to {name} [%]" for name in card.classes)],
        [
            [*cells(name, found.method), *(fixed(100 * n / max(sum(row), 1), 1) for n in row)]
            for k, name in enumerate(card.classes)
            for found in card.methods
            for row in [found.confusion[k]]
        ],
    )
    return Page(
        title=f"{card.design}: physics",
        lead=_lead(card, reference),
        tables=[methods, classes, *tagging_tables(card), assigned, baselines_table(reference)],
        cards={"physics": card},
        plots=[
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
    return f"{card.events} events of the test split. Accuracy of the firmware, on the same events: {'; '.join(losses)}."


def _cost(found: QuantizationLoss | None) -> list[Cell]:
    if found is None:
        return [Cell("-"), Cell("-"), Cell("-")]
    return cells(Cell(_signed(found.accuracy, 100, 2)), found.only_firmware, found.only_other)


def _signed(found: PairedDifference, scale: float, digits: int) -> str:
    value = f"{scale * found.value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return value if found.error is None else f"{value} ± {scale * found.error:.{digits}f}"


def _background(card: PhysicsCard) -> str:
    fewest = card.events - max(sum(row) for row in card.confusion)
    return f"A background efficiency of 1e-3 is {fewest / 1000:.1f} test events for the smallest background."


def _rank(found: Resolution) -> Cell:
    return Cell("-") if found.rank_correlation is None else fixed(found.rank_correlation, 4)


def _regression(card: PhysicsCard, reference: ReferenceCard) -> Page:
    from trigger_lut.report.plots.regression import residuals, resolution_by_true

    ranked = any(found.rank_correlation is not None for target in card.targets for found in target.methods)
    rows = [
        cells(
            target.name,
            found.method,
            percent(found.r2),
            f"{found.central:.4g} ± {found.central_error:.1g}",
            found.rms,
            found.bias,
            target.unit or "-",
            *([_rank(found)] if ranked else []),
        )
        for target in card.targets
        for found in target.methods
    ]
    return Page(
        title=f"{card.design}: physics",
        lead=f"Predicted minus true values of {card.events} events of the test split; R² "
        f"{with_error(card.score, card.scores.weighted_error).text}.",
        tables=[
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
            baselines_table(reference),
        ],
        cards={"physics": card},
        plots=[
            ("residuals.svg", residuals(card), "Predicted minus true; the end bins include all values beyond."),
            ("resolution.svg", resolution_by_true(card), "Half width of the central 68.3 % against the true value."),
        ],
    )
