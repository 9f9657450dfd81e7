"""Changes of table widths from outside training: freeze them, remove them with an edge, or restore them."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from trigger_lut.conversion.keras_model import TableEdges
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import Network
from trigger_lut.training.hgq_edges import remove_hgq_edges
from trigger_lut.training.pruning import Marks, live

NO_EDGE = -1.0  # address bits, less those that the edge had: below 0, so that no later step of training brings it back


@dataclass(frozen=True)
class RemovableEdges:
    """Edges of a model that pruning can remove, in LUT layers and in table layers of HGQ2.

    Attributes
    ----------
    tables : list of LookupLayer
        The LUT layers.
    hgq : list of TableEdges
        Edges of HGQ2's table layers with quantizers of their own.
    """

    tables: list[LookupLayer]
    hgq: list[TableEdges]

    @property
    def names(self) -> set[str]:
        """Names of the layers of the integer network that can lose edges."""
        places = {f"{x.name}_place{p}" for x in self.tables if x.per_position_widths for p in range(len(x.input_width))}
        return places | {x.name for x in (*self.tables, *self.hgq)}

    def remove(self, network: Network, marks: Marks) -> None:
        """Remove the marked edges of the network from the model."""
        remove_edges(self.tables, network, marks=marks)
        remove_hgq_edges(self.hgq, network, marks=marks)


def table_layers(model: keras.Model) -> list[LookupLayer]:
    """Return all layers of tables, of inner models too."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, LookupLayer)]


def hold_widths(layers: list[LookupLayer], moments: bool = True) -> None:
    """Round widths to the integers that they represent, and fix the moments of batch normalization.

    Without `moments` batch normalization continues to use the moments of each batch.
    """
    for layer in layers:
        for width in (layer.input_width, layer.output_fraction):
            width.assign(np.floor(np.asarray(width) + 0.5))
        if layer.batch_norm and moments:
            layer.batch_statistics.assign(0.0)


def remove_edges(layers: list[LookupLayer], network: Network, *, marks: Marks) -> None:
    """Remove the marked edges of the network that the layers became, and the edges that it lacks already.

    The latter are constant at present; if they came back, they would take LUTs beyond the plan. Their widths are
    recoverable, see `widths_before`.
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
    """Return address bits of removed edges before their removal, and present address bits of all others."""
    return np.where(widths <= NO_EDGE, NO_EDGE - widths, widths)
