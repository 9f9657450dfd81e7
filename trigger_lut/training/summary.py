"""The card of a network, trained here or imported."""

from __future__ import annotations

from typing import Any

import numpy as np

from trigger_lut.cards.base import Measured
from trigger_lut.cards.stage_cards import LayerSummary, Measurement, TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.conversion.keras_model import decode_outputs
from trigger_lut.cost_model.clock import fmax_measured
from trigger_lut.cost_model.luts import Cost, summarize
from trigger_lut.cost_model.measured import Built
from trigger_lut.cost_model.sharing_summary import summarize_sharing
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.metrics.accuracy import EventScore, metric_of
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.budget import Budget


def accuracies(integers: Network, events: EventCodes) -> dict[int, float]:
    """Return the score on the validation and the test split.

    Returns
    -------
    dict of int to float
        By split: the score by which a network is judged (`metrics.accuracy`), with the weights of the events.
    """
    accuracy = {}
    for split in (VALIDATION, TEST):
        quality = EventScore.for_split(events, split)
        qualities = [
            quality.score(decode_outputs(evaluate(integers, codes), integers), truth)
            for codes, truth in events.chunks(split)
        ]
        accuracy[split] = quality.mean(np.concatenate(qualities))
    return accuracy


def layer_summaries(integers: Network, cost: Cost) -> list[LayerSummary]:
    """Summarize widths and LUTs of each layer; `cost` is the estimate of this network."""
    layers = []
    for form, part in zip(integers.layers, cost.layers, strict=True):
        inputs, outputs = summarize(form)
        layers.append(
            LayerSummary(
                name=form.name,
                kind=form.computes_with,
                positions=form.n_positions,
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


def luts_measured(spec: Spec, built: Built) -> Measured:
    """Return the LUTs that synthesis counted."""
    return Measured(value=built.luts, source=spec.target.synthesizer)


def clock_measured(spec: Spec, built: Built) -> Measured:
    """Return the largest clock in MHz that the netlist reaches by the delay model."""
    return fmax_measured(built.fmax_mhz, spec.target.family, synthesizer=spec.target.synthesizer)


def measurement(spec: Spec, built: Built, *, cost: Cost, epoch: int, reason: str) -> Measurement:
    """Return the record of one synthesis."""
    return Measurement(
        epoch=epoch,
        reason=reason,
        luts=luts_measured(spec, built),
        luts_estimate=Measured(value=cost.luts, source="estimate"),
        latency_cycles=built.latency_cycles,
        fmax_mhz_estimate=clock_measured(spec, built),
        cuts=built.cuts,
    )


def train_card(spec: Spec, events: EventCodes, *, integers: Network, built: Built, **training: Any) -> TrainCard:
    """Build the card of a network.

    Parameters
    ----------
    spec : Spec
        The design.
    events : EventCodes
        The events of its data set.
    integers : Network
        The integer network.
    built : Built
        Its synthesis.
    **training
        Fields of the training and of the provenance: see `TrainCard`.

    Returns
    -------
    TrainCard
        The card.
    """
    budget = Budget(spec)
    sharing = budget.sharing(integers)
    scores = accuracies(integers, events)
    return TrainCard(
        design=spec.design,
        score_validation=scores[VALIDATION],
        score=scores[TEST],
        metric=metric_of(events.heads),
        luts=luts_measured(spec, built),
        luts_estimate=sharing.cost.luts,
        ff_estimate=built.ff,
        clock_mhz=spec.target.clock_mhz,
        fmax_mhz_estimate=clock_measured(spec, built),
        luts_budget=spec.budget.luts,
        latency_cycles=built.latency_cycles,
        latency_cycles_estimate=sharing.cost.latency_cycles,
        latency_cycles_budget=spec.latency_cycles_budget,
        layers=layer_summaries(integers, sharing.cost),
        sharing=None
        if spec.budget.ii == 1
        else summarize_sharing(
            integers, sharing, model=budget.model, ii=spec.budget.ii, latency_cycles=spec.latency_cycles_budget
        ),
        **training,
    )
