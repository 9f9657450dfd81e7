"""Baselines on pages: what they are, and whether their training had converged."""

from __future__ import annotations

from collections.abc import Sequence

from trigger_lut.cards.stage_cards import METRICS, Baseline, Metric, ReferenceCard
from trigger_lut.report.template import Cell, Page, Table, cells, judgement


def reference_page(card: ReferenceCard) -> Page:
    """Return the page of the baselines."""
    return Page(
        title="Baselines",
        lead=f"Methods without quantization, trained on the same integer codes ({card.events:,} events) and compared "
        "on the test split.",
        tables=[baselines_table(card.baselines, card.metric)],
        cards={"reference": card},
    )


def baselines_table(baselines: Sequence[Baseline], metric: Metric) -> Table:
    """Return scores, sizes and lengths of training, a row a method.

    Parameters
    ----------
    baselines : sequence of Baseline
        The methods.
    metric : str
        Metric of their scores.

    Returns
    -------
    Table
        The table.
    """
    header = ["Method", METRICS[metric], "Layers", "Parameters", "Epochs", "Converged", "Training time [s]"]
    rows = [
        cells(
            found.name,
            score(found),
            found.layers,
            found.parameters,
            found.epochs,
            judgement(found.converged, "yes", "no"),
            found.seconds,
        )
        for found in baselines
    ]
    note = "Parameters and epochs of trees: leaves and rounds of boosting. Converged: the loss on validation events "
    return Table("Baselines", header, rows, note=f"{note}stopped falling before the largest number of epochs.")


def score(found: Baseline) -> Cell:
    """Return the score of a baseline with its error."""
    error = "" if found.score_error is None else f" ± {100 * found.score_error:.2f}"
    return Cell(f"{100 * found.score:.2f}{error} %", key=found.score)


def described(baselines: Sequence[Baseline]) -> str:
    """Return a note that describes each baseline in one sentence.

    Parameters
    ----------
    baselines : sequence of Baseline
        The methods.

    Returns
    -------
    str
        One sentence a method: layers, parameters, epochs, and whether training had converged.
    """
    return " ".join(
        f"{found.name}: {found.layers}; {found.parameters:,} parameters, {found.epochs} epochs, "
        f"{'converged' if found.converged else 'not converged'}."
        for found in baselines
    )
