"""`trigger-lut init`: what is proposed from names and values, the file that is written, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rootfiles import jet_columns, truncated, write_nano, write_tree

from trigger_lut import cli
from trigger_lut.cards import read_card
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.events.description import load_data_set
from trigger_lut.events.look import look
from trigger_lut.events.names import group, role, term
from trigger_lut.events.propose import MAX_FEATURES, Proposal, propose
from trigger_lut.events.run import ingest
from trigger_lut.events.start import start
from trigger_lut.records import IngestCard


def proposed(tmp_path: Path, tree: str = "jets", **columns: Any) -> Proposal:
    return propose(look([write_tree(tmp_path / "a.root", columns, tree)]))


def started(tmp_path: Path, *files: Path, **how: Any) -> Path:
    output = tmp_path / "mine.yaml"
    start([str(file) for file in files], how.get("tree"), None, output)
    return output


def ingested(tmp_path: Path, description: Path) -> IngestCard:
    ingest(description, tmp_path / "codes.npz", tmp_path / "ingest.json")
    return read_card(IngestCard, tmp_path / "ingest.json")


def test_nano_files_are_described_and_ingested(tmp_path: Path) -> None:
    files = [write_nano(tmp_path / f"{n}.root", seed=n) for n in range(2)]
    description = started(tmp_path, *files)
    data_set = load_data_set(description)
    assert data_set.name == "mine"
    assert data_set.files == [str(file) for file in files]
    assert data_set.tree == "Events"
    assert data_set.event_id == ["run", "luminosityBlock", "event"]
    assert (data_set.label.expression, data_set.label.classes) == ("is_signal", ["class_0", "class_1"])
    assert data_set.nonfinite == "refuse"
    assert {f.name: f.expression for f in data_set.features} == {
        "MET_pt": None,
        "nJet": None,
        "Jet_pt_0": "nth(Jet_pt, 0, 0.0)",
        "Jet_pt_sum": "sum(Jet_pt)",
        "Jet_eta_0": "nth(Jet_eta, 0, 0.0)",
    }
    text = description.read_text()
    assert "# - named like a weight: genWeight\n" in text
    assert "# - always 0: nothing\n" in text
    assert "# - a decision of a trigger or filter: HLT_IsoMu24\n" in text
    assert "# - named like the truth of a simulation, which a trigger does not have: " in text
    assert "# other trees, with their entries: Runs (2)\n" in text
    card = ingested(tmp_path, description)
    assert card.events == 1000
    # the format in the comment is what an automatic format becomes, but for the choice of the sample
    assert f"- name: nJet{'':39}# int32_t, 0 to 4, 0 % not finite; auto: ufixed<8,3>" in text
    assert next(f for f in card.features if f.name == "nJet").format == "ufixed<8,3>"


def test_several_entries_of_an_event_stay_together(tmp_path: Path) -> None:
    columns = jet_columns(60)
    found = proposed(tmp_path, **{**columns, "event": columns["event"] // 2, "jet": np.arange(60, dtype=np.int32) % 2})
    assert found.event_id == ("run", "event", "jet")
    assert found.split_by == ("run", "event")


def test_an_identity_that_is_not_unique_is_left_to_the_user(tmp_path: Path) -> None:
    columns = jet_columns(60)
    found = proposed(tmp_path, **{**columns, "event": columns["event"] // 3})
    assert found.event_id == ()
    assert found.notes["event_id"] == "run, event is not unique: 40 of 60 entries have that of another"
    del columns["run"], columns["event"]
    said = "no integer branch is named like run, luminosityBlock, event or an index"
    assert proposed(tmp_path, **columns).notes["event_id"] == said


def test_the_length_of_a_list_is_no_identity(tmp_path: Path) -> None:
    lists = ak.unflatten(np.arange(10.0), [1, 2, 3, 4])
    columns = {"Event.Number": lists, "Event": np.arange(1, 5), "Particle": np.arange(1, 5)}
    found = proposed(tmp_path, **columns, **{"Particle.PT": lists})
    assert found.event_id == ()
    assert {f.name: f.expression for f in found.features}["nParticle"] == "Particle"
    assert proposed(tmp_path, particle=np.arange(4)).event_id == ("particle",)


def test_equal_identities_in_two_files_are_seen(tmp_path: Path) -> None:
    files = [write_tree(tmp_path / f"{n}.root", jet_columns(30)) for n in "ab"]
    assert propose(look(files)).event_id == ()
    files[1] = write_tree(tmp_path / "c.root", jet_columns(30, first_event=30))
    assert propose(look(files)).event_id == ("run", "event")


@pytest.mark.parametrize(
    ("name", "values", "classes"),
    [
        ("label", [0, 1, 2], 3),
        ("isSignal", [False, True], 2),
        ("y", [0.0, 1.0], 2),
        ("target", [1, 2], 0),
        ("target", [0, 2], 0),
        ("truth_label", list(range(20)), 20),
        ("label", list(range(21)), 0),
        ("label", [1], 0),
        ("charge", [0, 1], 0),
    ],
)
def test_a_label_has_the_name_and_the_values_of_one(tmp_path: Path, name: str, values: list[Any], classes: int) -> None:
    found = proposed(tmp_path, **{"event": np.arange(84), "x": np.arange(84.0), name: np.resize(values, 84)})
    assert found.classes == classes
    assert found.label == (name if classes else "")
    if name == "charge":
        assert found.notes["label"].endswith("those that hold 0, 1, ... are: charge")
    elif not classes:
        assert f"{name} {values[0]} to {values[-1]}" in found.notes["label"]


def test_what_must_be_filled_in_is_refused_with_these_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path / "a.root", {"constant": np.ones(50)})
    assert cli.main(["init", str(tmp_path / "a.root"), "--output", str(tmp_path / "mine.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "to be filled in: event_id, label, features\n" in shown
    assert "tree: jets, 50 entries" in shown
    assert "# 1. fill in event_id\n# 2. fill in label\n# 3. fill in features\n" in (tmp_path / "mine.yaml").read_text()
    with pytest.raises(ConfigurationError) as caught:
        load_data_set(tmp_path / "mine.yaml")
    label = "FILL IN: branch or expression that is 0 for the first class, 1 for the second, ..."
    assert str(caught.value) == (
        f"{tmp_path}/mine.yaml: 4 mistakes\n"
        "  event_id: expected a list, found 'FILL IN: integer branches that together name an entry'\n"
        f"  label.expression: expression '{label}' cannot be parsed: invalid syntax\n"
        "  label.classes: expected a list, found 'FILL IN: names of the classes, from 0 on'\n"
        "  features: expected a list, found 'FILL IN: the inputs of the network'"
    )


def test_nan_is_dropped_and_a_branch_full_of_it_is_not_used(tmp_path: Path) -> None:
    columns = jet_columns(600)
    columns["x"][::50] = np.nan
    columns["often"] = np.where(np.arange(600) % 2, np.nan, columns["mass"])
    columns["never"] = np.full(600, np.inf)
    description = started(tmp_path, write_tree(tmp_path / "a.root", columns))
    data_set = load_data_set(description)
    assert data_set.nonfinite == "drop"
    names = [f.name for f in data_set.features]
    assert "x" in names
    assert not {"often", "never"} & set(names)
    text = description.read_text()
    assert "2 % not finite" in text
    assert "50 % not finite; auto: ufixed<8,8>; too often not finite for nonfinite: drop" in text
    assert "# - no finite value: never\n" in text
    assert ingested(tmp_path, description).events == 588


def test_strange_names_go_through_ingest(tmp_path: Path) -> None:
    columns = jet_columns(600)
    names = {"x": "Jet.PT", "mass": "lambda", "n": "sum", "pt": "L1 jets: {pt}", "label": "label.y"}
    columns = {names.get(name, name): values for name, values in columns.items()}
    columns["no"] = columns["Jet.PT"] + 1
    columns["Jet_PT"] = columns["Jet.PT"] - 1
    description = started(tmp_path, write_tree(tmp_path / "a.root", columns))
    data_set = load_data_set(description)
    assert data_set.label.expression == 'branch("label.y")'
    features = {f.name: f.expression for f in data_set.features}
    assert features["Jet_PT"] == 'branch("Jet.PT")'
    assert features["Jet_PT_2"] == "Jet_PT"
    assert features["lambda"] == 'branch("lambda")'
    assert features["sum"] == 'branch("sum")'
    assert features["no"] is None
    assert features["L1_jets___pt_0"] == 'nth(branch("L1 jets: {pt}"), 0, 0.0)'
    assert ingested(tmp_path, description).events == 600


def test_at_most_so_many_features_are_in_and_the_rest_in_comments(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    many = {f"v{n}": rng.normal(size=600).astype(np.float32) for n in range(40)}
    description = started(tmp_path, write_tree(tmp_path / "a.root", {**jet_columns(600), **many}))
    assert len(load_data_set(description).features) == MAX_FEATURES
    comments = [line for line in description.read_text().splitlines() if line.startswith("  # - ")]
    assert len(comments) == 43 + 3 - MAX_FEATURES
    # a line of a comment is one that can be put in
    description.write_text(description.read_text().replace("  # - ", "  - "))
    assert len(load_data_set(description).features) == 46
    ingested(tmp_path, description)


def test_files_with_other_branches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_nano(tmp_path / "a.root", 400, extra=np.arange(400.0))
    write_nano(tmp_path / "b.root", 400, seed=1)
    assert cli.main(["init", str(tmp_path / "*.root"), "--output", str(tmp_path / "mine.yaml")]) == 0
    assert "branches that not all files have, left out: extra\n" in capsys.readouterr().out
    assert "# - in 1 of 2 files alone: extra\n" in (tmp_path / "mine.yaml").read_text()
    assert load_data_set(tmp_path / "mine.yaml").files == [str(tmp_path / "*.root")]
    assert ingested(tmp_path, tmp_path / "mine.yaml").events == 800


def test_nothing_is_overwritten_or_written_for_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_nano(tmp_path / "good.root", 50)
    (tmp_path / "there.yaml").write_text("mine")
    cut = truncated(tmp_path / "cut.root", good)
    there, new = str(tmp_path / "there.yaml"), str(tmp_path / "new.yaml")
    for arguments, message in (
        ([str(good), "--output", there], f"{there}: exists already and is left as it is; give another --name"),
        ([str(good), str(cut), "--output", new], f"{cut}: truncated: "),
        ([str(tmp_path / "god.root"), "--output", new], f"data set new: no such file: {tmp_path}/god.root; nearest: "),
        ([str(tmp_path / "*.rot"), "--output", new], f"data set new: nothing matches {tmp_path}/*.rot; nearest: "),
        ([str(good), "--tree", "Event", "--output", new], f"{good}: no tree 'Event'; nearest: 'Events'"),
        ([str(good), "--name", "a b"], "--name: expected a name of letters, digits, '_' and '-', found 'a b'"),
        ([str(good), "--name", "a", "--output", new], "--output: expected a file a.yaml, as the data set's name"),
    ):
        assert cli.main(["init", *arguments]) == 1
        assert capsys.readouterr().err.startswith(f"trigger-lut: error: {message}")
    assert (tmp_path / "there.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.glob("*.y*")] == ["there.yaml"]


def test_the_file_goes_where_the_workflow_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_nano(tmp_path / "ntuples/sig.v2.root", 50)
    start(["ntuples/*.root"], None, None, None)
    assert load_data_set(tmp_path / "config/data_sets/ntuples.yaml").name == "ntuples"
    start(["ntuples/sig.v2.root"], None, None, None)
    assert load_data_set(tmp_path / "config/data_sets/sigv2.yaml").files == ["ntuples/sig.v2.root"]


def test_names() -> None:
    said = {
        "eventNumber": "event",
        "Event/lumi": "lumi",
        "jet_index": "index",
        "evtWeight": "weight",
        "genTau_pt": "truth",
        "nGenPart": "truth",
        "mc_trks.id": "truth",
        "Aux.GenFiltHT": "truth",
        "AntiKt10TruthJetsAux.pt": "truth",
        "truth_label": "label",
        "general": None,
        "pt": None,
    }
    assert {name: role(name) for name in said} == said
    assert [group(name) for name in ("Jet_pt", "Jet.PT", "pt", "_x")] == [
        ("Jet", "pt"),
        ("Jet", "PT"),
        ("pt", ""),
        ("_x", ""),
    ]
    assert term('a"b\\') == 'branch("a\\"b\\\\")'


KINDS = st.sampled_from(["normal", "whole", "flag", "constant", "nan", "list", "empty lists"])
WORDS = st.one_of(
    st.sampled_from(
        ["run", "event", "Jet.PT", "Jet_pt", "nJet", "Jet_eta", "weight", "y", "on", "min", "HLT_x", "null"]
    ),
    st.text("ab_.1 :#'\"{", min_size=1, max_size=6).filter(lambda word: word.strip(".") == word),
)


def made(kind: str, rng: np.random.Generator, count: int) -> Any:
    lengths = rng.integers(0, 4, count)
    choices = {
        "normal": lambda: rng.normal(0, 100, count),
        "whole": lambda: rng.integers(-5, 90, count),
        "flag": lambda: rng.random(count) < 0.5,
        "constant": lambda: np.ones(count, np.float32),
        "nan": lambda: np.where(rng.random(count) < 0.02, np.nan, rng.normal(0, 1e-3, count)),
        "list": lambda: ak.unflatten(rng.exponential(9, lengths.sum()).astype(np.float32), lengths),
        "empty lists": lambda: ak.unflatten(np.zeros(0, np.float32), np.zeros(count, int)),
    }
    return choices[kind]()


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(WORDS, KINDS, max_size=8), st.integers(0, 99))
def test_what_is_proposed_is_ingested(tmp_path: Path, branches: dict[str, str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {name: made(kind, rng, 400) for name, kind in branches.items()}
    columns |= {"Event": np.arange(400), "label": np.arange(400) % 2, "always": rng.normal(size=400)}
    description = tmp_path / "mine.yaml"
    description.unlink(missing_ok=True)
    started(tmp_path, write_tree(tmp_path / "a.root", columns))
    data_set = load_data_set(description)
    card = ingested(tmp_path, description)
    assert [f.name for f in card.features] == [f.name for f in data_set.features]
    assert {*branches} & {"weight"} <= set(description.read_text().split("# Left out:")[1].replace(",", " ").split())


def test_addresses_are_not_looked_into(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"https://example\.org/a\.root: init looks into files that are here"):
        start(["https://example.org/a.root"], None, "far", None)
    assert not (tmp_path / "config").exists()
