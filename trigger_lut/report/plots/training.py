"""Plots of a training: accuracy and LUTs over epochs, bit widths and pruning a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cards.stage_cards import METRICS, TrainCard
from trigger_lut.report.plots.style import BUDGET_COLOR, COLORS, GRAY, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NAMED = {
    "tables": ("Edges", "Address width", "Table output width"),
    "arithmetic": ("Weights", "Input width", "Weight width"),
    "selection": ("Inputs", "Input width", "Compared width"),
}
"""What a layer's bars count, and their two axes."""


def training(card: TrainCard) -> Figure:
    """Accuracy, losses, LUTs with the controller's target and the budget, and cycles, over epochs."""
    if not card.history:
        return _not_trained()
    figure, [top, losses, middle, bottom] = canvas(7.0, 9.0, rows=4, columns=1)
    epochs = [e.epoch for e in card.history]
    top.plot(epochs, [100 * e.score for e in card.history], color=COLORS[0], label="validation")
    top.axhline(100 * card.score, color=BUDGET_COLOR, linestyle=":", linewidth=1, label="result, test split")
    top.set_ylabel(f"{METRICS[card.metric]} [%]")
    losses.plot(epochs, [e.loss for e in card.history], color=COLORS[0], label="training")
    shown = [np.nan if e.loss_validation is None else e.loss_validation for e in card.history]
    losses.plot(epochs, shown, color=COLORS[2], linestyle="--", label="validation")
    losses.set_ylabel("Loss")
    middle.plot(epochs, [e.luts_estimate for e in card.history], color=COLORS[0], label="estimate")
    middle.plot(epochs, [e.luts_target for e in card.history], color=COLORS[1], linestyle="--", label="target")
    middle.plot(
        [m.epoch for m in card.measurements],
        [m.luts.value or np.nan for m in card.measurements],
        color=BUDGET_COLOR,
        linestyle="",
        marker="o",
        markersize=4,
        label="yosys",
    )
    middle.axhline(card.luts_budget, color=BUDGET_COLOR, linewidth=1, label="budget")
    middle.set_yscale("log")
    middle.set_ylabel("LUTs")
    bottom.step(epochs, [e.latency_cycles for e in card.history], color=COLORS[0], where="mid", label="planned")
    bottom.axhline(card.latency_cycles_budget, color=BUDGET_COLOR, linewidth=1, label="budget")
    bottom.set_ylim(0, None)
    bottom.set_ylabel("Latency [cycles]")
    bottom.set_xlabel("Epoch")
    for ax in (top, losses, middle, bottom):
        ax.legend(loc="best")
        if len(epochs) > 1:
            ax.set_xlim(epochs[0], epochs[-1])
    return figure


def _not_trained() -> Figure:
    """In place of the curves of a network that came as a file."""
    figure, [ax] = canvas(7.0, 0.8)
    ax.set_axis_off()
    ax.text(0.5, 0.5, "A given network: nothing was trained.", ha="center", va="center", transform=ax.transAxes)
    return figure


def widths(card: TrainCard) -> Figure:
    """Edges by address width and by table output width, a row per layer; width 0 is a pruned edge.

    Of an arithmetic layer: weights by the width of what they multiply, and by their own. Of a selection: inputs by
    width, and by the width at which they are compared.
    """
    figure, axes = canvas(8.2, 2.5 * len(card.layers) + 0.3, rows=len(card.layers), columns=2)
    for row, layer in enumerate(card.layers):
        edges, *named = NAMED.get(layer.kind, ("Edges", "Input width", "Output width"))
        for ax, counts, what in (
            (axes[2 * row], layer.input_width_counts, f"{named[0]} [bits]"),
            (axes[2 * row + 1], layer.output_width_counts, f"{named[1]} [bits]"),
        ):
            bits = np.arange(len(counts))
            colors = [GRAY if b == 0 else COLORS[0] for b in bits]
            bars = ax.bar(bits, counts, color=colors, width=0.8)
            ax.bar_label(bars, [str(c) if c else "" for c in counts], fontsize=7)
            ax.set_xlim(-0.7, max(len(counts) - 0.3, 1.5))
            ax.margins(y=0.15)
            ax.set_xlabel(what)
            ax.tick_params(axis="x", which="minor", length=0)
            ax.set_xticks(bits, ["pruned" if b == 0 else str(b) for b in bits], fontsize=8)
        axes[2 * row].set_ylabel(edges)
        places = f" at {layer.positions} places" if layer.positions > 1 else ""
        axes[2 * row].set_title(
            f"{layer.name}: {layer.inputs} to {layer.outputs}{places}, "
            f"{layer.edges_active} of {layer.edges} {edges.lower()} live",
            loc="left",
            fontsize=9,
        )
    return figure
