"""Scans with warm starts against the same scans from scratch: accuracy, LUTs, epochs and time.

`pytest -m benchmark tests/benchmark/test_warm_start.py`; in the environment:

- TRIGGER_LUT_CODES: codes.npz of the data set (results/data/jets/codes.npz)
- TRIGGER_LUT_BUDGETS: LUT budgets (1500,900,540,320,200)
- TRIGGER_LUT_SEEDS: how many seeds (1)
- TRIGGER_LUT_EPOCHS: of a training from scratch (120)
- TRIGGER_LUT_WARM: fractions of epochs and learning rate of the others, such as 0.5:0.5,0.3:0.5 (those of scans)
"""

import math
import os
import resource
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest
from stage_calls import in_order

from trigger_lut.config import scan as scans

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
CODES = Path(os.environ.get("TRIGGER_LUT_CODES", "results/data/jets/codes.npz"))
BUDGETS = [int(x) for x in os.environ.get("TRIGGER_LUT_BUDGETS", "1500,900,540,320,200").split(",")]
SEEDS = range(1, int(os.environ.get("TRIGGER_LUT_SEEDS", "1")) + 1)
EPOCHS = int(os.environ.get("TRIGGER_LUT_EPOCHS", "120"))
WARM = os.environ.get("TRIGGER_LUT_WARM", f"{scans.WARM_EPOCHS:g}:{scans.WARM_RATE:g}").split(",")
NO_WORSE = -0.001  # mean difference of accuracies, within its standard error
BUDGET_FILE = """\
data_set: jets
target: cms-phase2-correlator
network: {{units: [20, 5]}}
training: {{epochs: {epochs}}}
scan: {{luts: {luts}, latency_ns: [20], seeds: {seeds}, warm_start: {warm}}}
"""


Point = tuple[int, int]
"""Seed and LUT budget."""


@dataclass(frozen=True)
class Trained:
    """A point of a scan; seconds of the processor, synthesis and compilation included."""

    luts_budget: int
    seed: int
    epochs: int
    luts: float
    meets_budget: bool
    validation: float
    test: float
    seconds: float


def seconds_of_processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def specs_of(warm: bool, folder: Path):
    """Specifications of a scan's points, the largest budgets first."""
    from trigger_lut.config.budget import load_budget, resolve

    path = folder / "budget.yaml"
    path.write_text(
        BUDGET_FILE.format(epochs=EPOCHS, luts=BUDGETS, seeds=list(SEEDS), warm="true" if warm else "false")
    )
    budget, target = load_budget(path, ROOT / "config/targets.yaml")
    return sorted(
        (resolve(budget, target, design=name) for name in budget.points), key=lambda s: (s.seed, -s.budget.luts)
    )


def trained(spec, folder: Path) -> Trained:
    """Train a point in `folder`, from a network in a neighboring folder."""
    from trigger_lut.cards.base import read_card, write_card
    from trigger_lut.cards.stage_cards import TrainCard
    from trigger_lut.stages.train import run as train

    own = folder / spec.design
    own.mkdir(parents=True, exist_ok=True)
    write_card(spec, own / "spec.json")
    began = seconds_of_processor()
    in_order(
        train,
        own / "spec.json",
        CODES,
        own / "checkpoints",
        *(own / name for name in ("model.keras", "network.npz", "predictions.npz", "train.json", "warm.npz")),
        folder / spec.warm_from / "warm.npz" if spec.warm_from else None,
    )
    taken = seconds_of_processor() - began
    card = read_card(TrainCard, own / "train.json")
    figures = card.luts.value, card.meets_budget, card.score_validation, card.score
    return Trained(spec.budget.luts, spec.seed, card.epochs, *figures, taken)


def mean_and_error(values) -> tuple[float, float]:
    """Mean and its standard error; the latter is nan for fewer than two values."""
    values = list(values)
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return statistics.fmean(values), error


def line(kind: str, point: Trained, cold: Trained) -> str:
    text = f"{kind:10} {point.seed:4} {point.luts_budget:6} {point.luts:6.0f} {point.epochs:6} {point.seconds:6.1f}"
    text += f" {100 * point.validation:6.2f} {100 * point.test:6.2f} {'' if point.meets_budget else 'missed'}"
    if point is cold:
        return text
    return text + f"{100 * (point.validation - cold.validation):+6.2f} {100 * (point.test - cold.test):+6.2f}"


@pytest.mark.skipif(not CODES.is_file(), reason=f"no {CODES}; make it with: snakemake --cores all {CODES}")
def test_warm_starts_save_time_and_cost_no_accuracy(capsys, tmp_path, monkeypatch):
    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    say(f"\n{'start':10} {'seed':>4} budget   LUTs epochs  CPU s  val %  test %  differences")
    cold: dict[Point, Trained] = {}
    warm: dict[str, dict[Point, Trained]] = {variant: {} for variant in WARM}
    # one after the other, so that all see the same machine
    for spec in specs_of(False, tmp_path):
        key = spec.seed, spec.budget.luts
        cold[key] = trained(spec, tmp_path)
        say(line("scratch", cold[key], cold[key]))
        for variant, trainings in warm.items():
            share, rate = map(float, variant.split(":"))
            monkeypatch.setattr(scans, "WARM_EPOCHS", share)
            monkeypatch.setattr(scans, "WARM_RATE", rate)
            folder = tmp_path / variant.replace(":", "_")
            (same,) = (s for s in specs_of(True, tmp_path) if s.design == spec.design)
            if same.warm_from is None:
                folder.mkdir(exist_ok=True)
                (folder / spec.design).symlink_to(tmp_path / spec.design)
                continue
            trainings[key] = trained(same, folder)
            say(line(variant, trainings[key], cold[key]))
    worse = []
    for variant, trainings in warm.items():
        for split in ("validation", "test"):
            mean, error = mean_and_error(getattr(p, split) - getattr(cold[key], split) for key, p in trainings.items())
            say(f"{variant}: {split} accuracy, warm - scratch: {100 * mean:+.3f} +- {100 * error:.3f} points")
            if mean + (0.0 if math.isnan(error) else error) < NO_WORSE:
                worse.append(f"{variant}: {split} {100 * mean:+.3f} +- {100 * error:.3f}")
        used, _ = mean_and_error(p.luts / cold[key].luts for key, p in trainings.items())
        epochs, seconds = (
            [sum(getattr(points[key], what) for key in trainings) for points in (trainings, cold)]
            for what in ("epochs", "seconds")
        )
        say(
            f"{variant}: {used:.3f} times the LUTs; points that are not the largest: {epochs[0]} epochs instead of "
            f"{epochs[1]}, {seconds[0]:.0f} s of the processor instead of {seconds[1]:.0f}"
        )
        worse += [f"{variant}: {p} misses its budget" for p in trainings.values() if not p.meets_budget]
        if seconds[0] > seconds[1]:
            worse.append(f"{variant}: takes longer")
    assert not worse
