"""The table of a scan: who beats whom, what a point holds, and the verdict on scans."""

from __future__ import annotations

import csv
import itertools
from typing import get_args

import made_cards
import made_results
import pytest
from made_results import write_scan

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.scan import ScanCard
from trigger_lut.cards.stage_cards import VerdictCard
from trigger_lut.config.data_set.consistency import inconsistencies
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.simulation import Simulation
from trigger_lut.errors import BudgetMissedError, CardError
from trigger_lut.evaluation.published import RESULTS, TITLES
from trigger_lut.stages import check_budgets
from trigger_lut.stages.scan import front


def beaten_by_definition(points) -> list[bool]:
    """The same, the slow way: on the front is who may be chosen and whom nobody who may be chosen beats."""
    undominated = []
    for accuracy, cost, may in points:
        better = [p for p in points if p[2] and p[0] >= accuracy and p[1] <= cost and (p[0], p[1]) != (accuracy, cost)]
        undominated.append(may and not better)
    return undominated


def test_the_front_holds_whom_none_beats():
    points = [(0.7, 100, True), (0.75, 200, True), (0.74, 300, True), (0.75, 201, True), (0.8, 900, True)]
    assert front(points) == [True, True, False, False, True]


def test_equals_are_both_on_the_front():
    assert front([(0.7, 100, True), (0.7, 100, True), (0.7, 101, True)]) == [True, True, False]


def test_who_may_not_be_chosen_beats_nobody():
    assert front([(0.9, 10, False), (0.7, 100, True)]) == [False, True]


def test_the_front_of_all_small_cases():
    """All sets of three points on a 3 x 3 grid, each allowed or not."""
    grid = list(itertools.product((0.6, 0.7, 0.8), (1, 2, 3), (True, False)))
    cases = list(itertools.product(grid, repeat=3))
    assert all(front(case) == beaten_by_definition(case) for case in cases)
    assert len(cases) == 18**3


@pytest.fixture
def make_scan(tmp_path):
    """Writes a scan of designs with changed cards, those named in `designs` as designs; gives the card's path."""
    write_card(made_cards.reference(), tmp_path / "reference.json")

    def make(designs=(), published=None, **points):
        folders = {name: made_cards.write_design(tmp_path, name, **changed) for name, changed in points.items()}
        chosen = [folder for name, folder in folders.items() if name not in designs]
        others = [folders[name] for name in designs]
        return write_scan(tmp_path, others, chosen, tmp_path / "reference.json", published)

    return make


def missing(name: str):
    """Cards of a design that misses its budget."""
    return {"synth": made_cards.synth(name, luts=1030)}


def test_a_point_holds_what_the_cards_say(make_scan):
    path = make_scan(
        designs=["small"],
        small={},
        scan_l900_t20_s2={
            "spec": made_cards.spec("scan_l900_t20_s2", luts=900, seed=2, network={"units": [9, 3]}),
            "synth": made_cards.synth("scan_l900_t20_s2", luts=905),
            "physics": made_cards.physics("scan_l900_t20_s2", accuracy=0.75),
        },
    )
    card = read_card(ScanCard, path)
    assert [(p.name, p.scanned) for p in card.points] == [("scan_l900_t20_s2", True), ("small", False)]
    point, small = card.points
    assert (point.network, point.seed, point.max_input_bits) == ("9-3", 2, 6)
    assert (point.luts, point.luts_budget, point.luts_source) == (905, 900, "yosys")
    assert (point.score, point.score_error) == (0.75, 0.004)
    assert (point.budget_met, point.missed_budgets) == (False, ["LUTs: 905 of 900 (yosys): 5 too many, 0.6 %"])
    assert (point.front_luts, point.front_latency) == (False, False)
    assert (small.front_luts, small.front_latency) == (True, True)
    assert (card.events, [baseline.score for baseline in card.baselines]) == (600, [0.81, 0.82])
    assert len(card.inputs) == 1 + 2 * 6


def test_a_point_tells_what_its_training_started_from(make_scan):
    warm = {
        "spec": made_cards.spec("b", warm_from="a"),
        "train": made_cards.train("b").model_copy(update={"epochs": 7}),
    }
    path = make_scan(a={}, b=warm)
    points = read_card(ScanCard, path).points
    assert [(p.warm_from, p.epochs, p.training_seconds) for p in points] == [(None, 60, 1.9), ("a", 7, 0.2)]
    with path.with_suffix(".tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(r["warm_from"], r["epochs"]) for r in rows] == [("", "60"), ("a", "7")]


def test_a_point_that_is_not_bit_exact_is_not_on_the_front(make_scan):
    card = read_card(ScanCard, make_scan(a={"verify": made_cards.verify("a", mismatches=3)}, b={}))
    assert [(p.front_luts, p.bit_exact) for p in card.points] == [(False, False), (True, True)]


def test_the_table_has_a_row_a_point(make_scan):
    with make_scan(a={}, b=missing("b")).with_suffix(".tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(r["name"], r["luts"], r["budget_met"], r["missed_budgets"]) for r in rows] == [
        ("a", "900", "true", ""),
        ("b", "1030", "false", "LUTs: 1,030 of 1,000 (yosys): 30 too many, 3.0 %"),
    ]


def test_points_on_other_events_are_refused(make_scan):
    other = made_cards.physics("b").model_copy(update={"events": 601})
    with pytest.raises(CardError, match=r"b/physics\.json: events: expected 600 as in .*/a, found 601$"):
        make_scan(a={}, b={"physics": other})
    with pytest.raises(CardError, match=r"b/spec\.json: data_set: expected 'toy' as for design 'a', found 'jets'$"):
        make_scan(a={}, b={"spec": made_cards.spec("b", data_set="jets")})


# ---------------------------------------------------------------- verdict


def test_a_scan_s_points_may_miss_their_budgets(tmp_path):
    results = made_results.finished(tmp_path, points=("a", "b"), b=missing("b"))
    card = check_budgets.run(scan=results / "scan.json", output=tmp_path / "verdict.json")
    assert read_card(VerdictCard, tmp_path / "verdict.json") == card
    assert card.designs == []
    assert [design.name for design in card.details] == ["a", "b"]
    assert "luts: 1030 (yosys), at most 1000: missed" in card.details[1].statements


def test_a_scan_s_points_must_be_bit_exact(tmp_path):
    results = made_results.finished(tmp_path, points=("a", "b"), b={"verify": made_cards.verify("b", mismatches=3)})
    with pytest.raises(BudgetMissedError) as caught:
        check_budgets.run(scan=results / "scan.json", output=tmp_path / "verdict.json")
    assert str(caught.value) == "1 of 2 designs fail\n  b: not bit-exact: 3 mismatches in 100,600 vectors"


def test_designs_beside_a_scan_are_judged_once_and_strictly(tmp_path):
    changed = {name: missing(name) for name in ("a", "small")}
    results = made_results.finished(tmp_path, "small", points=("a",), **changed)
    with pytest.raises(BudgetMissedError) as caught:
        check_budgets.run(
            summary=results / "summary.json", scan=results / "scan.json", output=tmp_path / "verdict.json"
        )
    expected = "1 of 2 designs fail\n  small: LUTs: 1,030 of 1,000 (yosys): 30 too many, 3.0 %"
    assert str(caught.value) == expected


# ---------------------------------------------------------------- published results


def test_published_results_are_shown_on_the_same_data_alone(make_scan):
    card = read_card(ScanCard, make_scan(published="jsc-openml-42468", a={}))
    assert (card.public_data_set, len(card.published)) == ("jsc-openml-42468", 7)
    assert card.published[0].luts == 5667
    card = read_card(ScanCard, make_scan(a={}))
    assert (card.public_data_set, card.published) == (None, [])


def test_a_description_can_name_each_published_set_and_no_other():
    field = DataSet.model_fields["public_data_set"]
    assert set(get_args(get_args(field.annotation)[0])) == set(RESULTS) == set(TITLES)
    assert all(0.5 < row.accuracy < 1 and "arXiv" in row.source for rows in RESULTS.values() for row in rows)


def test_stages_do_not_read_the_name_of_the_published_set():
    content = {
        "name": "toy",
        "files": ["a.root"],
        "tree": "t",
        "event_id": ["e"],
        "label": {"expression": "y", "classes": ["a", "b"]},
        "features": [{"name": "x"}],
    }
    plain = DataSet.model_validate(content)
    named = DataSet.model_validate({**content, "public_data_set": "jsc-cernbox"})
    assert named.public_data_set == "jsc-cernbox"
    assert plain.model_dump() == named.model_dump()
    assert inconsistencies(named) == []
    simulated = named.model_copy(update={"files": None, "simulate": Simulation()})
    assert "public_data_set: simulated data are no public data set, found 'jsc-cernbox'" in inconsistencies(simulated)
