"""The table over all designs and the verdict on it."""

from __future__ import annotations

import csv

import made_cards
import pytest
from made_results import write_summary

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.stage_cards import Summary
from trigger_lut.errors import CardError
from trigger_lut.verification.judgement import faults, unproven


@pytest.fixture
def make_summary(tmp_path):
    """Writes the summary of designs with changed cards; gives its path."""
    write_card(made_cards.reference(), tmp_path / "reference.json")

    def make(**designs):
        folders = [made_cards.write_design(tmp_path, name, **changed) for name, changed in designs.items()]
        return write_summary(tmp_path, folders, tmp_path / "reference.json")

    return make


def test_a_row_holds_what_the_cards_say(make_summary):
    path = make_summary(small={}, large={"synth": made_cards.synth("large", luts=1000.0)})
    card = read_card(Summary, path)
    assert (card.data_set, card.target) == ("toy", "level-1")
    assert [d.name for d in card.designs] == ["small", "large"]
    small = card.designs[0]
    assert (small.luts, small.luts_source, small.luts_budget, small.luts_estimate) == (900, "yosys", 1000, 950.0)
    assert (small.latency_cycles, small.latency_ns, small.latency_source) == (7, 17.5, "rtl-simulation")
    assert (small.score, *(baseline.score for baseline in small.baselines)) == (0.797, 0.81, 0.82)
    assert small.efficiency_at_1e3 == {"g": 0.1, "q": 0.2, "W": pytest.approx(0.3)}
    assert (small.bit_exact, small.vectors, small.mismatches, small.budget_met) == (True, 100_600, 0, True)
    assert [(x.quantity, x.budget, x.measured, x.met) for x in small.budget] == [
        ("luts", 1000, 900, True),
        ("clock_mhz", 400, 480, True),
        ("latency_ns", 20, 17.5, True),
        ("ii", 1, 1, True),
        ("dsp", 0, 0, True),
        ("bram18", 0, 0, True),
    ]
    assert card.designs[1].budget_met, "exactly on the budget is met"
    assert len(card.inputs) == 1 + 2 * 6


def test_the_table_has_a_row_a_design(make_summary):
    path = make_summary(small={}, large={"synth": made_cards.synth("large", luts=1001)})
    with path.with_suffix(".tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(r["name"], r["luts"], r["luts_met"], r["budget_met"]) for r in rows] == [
        ("small", "900", "true", "true"),
        ("large", "1001", "false", "false"),
    ]
    assert rows[0]["auc.W"].startswith("0.94")


def test_faults_of_a_design_name_each_size(make_summary):
    path = make_summary(
        small={},
        medium={
            "synth": made_cards.synth("medium", luts=1234),
            "timing": made_cards.timing("medium", cycles=9),
            "verify": made_cards.verify("medium", mismatches=12),
        },
        large={
            "verify": no_control(made_cards.verify("large")),
            "spec": made_cards.spec("large", budget={"luts": 1000, "latency_ns": 20, "dsp": 0, "bram18": 1}),
            "synth": made_cards.synth("large").model_copy(update={"dsp": made_cards.Measured(value=2, source="yosys")}),
        },
    )
    assert [reason for design in read_card(Summary, path).designs for reason in faults(design)] == [
        "medium: LUTs: 1,234 of 1,000 (yosys): 234 too many, 23.4 %",
        "medium: latency: 22.5 of 20 ns (rtl-simulation): 2.5 ns too long, 12.5 %",
        "medium: not bit-exact: 12 mismatches in 100,600 vectors",
        "large: DSP slices: 2 of 0 (yosys): 2 too many",
        "large: not shown to be bit-exact: 0 mismatches, but a negative control was not caught",
    ]


def test_faults_clock_missed_are_clock_and_latency(make_summary):
    path = make_summary(
        small={"timing": made_cards.timing(fmax_mhz=385)}, large={"timing": made_cards.timing("large", 9, 20, 99)}
    )
    assert [reason for design in read_card(Summary, path).designs for reason in faults(design)] == [
        "small: clock: 385 of at least 400 MHz (yosys-delay-model): 15 MHz too low, 3.8 %",
        "small: latency: 17.5 of 20 ns (rtl-simulation): counts only at the target's clock of 400 MHz, "
        "which is not reached",
        "large: clock: 99 of at least 400 MHz (yosys-delay-model): 301 MHz too low, 75.2 %",
        "large: latency: 22.5 of 20 ns (rtl-simulation): 2.5 ns too long, 12.5 %; counts only at the target's clock "
        "of 400 MHz, which is not reached",
    ]


def test_verdict_decision_below_clock_fails(tmp_path):
    for fmax_mhz, expected in ((400, False), (399.9, True)):
        write_card(made_cards.decision(fmax_mhz=fmax_mhz), tmp_path / "decision.json")
        failures = unproven(tmp_path / "decision.json")
        assert bool(failures) is expected
    assert failures == [
        "small: decision in firmware: clock: 399.9 of at least 400 MHz (yosys-delay-model): 0.1 MHz too low, 0.0 %"
    ]


def no_control(card):
    """A card of the verification whose flipped bit no form noticed."""
    missed = [form.model_copy(update={"control_mismatches": 0}) for form in card.comparisons]
    update = {"comparisons": missed, "controls_caught": False, "bit_exact": False, "verdict": "not bit-exact"}
    return card.model_copy(update=update)


def test_what_was_not_measured_is_refused(make_summary, tmp_path):
    with pytest.raises(CardError, match=r"small/synth\.json: luts: not measured\. Expected a number to judge"):
        make_summary(small={"synth": made_cards.synth(luts=None)})
    assert not (tmp_path / "summary.json").exists()
    assert not (tmp_path / "summary.tsv").exists()


def test_a_card_of_another_design_is_refused(make_summary):
    with pytest.raises(
        CardError, match=r"small/synth\.json: card of another design. Expected 'small' as in spec\.json, found 'large'"
    ):
        make_summary(small={"synth": made_cards.synth("large")})


def test_designs_of_two_data_sets_are_refused(make_summary):
    with pytest.raises(
        CardError, match=r"large/spec\.json: data_set: expected 'toy' as for design 'small', found 'jets'$"
    ):
        make_summary(small={}, large={"spec": made_cards.spec("large", data_set="jets")})


def test_a_reference_of_other_widths_is_refused(make_summary):
    with pytest.raises(CardError, match=r"reference\.json: network: expected '9-3' as in .*spec\.json, found '6-3'$"):
        make_summary(small={"spec": made_cards.spec(network={"units": [9, 3]})})


def test_an_fmax_below_the_clock_is_called_that():
    from trigger_lut.report.template import fmax

    assert fmax(392.2, 360.0).text == "392.2 (not checked)"
    assert fmax(359.96, 360.0).text == "359.9, below the clock of 360 (not checked)"
