"""Training where TensorFlow is not: JAX compiles and runs the same epochs, on a GPU where it has one.

python tests/helpers/step_elsewhere.py export FOLDER
    With the project installed: writes what XLA is given (StableHLO), the inputs, and the results of the CPU's kernel.
python tests/helpers/step_elsewhere.py run FOLDER
    With JAX and NumPy alone: runs the same epochs, and fails if their results differ.
"""

import os
import re
import sys
from pathlib import Path

import numpy as np

EPOCHS, TOLERANCE = 3, 1e-4  # relative to the largest entry: sums in another order, over some steps
EVENTS, BATCH = 2048, 512
NUMBERS = 0.005, 0.005, 0.01, 0.01  # rates of weights and widths, pressures on LUTs and depth
DTYPES = {"f32": np.float32, "i32": np.int32}


def farthest(actual, expected):
    """Largest difference of any entry, relative to the largest entry of its array."""
    return max(np.abs(a - b).max() / max(np.abs(b).max(), 1.0) for a, b in zip(actual, expected, strict=True))


def orders():
    return [np.random.default_rng(n).permutation(EVENTS).astype(np.int32) for n in range(EPOCHS)]


# ---------------------------------------------------------------- with TensorFlow


def networks():
    """By name: a network, the default one and a convolution."""
    import keras

    from trigger_lut.layers import LUTConv1D, LUTDense

    keras.utils.set_random_seed(1)
    dense = [LUTDense(20, batch_norm=True, seed=1), LUTDense(5, seed=2)]
    conv = [LUTConv1D(4, 3, batch_norm=True, seed=1), keras.layers.Flatten(), LUTDense(3, seed=3)]
    return {
        "dense": keras.Sequential([keras.Input((16,)), *dense]),
        "conv1d": keras.Sequential([keras.Input((8, 2)), *conv]),
    }


def trainer_of(model):
    from trigger_lut.training.trainer import Trainer

    rng = np.random.default_rng(0)
    x = rng.normal(size=(EVENTS, *model.input_shape[1:])).astype(np.float32)
    return Trainer(model, x, y=rng.integers(0, model.output_shape[-1], EVENTS), batch_size=BATCH)


def module_and_inputs(trainer):
    """An epoch from given variables to new ones as StableHLO, and its operands at the start."""
    import tensorflow as tf

    from trigger_lut.training.types import Pressure

    def epoch(variables, x, y, batches):
        for variable, value in zip(trainer.state(), variables, strict=True):
            variable.assign(value)
        pressure = Pressure(*(tf.constant(number, tf.float32) for number in NUMBERS))
        loss = trainer._run_epoch(x, y, batches, tf.constant(EVENTS // BATCH), pressure)
        return loss, [tf.identity(variable) for variable in trainer.state()]

    given = [tf.constant(np.asarray(variable)) for variable in trainer.state()]
    batches = tf.constant(orders()[0].reshape(-1, BATCH))
    lowered = tf.function(epoch, jit_compile=True).experimental_get_compiler_ir(given, *trainer.data, batches)
    text = lowered(stage="stablehlo")
    operands = [np.asarray(operand) for operand in (*given, *trainer.data, batches)]
    # The variables themselves come last; whatever they hold is overwritten.
    types = re.findall(r"%arg\d+: tensor<((?:\d+x)*)(\w+)>", re.search(r"func\.func @main\(.*", text)[0])
    rest = [np.zeros([int(n) for n in dims.split("x")[:-1]], DTYPES[t]) for dims, t in types[len(operands) :]]
    return text, [*operands, *rest]


def kernel_epochs(trainer):
    """Loss and variables after each epoch on this machine's CPU."""
    from trigger_lut.training.types import Pressure

    states = []
    for order in orders():
        loss = trainer.epoch(order, Pressure(*NUMBERS))
        states.append([np.float32(loss), *(np.asarray(variable).copy() for variable in trainer.state())])
    return states


def export(folder):
    os.environ["TRIGGER_LUT_KERNEL"] = "xla"
    from trigger_lut.layers.kernel import build as kernel

    for name, model in networks().items():
        text, operands = module_and_inputs(trainer_of(model))
        (folder / f"{name}.mlir").write_text(text)
        np.savez(folder / f"{name}_operands.npz", *operands)
    os.environ["TRIGGER_LUT_KERNEL"] = "cpu"
    kernel.in_use.cache_clear()
    for name, model in networks().items():
        for n, values in enumerate(kernel_epochs(trainer_of(model))):
            np.savez(folder / f"{name}_{n}.npz", *values)


# ---------------------------------------------------------------- with JAX


def compiled(text):
    """A function of arrays from StableHLO. There is no public way that takes a whole module."""
    from jax._src import compiler, xla_bridge
    from jaxlib import _jax

    client = xla_bridge.get_backend()
    devices = _jax.DeviceList(tuple(client.local_devices()[:1]))
    options = compiler.get_compile_options(num_replicas=1, num_partitions=1)
    program = client.compile_and_load(text.encode(), devices, options)

    def call(operands):
        import jax

        results = program.execute_sharded([jax.device_put(operand) for operand in operands])
        return [np.asarray(one[0]) for one in results.disassemble_into_single_device_arrays()]

    return call


def run(folder):
    """Return how far each network is off at the end, and by its last epoch, which must be seen."""
    import jax

    print("on", jax.devices()[0], jax.devices()[0].device_kind)
    good = True
    for path in sorted(folder.glob("*.mlir")):
        epoch, expected = compiled(path.read_text()), []
        operands = list(np.load(folder / f"{path.stem}_operands.npz").values())
        for n, order in enumerate(orders()):
            expected.append(list(np.load(folder / f"{path.stem}_{n}.npz").values()))
            state = len(expected[n]) - 1
            operands[state + 2] = order.reshape(-1, BATCH)
            results = epoch(operands)
            operands[:state] = results[1 : state + 1]
            actual = [results[0] / np.float32(EVENTS // BATCH), *operands[:state]]
            actual, expected[n] = actual[:-1], expected[n][:-1]  # the last is the number of the step
            print(f"{path.stem}, epoch {n + 1}: off by {farthest(actual, expected[n]):.1e}, by one epoch", end=" ")
            print(f"{farthest(actual, expected[n - 1]):.1e}" if n else "-")
            good &= bool(farthest(actual, expected[n]) < TOLERANCE)
        good &= bool(farthest(actual, expected[-2]) > TOLERANCE)
    return good


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    if what == "export":
        export(place)
    elif not run(place):
        sys.exit(1)
