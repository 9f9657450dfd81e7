"""`trigger-lut init`: what is proposed from names and values, the file that is written, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rootfiles import jet_columns, truncated, write_nano, write_objects, write_tree

from trigger_lut import cli
from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.validation import NAME_EXPECTED
from trigger_lut.data.event_codes import load_codes
from trigger_lut.data.scaffold.branch_names import group, role, term
from trigger_lut.data.scaffold.classes import classes_of, patterns
from trigger_lut.data.scaffold.features import MAX_FEATURES, propose
from trigger_lut.data.scaffold.inspect import sample_tree
from trigger_lut.data.scaffold.objects import MOST_CHANNELS, MOST_SLOTS
from trigger_lut.data.scaffold.proposal import Proposal
from trigger_lut.data.scaffold.write_yaml import start
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.stages.ingest import run as ingest


def proposed(tmp_path: Path, tree: str = "jets", **columns: Any) -> Proposal:
    return propose(sample_tree([write_tree(tmp_path / "a.root", columns, tree)]))


def started(tmp_path: Path, *files: Path, **how: Any) -> Path:
    output = tmp_path / "mine.yaml"
    start([str(file) for file in files], how.get("tree"), name=None, output=output)
    return output


def ingested(tmp_path: Path, description: Path) -> IngestCard:
    ingest(description=description, codes=tmp_path / "codes.npz", card=tmp_path / "ingest.json")
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
        "Jet_pt_sum": "sum(Jet_pt)",
    }
    jets = data_set.objects["Jet"]
    assert (jets.count, jets.sort_by, jets.pad) == (4, "Jet_pt", 0)
    assert [(f.name, f.expression) for f in jets.features] == [("pt", "Jet_pt"), ("eta", "Jet_eta")]
    text = description.read_text()
    assert "# - named like a weight: genWeight\n" in text
    assert "# - always 0: nothing\n" in text
    assert "# - a decision of a trigger or filter: HLT_IsoMu24\n" in text
    assert "# - named like the truth of a simulation, which a trigger does not have: " in text
    assert "# other trees, with their entries: Runs (2)\n" in text
    card = ingested(tmp_path, description)
    assert card.events == 1000
    # the format in the comment is what an automatic format becomes, but for the choice of the sample
    assert f"- name: nJet{'':39}# int32_t, 0 to 4, 0 % not finite; auto: ufixed<3,3>" in text
    assert next(f for f in card.features if f.name == "nJet").format == "ufixed<3,3>"


def test_several_entries_of_an_event_stay_together(tmp_path: Path) -> None:
    columns = jet_columns(60)
    proposal = proposed(
        tmp_path, **{**columns, "event": columns["event"] // 2, "jet": np.arange(60, dtype=np.int32) % 2}
    )
    assert proposal.event_id == ("run", "event", "jet")
    assert proposal.split_by == ("run", "event")


def test_an_identity_that_is_not_unique_is_left_to_the_user(tmp_path: Path) -> None:
    columns = jet_columns(60)
    proposal = proposed(tmp_path, **{**columns, "event": columns["event"] // 3})
    assert proposal.event_id == ()
    assert proposal.notes["event_id"] == "run, event is not unique: 40 of 60 entries have that of another"
    del columns["run"], columns["event"]
    note = "no integer branch is named like run, luminosityBlock, event or an index"
    assert proposed(tmp_path, **columns).notes["event_id"] == note


def test_the_length_of_a_list_is_no_identity(tmp_path: Path) -> None:
    lists = ak.unflatten(np.arange(10.0), [1, 2, 3, 4])
    columns = {"Event.Number": lists, "Event": np.arange(1, 5), "Particle": np.arange(1, 5)}
    proposal = proposed(tmp_path, **columns, **{"Particle.PT": lists})
    assert proposal.event_id == ()
    assert {f.name: f.expression for f in proposal.features}["nParticle"] == "Particle"
    assert proposed(tmp_path, particle=np.arange(4)).event_id == ("particle",)


def test_equal_identities_in_two_files_are_seen(tmp_path: Path) -> None:
    files = [write_tree(tmp_path / f"{n}.root", jet_columns(30)) for n in "ab"]
    assert propose(sample_tree(files)).event_id == ()
    files[1] = write_tree(tmp_path / "c.root", jet_columns(30, first_event=30))
    assert propose(sample_tree(files)).event_id == ("run", "event")


@pytest.mark.parametrize(
    ("name", "values", "classes"),
    [
        ("label", [0, 1, 2], 3),
        ("isSignal", [False, True], 2),
        ("y", [0.0, 1.0], 2),
        ("target", [1.5, 2], 0),
        ("target", [0, 0.5], 0),
        ("truth_label", list(range(20)), 20),
        ("label", list(range(21)), 0),
        ("label", [1], 0),
        ("charge", [0, 1], 0),
    ],
)
def test_a_label_has_the_name_and_the_values_of_one(tmp_path: Path, name: str, values: list[Any], classes: int) -> None:
    proposal = proposed(tmp_path, **{"event": np.arange(84), "x": np.arange(84.0), name: np.resize(values, 84)})
    assert proposal.classes == tuple(f"class_{k}" for k in range(classes))
    assert proposal.label == (name if classes else "")
    if name == "charge":
        assert proposal.notes["label"].endswith("those that hold few values are: charge")
    elif not classes:
        assert f"{name} {values[0]} to {values[-1]}" in proposal.notes["label"]


def test_what_must_be_filled_in_is_refused_with_these_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path / "a.root", {"constant": np.ones(50)})
    assert cli.main(["init", str(tmp_path / "a.root"), "--output", str(tmp_path / "mine.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "to be filled in: label, features\n" in shown
    assert "tree: jets, 50 entries" in shown
    assert "# 1. fill in label\n# 2. fill in features\n" in (tmp_path / "mine.yaml").read_text()
    with pytest.raises(ConfigurationError) as caught:
        load_data_set(tmp_path / "mine.yaml")
    label = "FILL IN: branch or expression that is 0 for the first class, 1 for the second, ..."
    assert str(caught.value) == (
        f"{tmp_path}/mine.yaml: 3 mistakes\n"
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


def test_features_beyond_the_limit_are_comments(tmp_path: Path) -> None:
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
    assert "branches that not all files have, skipped: extra\n" in capsys.readouterr().out
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
        (
            [str(good), "--name", "a b"],
            f"--name: {NAME_EXPECTED}, found 'a b'",
        ),
        ([str(good), "--name", "a", "--output", new], "--output: expected a file a.yaml, as the data set's name"),
    ):
        assert cli.main(["init", *arguments]) == 1
        assert capsys.readouterr().err.startswith(f"trigger-lut: error: {message}")
    assert (tmp_path / "there.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.glob("*.y*")] == ["there.yaml"]


def test_the_file_goes_where_the_workflow_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_nano(tmp_path / "ntuples/sig.v2.root", 50)
    start(["ntuples/*.root"], None, name=None, output=None)
    assert load_data_set(tmp_path / "config/data_sets/ntuples.yaml").name == "ntuples"
    start(["ntuples/sig.v2.root"], None, name=None, output=None)
    assert load_data_set(tmp_path / "config/data_sets/sigv2.yaml").files == ["ntuples/sig.v2.root"]


def test_names() -> None:
    roles = {
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
    assert {name: role(name) for name in roles} == roles
    assert [group(name) for name in ("Jet_pt", "Jet.PT", "pt", "_x")] == [
        ("Jet", "pt"),
        ("Jet", "PT"),
        ("pt", ""),
        ("_x", ""),
    ]
    assert term('a"b\\') == 'branch("a\\"b\\\\")'


KINDS = st.sampled_from(
    ["normal", "whole", "flag", "constant", "nan", "list", "empty lists", "array", "matrix", "signs", "crossings"]
)
WORDS = st.one_of(
    st.sampled_from(
        [
            "run",
            "event",
            "Jet.PT",
            "Jet_pt",
            "nJet",
            "Jet_eta",
            "weight",
            "y",
            "on",
            "min",
            "HLT_x",
            "null",
            "Jet_bx",
            "L1Jet_pt",
            "L1Jet_bx",
            "jetEt",
            "jetBx",
            "a/b",
            "class",
            "Info:event",
            "##x",
        ]
    ),
    st.text("ab_.1 :#'\"{", min_size=1, max_size=6).filter(lambda word: word.strip(".") == word),
)


def made_column(kind: str, rng: np.random.Generator, count: int) -> Any:
    lengths = rng.integers(0, 4, count)
    choices = {
        "normal": lambda: rng.normal(0, 100, count),
        "whole": lambda: rng.integers(-5, 90, count),
        "flag": lambda: rng.random(count) < 0.5,
        "constant": lambda: np.ones(count, np.float32),
        "nan": lambda: np.where(rng.random(count) < 0.02, np.nan, rng.normal(0, 1e-3, count)),
        "list": lambda: ak.unflatten(rng.exponential(9, lengths.sum()).astype(np.float32), lengths),
        "array": lambda: ak.from_numpy(rng.normal(size=(count, 3)), regulararray=True),
        "matrix": lambda: ak.from_numpy(rng.normal(size=(count, 4, 2)).astype(np.float32), regulararray=True),
        "signs": lambda: rng.choice([-1.0, 1.0], count),
        "crossings": lambda: ak.unflatten(rng.integers(-1, 2, lengths.sum()), lengths),
        "empty lists": lambda: ak.unflatten(np.zeros(0, np.float32), np.zeros(count, int)),
    }
    return choices[kind]()


@example({"Jet_pt": "list", "Jet_bx": "crossings"}, 1)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(WORDS, KINDS, max_size=8), st.integers(0, 99))
def test_what_is_proposed_is_ingested(tmp_path: Path, branches: dict[str, str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {name: made_column(kind, rng, 400) for name, kind in branches.items()}
    columns |= {"Event": np.arange(400), "label": np.arange(400) % 2, "always": rng.normal(size=400)}
    description = tmp_path / "mine.yaml"
    description.unlink(missing_ok=True)
    started(tmp_path, write_tree(tmp_path / "a.root", columns))
    data_set = load_data_set(description)
    card = ingested(tmp_path, description)
    assert [f.name for f in card.features] == [channel.name for channel in channels(data_set)]
    assert {*branches} & {"weight"} <= set(description.read_text().split("# Skipped:")[1].replace(",", " ").split())


def test_addresses_are_not_looked_into(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"https://example\.org/a\.root: init reads local files alone"):
        start(["https://example.org/a.root"], None, name="far", output=None)
    assert not (tmp_path / "config").exists()


# ---------------------------------------------------------------- objects


def test_lists_of_one_object_become_slots_and_are_ingested(tmp_path: Path) -> None:
    file = write_objects(tmp_path / "a.root")
    description = started(tmp_path, file)
    text = description.read_text()
    assert "expression: 'FILL IN" in text, "no branch and no name of a file says the class"
    filled = text.replace(
        "'FILL IN: branch or expression that is 0 for the first class, 1 for the second, ...'", "nMuon > 0"
    )
    description.write_text(filled.replace("'FILL IN: names of the classes, from 0 on'", "[none, some]"))
    data_set = load_data_set(description)
    jets, muons, photons = (data_set.objects[name] for name in ("Jet", "Muon", "Photon"))
    assert (jets.count, muons.count, photons.count) == (MOST_SLOTS, 2, 3)
    assert [(f.name, f.expression) for f in jets.features] == [("pt", "Jet_pt"), ("eta", "Jet_eta")]
    assert (jets.sort_by, muons.sort_by, photons.sort_by) == ("Jet_pt", "Muon_pt", "Photon_pt")
    assert [f.name for f in photons.features] == ["pt", "eta"]
    assert [f.name for f in data_set.features] == [
        "MET_pt",
        *(x for n in data_set.objects for x in (f"n{n}", f"{n}_pt_sum")),
    ]
    assert "# - not as long as Jet_pt: Jet_sub_pt\n" in text
    assert "# - always 0: Photon_mass\n" in text
    assert "# - {name: charge, expression: Muon_charge}" in text
    assert "sort_by: Muon_pt" in text
    assert text.count("# largest first, as in the file\n") == 3
    assert (
        "    count: 2                         # 0 to 2 per entry; 2 hold all of them in 100 % of the entries\n" in text
    )
    card = ingested(tmp_path, description)
    assert [f.name for f in card.features] == [channel.name for channel in channels(data_set)]
    assert f"- {{name: eta, expression: Jet_eta}}{'':17}# float[]" in text
    stated = text.split("expression: Jet_eta}")[1].split("auto: ")[1].split("\n")[0]
    assert stated == next(f.format for f in card.features if f.name == "Jet_0_eta"), (
        "the comment says what auto becomes"
    )


def test_a_lists_order_that_is_not_falling_is_said(tmp_path: Path) -> None:
    text = started(tmp_path, write_nano(tmp_path / "a.root")).read_text()
    assert "sort_by: Jet_pt                  # largest first; the file has another order\n" in text


def test_what_is_put_in_from_the_comments_of_objects_is_ingested(tmp_path: Path) -> None:
    description = started(
        tmp_path, write_objects(tmp_path / "ww_1.root"), write_objects(tmp_path / "qcd_1.root", seed=1)
    )
    text = description.read_text().replace("      # - {", "      - {").replace("    # mask", "    mask")
    description.write_text(text.replace("    # select", "    select"))
    data_set = load_data_set(description)
    assert [f.name for f in data_set.objects["Muon"].features] == ["pt", "eta", "charge"]
    assert data_set.objects["Jet"].select == "Jet_pt > 20"
    assert ingested(tmp_path, description).events == 800


def test_nonfinite_values_count_where_they_are_in_a_slot(tmp_path: Path) -> None:
    count = 500
    lengths = np.full(count, 12)
    pt = -np.sort(-np.random.default_rng(0).exponential(30, (count, 12)), axis=1)
    eta, often = np.random.default_rng(1).normal(size=(2, count, 12))
    eta[:, 11] = np.nan  # in no slot
    eta[:5, 0] = np.inf
    often[::2, 3] = np.nan

    def lists(values: Any) -> Any:
        return ak.unflatten(values.reshape(-1).astype(np.float32), lengths)

    columns = {"event": np.arange(count), "label": np.arange(count) % 2, "jet_pt": lists(pt)}
    columns |= {"jet_eta": lists(eta), "jet_phi": lists(often)}
    description = started(tmp_path, write_tree(tmp_path / "a.root", columns))
    data_set = load_data_set(description)
    assert data_set.nonfinite == "drop"
    assert [f.name for f in data_set.objects["jet"].features] == ["pt", "eta"]
    text = description.read_text()
    assert "1 % not finite; auto: fixed<8,3>" in text
    assert "50 % not finite; auto: fixed<8,3>; too often not finite for nonfinite: drop" in text
    assert ingested(tmp_path, description).events == 495


def test_so_many_channels_of_objects_and_no_more(tmp_path: Path) -> None:
    rng, count = np.random.default_rng(0), 300
    columns: dict[str, Any] = {"event": np.arange(count), "label": np.arange(count) % 2}
    for head in ("jet", "electron", "muon", "tau", "photon"):
        lengths = rng.integers(8, 12, count)
        for variable in ("pt", "eta", "phi", "mass"):
            columns[f"{head}_{variable}"] = ak.unflatten(rng.normal(9, 1, lengths.sum()).astype(np.float32), lengths)
    description = started(tmp_path, write_tree(tmp_path / "a.root", columns))
    data_set = load_data_set(description)
    assert {name: objects.count for name, objects in data_set.objects.items()} == {"jet": 8, "electron": 8}
    assert sum(len(o.features) * o.count for o in data_set.objects.values()) == MOST_CHANNELS
    assert "muon_pt_0" in [f.name for f in data_set.features], "the leading one, where there is no room for slots"
    assert len(data_set.features) <= MAX_FEATURES
    ingested(tmp_path, description)


def test_objects_with_channels_named_as_a_feature_are_renamed(tmp_path: Path) -> None:
    description = started(tmp_path, write_nano(tmp_path / "a.root", Jet_0_pt=np.random.default_rng(0).normal(size=500)))
    assert list(load_data_set(description).objects) == ["Jet_objects"]
    ingested(tmp_path, description)


# ---------------------------------------------------------------- classes by file


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["sig_1", "sig_2", "bkg_1"], {"bkg": ["bkg_1"], "sig": ["sig_1", "sig_2"]}),
        (["ntuple_ttbar_v3_12", "ntuple_qcd_v3_7"], {"qcd": ["ntuple_qcd_v3_7"], "ttbar": ["ntuple_ttbar_v3_12"]}),
        (["TT", "TT_semilep"], {"TT": ["TT"], "TT_semilep": ["TT_semilep"]}),
        (["g_0", "q_0", "W_0"], {"W": ["W_0"], "g": ["g_0"], "q": ["q_0"]}),
        (["hh_train", "hh_test", "minbias_train"], {"minbias": ["minbias_train"], "hh": ["hh_train", "hh_test"]}),
        (["hh/0", "hh/1", "zz/0"], {"hh": ["hh/0", "hh/1"], "zz": ["zz/0"]}),
        (["hh/0AA3C1B2-77F3", "zz/1BB3C1B2-66F3"], {"hh": ["hh/0AA3C1B2-77F3"], "zz": ["zz/1BB3C1B2-66F3"]}),
        (["0", "1"], {}),
        (["a_1", "a_2"], {}),
        (["part1", "part2"], {}),
        (["train", "test"], {}),
        (["run2018A", "run2018B"], {}),
        (["SingleMuon_Run2016B", "SingleMuon_Run2016C"], {}),
        (["0AA3C1B2-77F3", "1BB3C1B2-66F3"], {}),
        ([f"{letter}{letter}x" for letter in "abcdefghijk"], {}),
        (["alone"], {}),
    ],
)
def test_names_of_files_tell_processes_and_not_parts(files: list[str], expected: dict[str, list[str]]) -> None:
    by_class = classes_of([Path(f"data/{name}.root") for name in files])
    assert {name: [path.as_posix()[5:-5] for path in paths] for name, paths in by_class.items()} == expected
    assert list(by_class) == list(expected)


def test_class_files_are_written_as_given_or_by_an_exact_glob(tmp_path: Path) -> None:
    names = ("sig_1", "sig_2", "bkg_1", "bkg_12", "signal_0", "more/zz_0")
    files = []
    for name in names:
        files.append(tmp_path / f"{name}.root")
        files[-1].parent.mkdir(exist_ok=True)
        files[-1].write_text(name)
    classes = {"bkg": [files[2], files[3]], "sig": [files[0], files[1]], "zz": [files[5], files[4]]}
    told = patterns(classes, [f"{tmp_path}/*.root", f"{tmp_path}/bkg_*.root"])
    assert told["bkg"] == [f"{tmp_path}/bkg_*.root"]
    assert told["sig"] == [f"{tmp_path}/sig_*.root"], "sig*.root would be signal's as well"
    assert told["zz"] == [files[5].as_posix(), files[4].as_posix()], "no glob means just these"


def test_files_by_class_go_through_ingest(tmp_path: Path) -> None:
    files = [write_objects(tmp_path / f"ttbar_{n}.root", seed=n, first=400 * n, shift=40.0) for n in range(2)]
    files.append(write_objects(tmp_path / "minbias_0.root", seed=5, first=800))
    description = tmp_path / "mine.yaml"
    messages = start([f"{tmp_path}/*.root"], None, name=None, output=description)
    assert f"label: minbias {files[2]}, ttbar {tmp_path}/ttbar_*.root (names of files tell 2 classes; " in messages
    assert "to be filled in" not in messages
    data_set = load_data_set(description)
    assert data_set.files is None
    assert data_set.files_by_class == {"minbias": [str(files[2])], "ttbar": [f"{tmp_path}/ttbar_*.root"]}
    assert data_set.label.expression is None
    assert data_set.label.classes == ["minbias", "ttbar"]
    assert not data_set.event_ids_repeat_across_classes
    assert ingested(tmp_path, description).events == 1200
    events = load_codes(tmp_path / "codes.npz")
    met = events.codes[:, events.features.index("MET_pt")]
    assert np.bincount(events.labels).tolist() == [400, 800]
    assert met[events.labels == 1].min() > met[events.labels == 0].min()


def test_processes_that_repeat_identities_are_told_apart(tmp_path: Path) -> None:
    for seed, name in enumerate(("hh", "minbias")):
        write_objects(tmp_path / f"{name}_0.root", seed=seed)
    description = started(tmp_path, tmp_path / "hh_0.root", tmp_path / "minbias_0.root")
    data_set = load_data_set(description)
    assert data_set.event_id == ["run", "luminosityBlock", "event"]
    assert data_set.event_ids_repeat_across_classes
    comment = "# event_id: unique over the 800 entries read, class by class: files of different classes repeat it\n"
    assert comment in description.read_text()
    assert ingested(tmp_path, description).events == 800
    assert len(set(load_codes(tmp_path / "codes.npz").event_id.tolist())) == 800
    # negative control: the same without it
    description.write_text(
        description.read_text().replace(
            "event_ids_repeat_across_classes: true", "event_ids_repeat_across_classes: false"
        )
    )
    message = "400 duplicate entries by event_id .* found twice: entry .*say event_ids_repeat_across_classes: true$"
    with pytest.raises(DataError, match=message):
        ingested(tmp_path, description)


def test_identities_that_repeat_within_a_class_stay_open(tmp_path: Path) -> None:
    for name in ("hh_0", "hh_1", "minbias_0"):
        write_objects(tmp_path / f"{name}.root")
    text = started(tmp_path, tmp_path / "hh_0.root", tmp_path / "hh_1.root", tmp_path / "minbias_0.root").read_text()
    assert "event_id: 'FILL IN" in text
    assert "800 of 1,200 entries have that of another" in text
    assert "\nevent_ids_repeat" not in text


def test_a_branch_that_is_a_label_goes_before_names_of_files(tmp_path: Path) -> None:
    files = [write_nano(tmp_path / f"{name}.root", seed=n) for n, name in enumerate(("hh", "minbias"))]
    data_set = load_data_set(started(tmp_path, *files))
    assert (data_set.files_by_class, data_set.label.expression) == (None, "is_signal")
