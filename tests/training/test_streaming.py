"""Training on windows of a file: every event once an epoch, and the same bits as training on events in memory."""

import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cards import spec as made_spec
from stage_calls import in_order
from trainings import as_estimated

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.budget import Spec, Training
from trigger_lut.conversion.keras_model import decode_outputs
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes, save_codes
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages import train as run
from trigger_lut.training.batches import (
    COPIES,
    InMemoryData,
    StreamedData,
    event_bytes,
    prefetch,
    real_values,
    training_data,
)
from trigger_lut.training.build_model import build_model
from trigger_lut.training.losses import cross_entropy, squared_error
from trigger_lut.training.trainer import Trainer
from trigger_lut.training.types import Pressure

NUMBER = KIF(0, 17, 0)  # of the first channel, which holds the number of the event in its split
PRESSURE = Pressure(0.01, 0.01, 0.1, 0.1)


def made_events(n=3000, seed=0):
    """Three classes on rings; the first channel numbers the events of each split."""
    rng = np.random.default_rng(seed)
    formats = (NUMBER, KIF(1, 0, 4), KIF(1, 1, 3))
    codes = np.stack([rng.integers(f.lo, f.hi + 1, n) for f in formats], axis=1).astype(np.int32)
    radius = np.hypot(codes[:, 1] / 16, codes[:, 2] / 16)
    labels = np.digitize(radius, np.quantile(radius, [1 / 3, 2 / 3]))
    split = rng.choice([TRAIN, VALIDATION, TEST], n, p=[0.7, 0.15, 0.15]).astype(np.uint8)
    for one in (TRAIN, VALIDATION, TEST):
        codes[split == one, 0] = np.arange((split == one).sum())
    return EventCodes(codes, labels, split, np.arange(n, dtype=np.uint64), formats, ("n", "x", "y"), ("a", "b", "c"))


def weighted(events):
    """The same events, those of the last class twice as important."""
    weights = np.where(events.labels == 2, 2.0, 1.0)
    return replace(events, weights=(weights / weights[events.split == TRAIN].mean()).astype(np.float32))


def megabytes(events, rows):
    """`memory_mb` of windows of so many rows."""
    return (COPIES * event_bytes(events) * rows + 1) / 1e6


def visited(windows, batch_size):
    """Numbers of the events in the order of training, and how many events each window trains on."""
    order, sizes = [], []
    for x, y, batches, steps in windows:
        rows = batches[:steps].ravel()
        assert batches.shape[1] == batch_size
        order.append(x[rows, 0].astype(int))
        sizes.append(len(rows))
        assert y.shape[0] == x.shape[0]
    return np.concatenate(order), sizes


# ---------------------------------------------------------------- which events, and when


@settings(deadline=None, max_examples=40)
@given(n=st.integers(30, 400), batch=st.integers(1, 12), rows=st.integers(24, 500), epoch=st.integers(0, 3))
def test_every_event_once_an_epoch_but_the_incomplete_batch(n, batch, rows, epoch):
    events = made_events(n)
    data = StreamedData(events, batch, memory_mb=megabytes(events, rows))
    x, y = real_values(events, TRAIN)
    trained_on = []
    for window in data.windows(5, epoch):
        assert len(window.x) == len(window.y) == min(rows, len(x))
        taken = window.batches[: window.steps].ravel()
        numbers = window.x[taken, 0].astype(int)
        np.testing.assert_array_equal(window.x[taken], x[numbers])
        np.testing.assert_array_equal(window.y[taken], y[numbers])
        trained_on += numbers.tolist()
    assert len(set(trained_on)) == len(trained_on) == len(x) // batch * batch


def test_the_order_is_another_in_each_epoch_and_mixes_blocks():
    events = made_events(3000)
    data = StreamedData(events, 50, memory_mb=megabytes(events, 600))
    (first, sizes), (second, _) = (visited(data.windows(1, epoch), 50) for epoch in (0, 1))
    assert len(sizes) >= 4, "windows of 600 of about 2,100 events"
    assert data.block < 600 / 8
    np.testing.assert_array_equal(first, visited(data.windows(1, 0), 50)[0])
    assert (first != second).mean() > 0.9
    assert np.abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.2, "blocks come in no order"
    assert np.ptp(first[:50]) > 1000, "a batch has events from all over the file"


def test_usual_data_are_held_and_larger_ones_streamed():
    events = made_events(3000)
    assert Training().memory_mb == 1000
    assert isinstance(training_data(events, Training()), InMemoryData)
    size = (events.split != TEST).sum() * event_bytes(events) / 1e6
    assert size < 1
    larger = made_events(80_000)
    assert isinstance(training_data(larger, Training(memory_mb=1, batch_size=1000)), StreamedData)
    assert isinstance(training_data(larger, Training(memory_mb=2, batch_size=1000)), InMemoryData)


def test_windows_without_room_for_two_batches_are_refused():
    text = (
        r"^training\.memory_mb: 1 has room for 16666 events at a time, expected two batches of 10000: "
        r"2 or more, or a smaller batch_size$"
    )
    with pytest.raises(ConfigurationError, match=text):
        training_data(made_events(80_000), Training(memory_mb=1, batch_size=10_000))
    StreamedData(made_events(80_000), 10_000, memory_mb=2)


def test_reading_ahead_keeps_the_order_and_passes_errors_on():
    assert list(prefetch(iter(range(1, 20)))) == list(range(1, 20))
    assert list(prefetch([])) == []

    def failing():
        yield 1
        raise OSError("disk")

    items = prefetch(failing())
    assert next(items) == 1
    with pytest.raises(OSError, match="disk"):
        next(items)


def test_what_was_read_is_not_held_on_to():
    """Else memory would hold a window more than was counted on."""
    items = prefetch(np.zeros(n) for n in range(1, 5))
    for _ in range(3):
        item = next(items)
        reference = weakref.ref(item)
        assert reference() is not None
        del item
        deadline = time.monotonic() + 10  # the thread lets go of it after it has said that it is there
        while reference() is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert reference() is None


# ---------------------------------------------------------------- the same training


def trained(data, events, epochs=3, loss=cross_entropy):
    """Losses, state of the trainer, and accuracy after some epochs."""
    units = [4, len(events.classes)]
    network = made_spec(network={"units": units, "max_input_bits": 5}).network
    model = build_model(network, events.formats, classes=units[-1], seed=7)
    x, y = data.training()
    trainer = Trainer(model, x, y=y, batch_size=data.batch_size, loss=loss)
    losses = [data.epoch(trainer, 1, epoch=epoch, pressure=PRESSURE) for epoch in range(epochs)]
    accuracy = float(np.average(data.qualities(trainer), weights=data.weights))
    return losses, [np.asarray(v) for v in trainer.state()], accuracy


def same(ours, theirs):
    return ours[0] == theirs[0] and all(np.array_equal(a, b) for a, b in zip(ours[1], theirs[1], strict=True))


@pytest.fixture(scope="module")
def events():
    return made_events()


@pytest.fixture(scope="module")
def in_memory(events):
    return trained(InMemoryData(events, 100), events)


def test_one_window_gives_the_bits_of_training_in_memory(events, in_memory):
    data = StreamedData(events, 100, memory_mb=megabytes(events, 2500))
    assert len(list(data.windows(1, 0))) == 1
    ours = trained(data, events)
    assert same(ours, in_memory)
    assert ours[2] == in_memory[2]


def test_several_windows_train_the_same_as_memory_in_their_order(events, in_memory):
    class InOrder(InMemoryData):
        def epoch(self, trainer, seed, epoch, pressure):
            order, _ = visited(streamed.windows(seed, epoch), self.batch_size)
            return trainer.epoch(order, pressure)

    streamed = StreamedData(events, 100, memory_mb=megabytes(events, 700))
    assert len(list(streamed.windows(1, 0))) >= 3
    ours, theirs = trained(streamed, events), trained(InOrder(events, 100), events)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, err_msg="sums of losses, added up in another order")
    assert same(([], ours[1]), ([], theirs[1]))
    assert ours[2] == theirs[2]
    assert not same(([], ours[1]), ([], in_memory[1])), "another order is another training"


def test_weighted_events_train_the_same_in_windows_and_in_memory(events, in_memory):
    heavy = weighted(events)
    assert event_bytes(heavy) == event_bytes(events) + 4
    data = StreamedData(heavy, 100, memory_mb=megabytes(heavy, 2500))
    ours, theirs = trained(data, heavy), trained(InMemoryData(heavy, 100), heavy)
    assert same(ours, theirs)
    assert ours[2] == theirs[2]
    assert not same(([], ours[1]), ([], in_memory[1])), "weights change the training"
    alike = replace(events, weights=np.ones(len(events.labels), np.float32))
    np.testing.assert_allclose(trained(InMemoryData(alike, 100), alike)[0], in_memory[0], rtol=1e-5)


def test_regression_trains_the_same_in_windows_and_in_memory(events):
    x = events.codes[:, 1:] / np.array([16, 8])
    targets = np.stack([np.sin(3 * x[:, 0]), np.abs(x[:, 1]) - 1], axis=1).astype(np.float32)
    numbers = replace(
        events, targets=targets, scales=(1.0, 1.0), units=("", ""), classes=("sine", "size"), labels=0 * events.labels
    )
    assert event_bytes(numbers) == event_bytes(events) + 4
    data = StreamedData(numbers, 100, memory_mb=megabytes(numbers, 2500))
    ours, theirs = (trained(d, numbers, loss=squared_error) for d in (data, InMemoryData(numbers, 100)))
    assert same(ours, theirs)
    assert ours[2] == theirs[2]
    assert ours[2] > 0.7, "R^2"
    mixed = replace(numbers, targets=np.random.default_rng(0).permutation(targets))
    assert trained(InMemoryData(mixed, 100), mixed, loss=squared_error)[2] < 0.1, "nothing to learn"


def test_settled_moments_are_those_of_the_events(events):
    """Inference then gives what training gives on these events; before, the stored moments are steps behind."""
    model = build_model(
        made_spec(network={"units": [4, 3], "max_input_bits": 5}).network, events.formats, classes=3, seed=7
    )
    data = InMemoryData(events, 100)
    x, y = data.training()
    trainer = Trainer(model, x, y=y, batch_size=data.batch_size)
    data.epoch(trainer, 1, epoch=0, pressure=PRESSURE)
    x = data.training()[0][:1000]
    before, weights = trainer.logits(x), [np.array(v) for v in model.trainable_variables]
    trainer.refresh_batch_norm(x)
    trainer.refresh()
    settled = trainer.logits(x)
    assert all((np.asarray(v) == w).all() for v, w in zip(model.trainable_variables, weights, strict=True))
    np.testing.assert_allclose(settled, np.asarray(model(x, training=True)), atol=1e-4)
    assert np.abs(before - settled).max() > 0.01


def test_one_program_serves_all_windows(events):
    data = StreamedData(events, 100, memory_mb=megabytes(events, 700))
    model = build_model(made_spec(network={"units": [4, 3]}).network, events.formats, classes=3, seed=7)
    trainer = Trainer(model, None, y=None, batch_size=data.batch_size)
    for epoch in range(2):
        data.epoch(trainer, 1, epoch=epoch, pressure=PRESSURE)
    assert trainer._epoch.experimental_get_tracing_count() == 1
    assert len({tuple(a.shape for a in window[:3]) for window in data.windows(1, 0)}) == 1


# ---------------------------------------------------------------- the stage


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "measure", as_estimated(1.0))
    training = {"epochs": 8, "batch_size": 2000, "learning_rate": 0.03, "memory_mb": 1}
    network = {"units": [4, 3], "edge_hidden_units": 4, "max_input_bits": 5}
    write_card(made_spec("tiny", 120, network=network, training=training), tmp_path / "spec.json")
    save_codes(made_events(80_000), tmp_path / "codes.npz")
    return tmp_path


def train(inputs: Path, folder: Path) -> Path:
    outputs = (folder / name for name in ("model.keras", "network.npz", "predictions.npz", "train.json"))
    in_order(run.run, inputs / "spec.json", inputs / "codes.npz", folder / "checkpoints", *outputs)
    return folder


def test_stopped_streamed_training_ends_with_the_same_network(inputs, monkeypatch):
    whole = train(inputs, inputs / "whole")
    card, network = read_card(TrainCard, whole / "train.json"), load_network(whole / "network.npz")
    assert card.meets_budget
    assert card.score > 0.6, "a third by chance"
    events = load_codes(inputs / "codes.npz")
    assert isinstance(training_data(events, read_card(Spec, inputs / "spec.json").training), StreamedData)
    for split, stated in ((VALIDATION, card.score_validation), (TEST, card.score)):
        codes, labels = events.of(split)
        scores = decode_outputs(evaluate(network, codes), network)
        assert stated == (scores.argmax(axis=1) == labels).mean()

    windows, left = StreamedData.windows, iter(range(5))

    def stopping(self, seed, epoch):
        """In the middle of the sixth epoch."""
        for n, window in enumerate(windows(self, seed, epoch)):
            if n == 1 and next(left, None) is None:
                raise OSError("stopped")
            yield window

    with monkeypatch.context() as patch:
        patch.setattr(StreamedData, "windows", stopping)
        with pytest.raises(OSError, match="stopped"):
            train(inputs, inputs / "again")
    assert [p.name for p in (inputs / "again").iterdir()] == ["checkpoints"]
    train(inputs, inputs / "again")
    assert (inputs / "again/network.npz").read_bytes() == (whole / "network.npz").read_bytes()
    assert read_card(TrainCard, inputs / "again/train.json").history == card.history
