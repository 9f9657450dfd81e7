"""The fuzzer: a few networks run clean, and a form that is off by one is noticed and kept."""

import re

import numpy as np
import pytest
from made_cards import spec as made_spec

from trigger_lut.cli import main
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.alkaid.backend import Alkaid, predict_alkaid
from trigger_lut.firmware.backend import Prediction
from trigger_lut.firmware.rtl.backend import Verilog
from trigger_lut.fixed_point.formats import KIF, uniform
from trigger_lut.network.network import LinearLayer, MaxLayer, Network, TableLayer, load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.fuzz import run
from trigger_lut.verification.fuzz.implementations import Case, implementations, proof
from trigger_lut.verification.fuzz.minimize import shrink_network
from trigger_lut.verification.fuzz.random_models import as_drawn, draw, interesting
from trigger_lut.verification.fuzz.random_networks import draw_network


def test_a_few_networks_run_clean(tmp_path, capsys):
    assert (
        main(["fuzz", "--networks", "4", "--seed", "11", "--jobs", "2", "--failures-dir", str(tmp_path / "kept")]) == 0
    )
    output = capsys.readouterr().out
    count = re.search(r"^(\d+) networks, 0 mismatches", output)
    assert int(count[1]) >= 4
    for form in ("alkaid", "rtl", "hls4ml", "python", "cpp", "cmssw"):
        assert f"{form} {count[1]}" in output
    assert re.search(r"keras [1-9]", output)
    assert re.search(r"^outputs: .*proven [1-9]", output, re.MULTILINE)
    caught, total = output.split("noticed: ")[1].split(" of ")
    assert int(caught) == int(total) > 0
    assert not (tmp_path / "kept").exists()


def test_a_form_that_is_off_by_one_is_noticed_and_kept(tmp_path, monkeypatch):
    right = Alkaid.predict

    def wrong(self, folder, codes):
        outputs = right(self, folder, codes).outputs
        outputs[7, 0] += 1
        return Prediction(outputs)

    monkeypatch.setattr(Alkaid, "predict", wrong)
    message = r"alkaid: 1 of \d+ outputs differ, first at vector 7, output 0.*draw\(3000\d\) makes the model again"
    with pytest.raises(NotReproducibleError, match=message):
        run.fuzz(made_spec(), 1, seed=3, kept=tmp_path / "kept")
    network, small = (load_network(tmp_path / "kept" / name) for name in ("network.npz", "small_network.npz"))
    load_model(tmp_path / "kept/model.keras")
    assert np.loadtxt(tmp_path / "kept/codes.txt", ndmin=2).shape[1] == len(network.inputs)
    assert sum(layer.live_edges for layer in small.layers) <= 1 < sum(layer.live_edges for layer in network.layers)


def test_an_error_of_a_tool_names_the_seed(tmp_path, monkeypatch):
    def broken(self, folder, codes):
        raise IndexError("index 62 is out of bounds")

    monkeypatch.setattr(Verilog, "predict", broken)
    with pytest.raises(NotReproducibleError, match=r"rtl: IndexError: index 62 .*draw\(30000\)"):
        run.one_network(made_spec(), 30000, kept=tmp_path / "kept")


def test_shrinking_keeps_what_fails():
    """The fault: a certain entry of a certain edge is looked up."""
    drawn = (draw_network(np.random.default_rng(seed)) for seed in range(100))
    network = next(x for x in drawn if len(x.layers) == 3 and x.layers[1].computes_with == "tables")
    n = 1
    i, o = network.layers[n].edges()[-1]
    calls = []

    def fails(candidate):
        calls.append(candidate)
        layer = candidate.layers[n]
        return bool(layer.widths[i, o]) and layer.table(i, o)[0] == network.layers[n].table(i, o)[0]

    small = shrink_network(network, fails)
    assert sum(layer.live_edges for layer in small.layers) == 1
    assert small.layers[n].edges() == [(i, o)]
    assert small.validate() == []
    assert len(calls) < 100


@pytest.mark.parametrize("seed", range(40))
def test_networks_are_sound_and_alkaid_equals_the_reference(seed):
    network = draw_network(np.random.default_rng(seed))
    assert network.validate() == []
    codes = uniform(network.inputs, 200, rng=np.random.default_rng(1))
    expected = evaluate(network, codes)
    np.testing.assert_array_equal(predict_alkaid(network, codes), expected)
    formats = network.output_formats()
    assert (expected >= [kif.lo for kif in formats]).all()
    assert (expected <= [kif.hi for kif in formats]).all()


def test_a_seed_draws_the_same_model_again():
    networks = []
    for seed in (5, 5, 6):
        drawn = draw(seed)
        networks.append(integer_network(drawn.model, inputs=drawn.formats, wraps=True))
    first, again, other = networks
    codes = np.zeros((1, len(first.inputs)), dtype=np.int64)
    np.testing.assert_array_equal(evaluate(first, codes), evaluate(again, codes))
    assert [layer.name for layer in first.layers] == [layer.name for layer in again.layers]
    assert interesting(first)
    assert first.inputs != other.inputs or len(first.layers) != len(other.layers)


# ---------------------------------------------------------------- what the fuzzer found


def through_all_forms(network):
    drawn = as_drawn(network)
    case, codes = (
        Case(drawn, network, made_spec(latency_ns=100)),
        uniform(network.inputs, 300, rng=np.random.default_rng(2)),
    )
    expected = evaluate(network, codes)
    for name, predict in implementations(case).items():
        np.testing.assert_array_equal(predict(codes[:60]), expected[:60], err_msg=name)
    assert set(proof(case)) == {"proven"}
    return expected


def test_a_value_far_below_the_largest_is_compared_in_full_width():
    inputs = (KIF(1, 8, 0), KIF(1, -1, 5))
    largest = MaxLayer("largest", inputs, ("WRAP", "WRAP"), np.array([0, 0]), fraction_bits=np.array([8]))
    assert (through_all_forms(Network(inputs, (largest,))) < 0).any()


def test_a_constant_wraps_into_an_unsigned_format():
    inputs = (KIF(1, 3, 2),)
    no_edges = np.zeros((1, 1), dtype=np.int64)
    constant = TableLayer(
        "constant",
        inputs,
        ("WRAP",),
        no_edges,
        np.zeros((1, 1, 1), dtype=np.int64),
        np.array([-1]),
        fraction_bits=np.array([2]),
    )
    tables = np.array([[[3, -5]]])
    read = (KIF(0, -2, 3),)
    reads = TableLayer("reads", read, ("WRAP",), no_edges + 1, tables, np.array([1]), fraction_bits=np.array([0]))
    assert np.unique(through_all_forms(Network(inputs, (constant, reads)))).size == 1


def test_a_network_of_constants_compiles_without_warnings():
    inputs, none = (KIF(1, 3, 2),), np.zeros((1, 1), dtype=np.int64)
    layer = LinearLayer("constant", inputs, ("SAT",), none, np.array([-7]), fraction_bits=np.array([2]))
    assert np.unique(through_all_forms(Network(inputs, (layer,)))).tolist() == [-7]


def test_narrow_negative_value_wraps_into_wide_unsigned_format():
    inputs = (KIF(1, 3, 0),)
    largest = MaxLayer(
        "largest",
        (KIF(0, 11, -1),),
        ("WRAP",),
        np.array([0]),
        fraction_bits=np.array([0]),
        gather_index=None,
        rounding="RND",
    )
    assert through_all_forms(Network(inputs, (largest,))).max() > 2000
