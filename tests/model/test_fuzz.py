"""The fuzzer: a few networks run clean, and a form that is off by one is noticed and kept."""

import numpy as np
import pytest
from made_cards import spec as made_spec

from trigger_lut.cli import main
from trigger_lut.errors import NotReproducibleError
from trigger_lut.fuzz import run
from trigger_lut.fuzz.draw import draw_model, interesting
from trigger_lut.layers.freeze import integer_network
from trigger_lut.network import load_network
from trigger_lut.reference import evaluate
from trigger_lut.saved_model import load_model


def test_a_few_networks_run_clean(tmp_path, capsys):
    assert main(["fuzz", "--networks", "3", "--seed", "3", "--kept", str(tmp_path / "kept")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 networks, 0 differences")
    assert "keras 3" in said
    assert "rtl 3" in said
    assert "hls4ml 3" in said
    caught, total = said.split("noticed: ")[1].split(" of ")
    assert int(caught) == int(total) > 0
    assert not (tmp_path / "kept").exists()


def test_a_form_that_is_off_by_one_is_noticed_and_kept(tmp_path, monkeypatch):
    def wrong(network, codes):
        found = evaluate(network, codes)
        found[7, 0] += 1
        return found

    monkeypatch.setattr(run, "run_alkaid", wrong)
    with pytest.raises(NotReproducibleError, match=r"alkaid: 1 of \d+ outputs differ, first at vector 7, output 0"):
        run.fuzz(made_spec(), 1, 3, tmp_path / "kept")
    network = load_network(tmp_path / "kept/network.npz")
    load_model(tmp_path / "kept/model.keras")
    assert np.loadtxt(tmp_path / "kept/codes.txt", ndmin=2).shape[1] == len(network.inputs)


def test_a_seed_draws_the_same_model_again():
    made = []
    for seed in (5, 5, 6):
        model, formats = draw_model(seed)
        made.append(integer_network(model, inputs=formats))
    first, again, other = made
    codes = np.zeros((1, len(first.inputs)), dtype=np.int64)
    np.testing.assert_array_equal(evaluate(first, codes), evaluate(again, codes))
    assert [layer.name for layer in first.layers] == [layer.name for layer in again.layers]
    assert interesting(first)
    assert first.inputs != other.inputs or len(first.layers) != len(other.layers)
