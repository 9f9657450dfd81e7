"""Each back end has a function for each kind of layer, and refuses others."""

import dataclasses
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import trigger_lut
from trigger_lut.errors import UnsupportedLayerError
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.firmware.rtl.trace import interpret, trace
from trigger_lut.fixed_point.formats import KIF, uniform
from trigger_lut.network.back_ends import BACK_ENDS, GATES, KINDS, RANDOM_LAYER, BackEnd, register_kind
from trigger_lut.network.network import LinearLayer, Network
from trigger_lut.network.reference_model import evaluate

PACKAGE = Path(trigger_lut.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if re.search(r"^@[A-Z_]+\.register\(", path.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.fixture(scope="module", autouse=True)
def _registered():
    for module in MODULES:
        importlib.import_module(module)


def missing():
    """Return the pairs of kind and back end without a function."""
    return [(k, b.name) for k, kind in KINDS.items() for b in BACK_ENDS.values() if not b.handles(kind)]


@pytest.fixture
def toy(monkeypatch):
    """Register a kind that all back ends but the gates handle."""

    @dataclasses.dataclass(frozen=True)
    class Toy(LinearLayer):
        kind = "toy"

    monkeypatch.setitem(KINDS, "toy", Toy)
    for back_end in BACK_ENDS.values():
        if back_end is not GATES and LinearLayer in back_end.functions:
            monkeypatch.setitem(back_end.functions, Toy, back_end.functions[LinearLayer])
    return Toy


def test_back_ends_handle_each_kind():
    assert set(KINDS) == {"tables", "linear", "max"}
    assert len(BACK_ENDS) >= 15
    assert missing() == []


def test_back_ends_forgotten_kind_is_named(toy):
    assert missing() == [("toy", "gate-level proof")]


def test_back_end_unknown_kind_is_refused(toy):
    kif, one = KIF(1, 3, 0), np.ones((1, 1), dtype=np.int64)
    layer = toy("sum", (kif,), ("WRAP",), one, one[0], fraction_bits=0 * one[0])
    with pytest.raises(UnsupportedLayerError, match=re.escape("layer 'sum': the gate-level proof does not handle")):
        GATES(layer, None, 0, [], None)


def test_register_kind_used_name_is_refused(toy):
    assert register_kind(toy) is toy
    with pytest.raises(ValueError, match="layer kind 'linear' is registered for LinearLayer"):
        register_kind(dataclasses.make_dataclass("Other", [], bases=(LinearLayer,), frozen=True))


def test_back_end_default_serves_each_kind(monkeypatch):
    monkeypatch.setattr("trigger_lut.network.back_ends.BACK_ENDS", {})
    assert BackEnd("toy", default=lambda layer: 1).handles(LinearLayer)
    assert not BackEnd("toy").handles(LinearLayer)


@pytest.mark.parametrize("kind", ["tables", "linear", "max"])
def test_kind_alone_gives_the_same_in_emulators_and_logic(kind):
    rng = np.random.default_rng(1)
    inputs = (KIF(1, 3, 1), KIF(0, 4, 0), KIF(1, 2, 2))
    common = {"name": kind, "inputs": inputs, "overflow": ("SAT",) * 3, "gather_index": None, "rounding": "TRN"}
    network = Network(inputs, (RANDOM_LAYER.of(KINDS[kind])(rng, 3, **common),))
    codes = uniform(inputs, 100, rng=rng)
    expected = evaluate(network, codes)
    assert len(np.unique(expected)) > 3
    loaded = emulator.as_arrays(json.loads(network_json(network, "one")))
    np.testing.assert_array_equal(emulator.evaluate(loaded, codes), expected)
    np.testing.assert_array_equal(interpret(trace(network), network, codes=codes), expected)


def test_no_module_branches_on_sums_or_maxima():
    """A chain of cases has a last branch that takes kinds which nobody thought of."""
    chains = [
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if re.search(r"isinstance\([^)]*\b(LinearLayer|MaxLayer)\b", path.read_text(encoding="utf-8"))
    ]
    assert chains == []
