"""Budgets against what Yosys finds, over data sets, budgets and seeds.

`pytest -m benchmark tests/benchmark/test_budgets.py`; in the environment:

    TRIGGER_LUT_SEEDS     seeds a data set and budget (1)
    TRIGGER_LUT_BUDGETS   LUT budgets, as shares of what the untrained network takes (0.04,0.08,0.15,0.3)
    TRIGGER_LUT_EPOCHS    (120)
    TRIGGER_LUT_CODES     codes.npz of a further data set; results/data/jets/codes.npz, if there is one
"""

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from made_cards import spec as made_spec

pytestmark = pytest.mark.benchmark

SEEDS = int(os.environ.get("TRIGGER_LUT_SEEDS", "1"))
SHARES = [float(x) for x in os.environ.get("TRIGGER_LUT_BUDGETS", "0.04,0.08,0.15,0.3").split(",")]
EPOCHS = int(os.environ.get("TRIGGER_LUT_EPOCHS", "120"))
CODES = Path(os.environ.get("TRIGGER_LUT_CODES", "results/data/jets/codes.npz"))
LATENCY_NS = 20.0
USED = 0.9  # of the budget, at least


def events_of(name, n=12_000, seed=0):
    """Events whose classes no linear function of the features tells apart."""
    from trigger_lut.events.codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes
    from trigger_lut.fixed_point import KIF, encode

    if name == "file":
        return load_codes(CODES)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 10))
    value, classes = {
        "rings": (np.hypot(x[:, 0], x[:, 1]) + 0.3 * np.abs(x[:, 2]), 3),
        "products": (x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + 0.5 * x[:, 4], 4),
        "waves": (np.sin(2 * x[:, 0]) + np.cos(2 * x[:, 1]) + 0.4 * x[:, 2] ** 2 + 0.3 * x[:, 3], 2),
    }[name]
    value = value + 0.1 * value.std() * rng.normal(size=n)
    labels = np.digitize(value, np.quantile(value, np.arange(1, classes) / classes))
    split = rng.choice([TRAIN, VALIDATION, TEST], n, p=[0.7, 0.15, 0.15]).astype(np.uint8)
    kif = KIF(1, 2, 5)
    features, names = tuple(f"x{i}" for i in range(x.shape[1])), tuple(f"c{i}" for i in range(classes))
    ids = np.arange(n, dtype=np.uint64)
    return EventCodes(encode(x, kif).astype(np.int32), labels, split, ids, (kif,) * x.shape[1], features, names)


def trained(name, events, seed, share, folder):
    """(card, line of the table) of one training."""
    from trigger_lut.cards import read_card, write_card
    from trigger_lut.events.codes import save_codes
    from trigger_lut.layers.freeze import integer_network
    from trigger_lut.records import TrainCard
    from trigger_lut.surrogate import estimate
    from trigger_lut.training.model import build_model
    from trigger_lut.training.run import train

    shape = {"units": [12, len(events.classes)]}
    training = {"epochs": EPOCHS, "batch_size": 2048}
    design = made_spec("budget", 1, LATENCY_NS, network=shape, training=training, seed=seed)
    model = build_model(design.network, events.formats, len(events.classes), seed)
    start = estimate(integer_network(model, inputs=events.formats), design.target.clock_period_ns).luts
    luts = round(share * start)
    design = design.model_copy(update={"budget": design.budget.model_copy(update={"luts": luts})})
    write_card(design, folder / "spec.json")
    save_codes(events, folder / "codes.npz")
    outputs = [folder / n for n in ("model.keras", "network.npz", "train.json")]
    train(folder / "spec.json", folder / "codes.npz", folder / "checkpoints", *outputs)
    card = read_card(TrainCard, folder / "train.json")
    line = (
        f"{name:10} {seed:4} {luts:7} {card.luts.value:6.0f} {100 * card.luts.value / luts:6.1f} "
        f"{card.latency_cycles:4}/{card.latency_cycles_budget:<3} {100 * card.accuracy:6.1f} {card.tightened:5} "
        f"{len(card.measurements):5} {card.luts.value / card.luts_surrogate:8.3f} "
        f"{card.seconds_per_epoch * card.epochs:6.1f} + {card.seconds_measuring:.1f}"
    )
    return card, line


def test_budgets_hold_and_are_used(capsys, tmp_path):
    names = ["rings", "products", "waves", *(["file"] if CODES.is_file() else [])]
    cards = []
    with capsys.disabled():
        print(
            f"\n{'data':10} {'seed':>4} {'budget':>7} {'yosys':>6} {'use %':>6} {'cycles':>8} {'acc %':>6} "
            f"{'tight':>5} {'synth':>5} {'yos/surr':>8} seconds, training + synthesis"
        )
    for name in names:
        events = events_of(name)
        for seed, share in product(range(1, SEEDS + 1), SHARES):
            folder = tmp_path / f"{name}_{seed}_{share}"
            folder.mkdir()
            card, line = trained(name, events, seed, share, folder)
            cards.append(card)
            with capsys.disabled():
                print(line, flush=True)
    assert all(card.feasible for card in cards)
    assert all(card.luts.value <= card.luts_budget for card in cards)
    assert all(card.latency_cycles <= card.latency_cycles_budget for card in cards)
    assert min(card.luts.value / card.luts_budget for card in cards) >= USED
