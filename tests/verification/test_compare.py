"""Counting differences, wording the verdict, and choosing a bit to flip."""

import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.cards.firmware import Comparison, Difference
from trigger_lut.errors import FirmwareError, ToolFailedError
from trigger_lut.network.bit_flip import BitFlip, choose_flip, flipped
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification import compare
from trigger_lut.verification.compare import Run, _comparison, differences, random_blocks, verdict

EXPECTED = np.arange(6, dtype=np.int64).reshape(3, 2)


def changed(value, dtype=np.int64):
    outputs = EXPECTED.astype(dtype)
    outputs[1, 1], outputs[2, 0] = value, value
    return outputs


def test_equal_outputs_have_no_differences():
    assert differences(EXPECTED, EXPECTED.copy()) == (0, None)
    assert differences(EXPECTED, EXPECTED.astype(float)) == (0, None)


@pytest.mark.parametrize(
    ("actual", "value"),
    [
        (changed(9), 9),
        (changed(9.0, float), 9),
        (changed(3.0000000001, float), 3.0000000001),
        (changed(np.nan, float), None),
        (changed(-np.inf, float), None),
    ],
)
def test_differences_are_counted_and_the_first_is_named(actual, value):
    assert differences(EXPECTED, actual) == (2, Difference(vector=1, output=1, expected=3, found=value))


def test_other_shapes_are_refused():
    with pytest.raises(ToolFailedError) as error:
        differences(EXPECTED, EXPECTED[:2])
    assert str(error.value) == "expected outputs of shape (3, 2), found (2, 2)"


def comparison(name, mismatches=0, control=3):
    first = Difference(vector=7, output=2, expected=5, found=-6) if mismatches else None
    return Comparison(name=name, vectors=9, mismatches=mismatches, first=first, seconds=0, control_mismatches=control)


@pytest.mark.parametrize(
    ("comparisons", "text"),
    [
        ([comparison("keras"), comparison("rtl")], "bit-exact"),
        (
            [comparison("keras"), comparison("hls4ml", 1)],
            "not bit-exact: 1 mismatch in hls4ml; first at vector 7, output 2: expected 5, found -6",
        ),
        (
            [comparison("keras", 4), comparison("hls4ml", 1, 0)],
            "not bit-exact: 5 mismatches in keras, hls4ml; first at vector 7, output 2: expected 5, found -6; "
            "the flipped bit of the negative control was not caught by hls4ml",
        ),
        (
            [comparison("keras", control=0), comparison("rtl", control=0)],
            "not bit-exact: the flipped bit of the negative control was not caught by keras, rtl",
        ),
        (
            [comparison("keras").model_copy(update={"rounding_mismatches": 2}), comparison("rtl")],
            "bit-exact; keras differs 2 times by float rounding",
        ),
        (
            [comparison("keras", 1).model_copy(update={"note": "not evaluated exactly: a reason"})],
            "not bit-exact: 1 mismatch in keras; first at vector 7, output 2: expected 5, found -6; "
            "keras: not evaluated exactly: a reason",
        ),
    ],
)
def test_verdict(comparisons, text):
    assert verdict(comparisons) == text


@pytest.mark.parametrize("seed", range(6))
def test_chosen_flip_changes_one_bit_that_the_vectors_see(seed):
    network = random_network(seed)
    codes = random_codes(network, 300)
    flip = choose_flip(network, codes, seed=seed)
    assert choose_flip(network, codes, seed=seed) == flip
    faulty = flipped(network, flip)
    assert (evaluate(faulty, codes) != evaluate(network, codes)).any()
    before, after = (n.layers[flip.layer].tables for n in (network, faulty))
    places = np.argwhere(before != after)
    assert places.tolist() == [[flip.channel, flip.output, flip.entry]]
    assert before[tuple(places[0])] ^ after[tuple(places[0])] == 1 << flip.bit
    assert faulty.validate() == []


def test_flips_are_found_in_every_layer():
    network = random_network(1, units=(4, 5, 4, 3))
    codes = random_codes(network, 300)
    assert {choose_flip(network, codes, seed=seed).layer for seed in range(20)} == {0, 1, 2}


def test_flip_says_where_it_is():
    network = random_network(0)
    i, o = network.layers[0].edges()[0]
    before = int(network.layers[0].table(i, o)[1])
    text = BitFlip(0, i, o, 1, 0).describe(network)
    assert text == f"bit 0 of entry 1 of table ({i}, {o}) in lut_dense_0: {before} became {before ^ 1}"


def test_a_network_without_tables_has_no_control():
    network = random_network(0, prune=1.0)
    with pytest.raises(FirmwareError, match=r"no negative control: .* the 50 vectors reach changes no output"):
        choose_flip(network, random_codes(network, 50), seed=0)


def test_random_blocks_are_bounded_and_make_the_asked_number(monkeypatch):
    network = random_network(3)
    monkeypatch.setattr(compare, "BLOCK_BYTES", 8 * len(network.inputs) * 100)
    blocks = list(random_blocks(network, 250, seed=1))
    assert [len(codes) for codes in blocks] == [100, 100, 50]
    again = np.concatenate(list(random_blocks(network, 250, seed=1)))
    assert np.array_equal(np.concatenate(blocks), again)
    assert len(np.unique(again, axis=0)) > 200
    assert list(random_blocks(network, 0, seed=1)) == []


def test_difference_in_a_later_block_has_its_vector(capsys):
    network = random_network(3)
    blocks = list(random_blocks(network, 300, seed=1))
    sizes = []

    def predict(codes):
        outputs = evaluate(network, codes)
        if len(sizes) == 1:
            outputs[7, 0] += 5
        sizes.append(len(codes))
        return outputs

    flip = choose_flip(network, blocks[0], seed=0)
    faulty = flipped(network, flip)
    run = Run("rtl", blocks[0], predict, blocks[0], lambda codes: (evaluate(network, codes), faulty), more=blocks)
    compared = _comparison(run, network)
    assert (compared.vectors, compared.mismatches, compared.largest_difference) == (600, 1, 5.0)
    assert (compared.first.vector, compared.first.output) == (307, 0)


def test_given_vectors_are_compared_in_blocks(monkeypatch):
    network = random_network(3)
    monkeypatch.setattr(compare, "BLOCK_BYTES", 8 * len(network.inputs) * 100)
    codes, sizes = random_codes(network, 250), []

    def predict(block):
        sizes.append(len(block))
        outputs = evaluate(network, block)
        outputs[7, 0] += len(sizes) == 3
        return outputs

    faulty = flipped(network, choose_flip(network, codes, seed=0))
    compared = _comparison(Run("rtl", codes, predict, codes, lambda codes: (evaluate(network, codes), faulty)), network)
    assert sizes == [100, 100, 50]
    assert (compared.vectors, compared.mismatches, compared.first.vector) == (250, 1, 207)
