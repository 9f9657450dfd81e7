"""Networks that are given as files: HGQ2's layers of tables, values that wrap, files of older versions, the stage."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

import keras
import made_cards
import numpy as np
import pytest
from hgq.config import QuantizerConfigScope
from hgq.layers import (
    QAffinedUnaryFunctionLUT,
    QBatchNormalization,
    QConv1D,
    QConvT1D,
    QConvT2D,
    QDense,
    QDenseT,
    QUnaryFunctionLUT,
)
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.firmware import VerifyCard
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.network import model_digest
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.data.event_codes import EventCodes, save_codes
from trigger_lut.errors import ConfigurationError, FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import load_network, with_layer
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages.firmware import run as build_firmware
from trigger_lut.stages.train import run as train
from trigger_lut.stages.verify import run as verify
from trigger_lut.training import import_model
from trigger_lut.utils.files import sha256
from trigger_lut.verification.compare import Run, _comparison
from trigger_lut.verification.exact_keras import explained
from trigger_lut.verification.fuzz.implementations import Case, implementations, proof
from trigger_lut.verification.fuzz.random_models import Drawn
from trigger_lut.verification.keras_model import run_keras

DATA = Path(__file__).parents[1] / "fixtures" / "hgq2"
INPUT = KIF(1, 3, 4)
NAMES = ("spec.json", "codes.npz", "model.keras", "network.npz", "predictions.npz", "train.json")


def traced(layers, shape: tuple[int, ...], seed: int = 0):
    """A model whose quantizers have seen some events, with widths that differ from edge to edge."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input(shape), *layers()])
    model(rng.normal(size=(64, *shape)).astype("f"), training=True)
    for layer in model._flatten_layers(include_self=False):
        inner = getattr(layer, "quantizer", None)
        if hasattr(inner, "_f"):
            inner._f.assign(rng.integers(-1, 4, inner._f.shape))
    return model


def codes_of(count: int, inputs: int, kif: KIF = INPUT) -> np.ndarray:
    return np.random.default_rng(1).integers(kif.lo, kif.hi + 1, (count, inputs))


MODELS = {
    "dense": (lambda: [QDenseT(5, batch_norm=True, activation="relu"), QDenseT(3)], (6,)),
    "two hidden layers": (lambda: [QDenseT(3, n_hl=2, d_hl=3, subnn_activation="silu")], (4,)),
    "no hidden layer": (lambda: [QDenseT(3, n_hl=0)], (4,)),
    "places": (lambda: [QDenseT(3, activation="relu"), keras.layers.Flatten(), QDense(2)], (4, 3)),
    "conv 1d": (lambda: [QConvT1D(4, 3, padding="same", strides=2, subnn_activation="tanh")], (8, 3)),
    "conv 1d dilated": (lambda: [QConvT1D(2, 2, dilation_rate=2, subnn_activation="tanh")], (6, 2)),
    "conv 2d": (lambda: [QConvT2D(2, (2, 3), batch_norm=True, subnn_activation="tanh", activation="relu")], (4, 4, 2)),
    "arithmetic": (lambda: [QConv1D(2, 2, activation="relu"), keras.layers.Flatten(), QDense(3)], (4, 2)),
    "activation": (lambda: [QDense(4), QUnaryFunctionLUT("tanh"), QDense(3)], (5,)),
    "activation of places": (lambda: [QConv1D(2, 2), QUnaryFunctionLUT("sigmoid"), keras.layers.Flatten()], (4, 2)),
    "affine activation": (lambda: [QDense(3), QAffinedUnaryFunctionLUT("silu")], (5,)),
    "normalization": (lambda: [QDense(4), QBatchNormalization(), QDense(3)], (5,)),
    "normalization of places": (lambda: [QConv1D(3, 2), QBatchNormalization(), keras.layers.Flatten()], (4, 2)),
    "hybrid": (lambda: [QDense(4, activation="relu"), QDenseT(4), QDense(3)], (6,)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_integers_are_the_model(name):
    layers, shape = MODELS[name]
    model = traced(layers, shape)
    count = int(np.prod(shape))
    network = integer_network(model, inputs=[INPUT] * count, wraps=True)
    codes = codes_of(3000, count)
    expected = evaluate(network, codes)
    assert len(np.unique(expected, axis=0)) > 20
    outputs = run_keras(model, network, codes=codes)
    # HGQ2 rounds what it computes in float32, which decides ties by the order of its sums: none or next to none.
    assert (outputs != expected).mean() < 1e-3
    assert network.overflow_risks(), "these models wrap, and are counted modulo 2**bits"


@pytest.mark.parametrize(
    "name",
    [pytest.param("conv 1d", marks=pytest.mark.soak), "activation", pytest.param("hybrid", marks=pytest.mark.soak)],
)
def test_every_form_wraps_as_the_model_does(name):
    layers, shape = MODELS[name]
    model, count = traced(layers, shape, seed=3), int(np.prod(shape))
    drawn = Drawn(model, [INPUT] * count, True)
    network = integer_network(model, inputs=drawn.formats, wraps=True)
    assert network.overflow_risks()
    case, codes = Case(drawn, network, made_cards.spec(latency_ns=100)), codes_of(500, count)
    wrapped = evaluate(network, codes)
    saturated = evaluate(integer_network(saturating(layers, shape, 3), inputs=drawn.formats, wraps=True), codes)
    assert (wrapped != saturated).any(), "the vectors reach values that wrap"
    for form, predict in implementations(case).items():
        few = codes[:60] if form == "vhdl" else codes
        outputs = predict(few)
        np.testing.assert_array_equal(outputs, wrapped[: len(few)], err_msg=form)
    assert set(proof(case)) <= {"proven", "sampled"}


def saturating(layers, shape, seed):
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        return traced(layers, shape, seed)


def test_without_leave_to_wrap_the_model_is_refused():
    layers, shape = MODELS["dense"]
    with pytest.raises(FirmwareError, match=r"channel \d+ may wrap"):
        integer_network(traced(layers, shape), inputs=[INPUT] * 6)


def test_edge_of_too_many_bits_and_other_activation_are_refused():
    wide = traced(lambda: [QDenseT(2, name="wide")], (2,))
    for layer in wide._flatten_layers(include_self=False):
        if hasattr(getattr(layer, "quantizer", None), "_f"):
            layer.quantizer._f.assign(np.full(layer.quantizer._f.shape, 15.0))
    with pytest.raises(FirmwareError, match=r"layer 'wide': expected at most 14 bits for each edge, found \d+"):
        integer_network(wide, inputs=[KIF(1, 3, 16)] * 2, wraps=True)
    open_ended = traced(lambda: [QUnaryFunctionLUT("tanh", enable_oq=False, enable_ebops=False, name="open")], (2,))
    with pytest.raises(FirmwareError, match="layer 'open': its results have no exact fixed-point form"):
        integer_network(open_ended, inputs=[INPUT] * 2, wraps=True)
    with pytest.raises(FirmwareError, match="layer 'curved': its results have no exact fixed-point form"):
        integer_network(traced(lambda: [QDenseT(2, activation="tanh", name="curved")], (2,)), inputs=[INPUT] * 2)


@pytest.mark.parametrize("name", ["0.1.0_dense", "0.1.3_dense_t", "0.1.6_conv_t"])
def test_files_of_older_versions_give_what_they_gave(name):
    """Each file was written by that version of HGQ2, with outputs that it computed."""
    model = load_model(DATA / f"{name}.keras")
    with np.load(DATA / f"{name}.npz") as archive:
        inputs, outputs = archive["x"], archive["y"]
    np.testing.assert_array_equal(np.asarray(model(inputs)), outputs)
    count = int(np.prod(inputs.shape[1:]))
    network = integer_network(model, inputs=[KIF(1, 4, 10)] * count, wraps=True)
    codes = codes_of(2000, count, KIF(1, 4, 10))
    np.testing.assert_array_equal(run_keras(model, network, codes=codes), evaluate(network, codes))


# ---------------------------------------------------------------- the stage


def stage(folder: Path, model, **changes) -> dict[str, Path]:
    """Files that the train stage reads for a given model of three features and three classes."""
    source = folder / "given.keras"
    if model is not None:
        model.save(source)
    network = {"keras_file": str(source), "baseline_units": [3]}
    design = made_cards.spec(latency_ns=100, luts=5000).model_copy(
        update={"network": made_cards.spec().network.model_validate(network)}
    )
    design = design.model_copy(update={"model_sha256": model_digest(design.network), **changes})
    paths = {name: folder / name for name in NAMES}
    write_card(design, paths["spec.json"])
    rng, events = np.random.default_rng(5), 600
    codes = codes_of(events, 3).astype(np.int32)
    split, ids = (np.arange(events) % 3).astype(np.uint8), np.arange(events, dtype=np.uint64)
    names = ("x", "y", "z"), ("a", "b", "c")
    save_codes(EventCodes(codes, rng.integers(0, 3, events), split, ids, (INPUT,) * 3, *names), paths["codes.npz"])
    return {**paths, "source": source}


def run(paths: dict[str, Path]) -> None:
    in_order(
        train,
        *(paths[name] for name in NAMES[:2]),
        paths["spec.json"].parent / "checkpoints",
        *(paths[name] for name in NAMES[2:]),
        paths["spec.json"].parent / "warm.npz",
    )


def small(outputs: int = 3):
    return traced(lambda: [QDenseT(4, activation="relu"), QDense(outputs)], (3,), seed=2)


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> dict[str, Path]:
    paths = stage(tmp_path_factory.mktemp("given"), small())
    run(paths)
    return paths


def test_the_model_is_taken_over_as_it_is(taken):
    card = read_card(TrainCard, taken["train.json"])
    assert sha256(taken["model.keras"]) == sha256(taken["source"]) == card.inputs[str(taken["source"])]
    assert (card.epochs, card.meets_budget, card.verdict, card.history) == (0, True, "within the budget", [])
    assert [m.reason for m in card.measurements] == ["given"]
    assert card.luts.value > 0
    assert 0 < card.score < 1
    assert (taken["source"].parent / "warm.npz").is_file()


def test_float32_differences_are_counted_apart_in_verification(taken):
    folder = taken["source"].parent
    in_order(
        build_firmware,
        *(taken[name] for name in ("spec.json", "model.keras", "network.npz")),
        folder / "fw",
        folder / "firmware.json",
    )
    files = [taken[name] for name in ("spec.json", "model.keras", "network.npz", "codes.npz")]
    in_order(verify, *files, folder / "firmware.json", folder / "verify.json")
    card = read_card(VerifyCard, folder / "verify.json")
    assert card.bit_exact
    assert card.mismatches == 0
    assert all(c.control_mismatches > 0 for c in card.comparisons)
    (keras_form,) = (c for c in card.comparisons if c.name == "keras")
    assert (keras_form.mismatches, keras_form.note) == (0, None)
    rounded = f"; keras differs {keras_form.rounding_mismatches} times by float rounding"
    assert card.verdict == "bit-exact" + rounded * (keras_form.rounding_mismatches > 0)


def test_import_of_a_wrong_conversion_is_an_error(tmp_path, monkeypatch):
    """Negative control: a conversion that has one weight wrong by one step."""

    def wrong(*arguments, **options):
        network = integer_network(*arguments, **options)
        weights = network.layers[-1].weights.copy()
        weights[tuple(np.argwhere(weights)[0])] += 1
        return with_layer(network, len(network.layers) - 1, weights=weights)

    monkeypatch.setattr(import_model, "integer_network", wrong)
    with pytest.raises(
        FirmwareError, match=r"differ from Keras in \d+ of 2200 events .* output \d of event \d+: Keras"
    ):
        run(stage(tmp_path, small()))


def test_verify_counts_what_rounding_does_not_explain(monkeypatch):
    """An imported model whose walk is wrong differs, and is no more bit-exact for being evaluated in float32."""
    model = small()
    network, codes = integer_network(model, inputs=[INPUT] * 3, wraps=True), codes_of(500, 3)
    bias = network.layers[-1].bias.copy()
    bias[0] += 1
    for wrong in (network, with_layer(network, len(network.layers) - 1, bias=bias)):
        exactly = partial(explained, model, wrong)
        whole = lambda c, wrong=wrong: run_keras(model, wrong, codes=c)  # noqa: E731
        control = lambda c, whole=whole, wrong=wrong: (whole(c), wrong)  # noqa: E731
        comparison = _comparison(Run("keras", codes, whole, codes, control, exactly), wrong)
        assert comparison.mismatches == (0 if wrong is network else 500)
        assert comparison.largest_difference in ({None, 1.0} if wrong is network else {1.0, 2.0})
    assert comparison.first.output == 0


def test_float_rounding_is_told_apart_from_a_wrong_weight():
    """Sums of more bits than float32 holds: each of its differences is explained, those of a wrong weight are not."""
    with QuantizerConfigScope(place="datalane", i0=7, overflow_mode="SAT"):
        model = traced(lambda: [QDense(2)], (6,))
    for layer in model._flatten_layers(include_self=False):
        for name in ("_f", "_b"):
            if hasattr(getattr(layer, "quantizer", None), name):
                bits = getattr(layer.quantizer, name)
                bits.assign(np.full(bits.shape, 11.0))
    inputs = [KIF(1, 6, 17)] * 6
    network, codes = integer_network(model, inputs=inputs, wraps=True), codes_of(1000, 6, inputs[0])
    expected, outputs = evaluate(network, codes), run_keras(model, network, codes=codes)
    differ = (outputs != expected).any(axis=1)
    assert differ.sum() > 100
    np.testing.assert_array_equal(
        explained(model, network, codes=codes, expected=expected, actual=outputs).rounding, differ
    )
    weights = network.layers[0].weights.copy()
    weights[0, 0] += 1
    wrong = evaluate(with_layer(network, 0, weights=weights), codes)
    assert explained(model, network, codes=codes, expected=wrong, actual=outputs).rounding.mean() < 0.01


def test_another_model_than_the_network_shows_in_the_count(taken, tmp_path):
    """The negative control of the count: a model with one other weight."""
    other, network = load_model(taken["model.keras"]), load_network(taken["network.npz"])
    codes = codes_of(2000, 3)
    assert (run_keras(other, network, codes=codes) != evaluate(network, codes)).sum() <= 2
    layer = other.layers[-1]
    layer.bias.assign(layer.bias + 1)
    assert (run_keras(other, network, codes=codes) != evaluate(network, codes)).any(axis=1).all()


def test_a_budget_that_it_misses_is_said_and_not_raised(tmp_path):
    paths = stage(tmp_path, small(), budget=made_cards.spec(luts=3).budget)
    design = read_card(Spec, paths["spec.json"])
    kept = design.network.model_copy(update={"train": False})
    write_card(design.model_copy(update={"network": kept}), paths["spec.json"])
    run(paths)
    assert sha256(paths["model.keras"]) == sha256(paths["source"])
    card = read_card(TrainCard, paths["train.json"])
    assert card.meets_budget is False
    assert card.verdict.startswith(f"beyond the budget: {card.luts.value:.0f} LUTs after Yosys of 3")


def refused(paths: dict[str, Path], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        run(paths)
    assert not any(paths[name].exists() for name in NAMES[2:])


def test_what_is_no_network_of_the_data_set_is_refused(tmp_path):
    refused(stage(tmp_path, small(outputs=2)), r"network\.keras_file: .*: other outputs .* Expected 3, found 2\.")
    wide = traced(lambda: [QDense(3)], (4,))
    refused(stage(tmp_path, wide), r"network\.keras_file: .*expected 4 input formats, one for each input, found 3")


def test_import_of_a_final_softmax_and_coarse_inputs_is_noted(tmp_path):
    model = traced(lambda: [QDense(3, name="out"), keras.layers.Activation("softmax", name="last")], (3,))
    model.layers[0].iq.quantizer._f.assign([[0.0, 6.0, 0.0]])
    paths = stage(tmp_path, model)
    run(paths)
    card = read_card(TrainCard, paths["train.json"])
    assert card.notes[0] == "layer 'last': softmax at the end is not part of the firmware, which gives logits"
    assert re.fullmatch(
        r"input 'y': the data set gives fixed<8,4>, the model reads up to fixed<11,4>\. Random values of the missing "
        r"bits change \d+\.\d\d% of decisions",
        card.notes[1],
    )
    assert len(card.notes) == 2
    codes = codes_of(200, 3)
    network = load_network(paths["network.npz"])
    np.testing.assert_array_equal(
        run_keras(load_model(paths["model.keras"]), network, codes=codes), evaluate(network, codes)
    )


def test_a_file_that_changed_is_missing_or_damaged_is_refused(tmp_path):
    paths = stage(tmp_path, small())
    small(outputs=3).save(paths["source"])
    shutil.copyfile(DATA / "0.1.0_dense.keras", paths["source"])
    refused(paths, "changed since the design was specified")
    paths["source"].unlink()
    refused(paths, "no such file")
    paths["source"].write_bytes(b"PK damaged")
    again = stage(tmp_path, None)
    refused(again, r"network\.keras_file: .*not a saved Keras model that can be loaded \(")
