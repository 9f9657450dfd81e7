"""Ingest: split, automatic formats, codes and card; and every refusal with its whole message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import encode
from rootfiles import CLASSES, description, jet_columns, truncated, write_description, write_tree

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.stage_cards import IngestCard, InputFormat, InputFormatsCard
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes
from trigger_lut.data.formats import automatic_format
from trigger_lut.data.split import assign, hash_columns, mix
from trigger_lut.errors import CardError, DataError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages.ingest import run as ingest
from trigger_lut.utils.files import sha256


def run(folder: Path, files: list[Path], **changes: Any) -> tuple[EventCodes, IngestCard]:
    path = write_description(folder / "toy.yaml", description(files, **changes))
    ingest(description=path, codes=folder / "codes.npz", card=folder / "ingest.json")
    return load_codes(folder / "codes.npz"), read_card(IngestCard, folder / "ingest.json")


def refusal(folder: Path, columns: dict[str, Any], **changes: Any) -> str:
    """The message with which a file of these columns is refused, the file's path as FILE; nothing may be written."""
    file = write_tree(folder / "bad.root", columns)
    with pytest.raises(DataError) as caught:
        run(folder, [file], **changes)
    assert not (folder / "codes.npz").exists()
    assert not (folder / "ingest.json").exists()
    return str(caught.value).replace(str(file), "FILE")


def changed(name: str, entry: int, value: Any, count: int = 300) -> dict[str, Any]:
    columns = jet_columns(count)
    columns[name][entry] = value
    return columns


def whole_folder(folder: Path) -> list[Path]:
    return [write_tree(folder / f"{n}.root", jet_columns(200, seed=n, first_event=1000 * n)) for n in range(3)]


# --- what comes out


def test_codes_are_the_expressions_in_their_formats(tmp_path: Path) -> None:
    columns = jet_columns(300)
    events, card = run(tmp_path, [write_tree(tmp_path / "a.root", columns)])
    order = np.argsort(hash_columns([columns["run"], columns["event"]]))
    ht = ak.to_numpy(ak.sum(columns["pt"], axis=1))
    for n, values in enumerate([columns["x"], columns["mass"].astype(np.float32), columns["n"], ht]):
        np.testing.assert_array_equal(events.codes[:, n], encode(values, events.formats[n])[order])
    np.testing.assert_array_equal(events.labels, columns["label"][order])
    assert events.formats[1] == KIF(0, 7, -1)
    assert [kif.bits for kif in events.formats] == [8, 6, 6, 10]
    assert [kif.k for kif in events.formats] == [1, 0, 0, 0]
    assert (np.diff(events.event_id.astype(object)) > 0).all()
    assert events.classes == tuple(CLASSES)
    assert events.features == ("x", "mass", "n", "ht")
    assert card.events == 300


def test_model_gives_the_formats_missing_in_the_description(tmp_path: Path) -> None:
    """Feature mass states its format and ht its width."""
    content = description([write_tree(tmp_path / "a.root", jet_columns(300))])
    path = write_description(tmp_path / "toy.yaml", content)
    read = [InputFormat(kif=(1, 2, 9), wraps=False), InputFormat(kif=(0, 9, 3), wraps=False), None, None]
    provenance = Stopwatch().provenance([path])
    card, out = tmp_path / "formats.json", {"codes": tmp_path / "codes.npz", "card": tmp_path / "ingest.json"}
    write_card(InputFormatsCard(formats=read, **provenance), card)
    _, without = run(tmp_path, [tmp_path / "a.root"])
    ingest(description=path, input_formats=card, **out)
    assert load_codes(out["codes"]).formats == (KIF(1, 2, 9), *(KIF(*f.kif) for f in without.features[1:]))
    ingested = read_card(IngestCard, out["card"])
    assert [f.of_model for f in ingested.features] == [True, False, False, False]
    assert [f.automatic for f in ingested.features] == [False, *(f.automatic for f in without.features[1:])]
    write_card(InputFormatsCard(formats=read[:2], **provenance), card)
    with pytest.raises(CardError, match="expected formats of the 4 features of data set toy, found 2"):
        ingest(description=path, input_formats=card, **out)


def test_card_says_what_was_read_and_made(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "a.root", jet_columns(300))
    events, card = run(tmp_path, [file])
    assert card.inputs == {str(p): sha256(p) for p in (tmp_path / "toy.yaml", file)}
    assert set(card.versions) == {"trigger_lut", "uproot", "awkward", "numpy"}
    assert [sum(card.class_counts[s].values()) for s in ("train", "validation", "test")] == [
        len(events.of(s)[1]) for s in (TRAIN, VALIDATION, TEST)
    ]
    mass = card.features[1]
    assert (mass.name, mass.format, mass.automatic, mass.kif) == ("mass", "ufixed<6,7>", False, (0, 7, -1))
    beyond = jet_columns(300)["mass"] >= 128
    assert mass.saturated_fraction == pytest.approx(beyond.mean())
    assert 0 < beyond.sum() < 300
    assert (mass.minimum, mass.maximum) == pytest.approx(
        (jet_columns(300)["mass"].min(), jet_columns(300)["mass"].max()), rel=1e-6
    )
    for n, feature in enumerate(card.features):
        (edges,), counts = feature.histogram["edges"], np.array(feature.histogram["counts"])
        assert counts.shape == (3, len(edges) - 1)
        assert counts.sum() == 300
        assert feature.distinct_codes == len(np.unique(events.codes[:, n]))
        real, _ = np.histogram(events.codes[:, n] * events.formats[n].step, edges)
        np.testing.assert_array_equal(counts.sum(axis=0), real)


def test_file_order_and_chunk_size_do_not_matter(tmp_path: Path) -> None:
    files = whole_folder(tmp_path)
    run(tmp_path / "1", files)
    first = (tmp_path / "1/codes.npz").read_bytes()
    all_columns = [jet_columns(200, seed=n, first_event=1000 * n) for n in range(3)]
    rng = np.random.default_rng(5)
    shuffled = rng.permutation(600)
    merged = {
        name: ak.to_numpy(ak.concatenate([c[name] for c in all_columns])) for name in all_columns[0] if name != "pt"
    }
    merged["pt"] = ak.concatenate([c["pt"] for c in all_columns])
    parts = [{name: column[rows] for name, column in merged.items()} for rows in (shuffled[:450], shuffled[450:])]
    other = [write_tree(tmp_path / f"z{n}.root", part) for n, part in enumerate(parts)]
    run(tmp_path / "2", list(reversed(files)), chunk_entries=37)
    run(tmp_path / "3", other, chunk_entries=100)
    assert (tmp_path / "2/codes.npz").read_bytes() == first
    assert (tmp_path / "3/codes.npz").read_bytes() == first
    changed_values = [{**all_columns[0], "run": all_columns[0]["run"] + 1}, *all_columns[1:]]  # negative control
    run(tmp_path / "4", [write_tree(tmp_path / f"y{n}.root", c) for n, c in enumerate(changed_values)])
    assert (tmp_path / "4/codes.npz").read_bytes() != first


def test_more_events_leave_earlier_ones_in_their_split(tmp_path: Path) -> None:
    files = whole_folder(tmp_path)
    few, _ = run(tmp_path / "few", files[:1])
    many, _ = run(tmp_path / "many", files)
    split_of = dict(zip(many.event_id.tolist(), many.split.tolist(), strict=True))
    assert [split_of[e] for e in few.event_id.tolist()] == few.split.tolist()


def test_split_by_keeps_jets_of_one_event_together(tmp_path: Path) -> None:
    columns = {**jet_columns(600), "jet": np.arange(600) % 2}
    columns["event"] = columns["event"] // 2
    file = write_tree(tmp_path / "a.root", columns)
    order = np.argsort(hash_columns([columns[n] for n in ("run", "event", "jet")]))

    def events_in_two_splits(**changes: Any) -> int:
        events, _ = run(tmp_path, [file], event_id=["run", "event", "jet"], **changes)
        pairs = set(zip(columns["event"][order].tolist(), events.split.tolist(), strict=True))
        return len(pairs) - 300

    assert events_in_two_splits(split_by=["run", "event"]) == 0
    assert events_in_two_splits() > 50  # negative control


def test_cut_keeps_what_it_says(tmp_path: Path) -> None:
    columns = jet_columns(600)
    columns["label"][columns["mass"] < 20] = 9  # not read where the cut is false
    columns["x"][columns["mass"] < 20] = np.nan
    file = write_tree(tmp_path / "a.root", columns)
    events, _ = run(tmp_path, [file], cut="(mass >= 20) & (num(pt) > 0)")
    keep = (columns["mass"] >= 20) & (ak.to_numpy(ak.num(columns["pt"])) > 0)
    assert 0 < keep.sum() < 600
    expected = np.sort(hash_columns([columns["run"][keep], columns["event"][keep]]))
    np.testing.assert_array_equal(events.event_id, expected)


@pytest.mark.parametrize("simple", [True, False])
def test_nonfinite_values_are_treated_as_asked_and_counted(tmp_path: Path, simple: bool) -> None:
    columns = jet_columns(300)
    columns["x"][[3, 7]] = np.nan, np.inf
    columns["mass"][5] = 1e300  # finite, but not in float32
    file = write_tree(tmp_path / "a.root", columns)
    features = description([])["features"]
    if simple:
        events, card = run(tmp_path, [file], nonfinite="drop")
        assert len(events.labels) == 297
    else:
        events, card = run(
            tmp_path, [file], nonfinite={"replace": -2.5}, features=[features[0], {**features[1], "nonfinite": "drop"}]
        )
        assert len(events.labels) == 299
        replaced = events.event_id == hash_columns([columns["run"][[7]], columns["event"][[7]]])
        assert events.codes[replaced, 0] == encode(-2.5, events.formats[0])
    assert [f.nonfinite for f in card.features][:2] == [2, 1]


def test_formats_follow_the_training_split_alone(tmp_path: Path) -> None:
    columns = jet_columns(300)
    split = assign(hash_columns([columns["run"], columns["event"]]), 0.6, validation=0.2)
    formats = []
    for name, where in (("same", []), ("test", split != TRAIN), ("train", split == TRAIN)):
        changed = {**columns, "x": columns["x"].copy()}
        changed["x"][where] *= 1000
        events, _ = run(tmp_path / name, [write_tree(tmp_path / f"{name}.root", changed)])
        formats.append(events.formats[0])
    assert formats[0] == formats[1]
    assert formats[2].i > formats[0].i


# --- split and formats alone


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_hash_of_a_row_depends_on_no_other_row_and_no_type(ids: list[int]) -> None:
    column = np.array(ids, np.int64)
    whole = hash_columns([column, column])
    assert [hash_columns([column[[n]], column[[n]]])[0] for n in range(len(ids))] == whole.tolist()
    np.testing.assert_array_equal(hash_columns([column.view(np.uint64), column]), whole)


def test_hash_is_frozen() -> None:
    """These are SplitMix64's own first outputs for the seeds 0 and 1234567; another hash moves every event."""
    assert mix(np.array([0x9E3779B97F4A7C15], np.uint64))[0] == 0xE220A8397B1DCDAF
    assert hash_columns([np.array([1234567])])[0] == 6457827717110365317
    assert hash_columns([np.array([1]), np.array([2])])[0] != hash_columns([np.array([2]), np.array([1])])[0]
    assert hash_columns([np.array([5], np.int8)])[0] == hash_columns([np.array([5], np.uint64)])[0]


def test_shares_of_the_split() -> None:
    split = assign(hash_columns([np.arange(100_000)]), 0.7, validation=0.1)
    shares = np.bincount(split) / len(split)
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.005)  # 3.5 standard deviations


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50).filter(any),
    st.integers(2, 12),
)
def test_automatic_format_is_the_smallest_that_holds_the_values(values: list[float], width: int) -> None:
    kif = automatic_format(values, width, quantiles=(0, 1))
    low, high = min(values), max(values)
    integers = all(value == int(value) for value in values)
    assert kif.bits <= width if integers else kif.bits == width
    assert kif.k == (low < 0)
    if integers:
        assert kif.f <= 0
        assert kif.f == 0 or kif.bits == width
    assert -(2.0**kif.i) * kif.k <= low
    assert high < 2.0**kif.i
    assert low < -(2.0 ** (kif.i - 1)) or high >= 2.0 ** (kif.i - 1) or kif.i == 1


def test_automatic_format_ignores_what_is_beyond_the_quantiles() -> None:
    values = np.concatenate([np.linspace(0, 0.9, 1000), [1000.0, -1000.0]])
    assert automatic_format(values, 8, quantiles=(0.01, 0.99)) == KIF(0, 0, 8)
    assert automatic_format(values, 8, quantiles=(0, 1)) == KIF(1, 10, -3)
    assert automatic_format(np.full(5, 0.0), 8, quantiles=(0, 1)) == KIF(0, 1, 0)


def test_automatic_format_at_powers_of_two() -> None:
    assert automatic_format([-4.0, 1.5], 8, quantiles=(0, 1)) == KIF(1, 2, 5)  # -4 is the lowest of [-4, 4)
    assert automatic_format([-4.0, 0.5, 4.0], 8, quantiles=(0, 1)) == KIF(1, 3, 4)  # 4 is beyond it
    assert automatic_format([0.0, 0.5], 8, quantiles=(0, 1)) == KIF(0, 0, 8)
    assert automatic_format([-0.01, 0.0], 6, quantiles=(0, 1)) == KIF(1, -6, 11)


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([0, 1], 8, KIF(0, 1, 0)),
        ([0] * 9999 + [1], 8, KIF(0, 1, 0)),  # a rare flag is beyond the quantiles
        ([0, 7], 8, KIF(0, 3, 0)),
        ([-20, 20], 8, KIF(1, 5, 0)),
        ([-1, 0], 8, KIF(1, 1, 0)),
        ([0, 255], 8, KIF(0, 8, 0)),
        ([0, 256], 8, KIF(0, 9, -1)),
        ([0] * 9999 + [10**6], 8, KIF(0, 1, 0)),  # too wide for 8 bits: the quantiles decide
        ([0, 0.5, 1], 8, KIF(0, 1, 7)),
    ],
)
def test_automatic_format_of_integers_has_no_fraction(values: list[float], width: int, expected: KIF) -> None:
    assert automatic_format(values, width, quantiles=(0.001, 0.999)) == expected


# --- what is refused


def test_earlier_results_survive_a_refusal(tmp_path: Path) -> None:
    good = write_tree(tmp_path / "a.root", jet_columns(300))
    run(tmp_path, [good])
    before = [(tmp_path / name).read_bytes() for name in ("codes.npz", "ingest.json")]
    short = truncated(tmp_path / "short.root", good)
    with pytest.raises(DataError, match=r"short\.root: truncated: "):
        run(tmp_path, [good, short])
    assert [(tmp_path / name).read_bytes() for name in ("codes.npz", "ingest.json")] == before
    assert not list(tmp_path.glob("*.part"))


def test_nonfinite_values_are_refused_and_counted_a_feature(tmp_path: Path) -> None:
    columns = jet_columns(300)
    columns["x"][[7, 40]] = np.nan, -np.inf
    columns["mass"][250] = np.inf
    assert refusal(tmp_path, columns, chunk_entries=100).split("\n  ") == [
        "data set toy: NaN or infinite values; set nonfinite to drop or to {replace: <number>}",
        "feature 'x': 2 of 300 values, first at entry 7 of FILE",
        "feature 'mass': 1 of 300 values, first at entry 250 of FILE",
    ]
    assert refusal(tmp_path, jet_columns(300), features=[{"name": "y", "expression": "log(n - n)"}]).endswith(
        "\n  feature 'y': 300 of 300 values, first at entry 0 of FILE"
    )
    all_dropped = refusal(
        tmp_path, jet_columns(300), nonfinite="drop", features=[{"name": "y", "expression": "log(n - n)"}]
    )
    assert all_dropped == "data set toy: no entry is left after dropping NaN and infinite values"


@pytest.mark.parametrize(
    ("columns", "changes", "message"),
    [
        (changed("label", 150, 3), {}, "label 'label': 3 at entry 150 is none of the 3 classes (0 to 2: a, b, c)"),
        (changed("label", 150, -1), {}, "label 'label': -1 at entry 150 is none of the 3 classes (0 to 2: a, b, c)"),
        (
            jet_columns(9),
            {"label": {"expression": "label / 2", "classes": CLASSES}},
            "label 'label / 2': 0.5 at entry 1 is not an integer",
        ),
        (
            changed("x", 2, np.nan),
            {"label": {"expression": "x * 0", "classes": CLASSES}},
            "label 'x * 0': nan at entry 2 is not an integer",
        ),
        (jet_columns(9), {"event_id": ["run", "x"]}, "event_id: branch 'x' holds float32, expected integers"),
        (
            jet_columns(9),
            {"event_id": ["run", "pt"]},
            "event_id: branch 'pt' holds a list per entry, expected one integer",
        ),
        (
            jet_columns(9),
            {"features": [{"name": "pt"}]},
            "feature 'pt': 'pt' is a list per entry, expected one number. Reduce it with sum, num, min, max or nth, or "
            "take an element, as in x[:, 0]. Or make each element a row, as in rows: Jet",
        ),
        (
            jet_columns(9),
            {"features": [{"name": "s", "expression": "sum(x)"}]},
            "feature 's': expression 'sum(x)': sum(x): sum takes a list per entry, found one number per entry",
        ),
        (jet_columns(9), {"cut": "x + 1"}, "cut: 'x + 1' is not one truth value per entry; compare, as in x > 0"),
        (jet_columns(9), {"cut": "pt > 1"}, "cut: 'pt > 1' is not one truth value per entry; compare, as in x > 0"),
    ],
)
def test_wrong_content(tmp_path: Path, columns: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, columns, chunk_entries=100, **changes).startswith(f"FILE: tree 'jets', {message}")


def test_missing_branches_are_named_with_their_use(tmp_path: Path) -> None:
    columns = jet_columns(9)
    for changes, tail in (
        ({"features": [{"name": "y", "expression": "mas / 2"}]}, "'mas' (feature 'y'); nearest: 'mass'"),
        ({"label": {"expression": "lable", "classes": CLASSES}}, "'lable' (label); nearest: 'label'"),
        ({"event_id": ["evnt"]}, "'evnt' (event_id); nearest: 'event', 'npt'"),
        ({"cut": "masss > 3"}, "'masss' (cut); nearest: 'mass'"),
    ):
        assert refusal(tmp_path, columns, **changes) == f"FILE: tree 'jets' has no branch {tail}"


def test_an_empty_class(tmp_path: Path) -> None:
    columns = jet_columns(300)
    columns["label"] = columns["label"] % 2
    assert refusal(tmp_path, columns) == "data set toy: class 'c' (label 2) has no events"
    columns["label"][0] = 2
    split = assign(hash_columns([columns["run"], columns["event"]]), 0.6, validation=0.2)[0]
    missing = [name for n, name in enumerate(("train", "validation", "test")) if n != split]
    expected = "; ".join(f"class 'c' (label 2) has no events in the {name} split" for name in missing)
    assert refusal(tmp_path, columns) == f"data set toy: {expected}"


def test_duplicated_events(tmp_path: Path) -> None:
    columns = jet_columns(300)
    columns["event"][250] = 20
    assert refusal(tmp_path, columns, chunk_entries=100) == (
        "data set toy: 1 duplicate entry by event_id (run, event). Expected another value for each entry, found "
        "twice: entry 20 of FILE and entry 250 of FILE"
    )


def test_no_entries(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, jet_columns(0)) == "data set toy: tree 'jets' has no entries in FILE. Check tree and files."
    )
    expected = "data set toy: none of 9 entries in FILE passes the cut and has a class. Check cut and label."
    assert refusal(tmp_path, jet_columns(9), cut="x > 1e9") == expected


def test_an_empty_file_among_others_is_no_fault(tmp_path: Path) -> None:
    files = [write_tree(tmp_path / "a.root", jet_columns(0)), write_tree(tmp_path / "b.root", jet_columns(300))]
    _, card = run(tmp_path, files)
    assert (card.files, card.events) == (2, 300)


def test_description_is_checked_before_files(tmp_path: Path) -> None:
    path = write_description(tmp_path / "toy.yaml", description([tmp_path / "none.root"]))
    with pytest.raises(DataError) as caught:
        ingest(description=path, codes=tmp_path / "codes.npz", card=tmp_path / "ingest.json")
    assert str(caught.value) == f"data set toy: no such file: {tmp_path / 'none.root'}; there are none"
    assert [p.name for p in tmp_path.iterdir()] == ["toy.yaml"]
