"""The widths of a model's tables from outside training: held where they are, taken away with an edge, or given back."""

from __future__ import annotations

import keras
import numpy as np

from trigger_lut.layers.table_layer import TableLayer
from trigger_lut.network import Network
from trigger_lut.training.pruning import Marks, live

NO_EDGE = -1.0  # address bits, less those that the edge had: below 0, so that no later step of training brings it back


def table_layers(model: keras.Model) -> list[TableLayer]:
    """All layers of tables, those of inner models too."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, TableLayer)]


def hold_widths(layers: list[TableLayer], moments: bool = True) -> None:
    """Make widths the whole numbers that they are taken for, and moments of batch normalisation those that are kept.

    Without `moments` these go on being those of each batch.
    """
    for layer in layers:
        for width in (layer.input_width, layer.output_fraction):
            width.assign(np.floor(np.asarray(width) + 0.5))
        if layer.batch_norm and moments:
            layer.batch_statistics.assign(0.0)


def remove_edges(layers: list[TableLayer], network: Network, marks: Marks) -> None:
    """Remove the marked edges of the network that the layers became, and those that it does without.

    The latter are constant as things are: coming back, they would cost what nobody planned for. What widths they had is
    kept, see `widths_before`.
    """
    gone = {form.name: mark | ~live(form) for form, mark in zip(network.layers, marks, strict=True)}
    for layer in layers:
        if layer.per_place:
            marked = np.stack([gone[f"{layer.name}_place{p}"] for p in range(len(layer.input_width))])
        else:
            marked = gone[layer.name]
        widths = np.asarray(layer.input_width)
        removed = marked & (widths >= 0.0)
        layer.input_width.assign(np.where(removed, NO_EDGE - widths, widths))
        if layer.batch_norm and not layer.per_place:
            _centre(layer, removed)


def _centre(layer: TableLayer, removed: np.ndarray) -> None:
    """Make what is left of removed edges 0, which is the mean of what they were.

    An edge without address bits is the value of its network in the middle of the channel's range. While moments are
    those of the batch, that value is its mean and leaves nothing; held moments would leave the difference of the two to
    every event, and where many places are added that many times.
    """
    values, _ = layer.edge_functions(layer.widths()[0], slopes=False)
    mean = np.asarray(layer.moving_mean)
    layer.moving_mean.assign(np.where(removed, np.asarray(values)[:, 0, :], mean))


def widths_before(widths: np.ndarray) -> np.ndarray:
    """Address bits of edges before they were removed, where they were; of the others, those that they have."""
    return np.where(widths <= NO_EDGE, NO_EDGE - widths, widths)
