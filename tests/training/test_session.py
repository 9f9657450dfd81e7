"""Training a design: within its budget after synthesis, resumed after kills, and the same steps as `model.fit`."""

import json
import logging
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from trainings import (
    CLASSES,
    EPOCHS,
    LUTS,
    as_estimated,
    killed,
    made_design,
    made_events,
    made_session,
    train,
    write_inputs,
)

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.conversion.keras_model import decode_outputs, integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.luts import estimate
from trigger_lut.data.event_codes import TEST, VALIDATION, load_codes
from trigger_lut.errors import BudgetMissedError, CardError, ConfigurationError, DivergedError, ToolMissingError
from trigger_lut.layers import LUTDense
from trigger_lut.network.network import load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.synthesis import yosys
from trigger_lut.synthesis.timing_closure import measure
from trigger_lut.training import checkpoint, fit_budget, select_result, session
from trigger_lut.training.budget import Budget
from trigger_lut.training.build_model import build_model
from trigger_lut.training.controller import FREEZE_FROM
from trigger_lut.training.select_result import MAX_PRUNE_ROUNDS, USED
from trigger_lut.training.trainable_model import TrainableModel
from trigger_lut.training.trainer import Trainer
from trigger_lut.training.types import Pressure


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    return train(inputs, tmp_path_factory.mktemp("trained"))


# ---------------------------------------------------------------- a design within its budget


def test_design_keeps_to_its_budget_after_synthesis(trained):
    card = read_card(TrainCard, trained / "train.json")
    assert card.meets_budget
    assert card.verdict == "within the budget"
    assert card.luts.source == "yosys"
    assert 0.7 * LUTS <= card.luts.value <= card.luts_budget == LUTS
    assert card.latency_cycles == card.latency_cycles_estimate <= card.latency_cycles_budget == 8
    first, last = card.history[0], card.history[-1]
    assert first.luts_estimate > 1.5 * LUTS, "there was something to save"
    assert last.loss < first.loss
    assert card.score > 0.6, "a third by chance"


def test_what_the_card_says_was_measured_is_what_synthesis_gives(trained):
    card = read_card(TrainCard, trained / "train.json")
    built = measure(load_network(trained / "network.npz"), made_design())
    assert (card.luts.value, card.latency_cycles) == (built.luts, built.latency_cycles)
    assert [m.reason for m in card.measurements[:3]] == ["before freezing", "fine-tuning", "result"]
    results = [(m.luts, m.luts_estimate.value) for m in card.measurements if m.reason == "result"]
    chosen = results.index((card.luts, card.luts_estimate))
    assert chosen == len(results) - 1 or card.regrow_rounds == 1, "an earlier one alone where filling up brought less"
    looks = {entry.epoch: entry.correction for entry in card.history}
    measurement = card.measurements[0]
    assert looks[measurement.epoch] == 1.0
    assert looks[measurement.epoch + 1] == measurement.luts.value / measurement.luts_estimate.value, (
        "judged by from then on"
    )
    assert card.seconds_measuring > 0


def test_the_firmware_stage_finds_the_netlist_of_the_training(trained, inputs, monkeypatch):
    """The network that was measured last and the saved one have the same Verilog, with its comments."""

    def missing(*args, **options):
        raise AssertionError("Yosys runs again")

    network, design = load_network(trained / "network.npz"), made_design()
    assert network.features
    monkeypatch.setattr(yosys, "run_yosys", missing)
    assert measure(network, design).luts == read_card(TrainCard, trained / "train.json").luts.value
    with pytest.raises(AssertionError, match="Yosys runs again"):
        measure(replace(network, features=("other",) * len(network.features)), design)


def test_tighter_latency_gives_a_shallower_design(trained, inputs, tmp_path):
    slow = read_card(TrainCard, trained / "train.json")
    cycles = slow.latency_cycles - 1
    period = made_design().target.clock_period_ns
    write_inputs(tmp_path, made_design(latency_ns=cycles * period + 0.01))
    fast = read_card(TrainCard, train(tmp_path, tmp_path) / "train.json")
    assert slow.meets_budget
    assert fast.meets_budget
    assert fast.latency_cycles_budget == cycles
    assert fast.latency_cycles <= cycles < slow.latency_cycles
    assert max(fast.luts.value, slow.luts.value) <= LUTS
    assert fast.score > 0.45, "a third by chance"


def test_impossible_budget_is_refused_before_the_first_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "epoch", lambda *_, **__: pytest.fail("trained"))
    write_inputs(tmp_path, made_design(luts=1))
    with pytest.raises(BudgetMissedError, match=r"^design 'tiny': luts: 1 is below the minimum of 2 for 3 classes"):
        train(tmp_path, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"spec.json", "codes.npz"}


def test_without_yosys_nothing_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(yosys, "find_spec", lambda name: None)
    write_inputs(tmp_path)
    with pytest.raises(ToolMissingError, match=r"Yosys is not installed; install it with: pip install pyosys=="):
        train(tmp_path, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"spec.json", "codes.npz"}


# ---------------------------------------------------------------- what synthesis finds


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_what_the_surrogate_is_off_by_is_made_good(factor, inputs, tmp_path):
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(factor)) / "train.json")
    assert card.meets_budget
    assert card.prune_rounds == 0
    assert 0.7 * LUTS <= card.luts.value <= LUTS
    assert card.luts_estimate == pytest.approx(card.luts.value / factor, abs=0.5 / factor)
    assert (card.luts_estimate > LUTS) is (factor < 1)


def test_cycles_that_the_plan_does_not_know_are_made_good(inputs, tmp_path):
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, more_cycles=5)) / "train.json")
    assert card.meets_budget
    assert card.latency_cycles == card.latency_cycles_estimate + 5 <= card.latency_cycles_budget


def test_a_candidate_that_is_too_large_is_passed_over(trained, inputs, tmp_path):
    """The most accurate network takes 3 % more than was thought; the next ones that this leaves room for are tried."""
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 1.03, 1.0)) / "train.json")
    assert card.meets_budget
    assert card.luts.value <= LUTS
    results = [m for m in card.measurements if m.reason == "result"]
    assert len(results) == 1 or results[0].luts.value > LUTS
    assert card.epochs == EPOCHS + 4 * card.prune_rounds


def test_training_beyond_its_budget_continues_with_fewer_edges(inputs, tmp_path):
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 1.2)) / "train.json")
    assert card.meets_budget
    assert card.prune_rounds == 1
    assert card.epochs == card.history[-1].epoch == EPOCHS + 4, "a tenth more"
    assert 0.7 * LUTS < card.luts.value <= LUTS
    over = next(m for m in card.measurements if m.reason == "result")
    assert over.luts.value > LUTS
    assert load_network(tmp_path / "network.npz").validate() == []


def results(card):
    return [m.luts.value for m in card.measurements if m.reason == "result"]


def test_training_far_below_its_budget_continues_with_more_edges(inputs, tmp_path):
    """Yosys finds a quarter less than it found while fine-tuning."""
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 0.75)) / "train.json")
    assert card.meets_budget
    assert (card.regrow_rounds, card.prune_rounds) == (1, 0)
    assert card.epochs == card.history[-1].epoch == EPOCHS + 4, "a tenth more"
    assert results(card)[0] < USED * LUTS <= card.luts.value <= LUTS
    assert card.luts_estimate > LUTS
    assert load_network(tmp_path / "network.npz").validate() == []


def test_what_was_found_stays_the_result_when_more_does_not_fit(inputs, tmp_path):
    """Negative control: filled, and pruned again, Yosys finds far more than was thought, in every candidate."""
    card = read_card(
        TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 0.75, 1.5, 2.3, 3.5)) / "train.json"
    )
    assert card.meets_budget
    assert (card.regrow_rounds, card.prune_rounds) == (1, MAX_PRUNE_ROUNDS)
    assert card.luts.value == results(card)[0] < USED * LUTS
    assert min(results(card)[1:]) > LUTS


def test_what_does_not_fit_when_it_is_filled_is_pruned_again(inputs, tmp_path):
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 0.75, 1.5, 1.0)) / "train.json")
    assert card.meets_budget
    assert (card.regrow_rounds, card.prune_rounds) == (1, 1)
    assert results(card)[0] < card.luts.value <= LUTS < results(card)[1]


@pytest.mark.parametrize("as_accurate", [True, False])
def test_result_far_below_budget_is_filled_without_fine_tuning(inputs, tmp_path, monkeypatch, as_accurate):
    """More, fine-tuned, never fits; what is found is filled as it is, step by step, with what leaves it as accurate."""
    accuracy, refill, filling = TrainableModel.accuracy, select_result.refill, []
    monkeypatch.setattr(
        TrainableModel, "accuracy", lambda self: accuracy(self) * (0.5 if filling and not as_accurate else 1.0)
    )
    monkeypatch.setattr(
        select_result, "refill", lambda *args, **options: (filling.append(True), refill(*args, **options))
    )
    card = read_card(
        TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 0.75, 1.5, 2.3, 3.5, 1.0, 1.0)) / "train.json"
    )
    assert card.meets_budget
    assert card.epochs == EPOCHS + 4 * (card.regrow_rounds + card.prune_rounds)
    assert results(card)[0] < USED * LUTS
    if as_accurate:
        assert USED * LUTS <= card.luts.value <= LUTS
        assert card.score_validation >= max(x.score for x in card.history if x.epoch == EPOCHS)
    else:
        assert card.luts.value == results(card)[0]
        assert results(card)[-1] > LUTS, "nothing that makes it less accurate was synthesized"


def test_what_stays_beyond_its_budget_is_cut_until_it_fits(inputs, tmp_path):
    """Fine-tuning takes it beyond the budget each time; in the end edges go without it, by what is measured."""
    card = read_card(
        TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 1.3, 1.7, 2.2, 2.5)) / "train.json"
    )
    assert card.meets_budget
    assert card.prune_rounds == MAX_PRUNE_ROUNDS
    assert card.epochs == EPOCHS + MAX_PRUNE_ROUNDS * 4
    assert card.luts.value == results(card)[-1] <= LUTS < min(results(card)[:-1])
    assert load_network(tmp_path / "network.npz").validate() == []


def test_more_of_the_budget_does_not_cost_accuracy(inputs, tmp_path, monkeypatch):
    """The filled network would be the result, but its validation accuracy is made out to be a third lower."""
    accuracy, retrained, regrow = TrainableModel.accuracy, [], select_result._regrow_and_retrain
    monkeypatch.setattr(TrainableModel, "accuracy", lambda self: accuracy(self) * (0.67 if retrained else 1.0))
    monkeypatch.setattr(
        select_result,
        "_regrow_and_retrain",
        lambda *args, **options: (retrained.append(True), regrow(*args, **options)),
    )
    card = read_card(TrainCard, train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 0.75)) / "train.json")
    assert card.regrow_rounds == 1
    assert card.luts.value == results(card)[0] < USED * LUTS


def test_a_budget_that_does_not_bind_is_not_filled(tmp_path, monkeypatch):
    monkeypatch.setattr(fit_budget, "fill", lambda *_, **__: pytest.fail("filled"))
    few = {"epochs": 6, "batch_size": 280, "learning_rate": 0.03}
    write_inputs(tmp_path, made_design(luts=5000, latency_ns=200.0, training=few))
    card = read_card(TrainCard, train(tmp_path, tmp_path, measure=as_estimated(1.0)) / "train.json")
    assert card.meets_budget
    assert card.regrow_rounds == 0
    assert card.luts.value < USED * 5000


def test_budget_out_of_reach_gives_the_nearest_network(inputs, tmp_path):
    """Each measurement finds more than the one before made room for."""
    card = read_card(
        TrainCard,
        train(inputs, tmp_path, measure=as_estimated(1.0, 1.0, 1.3, 1.7, 2.2, 2.9, 3.8, 5.0, 7.0, 10.0)) / "train.json",
    )
    assert not card.meets_budget
    assert card.prune_rounds == MAX_PRUNE_ROUNDS
    assert card.epochs == EPOCHS + MAX_PRUNE_ROUNDS * 4
    results = [m.luts.value for m in card.measurements if m.reason == "result"]
    assert card.luts.value == min(results) > LUTS
    tried = (
        f"closest of {2 + len(results)} networks that were synthesized; pruning was repeated {MAX_PRUNE_ROUNDS} times"
    )
    assert re.match(rf"beyond the budget: {card.luts.value:.0f} LUTs after Yosys of {LUTS}, .*{tried}", card.verdict)
    network = load_network(tmp_path / "network.npz")
    assert Budget(made_design()).estimate(network).luts == card.luts_estimate


# ---------------------------------------------------------------- what is told


def test_history_is_whole(trained):
    card = read_card(TrainCard, trained / "train.json")
    assert [entry.epoch for entry in card.history] == list(range(1, card.epochs + 1))
    assert card.epochs == EPOCHS + 4 * (card.regrow_rounds + card.prune_rounds), "a tenth more each time"
    assert card.seconds_per_epoch > 0
    assert all(entry.loss_validation is not None and 0 < entry.loss_validation < 10 for entry in card.history)


def test_a_line_an_epoch(caplog, tmp_path, monkeypatch):
    """With an evaluation in every third epoch, the epochs between repeat its figures."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(session, "ROUNDS", 4)
    write_inputs(tmp_path, made_design(training={"epochs": 12, "batch_size": 280, "learning_rate": 0.03}))
    card = read_card(TrainCard, train(tmp_path, tmp_path, measure=as_estimated(1.1)) / "train.json")
    assert [entry.epoch for entry in card.history] == [3, 6, 9, 12]
    lines = re.findall(
        r"^epoch (\d+)/12  loss \d\.\d{4}  (.*)  (\d+) s left$", "\n".join(caplog.messages), re.MULTILINE
    )
    assert [int(epoch) for epoch, _, _ in lines] == list(range(1, 13))
    assert lines[0][1] == "accuracy, LUTs and cycles not evaluated yet"
    accuracy, luts = card.history[0].score, card.history[0].luts_estimate
    assert lines[4][1].startswith(f"accuracy {accuracy:.4f}  LUTs {luts:.0f} of {LUTS} (surrogate)  cycles ")
    assert lines[4][1].endswith(" of 8 (planned)")
    assert lines[2][1] == lines[3][1] == lines[4][1] != lines[5][1]
    corrected = card.history[3].correction
    assert corrected == pytest.approx(1.1, abs=0.01), "of whole LUTs"
    assert f"(surrogate x {corrected:.3f} by yosys)" in lines[11][1]


def test_card_states_what_the_network_is(trained, inputs):
    card, network = read_card(TrainCard, trained / "train.json"), load_network(trained / "network.npz")
    events, design = load_codes(inputs / "codes.npz"), made_design()
    cost = estimate(network, DelayModel(design.target.clock_period_ns, design.target.family))
    assert (card.luts_estimate, card.latency_cycles_estimate) == (cost.luts, cost.latency_cycles)
    for split, stated in ((VALIDATION, card.score_validation), (TEST, card.score)):
        codes, labels = events.of(split)
        scores = decode_outputs(evaluate(network, codes), network)
        assert stated == (scores.argmax(axis=1) == labels).mean()
    assert [layer.edges_active for layer in card.layers] == [len(layer.edges()) for layer in network.layers]
    assert sum(x.luts_tables + x.luts_adders + x.luts_saturation for x in card.layers) == cost.luts
    assert (network.features, network.classes) == (events.features, CLASSES)
    assert [Path(p).name for p in sorted(card.inputs)] == ["codes.npz", "spec.json"]
    assert {"tensorflow", "keras"} <= set(card.versions)


def test_saved_model_loads_back_to_the_same_tables(trained):
    network = load_network(trained / "network.npz")
    again = integer_network(load_model(trained / "model.keras"), network.features, classes=network.classes)
    assert len(again.layers) == len(network.layers) == 2
    for ours, theirs in zip(again.layers, network.layers, strict=True):
        assert (ours.name, ours.inputs, ours.overflow) == (theirs.name, theirs.inputs, theirs.overflow)
        for key in ("widths", "tables", "bias", "fraction_bits"):
            np.testing.assert_array_equal(getattr(ours, key), getattr(theirs, key))


# ---------------------------------------------------------------- interruption


def started_from(text):
    """(epoch that a training went on from, last epoch that it finished)."""
    began = re.findall(r"^resuming from epoch (\d+)$", text, re.MULTILINE)
    finished = re.findall(r"^epoch (\d+)/", text, re.MULTILINE)
    return int(began[0]) if began else 0, int(finished[-1]) if finished else None


def test_training_killed_repeatedly_ends_with_the_same_network(trained, inputs, tmp_path, caplog):
    """A training killed in an epoch, in writing a checkpoint or in a synthesis loses only the epoch it was in."""
    first = random.Random(int(trained.stat().st_mtime)).randrange(2, 12)  # another one each time
    began, finished = started_from(killed("epoch", first, inputs, tmp_path))
    assert (began, finished) == (0, first)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"], "no result of an unfinished training"
    began, finished = started_from(killed("checkpoint", 7, inputs, tmp_path))
    assert (began, finished) == (first, first + 8), "the 8th epoch is done, its checkpoint is half written"
    assert (tmp_path / "checkpoints" / "checkpoint.npz.part").read_bytes() == b"half of a checkpoint"
    began, finished = started_from(killed("synthesis", 1, inputs, tmp_path))
    assert began == first + 7, "one epoch lost"
    assert FREEZE_FROM * EPOCHS < finished < EPOCHS, "while fine-tuning"
    caplog.set_level(logging.INFO)
    train(inputs, tmp_path)
    assert f"resuming from epoch {finished}" in caplog.messages
    assert (tmp_path / "network.npz").read_bytes() == (trained / "network.npz").read_bytes()
    ours, theirs = (json.loads((folder / "train.json").read_text()) for folder in (tmp_path, trained))
    for key in ours.keys() - {"seconds", "seconds_per_epoch", "seconds_measuring", "inputs", "digest"}:
        assert ours[key] == theirs[key], key
    assert 0 < ours["seconds_per_epoch"] < 60 / EPOCHS


@pytest.mark.parametrize(("factor", "rounds"), [(1.2, "prune_rounds"), (0.75, "regrow_rounds")])
def test_training_stopped_after_its_last_epoch_continues(tmp_path, monkeypatch, factor, rounds):
    """The first result is too large, or leaves a quarter of the budget. It stops in the second of the epochs after it.

    A training that is too large then stops in the next synthesis as well.
    """
    write_inputs(tmp_path, made_design(training={"epochs": 20, "batch_size": 280, "learning_rate": 0.03}))
    whole = train(tmp_path, tmp_path / "whole", measure=as_estimated(1.0, 1.0, factor))
    card = read_card(TrainCard, whole / "train.json")
    assert (getattr(card, rounds), card.epochs) == (1, 22)
    with monkeypatch.context() as patch:
        epoch, left = Trainer.epoch, iter(range(21))
        patch.setattr(
            Trainer, "epoch", lambda self, *a, **k: epoch(self, *a, **k) if next(left, None) is not None else 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            train(tmp_path, tmp_path / "again", measure=as_estimated(1.0, 1.0, factor))
    if rounds == "prune_rounds":
        with pytest.raises(ZeroDivisionError):
            train(tmp_path, tmp_path / "again", measure=lambda *_, **__: 1 / 0)
    again = train(tmp_path, tmp_path / "again", measure=as_estimated(factor))
    assert (again / "network.npz").read_bytes() == (whole / "network.npz").read_bytes()
    assert read_card(TrainCard, again / "train.json").measurements == card.measurements


def test_moments_of_a_regression_stay_those_of_each_batch(inputs, tmp_path):
    events = load_codes(inputs / "codes.npz")
    targets = np.random.default_rng(0).normal(size=(len(events.labels), len(events.classes))).astype(np.float32)
    ones, none = (1.0,) * len(events.classes), ("",) * len(events.classes)
    numbers = replace(events, targets=targets, scales=ones, units=none, labels=0 * events.labels)
    for codes, moves in ((events, 0.0), (numbers, 1.0)):
        began = made_session(made_design(), codes, tmp_path)
        began.model.hold_widths()
        layers = [layer for layer in began.model.tables if layer.batch_norm]
        assert layers
        assert {float(layer.batch_statistics) for layer in layers} == {moves}
        assert all((np.asarray(layer.input_width) % 1 == 0).all() for layer in began.model.tables)


def test_checkpoints_are_cheap(inputs, tmp_path):
    """A checkpoint takes less than an evaluation, which every epoch of this small training has."""
    import time

    began = made_session(made_design(), load_codes(inputs / "codes.npz"), tmp_path)
    began.step()
    times = {}
    for name, act in (("save", began.save), ("look", lambda: (began.model.network(), began.model.accuracy()))):
        act()
        taken = []
        for _ in range(5):
            start = time.process_time()
            act()
            taken.append(time.process_time() - start)
        times[name] = min(taken)
    assert times["save"] < 3 * times["look"], times


def test_checkpoint_round_trip(tmp_path):
    arrays = [np.arange(6.0).reshape(2, 3), np.array(7)]
    checkpoint.save_checkpoint(tmp_path / "c", "mine", arrays=arrays, state={"epoch": 3})
    loaded, state = checkpoint.load_checkpoint(tmp_path / "c", "mine")
    assert state == {"epoch": 3}
    for a, b in zip(arrays, loaded, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [p.name for p in (tmp_path / "c").iterdir()] == [checkpoint.NAME]


def test_checkpoint_of_something_else_or_none(tmp_path):
    assert checkpoint.load_checkpoint(tmp_path, "mine") is None
    checkpoint.save_checkpoint(tmp_path, checkpoint.fingerprint("spec", "data", "code"), arrays=[], state={})
    for other in (
        ("spec2", "data", "code"),
        ("spec", "data2", "code"),
        ("spec", "data", "code2"),
        ("specdata", "code"),
    ):
        assert checkpoint.load_checkpoint(tmp_path, checkpoint.fingerprint(*other)) is None
    assert checkpoint.load_checkpoint(tmp_path, checkpoint.fingerprint("spec", "data", "code")) == ([], {})


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_damaged_checkpoint_is_a_clear_error(damage, inputs, tmp_path):
    checkpoint.save_checkpoint(tmp_path, "mine", arrays=[np.zeros(1000)], state={})
    path = tmp_path / checkpoint.NAME
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[: len(whole) // 2], "garbage": b"x" * 500, "empty": b""}[damage])
    pattern = rf"^{re.escape(str(path))}: damaged checkpoint \(.*\); remove it to train from the start$"
    with pytest.raises(CardError, match=pattern):
        checkpoint.load_checkpoint(tmp_path, "mine")


def test_damaged_checkpoint_leaves_no_result(inputs, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / checkpoint.NAME).write_bytes(b"not a checkpoint")
    with pytest.raises(CardError, match="damaged checkpoint"):
        train(inputs, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"]


# ---------------------------------------------------------------- what cannot be


def weights_are_lost(began, monkeypatch):
    began.model.trainer.weights[0].assign(began.model.trainer.weights[0] * np.nan)


def the_last_gradient_is_infinite(began, monkeypatch):
    """Nothing of it shows in the loss yet."""

    def epoch(*_, **__):
        began.model.trainer.moments[0].assign_add(np.full(began.model.trainer.moments[0].shape, np.inf))
        return 1.0

    monkeypatch.setattr(began.model.data, "epoch", epoch)


@pytest.mark.parametrize("wrong", [weights_are_lost, the_last_gradient_is_infinite])
def test_a_training_that_leaves_the_finite_numbers_ends_there(wrong, inputs, tmp_path, monkeypatch):
    began = made_session(made_design(), load_codes(inputs / "codes.npz"), tmp_path)
    began.step()
    kept = (tmp_path / checkpoint.NAME).read_bytes()
    wrong(began, monkeypatch)
    with pytest.raises(
        DivergedError, match=r"^tiny, epoch 2: training diverged\. Expected a finite loss .*learning_rate \(0\.03\)"
    ):
        began.step()
    assert (tmp_path / checkpoint.NAME).read_bytes() == kept


def test_the_checkpoint_of_another_design_is_not_taken_up(trained, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write_inputs(tmp_path, made_design(luts=100, training={"epochs": 4, "batch_size": 280, "learning_rate": 0.03}))
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(trained / "checkpoints" / checkpoint.NAME, tmp_path / "checkpoints")
    train(tmp_path, tmp_path, measure=as_estimated(1.0))
    assert "resuming" not in caplog.text
    card = read_card(TrainCard, tmp_path / "train.json")
    assert card.meets_budget
    assert card.luts.value <= 100
    assert [entry.epoch for entry in card.history] == [1, 2, 3, 4]


def test_wrong_number_of_classes(tmp_path):
    write_inputs(tmp_path, events=made_events(300, classes=("a", "b", "c", "d")))
    expected = "network.units: the last layer has 3 outputs, data set 'toy' has 4 classes (a, b, c, d)"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(expected)}$"):
        train(tmp_path, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"spec.json", "codes.npz"}
    expected = "network.units: the last layer has 3 outputs, expected one for each of 4 classes"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(expected)}$"):
        build_model(made_design().network, made_events(300).formats, classes=4, seed=1)


def test_missing_inputs(tmp_path):
    with pytest.raises(CardError, match=r"spec\.json"):
        train(tmp_path, tmp_path)
    assert list(Path(tmp_path).iterdir()) == []


# ---------------------------------------------------------------- the steps


def test_own_training_takes_the_steps_of_model_fit():
    """One epoch of the compiled training, with no pressure on the cost, against Keras' Adam in `model.fit`."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(450, 3)).astype(np.float32)
    y = (np.abs(x[:, 0]) > 0.7).astype(int)

    def model():
        shape = {"max_input_bits": 4, "edge_hidden_units": 3, "input_format": "fixed<4,2>"}
        built = keras.Sequential([keras.Input((3,)), LUTDense(2, batch_norm=True, seed=4, **shape)])
        built.layers[0].input_width.assign(built.layers[0].input_width - 1.3)  # at full width it has no gradient
        return built

    ours, theirs = model(), model()
    trainer = Trainer(ours, x, y=y, batch_size=100)
    order = rng.permutation(len(x))
    loss = trainer.epoch(order, Pressure(0.01, 0.01, 0.0, 0.0))
    kept = order[:400]
    theirs.compile(
        keras.optimizers.Adam(0.01, beta_2=0.99, epsilon=1e-7),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    expected = theirs.fit(x[kept], y[kept], batch_size=100, shuffle=False, verbose=0).history["loss"][0]
    assert loss == pytest.approx(expected, rel=1e-4)
    start = model()
    for variables in zip(*(m.trainable_variables for m in (ours, theirs, start)), strict=True):
        a, b, c = (np.asarray(v) for v in variables)
        assert (a != c).any(), variables[0].name
        assert (np.abs(a - b) > 1e-4).mean() < 0.02, variables[0].name
    np.testing.assert_array_equal(trainer.logits(x).argmax(axis=1), np.asarray(theirs(x)).argmax(axis=1))


def test_lut_penalty_narrows_and_zero_rate_keeps_the_widths():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)).astype(np.float32), rng.integers(0, 2, 200)
    model = keras.Sequential([keras.Input((2,)), LUTDense(2, max_input_bits=4, edge_hidden_units=2, seed=4)])
    trainer, layer = Trainer(model, x, y=y, batch_size=1000), model.layers[0]
    assert trainer.batch_size == 200, "no more than there are events"
    order, widths = np.arange(200), np.asarray(layer.input_width)
    for _ in range(5):
        trainer.epoch(order, Pressure(0.01, 0.0, 1.0, 1.0))
    np.testing.assert_array_equal(layer.input_width, widths)
    before = estimate(integer_network(model), DelayModel(2.5, "xcup")).luts
    for _ in range(60):
        trainer.epoch(order, Pressure(0.01, 0.05, 1.0, 0.0))
    assert (np.asarray(layer.input_width) < widths).any()
    trainer.refresh()
    assert estimate(integer_network(model), DelayModel(2.5, "xcup")).luts < 0.8 * before
    trainer.reset_optimizer()
    assert all((np.asarray(v) == 0).all() for v in trainer.moments)
    assert float(trainer.step) == 0.0
