"""Convolutions and layers shared over particles against HGQ2's, in one run: `pytest -m benchmark -s`.

Both sides have the same edges: as many inputs and outputs a layer, networks of one input with 8 tanh units behind each
edge, and both are compiled by XLA. All are timed in turn; the fastest epoch of each counts. A call of `model.fit`
takes tens of milliseconds whatever it trains, so an epoch has enough steps for that to matter little.
"""

import numpy as np
import pytest
from benchmark.timing import Way, fitter, in_turn, trainer_epoch

pytestmark = pytest.mark.benchmark

BATCH = 1024
ROUNDS, HGQ2_EVERY = 6, 3
OWN, FIT, HGQ2 = "own training", "own layers in model.fit", "HGQ2 in model.fit"
FORMAT = {"input_format": "fixed<8,3>"}


def conv1d(conv, dense):
    """32 x 4 -> 15 x 8 -> 7 x 8 -> 5: 3,064 edges."""
    import keras

    inputs = keras.Input((32, 4))
    x = conv(1, 8, 3, 2)(inputs)
    x = keras.layers.Flatten()(conv(1, 8, 3, 2)(x))
    return keras.Model(inputs, dense(5)(x))


def conv2d(conv, dense):
    """16 x 16 x 1 -> 7 x 7 x 6 -> 3 x 3 x 6 -> 5: 5,832 edges."""
    import keras

    inputs = keras.Input((16, 16, 1))
    x = conv(2, 6, 3, 2)(inputs)
    x = keras.layers.Flatten()(conv(2, 6, 3, 2)(x))
    return keras.Model(inputs, dense(5)(x))


def particles(conv, dense):
    """32 particles x 3 -> 8 each, shared -> their sum -> 24 -> 5: 1,080 edges."""
    import keras

    inputs = keras.Input((32, 3))
    x = keras.ops.sum(dense(8)(inputs), axis=1)
    return keras.Model(inputs, dense(5)(dense(24)(x)))


def own_kinds():
    from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense

    def conv(rank, *arguments):
        return (LUTConv1D, LUTConv2D)[rank - 1](*arguments, **FORMAT)

    return conv, lambda units: LUTDense(units, **FORMAT)


def hgq2_kinds():
    from hgq.layers import QConvT1D, QConvT2D, QDenseT

    def conv(rank, *arguments):
        filters, kernel, strides = arguments
        # Without this the units behind its edges would be linear.
        return (QConvT1D, QConvT2D)[rank - 1](filters, kernel, strides=strides, subnn_activation="tanh")

    return conv, QDenseT


STEPS = {conv1d: 8, conv2d: 8, particles: 24}  # an epoch
# own training, own layers in fit: at least so many times as fast as HGQ2
GOALS = {conv1d: (50, 13), conv2d: (50, 16), particles: (35, 7)}


def data(shape, n):
    rng = np.random.default_rng(0)
    x = np.floor(rng.normal(size=(n, *shape)) * 32) / 32
    return x.astype(np.float32), rng.integers(0, 5, n)


def table(make, ways, events):
    """Rows for a person."""
    hgq2 = ways[-1]
    lines = [f"\n{make.__name__}: {' '.join(make.__doc__.split())} Batch {BATCH}, {STEPS[make]} steps, fastest epoch"]
    lines.append(f"{'':26} {'s/epoch':>8} {'us/event':>9} {'HGQ2/this':>10} {'in CPU time':>12}")
    for way in ways:
        row = f"{way.wall:8.4f} {way.wall / events * 1e6:9.2f} {hgq2.wall / way.wall:10.1f} {hgq2.cpu / way.cpu:12.1f}"
        lines.append(f"{way.name:26} {row}")
    return "\n".join(lines)


@pytest.mark.parametrize("make", GOALS)
def test_speed_of_shared_tables(make, capsys):
    ours, theirs = own_kinds(), hgq2_kinds()
    models = [make(*ours), make(*ours), make(*theirs)]
    x, y = data(models[0].input_shape[1:], BATCH * STEPS[make])
    ways = [
        Way(OWN, trainer_epoch(models[0], x, y, BATCH)),
        Way(FIT, fitter(models[1], x, y, BATCH)),
        Way(HGQ2, fitter(models[2], x, y, BATCH), every=HGQ2_EVERY),
    ]
    in_turn(ways, ROUNDS)
    with capsys.disabled():
        print(table(make, ways, len(x)))
    for way, goal in zip(ways, GOALS[make], strict=False):
        assert ways[-1].wall / way.wall >= goal, way.name
