"""A given model of HGQ2's table layers at half of its LUTs, against training from scratch: `pytest -m benchmark -s`.

Three trainings under the same budget and for as many epochs: from the given weights, from new weights of the same
layers, and of LUTDense layers of the same widths. It prints LUTs, accuracy and seconds of each.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.trainings import made_design, made_events, train, write_inputs
from training.test_given_budget import design, given_model, trained

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TrainCard

pytestmark = pytest.mark.benchmark

EPOCHS = (60, 120)


def own_layers(folder: Path, luts: int, epochs: int) -> TrainCard:
    """Train LUTDense layers of the widths of the given model."""
    folder.mkdir()
    asked = made_design(luts, network={"units": [6, 3]}, training={"epochs": epochs, "batch_size": 200})
    write_inputs(folder, asked, made_events(6000))
    return read_card(TrainCard, train(folder, folder) / "train.json")


def test_half_of_the_luts_from_given_and_from_new_weights(tmp_path: Path) -> None:
    source, new = tmp_path / "given.keras", tmp_path / "new.keras"
    given_model(source, 40)
    given_model(new, 0)
    given = trained(tmp_path / "given", design(source, 100_000))
    luts = int(given.luts.value / 2)
    print(f"\ngiven: {given.luts.value:.0f} LUTs, accuracy {100 * given.score:.2f} % on the validation split")
    for epochs in EPOCHS:
        cards = {
            "from the given weights": trained(tmp_path / f"given_{epochs}", design(source, luts, epochs)),
            "from new weights": trained(tmp_path / f"new_{epochs}", design(new, luts, epochs)),
            "LUTDense from new weights": own_layers(tmp_path / f"own_{epochs}", luts, epochs),
        }
        for name, card in cards.items():
            print(
                f"{epochs} epochs {name}: {card.luts.value:.0f} of {luts} LUTs, accuracy {100 * card.score:.2f} %, "
                f"{card.seconds:.0f} s"
            )
        assert all(card.meets_budget for card in cards.values())
