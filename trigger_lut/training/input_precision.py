"""Comparison of a data set's input formats with the quantizers of an imported model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import Network
from trigger_lut.verification.keras_model import values_of

EVENTS = 4000  # for the fraction of decisions


@dataclass(frozen=True)
class CoarseInput:
    """An input that the data set gives with fewer bits than the model reads.

    Attributes
    ----------
    channel : int
        Number of the input.
    given : KIF
        Format of the data set.
    read : KIF
        Format that covers the given one and all quantizers that read the input.
    """

    channel: int
    given: KIF
    read: KIF


def coarse_inputs(network: Network) -> list[CoarseInput]:
    """Find inputs with fewer fraction bits, or a smaller range, than a quantizer of the model that reads them.

    Parameters
    ----------
    network : Network
        The converted model. Channels of its layers have the formats of the model's quantizers.

    Returns
    -------
    list of CoarseInput
        In the order of the inputs.
    """
    parts = np.array(network.inputs)
    for layer, gather_index in zip(network.layers, network.gather_index, strict=True):
        for channel in layer.used_channels():
            values = gather_index[:, channel]
            values = values[(values >= 0) & (values < len(parts))]
            parts[values] = np.maximum(parts[values], np.array(layer.inputs[channel]))
    read = [KIF(*(int(bits) for bits in row)) for row in parts]
    pairs = zip(network.inputs, read, strict=True)
    return [CoarseInput(n, given, kif) for n, (given, kif) in enumerate(pairs) if given != kif]


def changed_decisions(model: Any, network: Network, codes: IntArray, coarse: Sequence[CoarseInput]) -> float:
    """Estimate the fraction of decisions that the missing fraction bits of inputs change.

    Parameters
    ----------
    model : keras.Model
        The model.
    network : Network
        Its formats of the inputs.
    codes : (N, C_in) int array
        Events.
    coarse : sequence of CoarseInput
        Inputs with missing bits.

    Returns
    -------
    float
        Fraction of events whose largest output, or only output, is another one with random bits in their place.
    """
    rng = np.random.default_rng(0)
    events = codes[:EVENTS]
    fine, scale = events.astype(np.float64), np.zeros(len(network.inputs))
    for one in coarse:
        scale[one.channel] = 2.0 ** (one.given.f - one.read.f)
    random = rng.integers(0, 1 << 62, fine.shape)
    for channel in np.flatnonzero(scale):
        steps = round(1 / scale[channel])
        fine[:, channel] += (random[:, channel] % steps) * scale[channel]
    return float((_decisions(model, network, events) != _decisions(model, network, fine)).mean())


def _decisions(model: Any, network: Network, codes: NDArray[Any]) -> NDArray[Any]:
    outputs = model.predict(values_of(model, network, codes, np.float32), batch_size=1024, verbose=0)
    outputs = np.asarray(outputs).reshape(len(codes), -1)
    return outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0]


def precision_notes(model: Any, network: Network, codes: IntArray) -> list[str]:
    """Describe the inputs that a data set gives with fewer bits than the model reads.

    Parameters
    ----------
    model : keras.Model
        The model, with one output tensor.
    network : Network
        The converted model, with the data set's formats and names of the inputs.
    codes : (N, C_in) int array
        Events of the data set.

    Returns
    -------
    list of str
        One for each input, and one with the fraction of decisions that change; empty where no input is coarse.
    """
    coarse = coarse_inputs(network)
    if not coarse:
        return []
    notes = []
    for one in coarse:
        name = network.features[one.channel] if one.channel < len(network.features) else str(one.channel)
        at_limit = np.isin(codes[:, one.channel], (one.given.lo, one.given.hi)).mean() if len(codes) else 0.0
        limits = "" if one.read[:2] == one.given[:2] else f"; {at_limit:.2%} of events are at the limits of the format"
        notes.append(f"input {name!r}: the data set gives {one.given}, the model reads up to {one.read}{limits}")
    if any(one.read.f > one.given.f for one in coarse):
        fraction = changed_decisions(model, network, codes, coarse)
        notes.append(f"random values of the missing fraction bits change {fraction:.2%} of decisions")
    return notes
