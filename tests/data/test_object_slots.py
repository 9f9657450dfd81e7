"""Objects in slots, hardware scales, classes by file, weights and observables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rootfiles import description, here, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.features import Objects
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.event_codes import TRAIN, EventCodes, load_codes
from trigger_lut.data.object_slots import slots
from trigger_lut.data.split import hash_columns
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages.ingest import run as ingest

JETS = {
    "count": 3,
    "sort_by": "jet_pt",
    "select": "abs(jet_eta) < 2.4",
    "features": [
        {"name": "pt", "expression": "jet_pt", "scale": {"signed": False, "width": 10, "lsb": 0.25}},
        {"name": "eta", "expression": "jet_eta", "scale": {"signed": True, "width": 9, "lsb": "pi/720"}},
    ],
}


def columns(count: int = 120, seed: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    arrays = jet_columns(count, seed)
    lengths = rng.integers(0, 6, count)
    arrays["jet_pt"] = ak.unflatten(rng.exponential(60, lengths.sum()).astype(np.float32), lengths)
    arrays["jet_eta"] = ak.unflatten(rng.normal(0, 1.8, lengths.sum()).astype(np.float32), lengths)
    return arrays


def run(folder: Path, files: list[Path], /, **changes: Any) -> tuple[EventCodes, IngestCard]:
    ingest(
        description=write_description(folder / "toy.yaml", description(files, **changes)),
        codes=folder / "codes.npz",
        card=folder / "ingest.json",
    )
    return load_codes(folder / "codes.npz"), read_card(IngestCard, folder / "ingest.json")


def one_by_one(arrays: dict[str, Any], count: int) -> list[list[tuple[float, float]]]:
    """The selected jets of each entry, largest transverse momentum first, in plain Python."""
    slots_by_event = []
    for pts, etas in zip(arrays["jet_pt"].to_list(), arrays["jet_eta"].to_list(), strict=True):
        jets = [(pt, eta) for pt, eta in zip(pts, etas, strict=True) if abs(eta) < 2.4]
        slots_by_event.append(sorted(jets, key=lambda jet: -jet[0])[:count])
    return slots_by_event


def test_objects_are_selected_sorted_cut_off_and_padded(tmp_path: Path) -> None:
    arrays = columns()
    events, card = run(tmp_path, [write_tree(tmp_path / "a.root", arrays)], objects={"jet": {**JETS, "mask": "there"}})
    order = np.argsort(hash_columns([arrays["run"], arrays["event"]]))
    assert events.features[4:] == tuple(f"jet_{s}_{name}" for s in range(3) for name in ("pt", "eta", "there"))
    assert events.formats[4:7] == (KIF(0, 10, 0), KIF(1, 8, 0), KIF(0, 1, 0))
    jets = one_by_one(arrays, 3)
    for row, entry in enumerate(order):
        expected = []
        for slot in range(3):
            pt, eta, there = (*jets[entry][slot], 1) if slot < len(jets[entry]) else (0.0, 0.0, 0)
            expected += [min(math.floor(pt / 0.25 + 0.5), 1023), math.floor(eta / (math.pi / 720) + 0.5), there]
            expected[-2] = min(max(expected[-2], -256), 255)
        assert events.codes[row, 4:].tolist() == expected
    last = card.features[4 + 6]
    assert last.name == "jet_2_pt"
    assert last.empty_fraction == pytest.approx(np.mean([len(j) < 3 for j in jets]))
    assert last.lsb == 0.25
    assert card.features[4].saturated_fraction == pytest.approx(
        np.mean([j[0][0] / 0.25 + 0.5 >= 1024 for j in jets if j]), abs=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), max_size=6), min_size=1, max_size=12),
    st.integers(1, 5),
    st.booleans(),
)
def test_slots_are_those_of_a_loop_over_entries(entries: list[Any], count: int, by_key: bool) -> None:
    objects = Objects.model_validate(
        {
            "count": count,
            "sort_by": "a" if by_key else None,
            "select": "b > -3",
            "pad": -7,
            "features": [{"name": "a"}, {"name": "b"}],
        }
    )
    total = [len(e) for e in entries]
    flat = np.array([pair for e in entries for pair in e], dtype=np.int64).reshape(-1, 2)
    branches = {name: ak.unflatten(flat[:, n], total) for n, name in enumerate("ab")}
    values, kept = slots("x", objects, branches=branches, entry=np.arange(len(entries)))
    for row, entry in enumerate(entries):
        pairs = [pair for pair in entry if pair[1] > -3]
        if by_key:
            pairs = sorted(pairs, key=lambda pair: -pair[0])
        pairs = pairs[:count]
        assert kept[row] == len(pairs)
        assert values[row].tolist() == [list(map(float, p)) for p in pairs] + [[-7.0, -7.0]] * (count - len(pairs))


def test_a_key_that_is_not_a_number_comes_last() -> None:
    objects = Objects.model_validate({"count": 2, "sort_by": "k", "features": [{"name": "a"}]})
    branches = {"k": ak.Array([[math.nan, 1.0, 2.0]]), "a": ak.Array([[1.0, 2.0, 3.0]])}
    values, _ = slots("x", objects, branches=branches, entry=np.arange(1))
    assert values[0, :, 0].tolist() == [3.0, 2.0]


def test_automatic_format_covers_all_slots_but_empty_ones(tmp_path: Path) -> None:
    arrays = columns(400)
    arrays["jet_pt"] = arrays["jet_pt"] + 100
    objects = {
        "jet": {"count": 4, "sort_by": "jet_pt", "pad": -50, "features": [{"name": "pt", "expression": "jet_pt"}]}
    }
    events, card = run(tmp_path, [write_tree(tmp_path / "a.root", arrays)], objects=objects)
    assert len(set(events.formats[4:])) == 1
    assert events.formats[4].k == 0  # the padding of -50 does not make it signed
    assert card.features[7].empty_fraction > card.features[4].empty_fraction > 0
    assert card.features[7].minimum >= 100
    assert (events.codes[:, 7] == 0).mean() >= card.features[7].empty_fraction  # -50 saturates at the smallest code


def test_lists_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    arrays = columns()
    arrays["jet_eta"] = ak.concatenate([arrays["jet_eta"][:50], [[0.5] * 7], arrays["jet_eta"][51:]])
    file = write_tree(tmp_path / "a.root", arrays)
    with pytest.raises(DataError) as caught:
        run(tmp_path, [file], objects={"jet": JETS}, chunk_entries=40)
    there = len(arrays["jet_pt"][50])
    assert str(caught.value) == (
        f"{file}: tree 'jets', objects 'jet': 'eta' has 7 values where 'pt' has {there}, at entry 50"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sort_by": "mass"}, "objects 'jet': sort_by: 'mass' is one number per entry, expected a list per entry"),
        ({"select": "jet_pt + 1"}, "objects 'jet': select: 'jet_pt + 1' gives no truth values; compare, as in x > 0"),
        (
            {"features": [{"name": "n", "expression": "num(jet_pt)"}]},
            "objects 'jet': feature 'n': 'num(jet_pt)' is one number per entry, expected a list per entry",
        ),
        (
            {"features": [{"name": "jet_pz"}]},
            "has no branch 'jet_pz' (objects 'jet', feature 'jet_pz'); nearest: 'jet_pt'",
        ),
    ],
)
def test_expressions_that_give_no_objects_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write_tree(tmp_path / "a.root", columns())
    with pytest.raises(DataError) as caught:
        run(tmp_path, [file], objects={"jet": {**JETS, **change}})
    assert message in str(caught.value)
    assert not (tmp_path / "codes.npz").exists()


def test_the_scale_says_how_it_rounds(tmp_path: Path) -> None:
    arrays = columns(60)
    arrays["x"] = (np.arange(60) * 0.1).astype(np.float32)
    scale = {"signed": True, "width": 8, "lsb": 0.25}
    features = [
        {"name": "x", "scale": scale},
        {"name": "cut", "expression": "x", "scale": {**scale, "rounding": "floor"}},
    ]
    events, card = run(tmp_path, [write_tree(tmp_path / "a.root", arrays)], features=features)
    x = arrays["x"].astype(np.float64)[np.argsort(hash_columns([arrays["run"], arrays["event"]]))]
    np.testing.assert_array_equal(events.codes[:, 0], np.floor(x * 4 + 0.5))
    np.testing.assert_array_equal(events.codes[:, 1], np.floor(x * 4))
    assert (events.codes[:, 0] != events.codes[:, 1]).any()
    assert [f.histogram["edges"][0][0] for f in card.features] == [-32.0, -32.0]


def test_files_may_say_the_class_and_branches_the_weight(tmp_path: Path) -> None:
    parts = [jet_columns(90, seed=n, first_event=1000 * n) for n in range(3)]
    files = [write_tree(tmp_path / f"{n}.root", part) for n, part in enumerate(parts)]
    by_class = {name: [str(file)] for name, file in zip("cab", files, strict=True)}
    events, card = run(
        tmp_path,
        [],
        files=None,
        files_by_class=by_class,
        label={"classes": ["a", "b", "c"]},
        weight="mass / 10",
        observables={"ht": "sum(pt)", "other": "x"},
    )
    order = np.argsort(hash_columns([np.concatenate([p[k] for p in parts]) for k in ("run", "event")]))
    np.testing.assert_array_equal(events.labels, np.repeat([2, 0, 1], 90)[order])
    assert events.weights is not None
    assert events.observables is not None
    mass, x = (np.concatenate([p[k] for p in parts])[order] for k in ("mass", "x"))
    train = events.split == TRAIN
    np.testing.assert_allclose(events.weights, mass / mass[train].mean(), rtol=1e-6)
    np.testing.assert_array_equal(events.observables[:, 1], x)
    assert events.observable_names == ("ht", "other")
    block = events.block(10, 20)
    np.testing.assert_array_equal(block.weights, events.weights[10:20])
    assert card.events == 270


def test_classes_may_be_balanced(tmp_path: Path) -> None:
    arrays = jet_columns(400)
    arrays["label"] = np.minimum(arrays["event"] % 7, 2).astype(np.int32)
    file = write_tree(tmp_path / "a.root", arrays)
    for weight in (None, "n"):
        events, _ = run(tmp_path, [file], balance_classes=True, weight=weight)
        assert events.weights is not None
        train = events.split == TRAIN
        sums = np.bincount(events.labels[train], events.weights[train])
        np.testing.assert_allclose(sums, train.sum() / 3, rtol=1e-5)
        if weight is None:
            assert len(np.unique(events.weights[events.labels == 2])) == 1
    with pytest.raises(DataError, match=r"class 'b' has no weight in the training split"):
        run(tmp_path, [file], weight="where(label > 0.5, where(label < 1.5, 0, 1), 1)")


def test_without_weights_and_observables_the_file_has_none(tmp_path: Path) -> None:
    events, _ = run(tmp_path, [write_tree(tmp_path / "a.root", jet_columns(90))])
    assert (events.weights, events.observables, events.observable_names) == (None, None, ())


def test_bad_weights_and_observables_are_refused(tmp_path: Path) -> None:
    arrays = jet_columns(90)
    arrays["x"][7] = -1.0
    arrays["mass"][9] = math.nan
    file = write_tree(tmp_path / "a.root", arrays)
    with pytest.raises(DataError, match=r"weight: inf at entry 7, expected a number below 1e30"):
        run(tmp_path, [file], weight="1 / (1 + where(x < -0.999, x, 1))", features=[{"name": "n"}])
    with pytest.raises(DataError, match=r"observable 'm': 1 of 90 values, first at entry 9 of "):
        run(tmp_path, [file], observables={"m": "mass"}, features=[{"name": "n"}])


def loaded(folder: Path, **changes: Any) -> DataSet:
    return load_data_set(write_description(folder / "toy.yaml", description([Path("a.root")], **changes)))


def test_mistakes_of_the_description_are_named(tmp_path: Path) -> None:
    one = {"signed": True, "width": 2, "lsb": 1}
    both = {"name": "q", "scale": one, "format": {"signed": True, "width": 2, "integer": 2}}
    with pytest.raises(ConfigurationError) as caught:
        loaded(
            tmp_path,
            files=None,
            files_by_class={"a": ["a.root"], "d": ["b.root"]},
            features=None,
            objects={
                "jet": {"count": 2, "mask": "pt", "features": [{"name": "pt", "quantiles": [0.9, 0.1]}]},
                "mu": {"count": 1, "features": [both, {"name": "w", "width": 4, "scale": one}]},
            },
        )
    assert str(caught.value).splitlines()[1:] == [
        "  files_by_class: no class 'd' in label.classes; there are: 'a', 'b', 'c'",
        "  files_by_class: no files of class 'b'",
        "  files_by_class: no files of class 'c'",
        "  label.expression: not together with files_by_class",
        "  objects.jet.features: 'pt' occurs twice",
        "  objects.mu.features.0.scale: not together with format",
        "  objects.mu.features.1.width: only for format: auto",
        "  objects.jet.features.0.quantiles: expected low < high, found 0.9, 0.1",
    ]
    with pytest.raises(ConfigurationError, match=r"features: expected at least one, here or under objects"):
        loaded(tmp_path, features=None)
    with pytest.raises(ConfigurationError, match=r"event_ids_repeat_across_classes: only with files_by_class"):
        loaded(tmp_path, event_ids_repeat_across_classes=True)
    with pytest.raises(ConfigurationError, match=r"label\.expression: missing; give it, or files_by_class"):
        loaded(tmp_path, label={"classes": ["a", "b"]})
    with pytest.raises(ConfigurationError, match=r"features\.0\.scale\.lsb: expected .*found 'pi/x'"):
        loaded(tmp_path, features=[{"name": "x", "scale": {"signed": True, "width": 8, "lsb": "pi/x"}}])


def test_a_file_of_two_classes_is_refused(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "a.root", jet_columns(30))
    data_set = loaded(
        tmp_path,
        files=None,
        files_by_class={"a": [str(file)], "b": [str(tmp_path / "*.root")]},
        label={"classes": ["a", "b"]},
    )
    with pytest.raises(DataError, match=r"a\.root is listed under both classes 'a' and 'b'"):
        here(data_set)


def test_a_regression_aims_at_numbers_in_units_near_their_spread(tmp_path: Path) -> None:
    arrays = jet_columns(300)
    file = write_tree(tmp_path / "a.root", arrays)
    targets = [
        {"name": "mass", "expression": "mass", "unit": "GeV"},
        {"name": "twice", "expression": "2 * mass", "scale": 10},
    ]
    events, card = run(
        tmp_path, [file], label=None, regression_targets=targets, features=[{"name": "x"}, {"name": "n"}]
    )
    mass = arrays["mass"][np.argsort(hash_columns([arrays["run"], arrays["event"]]))]
    assert events.has_targets
    assert events.classes == ("mass", "twice")
    spread = mass[events.split == TRAIN].std()
    assert events.scales == (2.0 ** round(math.log2(spread)), 10.0)
    np.testing.assert_allclose(
        events.truth(TRAIN) * events.scales, np.stack([mass, 2 * mass], 1)[events.split == TRAIN]
    )
    assert (events.labels == 0).all()
    assert card.classes == ["all"]
    assert sum(card.class_counts["train"].values()) == (events.split == TRAIN).sum()
    assert card.targets[0].unit == "GeV"
    assert card.targets[1].mean == pytest.approx(2 * mass.mean(), rel=1e-6)
    with pytest.raises(DataError, match=r"target 'one' has one value in the training split"):
        run(tmp_path, [file], label=None, regression_targets=[{"name": "one", "expression": "0 * n"}])
    arrays["mass"][3] = math.inf
    with pytest.raises(DataError, match=r"target 'mass': 1 of 300 values, first at entry 3 of "):
        run(
            tmp_path,
            [write_tree(tmp_path / "b.root", arrays)],
            label=None,
            regression_targets=targets,
            features=[{"name": "x"}],
        )


def test_classes_targets_or_both(tmp_path: Path) -> None:
    target = [{"name": "mass", "expression": "mass"}]
    assert [head.name for head in loaded(tmp_path, regression_targets=target).heads] == ["class", "mass"]
    with pytest.raises(ConfigurationError, match=r"label: give label, regression_targets, or both, found neither"):
        loaded(tmp_path, label=None)
    with pytest.raises(ConfigurationError, match=r"balance_classes: not with targets"):
        loaded(tmp_path, label=None, regression_targets=target, balance_classes=True)
