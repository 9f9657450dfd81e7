"""The page of the physics stage."""

from __future__ import annotations

from trigger_lut.pages.html import Page, Table, cells, fixed, percent
from trigger_lut.records import ReferenceCard
from trigger_lut.records_physics import PhysicsCard


def physics_page(card: PhysicsCard, reference: ReferenceCard) -> Page:
    """The page of a classification or of a regression."""
    return _regression(card) if card.targets else _classification(card, reference)


def _classification(card: PhysicsCard, reference: ReferenceCard) -> Page:
    from trigger_lut.figures.classification import confusion, roc

    classes = Table(
        "Each class against all others",
        ["Class", "Test events", "AUC", "Signal efficiency at 1e-2", "Signal efficiency at 1e-3"],
        [
            cells(
                name,
                sum(row),
                fixed(curve.auc, 4),
                percent(curve.efficiency_at_1e2),
                percent(curve.efficiency_at_1e3),
            )
            for (name, curve), row in zip(card.classes.items(), card.confusion, strict=True)
        ],
        note=f"At background efficiencies of 1e-2 and 1e-3; {_background(card)}",
    )
    methods = Table(
        "Accuracy",
        ["", "Accuracy"],
        [
            cells("This design", percent(card.accuracy)),
            cells(
                f"Dense network {'-'.join(map(str, reference.units))}, unquantised", percent(reference.accuracy_dense)
            ),
            cells("Gradient-boosted trees", percent(reference.accuracy_trees)),
        ],
    )
    return Page(
        title=f"{card.design}: physics",
        lead=f"The integer network on {card.events} events of the test split.",
        tables=[classes, methods],
        cards={"physics": card},
        plots=[
            ("roc.svg", roc(card), "ROC curves. The score is the log-odds of the softmax probability."),
            ("confusion.svg", confusion(card), "Share of each true class that is assigned to each class."),
        ],
    )


def _background(card: PhysicsCard) -> str:
    fewest = card.events - max(sum(row) for row in card.confusion)
    return f"1e-3 of the smallest background is {fewest / 1000:.1f} test events."


def _regression(card: PhysicsCard) -> Page:
    from trigger_lut.figures.regression import residuals, resolution_by_true

    rows = [
        cells(
            target.name,
            found.method,
            percent(found.r2),
            f"{found.central:.4g} ± {found.central_error:.1g}",
            found.rms,
            found.bias,
            target.unit or "-",
        )
        for target in card.targets
        for found in target.methods
    ]
    return Page(
        title=f"{card.design}: physics",
        lead=f"Found minus true on {card.events} events of the test split; R² {100 * card.accuracy:.2f} %.",
        tables=[
            Table(
                "Resolution",
                ["Target", "Method", "R²", "Half width of the central 68.3 %", "RMS", "Bias", "Unit"],
                rows,
                note="Errors of the width are from resampled events. Firmware: the integers that verification compares "
                "with the Verilog.",
            )
        ],
        cards={"physics": card},
        plots=[
            ("residuals.svg", residuals(card), "Found minus true; what lies beyond counts in the end bins."),
            ("resolution.svg", resolution_by_true(card), "Half width of the central 68.3 % against the true value."),
        ],
    )
