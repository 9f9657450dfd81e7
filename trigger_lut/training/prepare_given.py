"""Forms of a given model that the budget file asks for: quantized after its training, logits or probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.config.network import NetworkShape
from trigger_lut.conversion.final_activation import without_final_activation
from trigger_lut.conversion.post_training import Widths, quantized_model, with_probabilities
from trigger_lut.data.event_codes import TEST, TRAIN, EventCodes
from trigger_lut.metrics.accuracy import METRIC_WORDS, EventScore, metric_of
from trigger_lut.network.network import Network
from trigger_lut.verification.keras_model import BATCH, values_of

PROBABILITY_BITS = 8
CALIBRATION_EVENTS = 8192  # of the training split


@dataclass(frozen=True)
class PreparedModel:
    """A given model in the form that becomes firmware.

    Attributes
    ----------
    model : keras.Model
        The model.
    changed : bool
        Whether it differs from the file.
    notes : list of str
        Of each change, for people and the card.
    """

    model: Any
    changed: bool
    notes: list[str]


def prepare_given(model: Any, network: NetworkShape, *, events: EventCodes) -> PreparedModel:
    """Bring a loaded model into the form that the budget file asks for.

    Parameters
    ----------
    model : keras.Model
        The model of `keras_file`.
    network : NetworkShape
        The network of the budget file.
    events : EventCodes
        The events of its data set. Training events decide the formats of a quantized model; test events show its loss.

    Returns
    -------
    PreparedModel

    Raises
    ------
    FirmwareError
        If the model cannot be quantized, or has no probabilities.
    """
    formats = network.post_training
    if network.gives_probabilities:
        prepared = with_probabilities(model, PROBABILITY_BITS)
        note = None if prepared is model else f"outputs are probabilities of {PROBABILITY_BITS} bits, by tables"
    else:
        prepared, note = without_final_activation(model)
    notes = [] if note is None else [note]
    if formats is not None:
        widths = Widths(formats.weight_bits - 1, formats.activation_bits - 1)
        inputs = Network(tuple(events.formats), ())
        sample = values_of(prepared, inputs, codes=events.first(TRAIN, CALIBRATION_EVENTS)[0], kind=np.float32)
        given, prepared = prepared, quantized_model(prepared, sample, widths=widths)
        before, after = (_test_score(some, inputs, events) for some in (given, prepared))
        notes.append(
            f"quantized after training to {formats.weight_bits} bits of weights and {formats.activation_bits} of "
            f"activations: {METRIC_WORDS[metric_of(events.heads)]} {after:.4f} on the test split, in float "
            f"{before:.4f}"
        )
    return PreparedModel(prepared, bool(notes), notes)


def _test_score(model: Any, inputs: Network, events: EventCodes) -> float:
    """Return accuracy or R^2 of a model on the test split, in float32."""
    judge, scores = EventScore.for_split(events, TEST), []
    for codes, truth in events.chunks(TEST):
        outputs = model.predict(values_of(model, inputs, codes=codes, kind=np.float32), batch_size=BATCH, verbose=0)
        outputs = np.asarray(outputs, dtype=np.float64).reshape(len(codes), -1)
        scores.append(judge.score(outputs, truth))
    return judge.mean(np.concatenate(scores))
