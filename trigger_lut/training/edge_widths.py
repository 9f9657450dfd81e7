"""The widths of a model's tables from outside training: kept where they are, taken away with an edge, or given back."""

from __future__ import annotations

import keras
import numpy as np

from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import Network
from trigger_lut.training.pruning import Marks, live

NO_EDGE = -1.0  # address bits, less those that the edge had: below 0, so that no later step of training brings it back


def table_layers(model: keras.Model) -> list[LookupLayer]:
    """All layers of tables, those of inner models too."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, LookupLayer)]


def hold_widths(layers: list[LookupLayer], moments: bool = True) -> None:
    """Make widths the integers that they are taken for, and moments of batch normalization those that are kept.

    Without `moments` these go on being those of each batch.
    """
    for layer in layers:
        for width in (layer.input_width, layer.output_fraction):
            width.assign(np.floor(np.asarray(width) + 0.5))
        if layer.batch_norm and moments:
            layer.batch_statistics.assign(0.0)


def remove_edges(layers: list[LookupLayer], network: Network, marks: Marks) -> None:
    """Remove the marked edges of the network that the layers became, and those that it does without.

    The latter are constant as things are: coming back, they would cost what nobody planned for. What widths they had is
    kept, see `widths_before`.
    """
    gone = {form.name: mark | ~live(form) for form, mark in zip(network.layers, marks, strict=True)}
    for layer in layers:
        if layer.per_position_widths:
            marked = np.stack([gone[f"{layer.name}_place{p}"] for p in range(len(layer.input_width))])
        else:
            marked = gone[layer.name]
        widths = np.asarray(layer.input_width)
        layer.input_width.assign(np.where(marked & (widths >= 0.0), NO_EDGE - widths, widths))


def widths_before(widths: np.ndarray) -> np.ndarray:
    """Address bits of edges before they were removed, where they were; of the others, those that they have."""
    return np.where(widths <= NO_EDGE, NO_EDGE - widths, widths)
