"""Baselines on pages: what they are, and whether their training had converged."""

from __future__ import annotations

from collections.abc import Sequence

from trigger_lut.cards.stage_cards import METRICS, Baseline, Metric, ReferenceCard, Scores
from trigger_lut.report.template import Cell, Page, Table, cells, judgement

SCORES_NOTE = (
    "The first figure has the weights of the events and is what training judges by. Plain: all events alike. "
    "Balanced: the mean over classes."
)


def reference_page(card: ReferenceCard) -> Page:
    """Return the page of the baselines."""
    return Page(
        title="Baselines",
        lead=f"Methods without quantization, trained on the same integer codes ({card.events:,} events) and compared "
        "on the test split.",
        tables=[baselines_table(card)],
        cards={"reference": card},
    )


def baselines_table(card: ReferenceCard) -> Table:
    """Return scores, sizes and lengths of training, a row per method, and the score of the largest class.

    Parameters
    ----------
    card : ReferenceCard
        The baselines.

    Returns
    -------
    Table
        The table.
    """
    several = card.baselines[0].heads
    scores = [*score_heads(card.metric), *(f"{head.name}: {METRICS[head.metric]}" for head in several)]
    header = ["Method", *scores, "Layers", "Parameters", "Epochs", "Converged", "Training time [s]"]
    rows = [
        cells(
            baseline.name,
            *score_cells(baseline.scores),
            *(score_cells(head.scores)[0] for head in baseline.heads),
            baseline.layers,
            baseline.parameters,
            baseline.epochs,
            judgement(baseline.converged, "yes", no="no"),
            baseline.seconds,
        )
        for baseline in card.baselines
    ]
    if card.largest_class is not None:
        accuracy = score_cells(card.largest_class.scores)
        if several:
            accuracy = [*[Cell("-")] * 3, *(accuracy[0] if h.metric == "accuracy" else Cell("-") for h in several)]
        rows.append([*cells(f"Always {card.largest_class.name}"), *accuracy, *[Cell("-")] * 5])
    note = (
        "Parameters and epochs of trees: leaves and rounds of boosting. Converged: the loss on validation events "
        f"stopped falling before the largest number of epochs. {SCORES_NOTE}"
    )
    return Table("Baselines", header, rows, note=note)


def score(baseline: Baseline) -> Cell:
    """Return the score of a baseline with its error."""
    return with_error(baseline.scores.weighted, baseline.scores.weighted_error)


def score_heads(metric: Metric) -> list[str]:
    """Return the heads of the columns of `score_cells`."""
    return [METRICS[metric], f"{METRICS[metric]}, plain", f"{METRICS[metric]}, balanced"]


def score_cells(scores: Scores) -> list[Cell]:
    """Return a score weighted, plain and balanced, each with its error."""
    balanced = Cell("-") if scores.balanced is None else with_error(scores.balanced, scores.balanced_error)
    return [
        with_error(scores.weighted, scores.weighted_error),
        with_error(scores.plain, scores.plain_error),
        balanced,
    ]


def with_error(value: float, error: float | None) -> Cell:
    """Return a fraction in percent with its error."""
    return Cell(f"{100 * value:.2f}{'' if error is None else f' ± {100 * error:.2f}'} %", key=value)


def described(baselines: Sequence[Baseline]) -> str:
    """Return a note that describes each baseline in one sentence.

    Parameters
    ----------
    baselines : sequence of Baseline
        The methods.

    Returns
    -------
    str
        One sentence per method: layers, parameters, epochs, and whether training had converged.
    """
    return " ".join(
        f"{baseline.name}: {baseline.layers}; {baseline.parameters:,} parameters, {baseline.epochs} epochs, "
        f"{'converged' if baseline.converged else 'not converged'}."
        for baseline in baselines
    )
