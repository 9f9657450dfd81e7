"""Weights in training: flat in a variable, negative ones, and batches that suit small samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rootfiles import write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.budget import LEAST_STEPS, Training
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.data.event_codes import TRAIN, EventCodes, load_codes
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.stages.ingest import run as ingest
from trigger_lut.training.batches import suited_batch, with_epochs

EDGES = [20.0, 30.0, 40.0, 60.0, 100.0]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes whose pt falls with different slopes; one event of ten has a negative weight."""
    rng = np.random.default_rng(5)
    label = np.repeat([0, 1], 3000)
    columns: dict[str, Any] = {
        "event": np.arange(6000),
        "label": label,
        "pt": 20 + rng.exponential(np.where(label, 60.0, 15.0)),
        "w": np.where(np.arange(6000) % 10, 1.0, -0.5),
    }
    return write_tree(tmp_path_factory.mktemp("files") / "a.root", columns)


def described(folder: Path, file: Path, **keys: Any) -> Path:
    content: dict[str, Any] = {
        "name": "toy",
        "files": [str(file)],
        "tree": "jets",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["b", "light"]},
        "features": [{"name": "pt"}],
        "observables": {"pt": "pt"},
    }
    return write_description(folder / "toy.yaml", content | keys)


def run(folder: Path, file: Path, **keys: Any) -> tuple[EventCodes, IngestCard]:
    codes, card = folder / "codes.npz", folder / "ingest.json"
    ingest(description=described(folder, file, **keys), codes=codes, card=card)
    return load_codes(codes), read_card(IngestCard, card)


def spectra(events: EventCodes) -> np.ndarray:
    """Sums of weights in training by class and bin of pt."""
    assert events.observables is not None
    train = events.split == TRAIN
    weights = np.ones(len(train)) if events.weights is None else events.weights.astype(np.float64)
    pt = np.clip(events.observables[train, 0], EDGES[0], EDGES[-1] - 1)
    chosen = [events.labels[train] == k for k in (0, 1)]
    return np.array([np.histogram(pt[k], EDGES, weights=weights[train][k])[0] for k in chosen])


@pytest.mark.parametrize("keys", [{}, {"weight": "w"}, {"balance_classes": True}])
def test_reweighted_classes_are_flat_in_the_variable(file: Path, tmp_path: Path, keys: dict[str, Any]) -> None:
    plain = spectra(run(tmp_path, file)[0])
    assert plain[0, 0] > 2 * plain[1, 0], "control: the classes differ in pt"
    events, _ = run(tmp_path, file, reweight={"variable": "pt", "bins": EDGES}, **keys)
    weighted = spectra(events)
    np.testing.assert_allclose(weighted, np.broadcast_to(weighted[:, :1], weighted.shape), rtol=1e-5)
    assert events.weights is not None
    assert events.weights[events.split == TRAIN].mean() == pytest.approx(1, rel=1e-5)
    if "balance_classes" in keys:
        np.testing.assert_allclose(weighted[0], weighted[1], rtol=1e-5)


def test_largest_factor_bounds_a_bin_of_few_entries(file: Path, tmp_path: Path) -> None:
    reweight = {"variable": "pt", "bins": [20.0, 99.0, 100.0, 1000.0], "max_weight": 2.0}
    events, _ = run(tmp_path, file, reweight=reweight)
    assert events.weights is not None
    of_class = events.weights[events.labels == 0]
    assert of_class.max() / of_class.min() <= 2 * 3, "a bin of nearly all entries has a factor of a third"


def test_negative_weights_count_with_their_sign_and_are_named(file: Path, tmp_path: Path) -> None:
    events, card = run(tmp_path, file, weight="w")
    assert events.weights is not None
    train = events.split == TRAIN
    share = (events.weights[train] < 0).mean()
    assert 0.08 < share < 0.12
    negative = int((events.weights[train] < 0).sum())
    assert card.warnings == [
        f"weight: {negative} entries of the training split ({100 * share:.1f} %) have negative weights. They count "
        "with their sign, so that figures have larger errors"
    ]
    with pytest.raises(DataError, match="class 'b' has no weight in the training split"):
        run(tmp_path, file, weight="where(label == 0, -1, 1)")
    with pytest.raises(DataError, match=r"class 'b' has no positive weight from 40 to 60\. Merge this bin"):
        run(
            tmp_path,
            file,
            weight="where((label == 0) & (pt > 40) & (pt < 60), -1, 1)",
            reweight={"variable": "pt", "bins": EDGES},
        )


@pytest.mark.parametrize(
    ("reweight", "expected"),
    [
        ({"variable": "pt", "bins": [3, 2]}, "reweight: bins: expected rising edges, found 2 after 3"),
        ({"variable": "pt", "bins": [3]}, "reweight.bins: expected 2 or more entries, found [3]"),
    ],
)
def test_mistakes_of_reweight_are_named(file: Path, tmp_path: Path, reweight: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_data_set(described(tmp_path, file, reweight=reweight))
    assert expected in str(caught.value)


def test_missing_values_of_the_variable_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"reweight: NaN at entry \d+, expected a number"):
        run(tmp_path, file, reweight={"variable": "sqrt(25 - pt)", "bins": EDGES})


@pytest.mark.parametrize(
    ("events", "batch"), [(20, 32), (1533, 64), (16 * 512, 512), (24_000, 1024), (10_000_000, 1024)]
)
def test_small_samples_get_small_batches(events: int, batch: int) -> None:
    assert suited_batch(events) == batch


@pytest.mark.parametrize(("events", "least"), [(20, LEAST_STEPS), (1533, 300 * 23), (60_000, 300 * 58)])
def test_small_samples_get_at_least_so_many_steps(events: int, least: int) -> None:
    epochs = with_epochs(Training(), events).epochs
    steps = epochs * max(events // suited_batch(events), 1)
    assert least <= steps < least + max(events // suited_batch(events), 1)
    assert with_epochs(Training(epochs=7), events).epochs == 7, "what the user gives stays"
