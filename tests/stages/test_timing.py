"""The timing card: cycles times the target's period, judged against budget and target."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_calls import in_order

from trigger_lut.cards.base import Measured, read_card, write_card
from trigger_lut.cards.firmware import SynthCard, TableEntries, TimingCard, VerifyCard
from trigger_lut.config.budget import DesignBudget, NetworkShape, Spec, Target, Training
from trigger_lut.cost_model.delay import FAMILIES
from trigger_lut.errors import CardError
from trigger_lut.stages.timing import run as timing

COMMON = {"seconds": 1.0, "versions": {}, "inputs": {}}


def spec(latency_ns: float, allowed: float | None = 1000.0) -> Spec:
    target = Target(
        description="test", part="part", family="xcup", clock_mhz=360, latency_allowed_ns=allowed,
        event_period_ns=25, totals={}, source="test",
    )  # fmt: skip
    return Spec(
        design="small", data_set="jets", target_name="test", target=target, seed=1, network=NetworkShape(units=[5]),
        training=Training(), budget=DesignBudget(luts=100, latency_ns=latency_ns),
    )  # fmt: skip


def verified(cycles: int, ii: int = 1, design: str = "small") -> VerifyCard:
    return VerifyCard(
        design=design, vectors=1, vector_sets={"test": 1}, outputs=1, comparisons=[], control="", mismatches=0,
        table_entries=TableEntries(entries=1, covered=1, unreachable=0, uncovered=0),
        controls_caught=True, bit_exact=True, latency_cycles_measured=cycles, ii_measured=ii, verdict="bit-exact",
        **COMMON,
    )  # fmt: skip


def synthesized(path_ns: float | None = 2.0) -> SynthCard:
    one = Measured(value=1, source="yosys")
    return SynthCard(
        design="small", part="part", family="xcup", luts=one, ff=one, carry=one, dsp=one, bram18=one,
        logic_levels=Measured(value=5, source="yosys-levels"), path_ns_estimate=path_ns, cells={"LUT6": 1},
        luts_estimate=one, ff_estimate=one, luts_estimate_error=0.0, **COMMON,
    )  # fmt: skip


def run(folder: Path, *cards: object) -> TimingCard:
    paths = [folder / f"{name}.json" for name in ("spec", "verify", "synth")]
    for card, path in zip(cards, paths, strict=True):
        write_card(card, path)  # type: ignore[arg-type]
    return in_order(timing, *paths, folder / "timing.json")


def test_latency_is_cycles_times_the_targets_period(tmp_path):
    card = run(tmp_path, spec(20), verified(7), synthesized())
    assert card.latency_ns.value == pytest.approx(7 * 1000 / 360)
    assert (card.latency_cycles.value, card.ii.value) == (7, 1)
    assert {card.latency_cycles.source, card.latency_ns.source, card.ii.source} == {"rtl-simulation"}
    assert card.logic_levels == Measured(value=5, source="yosys-levels")
    assert card.fmax_mhz_estimate.value == pytest.approx(1000 / (2.0 + FAMILIES["xcup"].register), abs=0.1)
    assert card.fmax_mhz_estimate.source == "yosys-delay-model"
    assert card.fmax_model.startswith("estimate, not a timing run")
    assert card.fmax_mhz_interval.low_mhz < card.fmax_mhz_estimate.value < card.fmax_mhz_interval.high_mhz
    assert str(card.fmax_mhz_interval) in card.fmax_model
    assert card.latency_met
    assert card.ii_met
    assert read_card(TimingCard, tmp_path / "timing.json") == card
    assert set(card.inputs) == {str(tmp_path / f"{name}.json") for name in ("spec", "verify", "synth")}


@pytest.mark.parametrize(
    ("latency_ns", "allowed", "cycles", "met"),
    [(25.0, None, 9, True), (25.0, None, 10, False), (25.0, 25.0, 9, True)],
)
def test_met_or_missed(tmp_path, latency_ns, allowed, cycles, met):
    assert run(tmp_path, spec(latency_ns, allowed), verified(cycles), synthesized()).latency_met is met


def test_timing_clock_missed_latency_missed(tmp_path):
    longest = 1000 / 360 - FAMILIES["xcup"].register
    for path_ns, met in ((longest, True), (longest + 1e-4, False)):
        card = run(tmp_path, spec(25), verified(3), synthesized(path_ns))
        assert (card.clock_met, card.latency_met) == (met, met)


def test_an_initiation_interval_above_one_is_missed(tmp_path):
    assert not run(tmp_path, spec(25), verified(3, ii=2), synthesized()).ii_met


def test_refuses_cards_of_another_design(tmp_path):
    with pytest.raises(CardError, match=r"verify\.json: card of another design\. Expected 'small', found 'large'\."):
        run(tmp_path, spec(25), verified(3, design="large"), synthesized())
    with pytest.raises(CardError, match=r"path_ns_estimate: missing\. Run the synth stage again\.$"):
        run(tmp_path, spec(25), verified(3), synthesized(None))
    assert not (tmp_path / "timing.json").exists()
