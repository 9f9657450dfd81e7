"""Time of a training step against batch, channels, outputs and address bits: `pytest -m benchmark -s`.

One LUTDense layer, the compiled epoch of the pipeline. CPU time of all threads, as other processes disturb it least;
the fastest of several epochs, sizes in turn. Writes build/benchmarks/scaling.png.
"""

from pathlib import Path

import numpy as np
import pytest
from benchmark.timing import Way, in_turn, trainer_epoch

pytestmark = pytest.mark.benchmark

PLOT = Path(__file__).parents[2] / "build" / "benchmarks" / "scaling.png"
MIDDLE = {"batch": 4096, "channels": 16, "outputs": 16, "bits": 6}
SIZES = {
    "batch": [256, 1024, 4096, 16384, 65536],
    "channels": [4, 8, 16, 32, 64],
    "outputs": [4, 8, 16, 32, 64],
    "bits": [2, 4, 6, 8, 10],
}
LABELS = {
    "batch": "batch (events)",
    "channels": "input channels",
    "outputs": "outputs",
    "bits": "entries of each table",
}
STEPS, ROUNDS = 4, 8
STEEPEST = 1.15  # power of the size by which time may grow over the whole range
STEEPEST_STEP = 1.3  # and from one size to the next: rows and tables outgrow registers and caches


def one_layer(batch, channels, outputs, bits):
    """The epoch of a layer of this size; tables have 2**bits entries."""
    import keras

    from trigger_lut.layers import LUTDense

    rng = np.random.default_rng(0)
    n = batch * STEPS
    layer = LUTDense(outputs, input_format="fixed<10,3>", max_input_bits=bits, seed=1)
    model = keras.Sequential([keras.Input((channels,)), layer])
    x = rng.normal(size=(n, channels)).astype(np.float32)
    return trainer_epoch(model, x, rng.integers(0, outputs, n), batch)


def sizes_of(key):
    """Return the size that time is expected to grow with: table entries instead of address bits."""
    values = np.array(SIZES[key])
    return 2**values if key == "bits" else values


def powers(sizes, times):
    """Exponents of time against size, between neighbors, and over the whole range."""
    x, t = np.log(np.asarray(sizes, float)), np.log(np.asarray(times, float))
    return np.diff(t) / np.diff(x), (t[-1] - t[0]) / (x[-1] - x[0])


def too_steep(sizes, times):
    """Return True if time grows faster than the size, with a tolerance."""
    steps, whole = powers(sizes, times)
    return bool((steps > STEEPEST_STEP).any() or whole > STEEPEST)


def draw(measured):
    """found: (CPU ms, wall ms) of a step at each size, by key."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    from trigger_lut.report.plots import style

    with style.styled():
        figure, axes = style.canvas(9.0, 6.6, rows=2, columns=2)
        for ax, (key, (cpu, wall)) in zip(axes, measured.items(), strict=True):
            sizes = sizes_of(key)
            ax.loglog(sizes, cpu, marker="o", label="CPU time, all threads", **style.line_style(0))
            ax.loglog(sizes, wall, marker="s", label="wall time", **style.line_style(1))
            ax.loglog(sizes, cpu[-1] * sizes / sizes[-1], color=style.GRAY, linestyle=":", label="proportional")
            ax.set_ylim(0.5 * min(*cpu, *wall), 2 * max(*cpu, *wall))
            ax.set_xticks(sizes, [str(s) for s in sizes])
            ax.tick_params(axis="x", which="minor", bottom=False, top=False)
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_minor_formatter(NullFormatter())
            ax.set_xlabel(LABELS[key])
            ax.set_ylabel("training step (ms)")
            rest = {k: v for k, v in MIDDLE.items() if k != key}
            ax.set_title(", ".join(f"{v} {k}" if k != "batch" else f"batch {v}" for k, v in rest.items()))
            ax.legend(loc="upper left")
        style.save(figure, PLOT)


def test_a_step_grows_no_faster_than_its_sizes(capsys):
    measured = {}
    for key, values in SIZES.items():
        ways = [Way(f"{key} {value}", one_layer(**(MIDDLE | {key: value}))) for value in values]
        in_turn(ways, ROUNDS)
        measured[key] = [[getattr(way, kind) / STEPS * 1e3 for way in ways] for kind in ("cpu", "wall")]
        steps, whole = powers(sizes_of(key), measured[key][0])
        with capsys.disabled():
            print(f"\n{LABELS[key]:24} {'  '.join(f'{s:8d}' for s in sizes_of(key))}")
            for name, times in zip(("CPU ms a step", "wall ms a step"), measured[key], strict=True):
                print(f"{name:24} {'  '.join(f'{t:8.3f}' for t in times)}")
            print(f"{'power of the size':24} {' ' * 8}  {'  '.join(f'{p:8.2f}' for p in steps)}   whole {whole:.2f}")
    draw(measured)
    assert PLOT.stat().st_size > 10_000
    assert not [key for key, (cpu, _) in measured.items() if too_steep(sizes_of(key), cpu)]


def test_what_counts_as_too_steep():
    """Negative control of the test above."""
    x = np.array([1, 2, 4, 8])
    assert not too_steep(x, x)
    assert not too_steep(x, 5 + x)
    assert too_steep(x, x**1.5)
    assert too_steep(x, [1, 1, 1, 3]), "one step alone"
