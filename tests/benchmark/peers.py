"""HGQ2 as a peer: its layers, its way of pressing on resources, its converter; the pipeline and Yosys are ours.

`train` takes one run of `model.fit`. The weight `beta` of EBOPs in the loss follows a schedule, or HGQ2's `BetaPID`
steers it to a target. HGQ2's own `ParetoFront` keeps the epochs on the front of EBOPs and validation
accuracy. `measured` turns one of these into a point: alkaid's converter, the pipeline of `firmware.rtl.pipeline` at the
target's clock, Yosys.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes
from trigger_lut.fixed_point.formats import KIF

SPAN = 2  # integer bits of what HGQ2 reads: -4 to 4


PID = {"init_beta": 1e-6, "min_beta": 1e-8, "max_beta": 2e-3}  # of BetaPID; the proportional part is HGQ2's default, 1
WARM_UP = 0.05  # of the epochs, at the first beta


@dataclass(frozen=True)
class Run:
    """One training of HGQ2.

    layers    "QDenseT" (tables) or "QDense" (arithmetic)
    rounding  of what a layer reads: "RND" is HGQ2's default, "TRN" needs no adder
    press     how EBOPs are pressed on
    """

    layers: str
    rounding: str
    press: Schedule | Target
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    units: tuple[int, ...] = (20, 5)

    @property
    def name(self) -> str:
        return f"HGQ2 {self.layers} {self.rounding} {self.press} seed {self.seed}"


@dataclass(frozen=True)
class Schedule:
    """Weight of EBOPs at the first and the last epoch, on a logarithmic scale between them.

    It keeps the last value for a fraction `hold` of the epochs.
    """

    first: float
    last: float
    hold: float = 0.0

    def __str__(self) -> str:
        return f"{self.first:g}..{self.last:g}"


@dataclass(frozen=True)
class Target:
    """EBOPs that BetaPID aims at, and its integral part an epoch: HGQ2's default, 2e-3, does not get near a target
    within some hundred epochs, and public trainings with it use 0.05 and 0.1.
    """

    ebops: float
    integral: float = 0.05

    def __str__(self) -> str:
        return f"BetaPID {self.ebops:g} EBOPs, {self.integral:g}"


@dataclass(frozen=True)
class Kept:
    """Weights of one epoch on HGQ2's own front, in a file."""

    path: Path
    ebops: float
    score_validation: float


@dataclass(frozen=True)
class Point:
    """A network after Yosys. Accuracies are fractions of a split, of the quantized network.

    right  which events of the test split it classifies rightly, `np.packbits` of them in hexadecimal digits
    """

    name: str
    luts: int
    cycles: int
    score_validation: float
    accuracy: float
    differences: int
    right: str
    seed: int
    ebops: float | None = None


def formats(events: EventCodes) -> list[KIF]:
    """Return the formats of the channels as HGQ2 reads them."""
    return [KIF(1, SPAN, f.bits - SPAN - 1) for f in events.formats]


def inputs(events: EventCodes, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs for HGQ2, (N, C) float32, and labels (N,): codes about the middle of their formats, -4 to 4.

    Its layers have no scale or shift of their own, and the channels' real ranges reach from 1/16 to 256. In firmware
    this is the place of a binary point and an inverted bit, and is not counted.
    """
    codes, labels = events.of(split)
    scaled = [
        (codes[:, i] - f.lo - 2 ** (f.bits - 1)) * 2.0 ** (SPAN + 1 - f.bits) for i, f in enumerate(events.formats)
    ]
    return np.stack(scaled, axis=1).astype(np.float32), labels


def build(run: Run, channels: int) -> Any:
    """The Keras model of a run: the widths of ours, HGQ2's defaults where nothing is said."""
    import keras
    from hgq.config import QuantizerConfig
    from hgq.layers import QDense, QDenseT

    def reads() -> Any:
        return {"iq_conf": QuantizerConfig(place="datalane", round_mode=run.rounding)}

    keras.utils.set_random_seed(run.seed)
    *hidden, classes = run.units
    if run.layers == "QDenseT":
        layers = [*(QDenseT(n, batch_norm=True, **reads()) for n in hidden), QDenseT(classes, **reads())]
    elif run.layers == "QDense":
        layers = [*(QDense(n, activation="relu", **reads()) for n in hidden), QDense(classes, **reads())]
    else:
        raise ValueError(f"layers: expected 'QDenseT' or 'QDense', found {run.layers!r}")
    return keras.Sequential([keras.Input((channels,)), *layers])


def pressing(run: Run) -> Any:
    """The callback that sets the weight of EBOPs."""
    from hgq.utils.sugar import BetaPID, BetaScheduler, PieceWiseSchedule

    if isinstance(run.press, Target):
        return BetaPID(run.press.ebops, i=run.press.integral, warmup=max(round(WARM_UP * run.epochs), 1), **PID)
    first, last, hold = run.press.first, run.press.last, run.press.hold
    risen = max(round((1 - hold) * run.epochs), 1)
    return BetaScheduler(PieceWiseSchedule([(0, first, "log"), (risen, last, "constant")]))


def train(run: Run, events: EventCodes, folder: Path) -> tuple[Any, list[Kept], float]:
    """(model, epochs on HGQ2's front by falling EBOPs, seconds of wall time) of one training; files in `folder`."""
    import keras
    from hgq.utils.sugar import FreeEBOPs, ParetoFront

    x, y = inputs(events, TRAIN)
    model = build(run, x.shape[1])
    whole = len(x) // run.batch_size * run.batch_size  # a shorter batch would be another XLA program
    steps = run.epochs * (whole // run.batch_size)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(run.learning_rate, steps, alpha=0.05)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    front = ParetoFront(folder, ["ebops", "val_accuracy"], [-1, 1], "{epoch:04d}_{ebops}_{val_accuracy:.5f}.weights.h5")
    started = time.monotonic()
    model.fit(
        x[:whole],
        y[:whole],
        batch_size=run.batch_size,
        epochs=run.epochs,
        validation_data=inputs(events, VALIDATION),
        validation_batch_size=8192,
        callbacks=[FreeEBOPs(), pressing(run), front],
        verbose=0,
    )
    taken = time.monotonic() - started
    kept = [Kept(p, float(r[0]), float(r[1])) for p, r in zip(front.paths, front.record, strict=True)]
    return model, sorted(kept, key=lambda k: -k.ebops), taken


def spread(kept: list[Kept], ebops: tuple[float, float], n: int) -> list[Kept]:
    """At most n of the kept epochs within a range of EBOPs, evenly spread in log(EBOPs): the most accurate one of each
    stretch.
    """
    some = [k for k in kept if ebops[0] <= k.ebops <= ebops[1]]
    if not some:
        return []
    logs = np.log([k.ebops for k in some])
    edges = np.linspace(logs.min(), logs.max() + 1e-9, n + 1)
    stretch = np.digitize(logs, edges)
    best = [
        max((k for k, s in zip(some, stretch, strict=True) if s == number), key=lambda k: k.score_validation)
        for number in sorted(set(stretch))
    ]
    return sorted(best, key=lambda k: k.ebops)


def measured(run: Run, model: Any, kept: Kept, events: EventCodes, spec: Any, folder: Path) -> Point:
    """Return cost and accuracy of one kept network. The accuracy is that of alkaid's logic, which is synthesized."""
    from hgq.utils import trace_minmax

    model.load_weights(kept.path)
    trace_minmax(model, inputs(events, TRAIN)[0], batch_size=8192)
    logic = logic_of(model, events)
    x, y = inputs(events, TEST)
    scores = logic.predict(x.astype(np.float64))
    differences = int((scores != model.predict(x, batch_size=8192, verbose=0)).sum())
    x_validation, y_validation = inputs(events, VALIDATION)
    right_validation = logic.predict(x_validation.astype(np.float64)).argmax(axis=1) == y_validation
    luts, cycles = luts_of(logic, spec, folder)
    return point(
        run.name, luts, cycles, right_validation, scores.argmax(axis=1) == y, differences, run.seed, kept.ebops
    )


def point(
    name: str,
    luts: int,
    cycles: int,
    right_validation: np.ndarray,
    right: np.ndarray,
    differences: int,
    seed: int,
    ebops: float | None = None,
) -> Point:
    """A point from which events of either split (N,) bool are classified rightly."""
    packed = np.packbits(right).tobytes().hex()
    return Point(
        name, luts, cycles, float(right_validation.mean()), float(right.mean()), differences, packed, seed, ebops
    )


def logic_of(model: Any, events: EventCodes) -> Any:
    """alkaid's combinational logic of a Keras model of HGQ2's layers, by alkaid's converter and optimizer.

    The inputs have the formats of the data, as ours: bounds that the converter may use.
    """
    from alkaid.converter import trace_model
    from alkaid.trace import FVArrayInput, trace

    bits = [np.array(part)[None] for part in zip(*formats(events), strict=True)]
    channels = FVArrayInput((1, len(events.formats)))
    _, scores = trace_model(model, inputs=channels.quantize(*bits))
    return trace(channels.ravel(), scores)


def luts_of(logic: Any, spec: Any, folder: Path) -> tuple[int, int]:
    """(LUTs after Yosys, cycles) of alkaid's logic in the pipeline that ours gets, at the target's clock."""
    from trigger_lut.cards.base import write_text
    from trigger_lut.cost_model.delay import DelayModel
    from trigger_lut.firmware.rtl.build import _core_texts, _only
    from trigger_lut.firmware.rtl.pipeline import cut, stage_numbers
    from trigger_lut.synthesis.netlist import cell_counts, resources
    from trigger_lut.synthesis.yosys import synthesize

    family = spec.target.family
    live = [o for o, n in enumerate(logic.out_idxs) if n >= 0 and logic.ops[n].opcode != 5]
    logic = _only(logic, live)
    fsm = cut(logic, stage_numbers(logic, DelayModel.of(spec.target)))
    texts = _core_texts(fsm, "peer")
    folder.mkdir(parents=True, exist_ok=True)
    for module, text in texts.items():
        write_text(folder / f"{module}.v", text)
    module = synthesize([folder / f"{name}.v" for name in texts], "peer_core", family=family)
    return resources(cell_counts(module)).luts, int(fsm.out_signals[0].schedule.bias)
