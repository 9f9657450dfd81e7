"""Comparison of a data set's input formats with what an imported model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.conversion.model_inputs import read_formats
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import Network
from trigger_lut.verification.keras_model import values_of

EVENTS = 4000  # for the fraction of decisions
ALL = slice(None)
BITS_OF_UNQUANTIZED = 8  # further fraction bits of an input without a quantizer


@dataclass(frozen=True)
class CoarseInput:
    """An input that the data set gives with fewer bits than the model reads.

    Attributes
    ----------
    channel : int
        Number of the input.
    given : KIF
        Format of the data set.
    read : KIF or None
        Format that covers the given one and what the model reads; None where no quantizer reads the input.
    """

    channel: int
    given: KIF
    read: KIF | None

    @property
    def assumed(self) -> KIF:
        """Format of the random values that replace those of the data set."""
        if self.read is not None:
            return self.read
        return KIF(self.given.k, self.given.i, self.given.f + BITS_OF_UNQUANTIZED)


def coarse_inputs(model: Any, inputs: Sequence[KIF]) -> list[CoarseInput]:
    """Find inputs with fewer fraction bits, or a smaller range, than the model reads.

    Parameters
    ----------
    model : keras.Model
        The model.
    inputs : sequence of KIF
        Formats of the data set.

    Returns
    -------
    list of CoarseInput
        In the order of the inputs.
    """
    coarse = []
    for n, (given, one) in enumerate(zip(inputs, read_formats(model), strict=True)):
        if one is None:
            continue
        read = None if one.kif is None else KIF(*(max(pair) for pair in zip(given, one.kif, strict=True)))
        if read != given:
            coarse.append(CoarseInput(n, given, read))
    return coarse


def changed_decisions(
    model: Any, network: Network, *, codes: IntArray, coarse: Sequence[CoarseInput], classes: slice = ALL
) -> float:
    """Estimate the fraction of decisions that the missing bits of inputs change.

    Missing fraction bits are random. A value at a limit of the data set's range becomes a random value up to the
    limit of the model. In an unsigned format, 0 is no limit.

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
    classes : slice
        Outputs of which the largest decides; default: all.

    Returns
    -------
    float
        Fraction of events whose largest output, or only output, is another one.
    """
    rng = np.random.default_rng(0)
    events = codes[:EVENTS]
    fine = events.astype(np.float64)
    for one in coarse:
        fine[:, one.channel] = _completed(events[:, one.channel], one, rng)
    before, after = (_outputs(model, network, some)[:, classes] for some in (events, fine))
    return float((_decided(before) != _decided(after)).mean())


def _completed(codes: IntArray, one: CoarseInput, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random values of the wider format that the data set gives as these codes, in steps of the data set's format."""
    given, read = one.given, one.assumed
    steps = 1 << (read.f - given.f)
    low, high = codes * steps, (codes + 1) * steps
    if read[:2] != given[:2]:
        low = np.where((codes == given.lo) & (given.k > 0), read.lo, low)
        high = np.where(codes == given.hi, read.hi + 1, high)
    return np.asarray(rng.integers(low, high) / steps)


def _outputs(model: Any, network: Network, codes: NDArray[Any]) -> NDArray[Any]:
    outputs = model.predict(values_of(model, network, codes=codes, kind=np.float32), batch_size=1024, verbose=0)
    return np.asarray(outputs).reshape(len(codes), -1)


def _decided(outputs: NDArray[Any]) -> NDArray[Any]:
    return outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0]


def precision_notes(model: Any, network: Network, *, codes: IntArray, classes: slice = ALL) -> list[str]:
    """Describe the inputs that a data set gives with fewer bits than the model reads.

    Parameters
    ----------
    model : keras.Model
        The model, with one output tensor.
    network : Network
        The converted model, with the data set's formats and names of the inputs.
    codes : (N, C_in) int array
        Events of the data set.
    classes : slice
        Outputs of which the largest decides; default: all.

    Returns
    -------
    list of str
        One for each coarse input, with the fraction of decisions that change. One more for all together, if there are
        several.
    """
    coarse = coarse_inputs(model, network.inputs)
    notes = []
    for one in coarse:
        name = network.features[one.channel] if one.channel < len(network.features) else str(one.channel)
        read = "reads it without a quantizer" if one.read is None else f"reads up to {one.read}"
        at_limit = np.isin(codes[:, one.channel], (one.given.lo, one.given.hi)).mean() if len(codes) else 0.0
        limits = f"; {at_limit:.2%} of events are at the limits" if one.assumed[:2] != one.given[:2] else ""
        fraction = changed_decisions(model, network, codes=codes, coarse=[one], classes=classes)
        notes.append(
            f"input {name!r}: the data set gives {one.given}, the model {read}{limits}. Random values of the missing "
            f"bits change {fraction:.2%} of decisions"
        )
    if len(coarse) > 1:
        fraction = changed_decisions(model, network, codes=codes, coarse=coarse, classes=classes)
        notes.append(f"{len(coarse)} coarse inputs together: {fraction:.2%} of decisions change")
    return notes
