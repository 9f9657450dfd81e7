"""Warm starts: begun where a larger training was before freezing, resumed after kills, and refused with other files."""

import logging
import re

import numpy as np
import pytest
from trainings import killed, made_design, made_events, made_session, train, write_inputs

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.data.event_codes import load_codes
from trigger_lut.errors import CardError, ConfigurationError
from trigger_lut.training import checkpoint, warm_start
from trigger_lut.training import session as training_session
from trigger_lut.training.select_result import MAX_REGROW_ROUNDS
from trigger_lut.training.session import Session

FROM_SCRATCH = {"epochs": 20, "batch_size": 280, "learning_rate": 0.03}
SHORTER = {"epochs": 12, "batch_size": 280, "learning_rate": 0.015}
SMALLER = 70


def made_small(**changes):
    return made_design(**({"luts": SMALLER, "warm_from": "large", "training": SHORTER} | changes))


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """(folder of a training from scratch, state of its trainer right before it froze widths)."""
    folder, states = tmp_path_factory.mktemp("larger"), []
    write_inputs(folder, made_design(training=FROM_SCRATCH))
    freeze = training_session.freeze

    def watched(state, model):
        states.append(model.trainer_arrays())
        freeze(state, model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_session, "freeze", watched)
        train(folder, folder)
    (state,) = states
    return folder, state


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, made_small())
    return folder


@pytest.fixture(scope="module")
def trained(larger, inputs, tmp_path_factory):
    return train(inputs, tmp_path_factory.mktemp("trained"), larger[0] / "warm.npz")


def test_a_training_leaves_its_state_from_before_freezing(larger):
    folder, state = larger
    start = warm_start.load(folder / "warm.npz", made_small(), events=made_events())
    for array, expected in zip(start.arrays, state, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert start.luts[0] > 1e-5, "the multiplier that was found"
    card = read_card(TrainCard, folder / "train.json")
    assert start.correction.luts == pytest.approx(
        card.measurements[0].luts.value / card.measurements[0].luts_estimate.value
    )


def test_a_session_begins_where_the_larger_training_was(larger, tmp_path):
    folder, state = larger
    events, small = made_events(), made_small()
    start = warm_start.load(folder / "warm.npz", small, events=events)
    began = made_session(small, events, tmp_path, start=start)
    for array, expected in zip(began.model.trainer.state(), state, strict=True):
        np.testing.assert_array_equal(array, expected)
    cost = began.state.budget.estimate(began.model.network())
    assert (began.state.luts.budget, began.state.luts.start, began.state.luts.multiplier) == (
        SMALLER,
        cost.luts,
        start.luts[0],
    )
    assert began.state.luts.target(0.0) == cost.luts > began.state.luts.target(1.0) == pytest.approx(SMALLER)
    assert (began.state.depth.start, began.state.budget.correction) == (cost.stages, start.correction)
    scratch = made_session(made_small(warm_from=None), events, tmp_path)
    assert scratch.state.budget.estimate(scratch.model.network()).luts != cost.luts
    assert any((np.asarray(a) != b).any() for a, b in zip(scratch.model.trainer.state(), state, strict=True))


def test_a_warm_started_design_keeps_to_its_budget(larger, trained):
    card = read_card(TrainCard, trained / "train.json")
    assert card.meets_budget
    assert 0.7 * SMALLER < card.luts.value <= SMALLER
    rounds = card.epochs - SHORTER["epochs"]  # one epoch each: after pruning again, or after refilling
    assert card.prune_rounds <= rounds <= card.prune_rounds + MAX_REGROW_ROUNDS
    assert card.score > 0.5, "a third by chance"
    assert {p.rsplit("/", 1)[1] for p in card.inputs} == {"spec.json", "codes.npz", "warm.npz"}


def test_killed_warm_started_training_ends_with_the_same_network(larger, inputs, trained, tmp_path):
    """Killed in an epoch, then in a synthesis after freezing: network and state for the next design are the same."""
    start = larger[0] / "warm.npz"
    assert "epoch 5/12" in killed("epoch", 5, inputs, tmp_path, start)
    assert "resuming from epoch 5\n" in killed("synthesis", 1, inputs, tmp_path, start)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"]
    train(inputs, tmp_path, start)
    for name in ("network.npz", "warm.npz"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes(), name


def test_a_checkpoint_belongs_to_what_the_training_started_from(larger, inputs, trained, tmp_path, caplog, monkeypatch):
    """The same file: gone on with; another state of the same network: trained anew."""
    (tmp_path / "checkpoints").mkdir()
    content = (trained / "checkpoints" / checkpoint.NAME).read_bytes()
    (tmp_path / "checkpoints" / checkpoint.NAME).write_bytes(content)
    other = warm_start.load(larger[0] / "warm.npz", made_small(), events=made_events())
    arrays = [a + 1 for a in other.arrays]
    values = {"luts": other.luts, "depth": other.depth, "correction": {"luts": 1.0, "cycles": 0}}
    belongs_to = warm_start._shape(made_small(), made_events())
    checkpoint.save_checkpoint(tmp_path, belongs_to, arrays=arrays, state=values, name="other.npz")
    monkeypatch.setattr(Session, "run", lambda self: 1 / 0)
    caplog.set_level(logging.INFO)
    for start, going_on in ((larger[0] / "warm.npz", True), (tmp_path / "other.npz", False)):
        caplog.clear()
        with pytest.raises(ZeroDivisionError):
            train(inputs, tmp_path, start)
        assert ("resuming from epoch" in caplog.text) is going_on


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"network": {"units": [5, 3], "edge_hidden_units": 4, "max_input_bits": 5}},
            "warm.npz: not made for design",
        ),
        (
            {"network": {"units": [4, 3], "edge_hidden_units": 4, "max_input_bits": 4}},
            "warm.npz: not made for design",
        ),
        ({"warm_from": None}, "design 'tiny': warm_from: missing. Expected the design of .*warm.npz, found none"),
    ],
)
def test_a_file_of_another_network_is_refused_by_name(changes, expected, larger, tmp_path):
    write_inputs(tmp_path, made_small(**changes))
    with pytest.raises((CardError, ConfigurationError), match=expected):
        train(tmp_path, tmp_path, larger[0] / "warm.npz")
    assert {p.name for p in tmp_path.iterdir()} == {"spec.json", "codes.npz"}


def test_wrong_missing_or_damaged_file_is_refused_by_name(larger, inputs, tmp_path):
    events = load_codes(inputs / "codes.npz")
    path, small = larger[0] / "warm.npz", made_small()
    assert warm_start.load(path, small, events=events) is not None
    wider = events.formats[1]._replace(i=events.formats[1].i + 1)
    other = type(events)(**{**vars(events), "formats": (events.formats[0], wider, *events.formats[2:])})
    with pytest.raises(CardError, match=rf"^{re.escape(str(path))}: not made for design 'tiny'\. Expected its lay"):
        warm_start.load(path, small, events=other)
    with pytest.raises(
        CardError, match=r"none\.npz: no such file\. Expected the weights from which design 'tiny' starts"
    ):
        warm_start.load(tmp_path / "none.npz", small, events=events)
    with pytest.raises(
        ConfigurationError,
        match=r"^design 'tiny': warm_from: no file to start from\. Expected warm\.npz of design 'large'",
    ):
        warm_start.load(None, small, events=events)
    (tmp_path / "half.npz").write_bytes(path.read_bytes()[:500])
    with pytest.raises(CardError, match=r"half\.npz: damaged"):
        warm_start.load(tmp_path / "half.npz", small, events=events)
