"""Products of two values: exact for all formats, in all forms of firmware, and proven."""

import keras
import numpy as np
import pytest
from converted import KIND, branches, built, unexplained
from hgq.layers import QDot, QEinsum, QMultiply
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cards import spec

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.products import ADDRESS_BITS, Products, _check, fields, product_layers, products_of
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.fixed_point.formats import KIF, uniform
from trigger_lut.network.network import PADDING, Network, with_layer
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.formal.word_level import prove_words, read_verilog
from trigger_lut.verification.fuzz.implementations import Case, implementations
from trigger_lut.verification.fuzz.random_models import as_drawn

L, ops = keras.layers, keras.ops


def matrices(multiply):
    return branches(lambda a, b: L.Flatten()(multiply(L.Reshape((2, 2))(a), L.Reshape((2, 2))(b))))


MODELS = {
    "QMultiply": lambda: branches(lambda a, b: QMultiply()([a, b])),
    "QMultiply of three": lambda: branches(lambda a, b: QMultiply()([a, b, a])),
    "Multiply": lambda: branches(lambda a, b: L.Multiply()([a, b])),
    "* of another shape": lambda: branches(lambda a, b: a * b[:, 1:2]),
    "square": lambda: branches(lambda a, b: QMultiply()([a, a]) + b * b),
    "QDot": lambda: branches(lambda a, b: QDot(axes=1)([a, b])),
    "Dot": lambda: matrices(lambda a, b: L.Dot(axes=(1, 2))([a, b])),
    "QEinsum": lambda: matrices(lambda a, b: QEinsum("bij,bkj->bik")([a, b])),
    "einsum of transposed axes": lambda: matrices(lambda a, b: ops.einsum("...ij,...kj->...ki", a, b)),
    "outer product": lambda: branches(lambda a, b: L.Flatten()(ops.einsum("bi,bj->bij", a, b))),
    "matmul": lambda: matrices(lambda a, b: a @ b),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_with_products_is_converted(name):
    assert unexplained(built(MODELS[name])) == 0


def test_quantizers_of_a_product_round_and_saturate():
    assert unexplained(built(MODELS["QMultiply"], round_mode="RND_CONV", overflow_mode="SAT_SYM")) == 0


KIFS = st.builds(KIF, st.integers(0, 1), st.integers(0, 6), st.integers(1, 6))


def sum_of_products(formats, pairs):
    """Return the network of a sum of products of inputs."""
    first, second = (np.array([pair[n] for pair in pairs]) for n in range(2))
    layers, order = product_layers(
        "p",
        first,
        second=second,
        output=np.zeros(len(pairs), dtype=np.int64),
        formats=lambda value: formats[value],
        start=len(formats),
    )
    return Network(tuple(formats), tuple(layers), outputs=order)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(KIFS, min_size=3, max_size=3), st.lists(st.tuples(*[st.integers(0, 2)] * 2), min_size=1, max_size=4))
def test_sum_of_products_is_exact(formats, pairs):
    network = sum_of_products(formats, pairs)
    assert network.validate() == []
    assert max(int(layer.widths.max()) for layer in network.layers if layer.kind == "tables") <= ADDRESS_BITS
    ends = [[kif.lo, kif.hi] for kif in formats]
    codes = np.concatenate(
        [np.array(np.meshgrid(*ends)).reshape(3, -1).T, uniform(network.inputs, 300, rng=np.random.default_rng(0))]
    )
    x = codes * np.array([kif.step for kif in formats])
    sums = evaluate(network, codes)[:, 0] * 2.0 ** -float(network.fractions[0])
    np.testing.assert_array_equal(sums, sum(x[:, a] * x[:, b] for a, b in pairs))


@given(KIFS, st.integers(1, 5))
def test_fields_add_up_to_the_value(kif, width):
    parts = fields(kif, width)
    assert max(part.width for part in parts) <= width
    bits = np.arange(kif.lo, kif.hi + 1) & ((1 << kif.bits) - 1)
    total = sum(part.values()[(bits >> part.shift) & ((1 << part.width) - 1)] for part in parts)
    np.testing.assert_array_equal(total, np.arange(kif.lo, kif.hi + 1))


def test_product_is_the_same_in_firmware_and_proven(tmp_path):
    formats = (KIF(1, 2, 2), KIF(0, 2, 3), KIF(1, 1, 1))
    network = sum_of_products(formats, [(0, 1), (1, 2)])
    forms = implementations(Case(as_drawn(network), network, spec()))
    codes = uniform(formats, 200, rng=np.random.default_rng(0))
    expected = evaluate(network, codes)
    for name in ("alkaid", "python", "cpp"):
        np.testing.assert_array_equal(forms[name](codes), expected, err_msg=name)
    project = write_rtl(network, tmp_path, spec=spec())
    assert prove_words(network, project, verilog=read_verilog(project)).open == ("",)
    entries = network.layers[-1].tables.copy()
    entries[0, 0, 3] += 1
    assert (evaluate(with_layer(network, len(network.layers) - 1, tables=entries), codes) != expected).any()


def test_product_with_padding_is_constant():
    layers, order = product_layers(
        "p",
        np.array([0, PADDING]),
        second=np.array([PADDING, 1]),
        output=np.array([0, 1]),
        formats=lambda value: KIND,
        start=2,
    )
    assert layers == []
    assert (order == PADDING).all()


def test_wrong_terms_are_seen():
    """Negative control: the check against Keras refuses two terms that are exchanged."""
    model = MODELS["QEinsum"]()
    op = next(layer for layer in model.layers if isinstance(layer, QEinsum))
    node, shapes = op._inbound_nodes[0], [(2, 2), (2, 2)]
    terms = products_of(op, node, shapes=shapes)
    wrong = Products((terms.factors[0][::-1], terms.factors[1]), terms.output)
    with pytest.raises(FirmwareError, match="mixes events"):
        _check(op, node, shapes, wrong)


REFUSED = {
    "over the batch": (lambda a, b: ops.einsum("ij,jk->ik", a, b), "over the batch"),
    "three factors": (lambda a, b: ops.einsum("bi,bi,bi->bi", a, b, a), "of 3 tensors. Expected 2"),
    "normalized": (lambda a, b: L.Dot(axes=1, normalize=True)([a, b]), "of this form"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_product_without_terms_is_refused(name):
    multiply, message = REFUSED[name]
    with pytest.raises(FirmwareError, match=message):
        integer_network(branches(multiply), inputs=[KIND] * 4, wraps=True)


def test_product_of_too_many_bits_is_refused():
    x = keras.Input((2,))
    model = keras.Model(x, L.Multiply(name="wide")([x, x]))
    with pytest.raises(FirmwareError, match=r"layer 'wide': a product of 24 and 24 bits\. Expected at most 44"):
        integer_network(model, inputs=[KIF(1, 3, 20)] * 2)
