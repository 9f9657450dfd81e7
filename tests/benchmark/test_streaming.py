"""A training on a file that is larger than its memory: `pytest -m benchmark -s tests/benchmark/test_streaming.py`.

The test makes a file of codes of 3 GB, which takes twice that on disk meanwhile. It then trains as the workflow does,
with evaluations and checkpoints, in a process of its own. Memory is what the kernel reports of that process: RssAnon,
sampled every 20 ms, and VmHWM, the peak of that and of the mapped file's pages together. Speed is compared with the
same training on as many events as fit into memory.

- TRIGGER_LUT_EVENTS: how many events the file has (37,000,000)
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_cards import spec as made_spec

from trigger_lut.cards.base import write_card

pytestmark = pytest.mark.benchmark

EVENTS = int(os.environ.get("TRIGGER_LUT_EVENTS", 37_000_000))
CHANNELS, CLASSES, PIECE = 16, 5, 1 << 20
LIMIT_MB = 1500  # of its own memory
PROGRAMS_MB = 800  # pages of TensorFlow's and other libraries, and of a few blocks of events
SLOWEST = 0.4  # of the speed in memory, both a CPU second, as other processes disturb it least

TRAINING = """
import json, sys, time
from functools import partial
from pathlib import Path
from trigger_lut.cards.base import read_card
from trigger_lut.config.budget import Spec
from trigger_lut.data.event_codes import TRAIN, load_codes
from trigger_lut.synthesis.timing_closure import measure
from trigger_lut.training.session import Session

folder, count, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
started = time.perf_counter()
events = load_codes(folder / "codes.npz")
found = {"load_s": time.perf_counter() - started, "epoch_s": [], "look_s": [], "epoch_cpu_s": [], "look_cpu_s": []}
if count:
    events = events.block(0, count)
spec, checkpoints = read_card(Spec, folder / "spec.json"), folder / "checkpoints"
session = Session(spec, events, measure=partial(measure, spec=spec), belongs_to="benchmark", folder=checkpoints)
data = session.model.data

def timed(name, whole):
    def call(*arguments):
        began, cpu = time.perf_counter(), time.process_time()
        result = whole(*arguments)
        found[name + "_s"].append(time.perf_counter() - began)
        found[name + "_cpu_s"].append(time.process_time() - cpu)
        return result
    return call

data.epoch = timed("epoch", data.epoch)
data.hits = timed("look", data.hits)
for _ in range(epochs):
    session.step()
found |= {"kind": type(data).__name__, "events": int(events.counts()[:, TRAIN].sum())}
found["accuracy"] = session.state.history[-1].score
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The specification, and the file; it is removed in the end."""
    folder = tmp_path_factory.mktemp("streaming")
    training = {"epochs": 100, "batch_size": 4096, "memory_mb": 300}
    network = {"units": [20, CLASSES]}
    write_card(made_spec("large", 1000, 40, network=network, training=training), folder / "spec.json")
    try:
        made_file(folder)
        yield folder
    finally:
        for path in folder.glob("*.np*"):
            path.unlink()


def made_file(folder):
    """Classes around different means in 8-bit codes, written piece by piece."""
    from trigger_lut.data.event_codes import EventCodes, save_codes
    from trigger_lut.fixed_point.formats import KIF

    rng = np.random.default_rng(0)
    means = rng.normal(0, 24, (CLASSES, CHANNELS))
    kinds = {"codes": np.int32, "labels": np.int64, "split": np.uint8, "event_id": np.uint64}
    arrays = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", kind, (EVENTS, CHANNELS) if name == "codes" else (EVENTS,)
        )
        for name, kind in kinds.items()
    }
    for start in range(0, EVENTS, PIECE):
        n = min(PIECE, EVENTS - start)
        labels = rng.integers(0, CLASSES, n)
        noise = rng.normal(0, 40, (n, CHANNELS)).astype(np.float32)
        piece = slice(start, start + n)
        arrays["codes"][piece] = np.clip(means[labels] + noise, -128, 127)
        arrays["labels"][piece] = labels
        arrays["split"][piece] = np.searchsorted([0.8, 0.9], rng.random(n), side="right")
        arrays["event_id"][piece] = np.arange(start, start + n)
    names, classes = (tuple(f"{c}{i}" for i in range(n)) for c, n in (("x", CHANNELS), ("c", CLASSES)))
    save_codes(
        EventCodes(**arrays, formats=(KIF(1, 2, 5),) * CHANNELS, features=names, classes=classes), folder / "codes.npz"
    )
    for name in kinds:
        (folder / f"{name}.npy").unlink()


def measured(folder, count, epochs):
    """Return the training's output, and peaks of its memory in MB; count 0: all events."""
    command = [sys.executable, "-c", TRAINING, str(folder), str(count), str(epochs)]
    peaks = {"RssAnon": 0.0, "VmHWM": 0.0}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peaks = {key: max(value, held_mb(process.pid, key)) for key, value in peaks.items()}
            time.sleep(0.02)
        log.seek(0)
        text = log.read()
    assert process.returncode == 0, text[-3000:]
    return json.loads(text.splitlines()[-1]), peaks


def held_mb(pid, key):
    """An entry of /proc/<pid>/status in MB; 0 when the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(x.split()[1]) * 1024 / 1e6 for x in lines if x.startswith(f"{key}:")), 0.0)


def rate(result, kind="epoch_s"):
    """Events a second of the fastest epoch but the first, which compiles; or a CPU second, of all threads."""
    return result["events"] / min(result[kind][1:])


def test_a_file_larger_than_its_memory(folder, capsys):
    size = (folder / "codes.npz").stat().st_size / 1e6
    subset = min(2_000_000, EVENTS // 4)
    before, held_peaks = measured(folder, subset, 6)
    streamed, peaks = measured(folder, 0, 3)
    after, _ = measured(folder, subset, 6)
    in_memory = max(rate(before), rate(after))
    by_cpu = rate(streamed, "epoch_cpu_s") / max(rate(before, "epoch_cpu_s"), rate(after, "epoch_cpu_s"))
    with capsys.disabled():
        print(f"\n{EVENTS:,} events of {CHANNELS} codes, {size:,.0f} MB; {streamed['events']:,} of them are trained on")
        for name, result, peak in (("in memory", before, held_peaks), ("streamed", streamed, peaks)):
            print(
                f"{name:10} {result['events']:>12,} events  {rate(result):>10,.0f} events/s  peak: own memory "
                f"{peak['RssAnon']:,.0f} MB, with mapped pages {peak['VmHWM']:,.0f} MB; "
                f"checks {result['load_s']:.1f} s, "
                f"epochs {', '.join(f'{s:.1f}' for s in result['epoch_s'])} s, "
                f"validation {min(result['look_s']):.2f} s, accuracy {result['accuracy']:.4f}"
            )
        print(f"streamed / in memory: {by_cpu:.2f} a CPU second, {rate(streamed) / in_memory:.2f} a second")
        print(f"in memory, before and after: {rate(before):,.0f} and {rate(after):,.0f} events/s")
    assert (streamed["kind"], before["kind"]) == ("StreamedData", "InMemoryData")
    assert peaks["RssAnon"] < LIMIT_MB
    assert size / 1.5 > LIMIT_MB or EVENTS < 30_000_000, "the file is larger than the memory"
    assert peaks["VmHWM"] < peaks["RssAnon"] + PROGRAMS_MB, "what was read of the file does not stay"
    assert by_cpu > SLOWEST


def test_the_measurement_sees_memory(tmp_path):
    """Negative control: a process that reads the same amount into its own memory is seen to do so."""
    process = subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(b'x') * 300_000_000; input()"], stdin=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 60
        while held_mb(process.pid, "RssAnon") < 300 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert 300 <= held_mb(process.pid, "RssAnon") <= held_mb(process.pid, "VmHWM") < 400
    finally:
        process.communicate(b"\n")
