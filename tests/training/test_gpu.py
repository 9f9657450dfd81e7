"""The same training on a GPU and on the CPU, each in a process of its own. Skipped where TensorFlow sees no GPU.

`step_elsewhere.py` takes it to one that has JAX alone.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from step_elsewhere import EPOCHS, TOLERANCE, farthest

TRAINING = """
import sys
import keras
import numpy as np
from trigger_lut.layers import LUTConv1D, LUTDense
from trigger_lut.training.trainer import Trainer
from trigger_lut.training.types import Pressure

keras.utils.set_random_seed(1)
layers = [LUTConv1D(4, 3, batch_norm=True, seed=1), keras.layers.Flatten(), LUTDense(3, seed=3)]
model = keras.Sequential([keras.Input((8, 2)), *layers])
rng = np.random.default_rng(0)
x, y = rng.normal(size=(2048, 8, 2)).astype(np.float32), rng.integers(0, 3, 2048)
trainer = Trainer(model, x, y=y, batch_size=512)
for epoch in range(int(sys.argv[2])):
    loss = trainer.epoch(np.random.default_rng(epoch).permutation(len(x)), Pressure(0.005, 0.005, 0.01, 0.01))
    np.savez(f"{sys.argv[1]}_{epoch}.npz", loss, *[np.asarray(v) for v in model.variables])
"""


def trained(path, **environment):
    """Loss and variables after each epoch of a training in its own process."""
    subprocess.run([sys.executable, "-c", TRAINING, str(path), str(EPOCHS)], check=True, env=os.environ | environment)
    return [list(np.load(f"{path}_{epoch}.npz").values()) for epoch in range(EPOCHS)]


HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1"}


def compare(actual, expected):
    assert farthest(actual[-1], expected[-1]) < TOLERANCE
    assert farthest(actual[-2], expected[-1]) > TOLERANCE, "a difference is seen"


@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="TensorFlow sees no GPU")
def test_a_gpu_trains_as_the_cpu_does(tmp_path):
    compare(trained(tmp_path / "gpu"), trained(tmp_path / "cpu", **HIDDEN))


def test_xla_trains_as_the_kernel_does(tmp_path):
    """The program that a GPU compiles, on the CPU."""
    cpu = trained(tmp_path / "cpu", TRIGGER_LUT_KERNEL="cpu", **HIDDEN)
    compare(trained(tmp_path / "xla", TRIGGER_LUT_KERNEL="xla", **HIDDEN), cpu)


def test_jax_trains_as_the_kernel_does(tmp_path):
    """On the CPU too, where this has no GPU: another version of XLA."""
    script, plain = str(Path(__file__).parents[1] / "helpers/step_elsewhere.py"), os.environ | HIDDEN
    subprocess.run([sys.executable, script, "export", str(tmp_path)], check=True, env=plain)
    plain.pop("XLA_FLAGS", None)  # it knows other ones
    command = [sys.executable, script, "run", str(tmp_path)]
    done = subprocess.run(command, check=True, env=plain | {"JAX_PLATFORMS": "cpu"}, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1 + 2 * EPOCHS
    for path in tmp_path.glob("*_operands.npz"):  # negative control: training that starts elsewhere
        operands = list(np.load(path).values())
        np.savez(path, operands[0] + np.float32(0.01), *operands[1:])
    assert subprocess.run(command, env=plain | {"JAX_PLATFORMS": "cpu"}, stdout=subprocess.DEVNULL).returncode == 1
