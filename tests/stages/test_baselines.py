"""Baselines without quantization: as many events as they may have, and outputs for all of validation and test."""

import dataclasses

import numpy as np
import pytest

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import ReferenceCard
from trigger_lut.config.network import NetworkShape
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, save_codes
from trigger_lut.evaluation import baselines
from trigger_lut.evaluation.float_networks import dense_network
from trigger_lut.evaluation.predictions import DEEP_SET, DENSE, SAME, TREES, WIDE, load_predictions
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages.baselines import run as references


def network(**keys) -> NetworkShape:
    return NetworkShape.model_validate(keys)


@pytest.fixture
def codes(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1200)
    values = np.stack([rng.integers(0, 16, 1200), np.clip(rng.normal(8 + 4 * labels, 2), 0, 15)], axis=1).astype(
        np.int32
    )
    split = rng.choice([TRAIN, VALIDATION, TEST], 1200, p=[0.6, 0.2, 0.2]).astype(np.uint8)
    formats, names = (KIF(0, 4, 0),) * 2, ("noise", "shifted")
    events = EventCodes(values, labels, split, np.arange(1200, dtype=np.uint64), formats, names, ("a", "b"))
    save_codes(events, tmp_path / "codes.npz")
    return events


@pytest.mark.parametrize("most", [10**6, 100])
def test_events_and_outputs(codes, tmp_path, monkeypatch, most):
    monkeypatch.setattr(baselines, "MAX_EVENTS", most)
    monkeypatch.setattr("trigger_lut.stages.baselines.MAX_EVENTS", most)
    monkeypatch.setattr(baselines, "EPOCHS", 3)
    source, outputs, path = (tmp_path / name for name in ("codes.npz", "reference.npz", "reference.json"))
    references(codes=source, network=network(units=[4, 2]), epochs=4, seed=1, baseline_predictions=outputs, card=path)
    card = read_card(ReferenceCard, path)
    assert card.events == min(int((codes.split == TRAIN).sum()), most)
    same, trees = card.baselines
    assert (same.name, same.layers, same.parameters) == (SAME, "Dense 4, Dense 2", 2 * 4 + 4 + 4 * 2 + 2)
    assert (same.epochs, same.converged) == (4, False), "as many epochs as the designs, which are too few"
    assert (trees.name, trees.converged) == (TREES, True)
    assert trees.score > 0.7, "half by chance"
    assert trees.scores.plain_error == pytest.approx(
        (trees.score * (1 - trees.score) / (codes.split == TEST).sum()) ** 0.5
    )
    for outputs_of_method in load_predictions(outputs).values():
        assert {split: len(values) for split, values in outputs_of_method.items()} == {
            split: (codes.split == split).sum() for split in (VALIDATION, TEST)
        }


def test_channel_that_first_varies_in_test_does_not_diverge(codes, monkeypatch):
    """As of objects that background does not have: in units of a spread that is zero it would count without end."""
    monkeypatch.setattr(baselines, "EPOCHS", 3)
    values = np.concatenate([codes.codes, np.where(codes.split == TEST, 15, 2)[:, None].astype(np.int32)], axis=1)
    events = dataclasses.replace(codes, codes=values, formats=(KIF(0, 4, 0),) * 3, features=("a", "b", "constant"))
    baseline = baselines.network_predictions(events, dense_network([4, 2], 3), epochs=3)
    constant = dataclasses.replace(events, codes=np.where([[False, False, True]], 2, values).astype(np.int32))
    plain = baselines.network_predictions(constant, dense_network([4, 2], 3), epochs=3)
    assert np.abs(baseline.outputs[TEST]).max() < 4 * max(np.abs(plain.outputs[TEST]).max(), 1.0)


SUMS = {
    "input_shape": [8, 2],
    "layers": [
        {"q_dense": {"units": 16, "activation": "relu"}},
        {"sum": {"axis": "particles"}},
        {"lut_dense": {"units": 2}},
    ],
}


def test_shared_layers_and_sums_are_learned_by_the_same_network(monkeypatch):
    """Truth is a sum over objects: Dense layers on all slots of as many units do not find it."""
    rng = np.random.default_rng(1)
    values = rng.integers(-16, 16, (2400, 8, 2)).astype(np.int32)
    each = np.abs(values[..., 0]) - np.abs(values[..., 1])
    labels = (each.sum(axis=1) > 0).astype(np.int64)
    split = rng.choice([TRAIN, VALIDATION, TEST], 2400, p=[0.5, 0.2, 0.3]).astype(np.uint8)
    names = tuple(f"x{n}" for n in range(16))
    events = EventCodes(
        values.reshape(-1, 16), labels, split, np.arange(2400, dtype=np.uint64), (KIF(1, 4, 0),) * 16, names, ("a", "b")
    )
    monkeypatch.setattr(baselines, "EPOCHS", 25)
    truth = events.truth(TEST)

    def accuracy(name: str, shape: NetworkShape) -> float:
        outputs = baselines.baselines_of(shape)[name](events, 25, 1).outputs[TEST]
        return float((outputs.argmax(axis=1) == truth).mean())

    shared = accuracy(SAME, network(**SUMS))
    assert shared > 0.9
    assert accuracy(DEEP_SET, network(**SUMS)) > 0.9
    assert accuracy(DENSE, network(**SUMS, baseline_units=[16, 2])) < shared - 0.05, "control: nothing is shared"


CONVOLUTION = {"lut_conv1d": {"filters": 4, "kernel_size": 3}}
EINSUM = {"q_einsum_dense": {"equation": "bpc,pq->bqc", "output_shape": [4, 2]}}


@pytest.mark.parametrize(
    ("keys", "names", "layers"),
    [
        ({"units": [6, 2]}, [SAME, TREES], "Dense 6, Dense 2"),
        (SUMS, [SAME, DEEP_SET, TREES], "Dense 16, Sum, Dense 2"),
        (
            {"input_shape": [8, 2], "layers": [CONVOLUTION, {"flatten": {}}, {"lut_dense": {"units": 2}}]},
            [SAME, WIDE, TREES],
            "Conv1D 4, Flatten, Dense 2",
        ),
        (
            {"input_shape": [8, 2], "layers": [EINSUM, {"flatten": {}}, {"lut_dense": {"units": 2}}]},
            [SAME, DEEP_SET, TREES],
            "EinsumDense, Flatten, Dense 2",
        ),
        (
            {"input_shape": [8, 2], "layers": [{"lut_dense": {"units": 2}}, {"sum": {"axis": 1}}]},
            [SAME, DEEP_SET, TREES],
            "Dense 2, Dense 2, Sum",
        ),
        ({"builder": "mine:build", "baseline_units": [4, 2]}, [DENSE, TREES], None),
    ],
)
def test_baselines_follow_the_layers(keys, names, layers):
    from trigger_lut.evaluation import float_networks

    shape = network(**keys)
    assert list(baselines.baselines_of(shape)) == names
    if layers is not None:
        model = float_networks.same_network(shape, 16)
        assert float_networks.described(model) == layers
        assert model.output_shape == (None, 2)
    if WIDE in names:
        wide = float_networks.same_network(shape, 16, wider=float_networks.WIDER)
        assert float_networks.described(wide) == "Conv1D 12, Flatten, Dense 2"


def test_groups_of_channels_are_standardized_together():
    x = np.array([[1.0, 10.0, 3.0, 30.0], [1.0, 10.0, 3.0, 30.0]])
    assert baselines._standardization(x, 2)(x)[0].tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert not baselines._standardization(x, 4)(x).any(), "control: a channel alone never varies"


def test_names_are_kept_with_the_outputs(tmp_path):
    from trigger_lut.evaluation.predictions import save_predictions

    written = {name: {s: np.full((2, 2), n, np.float32) for s in (VALIDATION, TEST)} for n, name in enumerate("ab")}
    save_predictions(written, tmp_path / "reference.npz")
    read = load_predictions(tmp_path / "reference.npz")
    assert list(read) == ["a", "b"]
    assert read["b"][TEST].tolist() == [[1, 1], [1, 1]]
