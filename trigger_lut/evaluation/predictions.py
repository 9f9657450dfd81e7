"""The four that physics results show: two references, the trained network in Keras, and the firmware's integers."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.budget import Spec
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.data.npy import map_arrays
from trigger_lut.errors import CardError
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate

DENSE, TREES, TRAINED, FIRMWARE = "Dense, unquantised", "Boosted trees", "Trained network", "Firmware"
TEACHER = "Teacher, unquantised"
SPLITS = {VALIDATION: "validation", TEST: "test"}
Outputs = dict[int, NDArray[np.float64]]
"""(N, outputs) real outputs by split, VALIDATION and TEST."""


def integer_outputs(network: Network, events: EventCodes, split: int) -> IntArray:
    """(N, O) output codes of the events in a split, each output at `network.fractions`."""
    found = [evaluate(network, codes) for codes, _ in events.chunks(split)]
    return np.concatenate(found)


def of_teacher(events: EventCodes) -> dict[str, Outputs]:
    """The score that networks learnt, where an anomaly is looked for; empty elsewhere."""
    return (
        {TEACHER: {s: events.labels_or_targets(s).astype(np.float64) for s in SPLITS}} if events.label_classes else {}
    )


def real_outputs(network: Network, codes: IntArray) -> NDArray[np.float64]:
    """Real values of output codes (N, O)."""
    found: NDArray[np.float64] = codes * 2.0 ** -network.fractions.astype(np.float64)
    return found


def of_references(path: Path) -> dict[str, Outputs]:
    """What the reference stage wrote. Raises CardError for a file that is damaged."""
    try:
        held = map_arrays(path)
        return {
            name: {s: np.asarray(held[f"{key}_{split}"], np.float64) for s, split in SPLITS.items()}
            for name, key in ((DENSE, "dense"), (TREES, "trees"))
        }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CardError(f"{path}: not the outputs of the references: {type(error).__name__}: {error}") from error


def of_keras(model: Path, spec: Spec, events: EventCodes) -> Outputs:
    """Outputs of the trained model, in float32 as Keras computes them. Raises CardError when it cannot be loaded."""
    from trigger_lut.conversion.saved_model import load_model

    held = load_model(model, spec.network.builder)
    return {
        s: np.concatenate(
            [
                np.asarray(held.predict(decoded(codes, events.formats), batch_size=8192, verbose=0), np.float64)
                for codes, _ in events.chunks(s)
            ]
        )
        for s in SPLITS
    }


def four(
    spec: Spec, network: Network, model: Path, events: EventCodes, references: Path
) -> tuple[dict[str, Outputs], dict[int, IntArray]]:
    """(real outputs by method, in the order of the legend; output codes of the firmware by split)."""
    codes = {s: integer_outputs(network, events, s) for s in SPLITS}
    firmware = {s: real_outputs(network, found) for s, found in codes.items()}
    found = {**of_references(references), TRAINED: of_keras(model, spec, events), FIRMWARE: firmware}
    for name, outputs in found.items():
        for s, split in SPLITS.items():
            expected = (len(codes[s]), len(events.classes))
            if outputs[s].shape != expected:
                raise CardError(f"{name}: outputs on {split}: expected {expected}, found {outputs[s].shape}")
    return found, codes
