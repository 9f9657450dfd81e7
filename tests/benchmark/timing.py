"""Timing side by side on a machine that may be busy: all contenders in turn, the fastest run of each counts.

Wall time is what a person waits; CPU time, of all threads of this process, is printed too because other processes
disturb it less.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Way:
    """One contender.

    run      takes `epochs` epochs
    setting  what a person should know of it
    every    is timed in every so many-th round only: for slow ones
    """

    name: str
    run: Callable[[], object]
    setting: str = ""
    epochs: int = 1
    every: int = 1
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def once(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.run()
        self.wall_s.append((time.perf_counter() - wall) / self.epochs)
        self.cpu_s.append((time.process_time() - cpu) / self.epochs)

    @property
    def wall(self) -> float:
        """Fastest epoch, in seconds."""
        return min(self.wall_s)

    @property
    def cpu(self) -> float:
        """CPU seconds of the epoch that took fewest."""
        return min(self.cpu_s)


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def in_turn(ways: list[Way], rounds: int) -> None:
    """Run each once for its compilation, then time all of them, round by round."""
    for way in ways:
        way.run()
    for n in range(rounds):
        for way in ways:
            if n % way.every == 0:
                way.once()


def fastest(ways: list[Way]) -> dict[str, Way]:
    """Return the faster one of contenders of one name."""
    ways_by_name: dict[str, Way] = {}
    for way in ways:
        if way.name not in ways_by_name or way.wall < ways_by_name[way.name].wall:
            ways_by_name[way.name] = way
    return ways_by_name


def fitter(model, x, y, batch, jit_compile=True):
    """A function that takes one epoch of model.fit with Adam."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=jit_compile)
    return lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0)


def trainer_epoch(model, x, y, batch):
    """The pipeline's compiled epoch, with the shuffle that belongs to it and pressure on LUTs and depth."""
    import numpy as np

    from trigger_lut.training.trainer import Trainer
    from trigger_lut.training.types import Pressure

    trainer = Trainer(model, x, y=y, batch_size=batch)
    rng = np.random.default_rng(0)
    return lambda: trainer.epoch(rng.permutation(len(x)), Pressure(0.01, 0.01, 0.1, 0.01))
