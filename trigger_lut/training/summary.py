"""What the train stage writes down of a network, trained here or given: its accuracy and its layers."""

from __future__ import annotations

import numpy as np

from trigger_lut.cards.stage_cards import LayerSummary
from trigger_lut.conversion.keras_model import decode_outputs
from trigger_lut.cost_model.luts import Cost, summarize
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.metrics.accuracy import EventScore
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate


def accuracies(integers: Network, events: EventCodes) -> dict[int, float]:
    """Share of right classes, of a regression R^2, on the validation and the test split."""
    accuracy = {}
    for split in (VALIDATION, TEST):
        quality = EventScore.for_split(events, split)
        found = [
            quality.score(decode_outputs(evaluate(integers, codes), integers), truth)
            for codes, truth in events.chunks(split)
        ]
        accuracy[split] = float(np.concatenate(found).mean())
    return accuracy


def layer_summaries(integers: Network, cost: Cost) -> list[LayerSummary]:
    """Widths and LUTs of each layer. cost: the surrogate's of this network."""
    layers = []
    for form, part in zip(integers.layers, cost.layers, strict=True):
        inputs, outputs = summarize(form)
        layers.append(
            LayerSummary(
                name=form.name,
                kind=form.computes_with,
                places=form.n_positions,
                inputs=form.shape[0],
                outputs=form.shape[1],
                edges=sum(inputs),
                edges_active=form.live_edges,
                input_width_counts=inputs,
                output_width_counts=outputs,
                saturating_channels=sum(mode != "WRAP" for mode in form.overflow),
                luts_tables=part.tables,
                luts_adders=part.adders,
                luts_saturation=part.saturation,
            )
        )
    return layers
