"""Sums of table look-ups: the CPU kernel and XLA against plain loops, their choice, and how the kernel is built."""

import functools
import logging
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from trigger_lut.errors import ConfigurationError, ToolMissingError
from trigger_lut.layers.kernel import build as kernel
from trigger_lut.layers.kernel import edges
from trigger_lut.layers.lookup import code_histogram, lookup_sum, rows_of
from trigger_lut.utils.programs import cxx_compiler


@pytest.fixture(params=["cpu", "xla"])
def path(request, monkeypatch):
    """Both ways, whatever this process uses. The kernel must be there: a compiler is part of what the project needs."""
    if request.param == "cpu":
        assert kernel.in_use()
    monkeypatch.setattr(kernel, "in_use", lambda: request.param == "cpu")
    return request.param


def made_inputs(m, c_in, c_out, entries, seed=0):
    """Tables, slopes, addresses, input, where gradients pass, and a gradient of the output."""
    rng = np.random.default_rng(seed)
    tables, slopes = (rng.normal(size=(c_in * entries, c_out)).astype(np.float32) for _ in range(2))
    address = rng.integers(0, entries, (m, c_in)).astype(np.int32)
    x, g = rng.normal(size=(m, c_in)).astype(np.float32), rng.normal(size=(m, c_out)).astype(np.float32)
    return tables, slopes, address, x, rng.random((m, c_in)) < 0.8, g


def plain(tables, slopes, rows, inside, g):
    """y, dT, dx in float64, event by event and channel by channel."""
    y, dt, dx = np.zeros(g.shape), np.zeros(tables.shape), np.zeros(rows.shape)
    for n in range(len(rows)):
        for i, row in enumerate(rows[n]):
            y[n] += tables[row]
            dt[row] += g[n]
            dx[n, i] = (g[n].astype(np.float64) @ slopes[row]) * inside[n, i]
    return y, dt, dx


def computed(tables, slopes, rows, x, inside, g, jit_compile=True):
    def run(tables, x):
        with tf.GradientTape() as tape:
            tape.watch([tables, x])
            y = lookup_sum(tables, slopes, rows=rows, x=x, inside=inside)
            total = tf.reduce_sum(y * g)
        return y, *tape.gradient(total, [tables, x])

    slopes = None if slopes is None else tf.constant(slopes)
    results = tf.function(run, jit_compile=jit_compile)(tf.constant(tables), tf.constant(x))
    return [np.asarray(a) for a in results]


SHAPES = [
    (1, 1, 1, 2),
    (7, 3, 5, 4),
    (101, 1, 20, 64),
    (333, 16, 1, 8),
    (50, 4, 31, 16),
    (64, 3, 33, 8),
    (30, 2, 70, 4),
]


@pytest.mark.parametrize("shape", [*SHAPES, (20011, 5, 20, 16)])
def test_values_and_gradients_are_those_of_a_plain_loop(path, shape):
    tables, slopes, address, x, inside, g = made_inputs(*shape)
    rows = np.asarray(rows_of(tf.constant(address), shape[3]))
    assert rows.max() < len(tables)
    assert (rows // shape[3] == np.arange(shape[1])).all()
    expected = plain(tables, slopes, rows, inside, g)
    for ours, theirs in zip(computed(tables, slopes, rows, x, inside, g), expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1.0, np.abs(theirs).max()))
    moved = tables.copy()
    moved[rows[0, 0]] += 0.01
    y = computed(moved, slopes, rows, x, inside, g)[0]
    assert not np.allclose(y, expected[0], atol=1e-5), "another entry would have shown"


def test_rows_may_be_shared_by_channels_and_places(path):
    """Rows are any within the tables, so that a gradient may come together from several channels of one event."""
    tables, slopes, _, x, inside, g = made_inputs(500, 6, 3, 2)
    rows = np.random.default_rng(1).integers(0, len(tables), (500, 6)).astype(np.int32)
    for ours, theirs in zip(
        computed(tables, slopes, rows, x, inside, g), plain(tables, slopes, rows, inside, g), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_no_events(path, jit_compile):
    y, dt, dx = computed(*made_inputs(0, 3, 4, 8)[:2], *made_inputs(0, 3, 4, 8)[2:], jit_compile=jit_compile)
    assert (y.shape, dx.shape) == ((0, 4), (0, 3))
    np.testing.assert_array_equal(dt, np.zeros((24, 4)))


def test_no_slopes_no_gradient_to_the_input(path):
    tables, _, address, x, inside, g = made_inputs(40, 3, 4, 8)
    _, dt, dx = computed(tables, None, rows_of(tf.constant(address), 8), x, inside, g)
    assert (dx == 0).all()
    assert (dt != 0).any()


def test_number_of_events_may_be_open_while_tracing(path):
    tables, _, address, _, _, _ = made_inputs(60, 3, 4, 8)
    sizes = [tf.TensorSpec((None, 3), tf.int32)]
    run = tf.function(
        lambda rows: lookup_sum(tables, None, rows=rows, x=tf.zeros(tf.shape(rows)), inside=rows > 0), sizes, True
    )
    rows = np.asarray(rows_of(tf.constant(address), 8))
    for n in (60, 13):
        np.testing.assert_allclose(run(rows[:n]), tables[rows[:n]].sum(axis=1), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (100, 3, 1, 8), (50021, 16, 1, 64)])
def test_histogram(path, shape):
    m, c_in, _, entries = shape
    address = made_inputs(*shape)[2]
    counts = np.asarray(tf.function(lambda a: code_histogram(a, entries), jit_compile=True)(tf.constant(address)))
    expected = np.stack([np.bincount(address[:, i], minlength=entries) for i in range(c_in)]) / m
    assert counts.shape == (c_in, entries)
    np.testing.assert_allclose(counts, expected, rtol=1e-6)


def test_same_call_gives_the_same_bits(path):
    """Also where several threads share the events: 40,000 events are enough for them."""
    tables, slopes, address, x, inside, g = made_inputs(40000, 8, 20, 16)
    rows = rows_of(tf.constant(address), 16)
    first = computed(tables, slopes, rows, x, inside, g)
    for _ in range(3):
        for a, b in zip(first, computed(tables, slopes, rows, x, inside, g), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("wrong", [-1, 24, 2**30])
@pytest.mark.parametrize("place", [(0, 0), (20000, 2)])
def test_kernel_refuses_a_row_outside_the_tables(wrong, place):
    assert kernel.in_use()
    tables, _, address, _, inside, _ = made_inputs(20001, 3, 4, 8)
    rows = np.array(rows_of(tf.constant(address), 8))
    rows[place] = wrong
    text = rf"expected a row within 0\.\.23, found {wrong} at event {place[0]}, channel {place[1]}"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        tf.function(lambda r: lookup_sum(tables, None, rows=r, x=tf.zeros(r.shape), inside=inside), jit_compile=True)(
            tf.constant(rows)
        )
    address[place] = wrong
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected an address within 0\.\.7, found"):
        tf.function(lambda a: code_histogram(a, 8), jit_compile=True)(tf.constant(address))


@pytest.mark.parametrize("shape", [(1, 1, 2, 1, 1), (1, 3, 8, 5, 8), (4, 2, 16, 3, 7), (1, 16, 64, 20, 16)])
def test_networks_behind_edges(shape):
    """The kernel against TensorFlow in float64, with inputs that repeat within an edge as those of a bin do."""
    assert edges.can(shape[4], 1, activation="tanh")
    assert not edges.can(17, 1, activation="tanh")
    assert not edges.can(8, 2, activation="tanh")
    assert not edges.can(8, 1, activation="relu")
    places, c_in, entries, c_out, units = shape
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 3, (c_in, c_out, units)) for _ in range(3)]
    u = np.sort(rng.integers(-4, 4, (places, c_in, entries, c_out)) / 4.0, axis=2)
    g = rng.normal(size=u.shape)

    def plain(w1, b1, w2, u):
        h = tf.tanh(u[..., None] * w1[:, None] + b1[:, None])
        return tf.reduce_sum(h * w2[:, None], -1), tf.reduce_sum((1 - h * h) * (w1 * w2)[:, None], -1)

    ours = lambda w1, b1, w2, u: edges.tanh_edges(w1, b1, w2=w2, u=u)  # noqa: E731
    outcomes = []
    for function, kind in ((ours, tf.float32), (plain, tf.float64)):
        operands = [tf.constant(a, kind) for a in (*weights, u)]
        with tf.GradientTape() as tape:
            tape.watch(operands)
            values, slopes = function(*operands)
            total = tf.reduce_sum(values * tf.constant(g, kind))
        outcomes.append([values, slopes, *tape.gradient(total, operands)])
    for ours, theirs in zip(*outcomes, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=3e-6 * max(1.0, np.abs(theirs).max()))


# ---------------------------------------------------------------- choosing and building


@pytest.fixture
def asked(tmp_path, monkeypatch, caplog):
    """Asks twice, as a process with an empty cache and these variables would; what was answered, and what was said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "CXX", kernel.VARIABLE):
        monkeypatch.delenv(name, raising=False)

    def ask(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        in_use = functools.cache(kernel.in_use.__wrapped__)
        answers = [in_use(), in_use()]
        return answers, caplog.text

    caplog.set_level(logging.INFO, "trigger_lut")
    return ask


@pytest.fixture
def without_compiler(tmp_path):
    (tmp_path / "empty").mkdir()
    return {"PATH": str(tmp_path / "empty"), "CXX": "/nonexistent"}


def test_without_a_compiler_xla_does_it_and_that_is_said_once(asked, without_compiler):
    answers, err = asked(**without_compiler)
    assert answers == [False, False]
    assert err.count("trigger_lut: look-ups by XLA (no C++ compiler: expected g++ or clang++ on PATH") == 1


def test_demanded_kernel_that_cannot_be_built_is_an_error(asked, without_compiler):
    with pytest.raises(ToolMissingError, match="no C\\+\\+ compiler"):
        asked(**without_compiler, TRIGGER_LUT_KERNEL="cpu")


def test_xla_can_be_demanded(asked, tmp_path):
    answers, err = asked(TRIGGER_LUT_KERNEL="xla")
    assert answers == [False, False]
    assert "look-ups by XLA (TRIGGER_LUT_KERNEL=xla)" in err
    assert not (tmp_path / ".cache" / "trigger_lut").exists(), "nothing was built"


def test_an_unknown_choice_is_refused(asked):
    text = "TRIGGER_LUT_KERNEL: expected auto, cpu, xla, found 'gpu'; nearest: 'cpu'"
    with pytest.raises(ConfigurationError, match=f"^{text}$"):
        asked(TRIGGER_LUT_KERNEL="gpu")


ASK = """
import logging
logging.basicConfig(level=logging.INFO)
from trigger_lut.layers.kernel import build as kernel
print(kernel.in_use(), kernel.in_use())
"""


def answer(process):
    """Return standard output and error of a fresh process."""
    out, err = process.communicate()
    assert process.returncode == 0, err[-2000:]
    return out.strip(), err


def test_two_processes_build_at_once_and_a_third_builds_nothing(tmp_path):
    """Without optimization, which takes most of the time; the other tests use the kernel as it is built for use."""
    quick = tmp_path / "quick"
    quick.write_text(f'#!/bin/sh\nexec {cxx_compiler()} "$@" -O0\n')
    quick.chmod(0o755)
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {"PATH": "/usr/bin:/bin", "CXX": str(quick)}

    def start():
        return subprocess.Popen([sys.executable, "-c", ASK], env=environment, stdout=-1, stderr=-1, text=True)

    (tmp_path / "cache/trigger_lut/.building-1-left").mkdir(parents=True)  # by a process that was killed
    both = [start() for _ in range(2)]
    assert [answer(process)[0] for process in both] == ["True True"] * 2
    (library,) = (tmp_path / "cache" / "trigger_lut").iterdir()
    assert library.suffix == ".so"
    inode = library.stat().st_ino  # a use sets its time
    quick.unlink()
    (tmp_path / "empty").mkdir()
    environment["PATH"] = str(tmp_path / "empty")
    out, err = answer(start())
    assert out == "True True", "what lies in the cache needs no compiler"
    assert str(library) in err
    assert library.stat().st_ino == inode
