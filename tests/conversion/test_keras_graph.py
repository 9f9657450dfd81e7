"""Models that are no chain of dense layers - places, convolutions, hybrids, branches - as integers: 0 differences."""

import keras
import made_cards
import networks
import numpy as np
import pytest
from converted import arithmetic_first, conv1d, conv2d, seq
from hgq.config import QuantizerConfigScope
from hgq.layers import (
    QAdd,
    QAveragePooling1D,
    QConv1D,
    QConv2D,
    QDense,
    QEinsumDense,
    QGlobalAveragePooling1D,
    QGlobalMaxPooling1D,
    QMaximum,
    QMaxPooling1D,
    QSum,
)

from trigger_lut.conversion.keras_model import decode_outputs, integer_network
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl import build as rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTConv2D, LUTDense
from trigger_lut.network.network import PADDING, load_network, save_network, with_layer
from trigger_lut.network.reference_model import evaluate

FORMAT = "fixed<5,2>"


def shared():
    first = LUTDense(4, input_format=["fixed<5,2>", "ufixed<4,1>", "fixed<6,3>"], batch_norm=True)
    return seq((5, 3), first, keras.layers.Flatten(), LUTDense(3))


def per_position_widths():
    return seq((3, 2), LUTDense(4, input_format=FORMAT, per_position_widths=True), keras.layers.Flatten(), LUTDense(3))


def particles():
    x = keras.Input((4, 3))
    h = LUTDense(3, input_format=FORMAT)(x)
    joined = keras.layers.Concatenate()([keras.ops.sum(h, axis=1), keras.layers.Flatten()(x[:, ::2])])
    return keras.Model(x, LUTDense(3, input_format=["fixed<8,4>"] * 3 + [FORMAT] * 6)(joined))


def dense_between():
    return seq((5,), LUTDense(4, input_format=FORMAT), QDense(6, activation="relu"), LUTDense(3))


def hybrid_conv():
    x = keras.Input((6, 2))
    h = QConv1D(3, 3, padding="same", activation="relu")(x)
    h = QSum(axes=1, scale=2.0**-4)(LUTDense(3)(h))
    return keras.Model(x, QDense(2)(h))


def hybrid_conv2d():
    x = keras.Input((4, 4, 1))
    h = LUTConv2D(2, 2)(QConv2D(2, 2, strides=2)(x))
    return keras.Model(x, keras.layers.Flatten()(h))


def two_inputs():
    a, b = keras.Input((3,)), keras.Input((4,))
    h = QAdd()([LUTDense(5, input_format=FORMAT)(a), QEinsumDense("bi,io->bo", (5,), bias_axes="o")(b)])
    return keras.Model([a, b], [LUTDense(2)(h), keras.layers.ReLU()(h)])


def pooled():
    x = keras.Input((8, 2))
    h = QAveragePooling1D(2)(LUTDense(3, input_format=FORMAT)(x))
    return keras.Model(x, QGlobalAveragePooling1D()(h))


def max_of_tables():
    x = keras.Input((5, 6, 1))
    h = keras.layers.MaxPooling2D((3, 2), padding="same")(LUTConv2D(3, 2, input_format=FORMAT)(x))
    return keras.Model(x, LUTDense(2)(keras.layers.Flatten()(h)))


def max_after_arithmetic():
    x = keras.Input((7, 2))
    h = QMaxPooling1D(3, strides=2, padding="same")(QConv1D(3, 2)(x))
    return keras.Model(x, keras.layers.Flatten()(LUTDense(3)(keras.layers.MaxPooling1D(2)(h))))


def max_over_particles():
    x = keras.Input((5, 3))
    h = LUTDense(4, input_format=FORMAT)(x)
    joined = keras.layers.Concatenate()([keras.layers.GlobalMaxPooling1D()(h), keras.ops.max(h, axis=2), x[:, 0]])
    return keras.Model(x, LUTDense(3, input_format=["fixed<7,4>"] * 9 + [FORMAT] * 3)(joined))


def max_of_branches():
    x = keras.Input((5,))
    a, b = LUTDense(4, input_format=FORMAT)(x), QDense(4)(LUTDense(2, input_format=FORMAT)(x))
    largest = keras.layers.Maximum()([a, b, keras.ops.maximum(x[:, :4], a)])
    return keras.Model(x, [LUTDense(2)(largest), QMaximum(enable_oq=True)([a, b])])


def max_of_padded():
    x = keras.Input((4, 2))
    h = keras.layers.ZeroPadding1D(1)(LUTDense(3, input_format=FORMAT)(x))
    h = keras.layers.MaxPooling1D(2, strides=1, padding="same")(h)
    return keras.Model(x, [QGlobalMaxPooling1D()(h), keras.layers.Flatten()(h)])


def nested():
    inner = seq((3,), LUTDense(4, input_format=FORMAT), LUTDense(2))
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Add()([inner(x), LUTDense(2, input_format=FORMAT)(x)]))


MODELS = {
    make_model.__name__: (make_model, given)
    for make_model, given in [
        (shared, None),
        (per_position_widths, None),
        (conv1d, None),
        (conv2d, None),
        (particles, None),
        (dense_between, None),
        (arithmetic_first, KIF(1, 2, 3)),
        (hybrid_conv, KIF(1, 1, 3)),
        (hybrid_conv2d, KIF(1, 1, 3)),
        (two_inputs, KIF(1, 1, 3)),
        (pooled, None),
        (max_of_tables, None),
        (max_after_arithmetic, KIF(1, 1, 3)),
        (max_over_particles, None),
        (max_of_branches, None),
        (max_of_padded, None),
        (nested, None),
    ]
}


def trained(make, seed=0):
    """A model with scattered widths and biases, as if trained."""
    keras.utils.set_random_seed(seed)
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        model = make()
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if hasattr(layer, "output_fraction"):
            layer.input_width.assign(rng.uniform(0, 6, layer.input_width.shape))
            layer.output_fraction.assign(rng.uniform(0, 5, layer.output_fraction.shape))
            layer.w2.assign(layer.w2 * 4)
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    return model


def formats(model, given):
    """One format for every input, or None."""
    return None if given is None else [given] * sum(int(np.prod(t.shape[1:])) for t in model.inputs)


def keras_outputs(model, network, codes):
    values = codes * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])
    parts, first = [], 0
    for tensor in model.inputs:
        size = int(np.prod(tensor.shape[1:]))
        parts.append(values[:, first : first + size].reshape(-1, *tensor.shape[1:]).astype(np.float32))
        first += size
    outputs = model.predict(parts if len(parts) > 1 else parts[0], verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return np.concatenate([y.reshape(len(y), -1) for y in outputs], axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_keras_integers_and_logic_agree_bit_for_bit(name, tmp_path):
    make, given = MODELS[name]
    model = trained(make)
    network = integer_network(model, inputs=formats(model, given))
    codes = networks.random_codes(network, 300)
    expected = evaluate(network, codes)
    np.testing.assert_array_equal(keras_outputs(model, network, codes), decode_outputs(expected, network))
    np.testing.assert_array_equal(rtl.interpret(rtl.trace(network), network, codes=codes), expected)
    assert len(np.unique(expected, axis=0)) > 50, "the outputs depend on the inputs"
    save_network(network, tmp_path / "n.npz")
    np.testing.assert_array_equal(evaluate(load_network(tmp_path / "n.npz"), codes), expected)


@pytest.mark.parametrize("name", ["conv1d", "hybrid_conv"])
def test_a_changed_integer_is_seen(name):
    make, given = MODELS[name]
    model = trained(make)
    network = integer_network(model, inputs=formats(model, given))
    last = network.layers[-1]
    last.bias[0] += 1
    codes = networks.random_codes(network, 300)
    assert (keras_outputs(model, network, codes) != decode_outputs(evaluate(network, codes), network)).any()


@pytest.mark.parametrize("name", ["max_of_tables", "max_of_branches"])
def test_verilog_of_a_selection_agrees_bit_for_bit(name, tmp_path):
    make, given = MODELS[name]
    model = trained(make)
    network = integer_network(model, inputs=formats(model, given))
    project = rtl.write_rtl(network, tmp_path / "rtl", spec=made_cards.spec("largest"))
    codes = networks.random_codes(network, 2000)
    outputs, cycles, ii = rtl.simulate_rtl(project, codes)
    np.testing.assert_array_equal(outputs, evaluate(network, codes))
    assert (cycles, ii) == (project.latency_cycles_planned, 1)
    assert cycles == network_cycles(network, DelayModel.of(made_cards.spec("largest").target))


def test_windows_beyond_the_edge_choose_from_what_is_there():
    """All values are below 0, so that a padding of zeros would be the largest; one layer serves all places."""
    x = keras.Input((5, 2))
    model = keras.Model(x, keras.layers.MaxPooling1D(3, strides=2, padding="same", name="pool")(x))
    network = integer_network(model, inputs=[KIF(1, 2, 1), KIF(1, 1, 3)] * 5)
    (layer,) = network.layers
    assert (layer.n_positions, layer.shape, layer.name) == (3, (6, 2), "pool")
    codes = -1 - np.random.default_rng(0).integers(0, 8, (50, 10))
    expected = np.stack([codes.reshape(-1, 5, 2)[:, a:b].max(axis=1) for a, b in ((0, 2), (1, 4), (3, 5))], axis=1)
    np.testing.assert_array_equal(evaluate(network, codes), expected.reshape(50, -1))
    zeros = with_layer(
        network, 0, gather_index=np.where(layer.gather_index == layer.gather_index[0, 0], PADDING, layer.gather_index)
    )
    assert (evaluate(zeros, codes)[:, 0] == 0).all(), "padding would have shown"


def test_equal_places_share_their_integers_and_borders_do_not():
    network = integer_network(trained(hybrid_conv), inputs=[KIF(1, 1, 3)] * 12)
    places = {layer.name: layer.n_positions for layer in network.layers}
    assert sorted(places[f"q_conv1d_part{n}".replace("q_conv1d", _conv_name(network))] for n in range(3)) == [1, 1, 4]


def _conv_name(network):
    return network.layers[0].name.removesuffix("_part0")


def test_unread_values_are_pruned_only_where_no_place_reads_them():
    x = keras.Input((4, 2))
    h = LUTDense(3, input_format=FORMAT)(x)
    model = trained(lambda: keras.Model(x, LUTDense(2)(keras.layers.Flatten()(h)[:, :4])))
    network = integer_network(model)
    assert network.layers[0].n_positions == 4
    assert network.layers[0].edges(), "place 0 reads all outputs"
    model = trained(lambda: keras.Model(x, LUTDense(2)(h[:, 0, :2])))
    widths = integer_network(model).layers[0].widths
    assert (widths[:, 2] == 0).all()
    assert (widths[:, :2] > 0).any()
    assert (integer_network(model, prune=False).layers[0].widths[:, 2] > 0).any()


def test_what_has_no_exact_integers_is_refused_by_name():
    with pytest.raises(FirmwareError, match=r"layer 'plain' is a Dense: weights of float precision"):
        integer_network(seq((3,), LUTDense(2), keras.layers.Dense(2, name="plain")))
    x = keras.Input((3, 2))
    floored = keras.ops.max(LUTDense(2, input_format=FORMAT)(x), axis=1, initial=0.0)
    with pytest.raises(FirmwareError, match=r"layer 'max.*': a maximum with `initial` or over the batch"):
        integer_network(keras.Model(x, floored))
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        smallest = seq((6, 2), LUTDense(2), keras.layers.Lambda(lambda x: -x, name="smallest"))
    with pytest.raises(FirmwareError, match=r"layer 'smallest' is a Lambda"):
        integer_network(smallest)
    with pytest.raises(FirmwareError, match=r"layer 'mean': its results have no exact fixed-point form"):
        integer_network(seq((3, 2), LUTDense(2, input_format=FORMAT), keras.layers.GlobalAveragePooling1D(name="mean")))
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        model = seq((3,), LUTDense(2), QDense(2, activation="tanh", name="curved"))
    with pytest.raises(FirmwareError, match=r"layer 'curved': its results have no exact fixed-point form"):
        integer_network(model)


def test_formats_of_inputs_must_be_known():
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        model = seq((3,), QDense(2, name="first"), LUTDense(2))
    network = integer_network(model, inputs=[KIF(1, 1, 3)] * 3)
    assert network.inputs == (KIF(1, 1, 3),) * 3
    with pytest.raises(FirmwareError, match="expected 3 input formats, one for each input, found 2"):
        integer_network(model, inputs=[KIF(1, 1, 3)] * 2)
    x = keras.Input((3,))
    both = keras.layers.Add()([LUTDense(2, input_format=FORMAT)(x), LUTDense(2, input_format="fixed<4,2>")(x)])
    with pytest.raises(FirmwareError, match=r"input 0: expected one format, found fixed<4,2> here and fixed<5,2> in"):
        integer_network(keras.Model(x, both))
    x = keras.Input((2,))
    with pytest.raises(FirmwareError, match=r"reads inputs without a format\. Expected a quantizer"):
        integer_network(keras.Model(x, keras.layers.Add()([x, x])))


def test_wrap_is_proven_or_refused():
    def chain(overflow, width):
        return trained(
            lambda: seq(
                (3,), LUTDense(2, input_format=FORMAT), LUTDense(2, input_format=width, overflow=overflow, name="next")
            )
        )

    assert set(integer_network(chain("WRAP", "fixed<14,9>")).layers[1].overflow) == {"WRAP"}
    with pytest.raises(FirmwareError, match=r"next: channel \d may wrap: codes .*Expected overflow_mode 'SAT'"):
        integer_network(chain("WRAP", "fixed<4,-2>"))
    assert "SAT" in integer_network(chain("SAT", "fixed<4,-2>")).layers[1].overflow
