"""Training on two devices against one: the same but for rounding. In a process with two virtual CPUs.

The effect of rounding is measured: one device trains again with the events of each batch in reverse, which changes the
order of additions alone. Two devices may differ from one by a few times as much. After 12 steps both effects were 1e-8
to 3e-8 of the weights and 1e-7 of the gradients, unless a quantizer rounded a value otherwise.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("two_devices.py")
PROBE_EVENTS = 4.0  # times what rounding does
NO_FLIP = 1e-5  # of the weights: more than rounding does as long as no code is another
CASES = ("dense", "conv")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    command = [sys.executable, str(PROGRAM), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "found.json").read_text()), np.load(folder / "states.npz")


def states(arrays, case, way, when):
    """Arrays of a trainer's state by name."""
    begin = f"{case}/{way}/{when}/"
    return {key.removeprefix(begin): arrays[key] for key in arrays.files if key.startswith(begin)}


def apart(ours, theirs):
    """Root of the mean square difference of all entries, relative to that of the entries."""
    a, b = (np.concatenate([v.ravel() for v in s.values()]).astype(np.float64) for s in (ours, theirs))
    return np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2))


def compared(arrays, case, way, when):
    return apart(states(arrays, case, way, when), states(arrays, case, "one", when))


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_one_step_are_those_of_one_device(results, case):
    """Sums of float32 of some hundred terms: 1e-5 of the mean gradient."""
    _, arrays = results
    assert 0 < compared(arrays, case, "two", "gradients") < 1e-5
    assert compared(arrays, case, "parts", "gradients") > 1e-2, "negative control: statistics of each part alone"


@pytest.mark.parametrize("case", CASES)
def test_training_is_that_of_one_device(results, case):
    report, arrays = results
    rounding = compared(arrays, case, "reversed", "end")
    assert 0 < compared(arrays, case, "two", "end") < max(PROBE_EVENTS * rounding, NO_FLIP)
    assert rounding < 10 * NO_FLIP
    assert compared(arrays, case, "parts", "end") > max(10 * PROBE_EVENTS * rounding, 100 * NO_FLIP), "negative control"
    losses = {way: np.array(report[case][way]["losses"]) for way in ("one", "two", "reversed", "parts")}
    np.testing.assert_allclose(losses["two"], losses["one"], rtol=1e-4)
    assert np.abs(losses["parts"] / losses["one"] - 1).max() > 1e-3, "negative control"
    assert losses["one"][-1] < 0.95 * losses["one"][0], "it learns"


@pytest.mark.parametrize("case", CASES)
def test_frozen_tables_equal_one_device_but_for_rounding(results, case):
    _, arrays = results
    ours, theirs, control = (states(arrays, case, way, "frozen") for way in ("two", "one", "parts"))
    assert set(ours) == set(theirs)
    other, flipped, entries = 0, 0, 0
    for key, codes in theirs.items():
        other += (ours[key] != codes).sum()
        flipped += (control[key] != codes).sum() if control[key].shape == codes.shape else codes.size
        entries += codes.size
        assert np.abs(ours[key] - codes).max(initial=0) <= 1, "a code is flipped to its neighbor"
    assert other < 0.005 * entries
    assert flipped > 0.02 * entries, "negative control"


def test_variables_are_the_same_on_both_devices(results):
    report, _ = results
    for case in CASES:
        assert report[case]["two"]["copies_differ"] == []
        assert report[case]["parts"]["copies_differ"], "negative control"


def test_stage_on_two_devices_resumes_to_the_identical_network(results):
    report, _ = results
    assert report["stage"]["devices"] == 2
    assert report["stage"]["accuracy"] > 0.5, "a third by chance"
    assert report["stage"]["stopped"]
    assert report["stage"]["identical"]


def test_what_cannot_be_shared_is_refused(results):
    report, _ = results
    assert report["odd"] == (
        "training.batch_size: 63 events do not divide into equal parts for 2 devices; the nearest that do: 62 or 64"
    )
    assert re.match(
        r"training on several devices: expected layers of tables and layers without state, found arithmetic "
        r"\(QDense: .*\); their state would be that of a part of each batch; train on one device$",
        report["hgq"],
    )
    assert report["gpus"] == "--gpus: expected 2 GPUs that TensorFlow can use, found 0"
