"""Training data: all events in memory, or windows of them that are read from disk during training.

A window is a decoded part of the training split, and is shuffled as one. It is made of blocks of neighboring rows of
the file, drawn anew each epoch: ingest has put rows in the order of a hash, so neighbors are unrelated. Rows of an
incomplete batch at the end of a window go into the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from trigger_lut.config.budget import EPOCHS, LEAST_STEPS, Training
from trigger_lut.data.event_codes import BLOCK, TRAIN, VALIDATION, EventCodes
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.metrics.accuracy import EventScore
from trigger_lut.training.types import Window

if TYPE_CHECKING:
    from trigger_lut.training.trainer import Trainer
    from trigger_lut.training.types import Pressure

COPIES = 3  # of a window at most: one that is trained on, as an array and on the device, and one that is being read
BLOCKS = 16  # of a window at least: what neighbors in the file have in common is to be a small part of it
LEAST_BATCH, MOST_BATCH, STEPS = 32, 1024, 16  # events per step, and steps per epoch of small samples
Item = TypeVar("Item")


class TrainingData(Protocol):
    """Interface of training data for a session."""

    batch_size: int

    def training(self) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        """Return values (N, C) and `EventCodes.training_targets` for the device; None where events come in windows."""

    def epoch(self, trainer: Trainer, seed: int, *, epoch: int, pressure: Pressure) -> float:
        """Train on each event once, but for the last incomplete batch; return the mean loss.

        The order of events follows from seed and epoch.
        """

    weights: np.ndarray | None  # of the validation split, None: all are 1

    def qualities(self, trainer: Trainer) -> np.ndarray:
        """Return (N,) `Quality` of each event of the validation split, in the order of rows."""

    def losses(self, trainer: Trainer) -> np.ndarray:
        """Return (N,) loss of each event of the validation split, without the penalty of training."""


def training_data(events: EventCodes, training: Training) -> TrainingData:
    """Choose training data: in memory if the decoded splits fit into `memory_mb`, else streamed.

    Parameters
    ----------
    events : EventCodes
        The data.
    training : Training
        Options of the training.

    Returns
    -------
    TrainingData

    Raises
    ------
    ConfigurationError
        If less than two batches fit.
    """
    counts = events.counts().sum(axis=0)
    batch = training.batch_size or suited_batch(int(counts[TRAIN]))
    size = (counts[TRAIN] + counts[VALIDATION]) * event_bytes(events)
    if size <= training.memory_mb * 1e6:
        return InMemoryData(events, batch)
    return StreamedData(events, batch, memory_mb=training.memory_mb)


def suited_batch(events: int) -> int:
    """Choose the events per step.

    Few steps per epoch train a small sample badly: the number of epochs is that of a large one.

    Parameters
    ----------
    events : int
        Events of the training split.

    Returns
    -------
    int
        A power of two from LEAST_BATCH to MOST_BATCH, with at least STEPS steps per epoch where it is not the least.
    """
    return 2 ** int(np.log2(np.clip(events / STEPS, LEAST_BATCH, MOST_BATCH)))


def with_epochs(training: Training, events: int) -> Training:
    """Choose the epochs where the user gives none.

    Parameters
    ----------
    training : Training
        Options of the training.
    events : int
        Events of the training split.

    Returns
    -------
    Training
        The options with EPOCHS, and with more where these are less than LEAST_STEPS steps.
    """
    if training.epochs is not None:
        return training
    steps = max(events // (training.batch_size or suited_batch(events)), 1)
    return training.model_copy(update={"epochs": max(EPOCHS, -(-LEAST_STEPS // steps))})


def real_values(events: EventCodes, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Return real values (N, C) float32 of a split's codes, and `EventCodes.truth` of it."""
    count = int(events.counts()[:, split].sum())
    values = np.empty((count, len(events.formats)), np.float32)
    done = 0
    for block in events.blocks():
        codes, _ = block.of(split)
        values[done : done + len(codes)] = decoded(codes, events.formats)
        done += len(codes)
    return values, events.truth(split)


def event_bytes(events: EventCodes) -> int:
    """Return the bytes of one decoded event: values, label, weight, and its position in the order of an epoch."""
    aims = sum(head.truth_columns for head in events.heads)
    return 4 * len(events.formats) + 4 * (aims + (events.weights is not None)) + 4


class InMemoryData:
    """Training data, all in memory."""

    def __init__(self, codes: EventCodes, batch_size: int) -> None:
        self.codes, self.batch_size = codes, batch_size
        self.validation = real_values(codes, VALIDATION)
        self.weights, self.quality = codes.weights_of(VALIDATION), EventScore.for_split(codes, VALIDATION)
        self.events = int(codes.counts()[:, TRAIN].sum())

    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Return values (N, C) and targets of the training split."""
        return real_values(self.codes, TRAIN)[0], self.codes.training_targets(TRAIN)

    def epoch(self, trainer: Trainer, seed: int, *, epoch: int, pressure: Pressure) -> float:
        """Train on a permutation of all events; return the mean loss."""
        return trainer.epoch(np.random.default_rng((seed, epoch)).permutation(self.events), pressure)

    def qualities(self, trainer: Trainer) -> np.ndarray:
        """Return the score of each event of the validation split."""
        return self.quality.score(trainer.logits(self.validation[0]), self.validation[1])

    def losses(self, trainer: Trainer) -> np.ndarray:
        """Return the loss of each event of the validation split."""
        factors, offset = trainer.loss_terms()
        outputs = trainer.logits(self.validation[0])
        return self.quality.losses(outputs, self.validation[1], factors=factors, offset=offset)


class StreamedData:
    """Windows of the training split that take no more than `memory_mb`, all copies together.

    Raises ConfigurationError where a window has room for less than two batches.
    """

    def __init__(self, codes: EventCodes, batch_size: int, *, memory_mb: int) -> None:
        self.codes, size = codes, event_bytes(codes)
        self.weights, self.quality = codes.weights_of(VALIDATION), EventScore.for_split(codes, VALIDATION)
        self.rows = int(memory_mb * 1e6) // (COPIES * size)
        self.block = min(max(self.rows // BLOCKS, 1), BLOCK)
        self.counts = codes.counts(self.block)[:, TRAIN]
        self.events = int(self.counts.sum())
        self.batch_size, self.rows = min(batch_size, self.events), min(self.rows, self.events)
        if self.rows < min(2 * self.batch_size, self.events):
            least = int(np.ceil(2 * self.batch_size * COPIES * size / 1e6))
            raise ConfigurationError(
                f"training.memory_mb: {memory_mb} has room for {self.rows} events at a time, expected two batches of "
                f"{self.batch_size}: {least} or more, or a smaller batch_size"
            )

    def training(self) -> tuple[None, None]:
        """Return None twice: events come in windows."""
        return None, None

    def epoch(self, trainer: Trainer, seed: int, *, epoch: int, pressure: Pressure) -> float:
        """Train on the windows of an epoch; return the mean loss."""
        return trainer.stream(prefetch(self.windows(seed, epoch)), pressure)

    def windows(self, seed: int, epoch: int) -> Iterator[Window]:
        """Yield the windows of an epoch. A single one, which has all events, has the order of `InMemoryData`."""
        waiting = np.random.default_rng((seed, epoch, 1)).permutation(len(self.counts)).tolist()
        rng = np.random.default_rng((seed, epoch))
        left = self._block(len(self.counts))
        while waiting:
            taken, filled = [], len(left[1])
            while waiting and filled + self.counts[waiting[-1]] <= self.rows:
                taken.append(waiting.pop())
                filled += int(self.counts[taken[-1]])
            window, left = self._window(sorted(taken), filled, left, rng)
            yield window
            del window  # or it would stay in memory while the next one is made

    def _window(
        self, blocks: list[int], filled: int, left: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
    ) -> tuple[Window, tuple[np.ndarray, np.ndarray]]:
        """Return a window of the rest of the last one (codes and targets) and of these blocks, and its own rest."""
        x = np.zeros((self.rows, len(self.codes.formats)), np.float32)
        y = np.zeros((self.rows, *left[1].shape[1:]), left[1].dtype)
        order = rng.permutation(filled)
        steps = filled // self.batch_size
        batches = np.zeros((self.rows // self.batch_size, self.batch_size), np.int32)
        batches[:steps] = order[: steps * self.batch_size].reshape(steps, self.batch_size)
        last = np.sort(order[steps * self.batch_size :])
        spared, done = [], 0
        for n in (None, *blocks):
            codes, aims = left if n is None else self._block(n)
            end = done + len(codes)
            x[done:end], y[done:end] = decoded(codes, self.codes.formats), aims
            mine = last[(last >= done) & (last < end)] - done
            spared.append((codes[mine], aims[mine]))
            done = end
        spared_codes, spared_aims = zip(*spared, strict=True)
        return Window(x, y, batches, steps), (np.concatenate(spared_codes), np.concatenate(spared_aims))

    def _block(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        block = self.codes.block(n * self.block, (n + 1) * self.block)
        return block.of(TRAIN)[0], block.training_targets(TRAIN)

    def qualities(self, trainer: Trainer) -> np.ndarray:
        """Return the score of each event of the validation split, decoded in chunks."""
        return self._by_chunks(trainer, self.quality.score)

    def losses(self, trainer: Trainer) -> np.ndarray:
        """Return the loss of each event of the validation split, decoded in chunks."""
        factors, offset = trainer.loss_terms()
        judge = partial(self.quality.losses, factors=factors, offset=offset)
        return self._by_chunks(trainer, judge)

    def _by_chunks(self, trainer: Trainer, judge: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        return np.concatenate(
            [
                judge(trainer.logits(decoded(codes, self.codes.formats)), truth)
                for codes, truth in self.codes.chunks(VALIDATION)
            ]
        )


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items; a thread makes the next one while the present one is used. No item is kept after it was yielded."""
    left = iter(items)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, left, None)
        while True:
            ready = [coming.result()]
            if ready[0] is None:
                return
            coming = reader.submit(next, left, None)
            yield ready.pop()
