"""Edges of HGQ2's table layers: removed by their quantizers, and gone from the firmware; ranges that follow values."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hgq.config import QuantizerConfigScope
from hgq.layers import QConvT1D, QDense, QDenseT, QUnaryFunctionLUT
from hgq.utils import trace_minmax

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.edge_widths import RemovableEdges
from trigger_lut.training.hgq_edges import removable_edges
from trigger_lut.training.pruning import Marks, live
from trigger_lut.training.trainer import Trainer
from trigger_lut.verification.keras_model import run_keras

INPUT = KIF(1, 2, 4)
MODELS = {
    "dense": (lambda: [QDenseT(4, activation="relu"), QDenseT(3)], (5,)),
    "windows": (lambda: [QConvT1D(3, 2, padding="same"), keras.layers.Flatten(), QDenseT(2)], (4, 2)),
    "activation": (lambda: [QDense(3), QUnaryFunctionLUT("tanh"), QDenseT(2)], (4,)),
}


def made_model(name: str, overflow: str) -> tuple[keras.Model, np.ndarray]:
    """A model with ranges of some events, and these events."""
    layers, shape = MODELS[name]
    keras.utils.set_random_seed(3)
    with (
        QuantizerConfigScope(place="datalane", overflow_mode=overflow),
        QuantizerConfigScope(place="table", default_q_type="kif", heterogeneous_axis=None, homogeneous_axis=(0,)),
    ):
        model = keras.Sequential([keras.Input(shape), *layers()])
    codes = np.random.default_rng(3).integers(INPUT.lo, INPUT.hi + 1, (600, int(np.prod(shape))))
    trace_minmax(model, (codes * INPUT.step).astype("f").reshape(-1, *shape))
    return model, codes


def converted(model: keras.Model, codes: np.ndarray) -> Network:
    return integer_network(model, inputs=[INPUT] * codes.shape[1], wraps=True)


def some(network: Network, names: set[str]) -> Marks:
    """Every third edge of the layers that can lose edges."""
    marks = []
    for layer in network.layers:
        mark = np.zeros(layer.shape, dtype=bool)
        if layer.name in names:
            chosen = np.argwhere(live(layer))[::3]
            mark[tuple(chosen.T)] = True
        marks.append(mark)
    return marks


@pytest.mark.parametrize("overflow", ["WRAP", "SAT"])
@pytest.mark.parametrize("name", MODELS)
def test_marked_edges_are_gone_and_all_others_stay(name, overflow):
    model, codes = made_model(name, overflow)
    before = converted(model, codes)
    removable = RemovableEdges([], removable_edges(model, before.inputs))
    assert removable.names == {layer.name for layer in before.layers if layer.prunable}
    expected = sum(layer.live_edges for layer in before.layers if layer.prunable)
    for _ in range(2):  # the second time with layers that differ from position to position
        network = converted(model, codes)
        removable = RemovableEdges([], removable_edges(model, network.inputs))
        marks = some(network, removable.names)
        removable.remove(network, marks)
        x = (codes * INPUT.step).astype("f").reshape(-1, *MODELS[name][1])
        trace_minmax(model, x, reset=False)
        after = converted(model, codes)
        left = sum(layer.live_edges for layer in after.layers if layer.prunable)
        assert left < expected
        expected = left
        np.testing.assert_array_equal(run_keras(model, after, codes=codes), evaluate(after, codes))
    if name == "dense":
        first, whole = after.layers[0], before.layers[0]
        assert 0 < first.live_edges < whole.live_edges


def test_edges_that_share_a_quantizer_are_not_removable():
    with QuantizerConfigScope(place="datalane", homogeneous_axis=None, heterogeneous_axis=()):
        model = keras.Sequential([keras.Input((3,)), QDenseT(2)])
    assert removable_edges(model, [INPUT] * 3) == []


def test_traced_ranges_are_those_of_hgq2():
    model, codes = made_model("dense", "WRAP")
    x = (codes * INPUT.step).astype("f")
    trainer = Trainer(model, x, y=np.zeros(len(x), np.int64), batch_size=100)
    assert trainer.ranges
    expected = [np.array(v) for v in model.variables]
    for quantizer in trainer.ranges:
        quantizer._i.assign_add(np.ones(quantizer._i.shape))
    trainer.trace_ranges(x)
    for variable, value in zip(model.variables, expected, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    trainer.trace_ranges(x / 8)
    assert any((np.array(v) != e).any() for v, e in zip(model.variables, expected, strict=True))


def test_batch_norm_of_hgq2_gets_the_moments_of_the_events():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), QDenseT(2, batch_norm=True)])
    x = np.random.default_rng(0).normal(size=(500, 3)).astype("f")
    trainer = Trainer(model, x, y=np.zeros(len(x), np.int64), batch_size=100)
    trainer.refresh_batch_norm(x)
    layer = model.layers[0]
    copies = np.broadcast_to(x[..., None], (*x.shape, 2))
    values = np.asarray(layer.module(layer.iq(copies)[..., None]))
    np.testing.assert_allclose(layer.bn_module.moving_mean, values.mean(axis=(0, 1)), atol=1e-5)
    assert layer.bn_module.momentum == 0.99
