"""Every kind of layer with every option against the same network evaluated event by event, and as a Keras layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from per_event import both, check, scatter, values, wrong

from trigger_lut.errors import ConfigurationError
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense
from trigger_lut.layers.activations import ACTIVATIONS
from trigger_lut.layers.soft_cost import collecting

FORMATS = ["fixed<6,3>", "ufixed<5,2>", "fixed<9,1>"]
KINDS = {
    "dense": (LUTDense, {}, ()),
    "dense on particles": (LUTDense, {}, (4,)),
    "dense on an image": (LUTDense, {}, (2, 3)),
    "dense, widths a place": (LUTDense, {"per_position_widths": True}, (4,)),
    "conv1d": (LUTConv1D, {"kernel_size": 2, "strides": 2, "padding": "same"}, (5,)),
    "conv2d": (LUTConv2D, {"kernel_size": (2, 3), "dilation_rate": (1, 2), "padding": "same"}, (3, 4)),
}
OPTIONS = {
    "plain": {},
    "batch_norm": {"batch_norm": True},
    "edge_hidden_layers": {"edge_hidden_layers": 3, "activation": "sin"},
    "no bias": {"use_bias": False, "batch_norm": True},
    "rounding and wrapping": {"overflow": "WRAP", "input_rounding": "RND", "activation": "gelu"},
}


def made_layer(kind, seed=1, **options):
    cls, own, axes = KINDS[kind]
    layer = cls(2, input_format=FORMATS, edge_hidden_units=3, seed=seed, **own, **options)
    return scatter(layer, (*axes, len(FORMATS)), seed), values(FORMATS, axes, n=60)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_equal_those_event_by_event(kind, options):
    check(*made_layer(kind, **options))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_each_activation(activation):
    check(*made_layer("dense", activation=activation, edge_hidden_layers=2))


@pytest.mark.parametrize("overflow", ["SAT", "WRAP"])
@pytest.mark.parametrize("rounding", ["TRN", "RND"])
def test_each_input_conversion(rounding, overflow):
    check(*made_layer("dense", overflow=overflow, input_rounding=rounding))


def test_tables_of_twelve_address_bits():
    layer = scatter(LUTDense(2, input_format=["fixed<14,3>", "fixed<12,1>"], max_input_bits=12, seed=1), (2,))
    layer.input_width.assign(np.full((2, 2), 10.7))
    check(layer, values(layer.input_format))
    assert layer.table.shape == (2, 4096, 2)


@pytest.mark.parametrize("kind", ["dense, widths a place", "conv2d"])
def test_compiled_step(kind):
    check(*made_layer(kind, batch_norm=True), compiled=True)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("dense", {"overflow": "WRAP"}),
        ("dense", {"input_rounding": "RND"}),
        ("dense", {"activation": "sigmoid"}),
        ("dense", {"edge_hidden_layers": 2}),
        ("conv1d", {"strides": (1,)}),
        ("conv2d", {"dilation_rate": (1, 1)}),
    ],
)
def test_another_option_is_seen_by_the_comparison(kind, changed):
    """Negative control: the formulation with one option changed gives other values."""
    layer, x = made_layer(kind, edge_hidden_layers=1)
    y = np.asarray(layer(x))
    for key, value in changed.items():
        setattr(layer, key, value)
    if "edge_hidden_layers" in changed:
        with pytest.raises(KeyError, match="hidden_w2"):
            both(layer, x, compiled=False)
        return
    other = scatter(type(layer).from_config(layer.get_config()), x.shape[1:])
    different = np.asarray(other(x))
    assert y.shape != different.shape or (y != different).any()


@pytest.mark.parametrize(
    "name", ["w1", "b1", "w2", "hidden_w2", "hidden_b2", "gamma", "input_width", "output_fraction", "x"]
)
def test_a_wrong_gradient_is_seen_by_the_comparison(name):
    layer, x = made_layer("dense on particles", edge_hidden_layers=2, batch_norm=True)
    _, _, ours, theirs = both(layer, x, held_statistics=name == "x", compiled=False)
    one = {name: theirs[name]}
    assert wrong(ours, one) == []
    ours[name] = np.asarray(ours[name]) * 1.001
    assert wrong(ours, one) == [name]


def test_places_share_what_they_should():
    """Widths a place: changing those of one place changes that place alone; a shared weight changes all."""
    layer, x = made_layer("dense, widths a place")
    before = np.asarray(layer(x))
    width = np.array(layer.input_width)
    width[2] -= 2
    layer.input_width.assign(width)
    changed = (np.asarray(layer(x)) != before).any(axis=(0, 2))
    assert changed.tolist() == [False, False, True, False]
    layer.w2.assign(layer.w2 * 1.5)
    assert (np.asarray(layer(x)) != before).any(axis=(0, 2)).all()


# ---------------------------------------------------------------- exact numbers


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_sums_of_table_entries_bit_for_bit(kind):
    """0 differences to integer sums over the tables that are kept, read at the layer's sites."""
    layer, x = made_layer(kind, batch_norm=True)
    layer.refresh()
    scale = 2.0**12
    tables, bias = np.asarray(layer.table) * scale, np.asarray(layer.table_bias) * scale
    assert (tables == np.round(tables)).all()
    expected = looked_up(layer, x, tables.astype(np.int64), bias.astype(np.int64))
    y = np.asarray(layer(x), dtype=np.float64).reshape(expected.shape) * scale
    assert (y != expected).sum() == 0
    tables[..., 0] += tables[..., 0] == tables[..., 0].max()
    assert (y != looked_up(layer, x, tables.astype(np.int64), bias.astype(np.int64))).any(), "one entry is seen"


def looked_up(layer, x, tables, bias):
    """(N, P, C_out) integers."""
    sites = layer.gather_index(x.shape)
    flat = np.append(x.reshape(len(x), -1), np.zeros((len(x), 1)), axis=1)[:, sites]  # (N, P, C_in), 0 for -1
    y = np.zeros((*flat.shape[:2], layer.units), dtype=np.int64) + bias
    for p in range(len(sites)):
        table = tables[p] if layer.per_position_widths else tables
        for i, kif in enumerate(layer.formats):
            code = np.clip(np.floor(flat[:, p, i] * 2.0**kif.f), kif.lo, kif.hi).astype(np.int64) - kif.lo
            y[:, p] += table[i, code >> (kif.bits - int(layer.channel_bits[i]))]
    return y


def test_rounding_is_exact_just_below_one_half():
    """In float32, 0.49999997 + 0.5 is 1: the code must stay 0."""
    layer = LUTDense(1, input_format="fixed<4,4>", input_rounding="RND", seed=1)
    layer.build((None, 1))
    below = np.nextafter(np.float32(0.5), np.float32(0))
    address, _ = layer.codes.addresses(tf.constant([[below], [0.5], [-0.5], [-0.500001], [1.5]]))
    assert (np.asarray(address)[:, 0] - 8).tolist() == [0, 1, 0, -1, 2]


def test_wrapping_is_exact_for_large_values():
    layer = LUTDense(1, input_format="fixed<5,5>", overflow="WRAP", seed=1)
    layer.build((None, 1))
    x = np.array([-17.0, -16.0, 15.0, 16.0, 1e7, -1e7, 3e9], dtype=np.float32)
    address, inside = layer.codes.addresses(tf.constant(x[:, None]))
    np.testing.assert_array_equal(np.asarray(address)[:, 0], (x.astype(np.int64) + 16) % 32)
    assert np.asarray(inside).all()


# ---------------------------------------------------------------- Keras


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_round_trip(kind):
    options = {
        "batch_norm": True,
        "edge_hidden_layers": 2,
        "activation": "silu",
        "overflow": "WRAP",
        "input_rounding": "RND",
    }
    layer, _ = made_layer(kind, **options, momentum=0.8, initial_fraction_bits=4, max_input_bits=5, name="tables")
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for key in (
        "units",
        "seed",
        "name",
        "input_format",
        *options,
        "momentum",
        "initial_fraction_bits",
        "max_input_bits",
    ):
        assert getattr(again, key) == getattr(layer, key), key
    again.build(layer.get_build_config()["input_shape"])
    assert [(v.name, v.shape) for v in again.variables] == [(v.name, v.shape) for v in layer.variables]
    np.testing.assert_array_equal(again.w2, layer.w2)


@pytest.mark.parametrize("kind", ["dense on particles", "dense, widths a place", "conv1d", "conv2d"])
def test_fitted_saved_and_loaded(kind, tmp_path):
    """fit moves every weight; the loaded model gives the same, bit for bit, and trains on."""
    cls, own, axes = KINDS[kind]
    layer = cls(2, batch_norm=True, edge_hidden_layers=2, input_format=FORMATS, edge_hidden_units=3, seed=1, **own)
    model = keras.Sequential(
        [keras.Input((*axes, 3)), layer, keras.layers.Flatten(), keras.layers.Dense(1, name="end")]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=kind == "conv1d")
    x = values(FORMATS, axes, n=64)
    layer.input_width.assign(layer.input_width - 1.3)  # at full width it has no gradient
    before = {v.path: np.array(v) for v in layer.trainable_variables}
    y = np.sin(x).sum(axis=tuple(range(1, x.ndim)))
    first, *_, last = model.fit(x, y, batch_size=32, epochs=4, verbose=0).history["loss"]
    assert last < first
    moved = {p: (np.array(v) != before[p]).any() for v in layer.trainable_variables for p in [v.path]}
    assert all(moved.values()), moved
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    other = loaded.layers[0]
    other.table.assign(np.asarray(other.table) + 0.5)
    assert (loaded.predict(x, verbose=0) != expected).any(), "another table would have shown"


def test_two_inputs_in_a_functional_model(tmp_path):
    particles, event = keras.Input((4, 3), name="particles"), keras.Input((2,), name="event")
    each = LUTDense(3, batch_norm=True, input_format=FORMATS, seed=1)(particles)
    window = LUTConv1D(2, 2, seed=2)(each)
    pooled = keras.layers.GlobalMaxPooling1D()(window)
    both_in = keras.layers.Concatenate()([pooled, LUTDense(3, seed=3)(event)])
    model = keras.Model([particles, event], LUTDense(2, seed=4)(both_in))
    assert model.output_shape == (None, 2)
    model.compile("adam", "mse", jit_compile=False)
    x = [values(FORMATS, (4,), n=32), values(["fixed<8,3>"] * 2, n=32)]
    model.fit(x, np.zeros((32, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    y = model.predict(x, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), y)
    for moved in ([-x[0], x[1]], [x[0], -x[1]]):
        assert (model.predict(moved, verbose=0) != y).any(), "each input is read"


def test_open_axes_are_places_too():
    layer = scatter(LUTDense(2, input_format=FORMATS, seed=1), (None, 3))
    x = values(FORMATS, (4,), n=20)
    closed = scatter(LUTDense(2, input_format=FORMATS, seed=1), (4, 3))
    np.testing.assert_array_equal(layer(x), closed(x))
    assert layer.n_positions is None
    assert closed.n_positions == 4
    with collecting(), pytest.raises(ConfigurationError, match=r"'.*': a penalty on cost needs the number of places"):
        layer(x, training=True)


@pytest.mark.parametrize("kind", KINDS)
def test_costs_are_left_with_an_open_collector(kind):
    layer, x = made_layer(kind)
    with collecting() as records:
        layer(x, training=True)
    (record,) = records
    places, (c_in, c_out) = len(layer.gather_index(x.shape)), (len(layer.formats), 2)
    expected = (1, places * c_in) if layer.per_position_widths else (places, c_in)
    assert (record.n_positions, record.table.shape) == (expected[0], (expected[1], layer.entries, c_out))
    assert record.m.shape == record.f.shape == (expected[1], c_out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"edge_hidden_layers": 0}, r"LUTDense '.*': edge_hidden_layers: expected an integer from 1 on, found 0"),
        ({"max_input_bits": 13}, r"max_input_bits: expected an integer from 1 to 12, found 13"),
        ({"units": "many"}, r"units: expected an integer from 1 on, found 'many'"),
        ({"activation": "tahn"}, r"activation: expected one of tanh, sin.*, found 'tahn'; nearest: 'tanh'"),
        ({"overflow": "SATURATE"}, r"overflow: expected one of SAT, WRAP, found 'SATURATE'; nearest: 'SAT'"),
        ({"input_rounding": "RNE"}, r"input_rounding: expected one of TRN, RND, found 'RNE'; nearest: 'TRN', 'RND'"),
        ({"momentum": 1.0}, r"momentum: expected 0 <= momentum < 1, found 1.0"),
        ({"input_format": "fixed<25,3>"}, r"input_format: expected at most 24 bits, .* found 'fixed<25,3>'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        LUTDense(**{"units": 2} | options)


def test_impossible_shapes_are_refused():
    with pytest.raises(ConfigurationError, match=r"LUTDense 'a': expected an input of shape .*, found \(None,\)"):
        LUTDense(2, name="a").build((None,))
    with pytest.raises(
        ConfigurationError, match=r"LUTDense 'a': expected .* known but for .*, found \(None, None, 3\)"
    ):
        LUTDense(2, per_position_widths=True, name="a").build((None, None, 3))
    with pytest.raises(ConfigurationError, match=r"'a': input_format: 3 input formats for 4 channels"):
        LUTConv1D(2, 2, input_format=FORMATS, name="a").build((None, 5, 4))
