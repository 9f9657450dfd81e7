"""Cards about the layers that share hardware: what sharing saves, or why nothing is shared."""

import pytest
from helpers.delay_models import with_stage
from helpers.networks import random_network, shared_network

from trigger_lut.cost_model import time_sharing
from trigger_lut.cost_model.luts import estimate
from trigger_lut.cost_model.sharing_summary import summarize_sharing
from trigger_lut.cost_model.time_sharing import choose_sharing

MODEL = with_stage(2.0)


def summary(network, ii=5, latency_cycles=40):
    sharing = choose_sharing(network, MODEL, ii=ii, latency_cycles=latency_cycles)
    return summarize_sharing(network, sharing, model=MODEL, ii=ii, latency_cycles=latency_cycles)


def test_summary_of_shared_layers():
    network = shared_network(0)
    shared, plain = summary(network, ii=8), estimate(network, MODEL)
    assert (shared.ii_budget, shared.ii) == (8, 5)
    assert (shared.luts_parallel, shared.latency_cycles_parallel) == (plain.luts, plain.latency_cycles)
    saved = round(plain.luts - shared.luts)
    assert shared.verdict.startswith("first+second: 1 of 5 positions a cycle; an estimate of ")
    assert shared.verdict.endswith(f"{saved} fewer than with II = 1")
    block, behind = shared.parts
    assert (block.layers, block.positions, block.instances, block.fold) == ("first+second", 5, 1, 5)
    assert "head" in behind.layers
    assert sum(part.latency_cycles for part in shared.parts) == shared.latency_cycles
    assert shared.latency_cycles_from_last_word == shared.latency_cycles - 4
    (chosen,) = [tried for tried in shared.tried if tried.chosen]
    assert (chosen.luts, chosen.latency_cycles) == (shared.luts, shared.latency_cycles)


def test_reasons_for_ii_of_one(monkeypatch):
    network = shared_network(0)
    assert summary(random_network(2)).verdict == (
        "II = 1: no layer has the same tables or weights at several positions"
    )
    plain = estimate(network, MODEL).latency_cycles
    tight = summary(network, latency_cycles=plain)
    assert tight.verdict.startswith("II = 1: sharing takes at least ")
    assert tight.verdict.endswith(f"cycles, the budget grants {plain}")
    assert [part.fold for part in tight.parts] == [1]
    monkeypatch.setattr(time_sharing, "CONTROL_LUTS", 10_000)
    dear = summary(network)
    more = min(tried.luts for tried in dear.tried) - dear.luts_parallel
    assert dear.verdict == f"II = 1 was better, by an estimate of {more:.0f} LUTs"
    assert dear.luts == pytest.approx(dear.luts_parallel)
    monkeypatch.setattr(time_sharing, "CONTROL_LUTS", 3)
    monkeypatch.setattr(time_sharing, "WORTH", 0.0)
    assert summary(network).verdict.startswith("II = 1: sharing saves less than 1 %")
