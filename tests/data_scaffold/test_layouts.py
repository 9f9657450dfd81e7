"""`init` and reading of files in the layouts of experiments: objects of level 1, arrays, truth, labels, identities."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import yaml
from layouts import write_trees

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.event_codes import load_codes
from trigger_lut.data.scaffold.branch_names import group, role
from trigger_lut.data.scaffold.write_yaml import start
from trigger_lut.stages.ingest import run as ingest

COUNT = 300
RNG = np.random.default_rng(5)
LABEL = np.arange(COUNT, dtype="i4") % 2


def lists(values: Any = None, least: int = 0, counts: Any = None) -> ak.Array:
    counts = RNG.integers(least, 6, COUNT) if counts is None else counts
    total = int(counts.sum())
    return ak.unflatten(RNG.exponential(30, total).astype("f4") if values is None else values(total), counts)


def objects(name: str, **variables: Any) -> dict[str, ak.Array]:
    counts = RNG.integers(0, 6, COUNT)
    return {f"{name}{key}": lists(values, counts=counts) for key, values in variables.items()}


def crossings(total: int) -> Any:
    return RNG.integers(-2, 3, total).astype("i2")


def described(path: Path, *more: Path) -> tuple[DataSet, str]:
    output = path.parent / "mine.yaml"
    output.unlink(missing_ok=True)
    start([str(path), *map(str, more)], None, name=None, output=output)
    text = output.read_text()
    label = "'FILL IN: branch or expression that is 0 for the first class, 1 for the second, ...'"
    text = text.replace(label, "kind_of").replace("'FILL IN: names of the classes, from 0 on'", "[a, b]")
    output.write_text(text)
    return load_data_set(output), text


def ingested(folder: Path, **changes: Any) -> IngestCard:
    content = yaml.safe_load((folder / "mine.yaml").read_text()) | changes
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    ingest(description=folder / "mine.yaml", codes=folder / "codes.npz", card=folder / "card.json")
    return read_card(IngestCard, folder / "card.json")


def test_level_1_nanoaod_proposes_the_triggered_crossing(tmp_path: Path) -> None:
    columns = {
        "run": np.ones(COUNT, "u4"),
        "luminosityBlock": np.ones(COUNT, "u4"),
        "event": np.arange(COUNT).astype("u8"),
    }
    columns |= {"label": LABEL, **objects("Jet_", pt=None, eta=None)}
    columns |= objects("L1Jet_", pt=None, eta=None, bx=crossings, hwQual=lambda n: RNG.integers(0, 4, n).astype("i4"))
    columns |= objects("L1Mu_", pt=None, eta=None, bx=lambda n: np.zeros(n, "i2"))
    columns |= objects(
        "L1EtSum_", pt=None, phi=None, bx=crossings, etSumType=lambda n: RNG.integers(0, 4, n).astype("i4")
    )
    data_set, text = described(write_trees(tmp_path / "nano.root", {"Events": columns}))
    assert list(data_set.objects)[:2] == ["L1Jet", "L1Mu"], "level 1 comes before offline objects"
    assert data_set.objects["L1Jet"].select == "L1Jet_bx == 0"
    assert data_set.objects["L1Mu"].select is None
    assert "of the objects are of other crossings" in text
    features = {f.name: f.expression for f in data_set.features}
    assert features["nL1Jet"] == "num(L1Jet_pt[L1Jet_bx == 0])"
    assert features["L1EtSum_total_ht"] == "sum(L1EtSum_pt[(L1EtSum_etSumType == 1) & (L1EtSum_bx == 0)])"
    card = ingested(tmp_path)
    events = load_codes(tmp_path / "codes.npz")
    assert card.events == COUNT
    jets = columns["L1Jet_pt"][columns["L1Jet_bx"] == 0]
    number = {f.name: n for n, f in enumerate(card.features)}["nL1Jet"]
    assert np.bincount(events.codes[:, number]).tolist() == np.bincount(ak.num(jets)).tolist()


def test_level_1_ntuple_takes_the_identity_from_a_friend(tmp_path: Path) -> None:
    event = {"run": np.ones(COUNT, "i4"), "lumi": np.ones(COUNT, "i4"), "event": np.arange(COUNT), "label": LABEL}
    upgrade = {"kind_of": LABEL, **objects("jet", Et=None, Eta=None, Bx=crossings)}
    trees = {"l1EventTree/L1EventTree": event, "l1UpgradeEmuTree/L1UpgradeTree": dict(upgrade)}
    trees["l1UpgradeTree/L1UpgradeTree"] = upgrade
    data_set, _ = described(write_trees(tmp_path / "l1.root", trees))
    assert data_set.tree == "l1UpgradeTree/L1UpgradeTree"
    assert [f.tree for f in data_set.friends or []] == ["l1EventTree/L1EventTree"]
    assert data_set.event_id == ["run", "lumi", "event"] or data_set.event_id == ["event"]
    assert data_set.objects["jet"].sort_by == "jetEt"
    assert data_set.objects["jet"].select == "jetBx == 0"
    assert ingested(tmp_path).events == COUNT


def test_tagger_inputs_become_slots_and_truth_does_not(tmp_path: Path) -> None:
    inputs = RNG.normal(size=(COUNT, 16, 5))
    columns = {"label": LABEL * 1.0, "nn_inputs": inputs, "shape": RNG.normal(size=(COUNT, 3)).astype("f4")}
    truth = ["jet_genmatch_pt", "jet_truth_eta", "jet_mcpt", "target_pt", "jet_hadronflav", "jet_partonFlavour"]
    columns |= {name: RNG.normal(size=COUNT) for name in [*truth, "jet_pt", "jet_btagDeepB", "event_weight"]}
    data_set, text = described(write_trees(tmp_path / "train.root", {"data": columns}))
    assert data_set.event_id == "entry"
    assert {f.name for f in data_set.features} == {"jet_pt", "shape_0", "shape_1", "shape_2"}
    slots = data_set.objects["nn_inputs"]
    assert slots.count == 16
    assert slots.features[3].expression == "nn_inputs[:, :, 3]"
    for reason in ("truth of a simulation", "named like a weight", "output of another tagger"):
        assert reason in text
    assert ingested(tmp_path).events == COUNT
    codes = load_codes(tmp_path / "codes.npz")
    first = codes.features.index("nn_inputs_0_nn_inputs_0")
    assert sorted(codes.codes[:, first]) == sorted(
        np.floor(inputs[:, 0, 0].astype("f4") * 2.0 ** codes.formats[first].f)
    )


def test_physlite_names_and_internal_trees(tmp_path: Path) -> None:
    jets = {f"AnalysisJetsAuxDyn:{v}": lists(counts=np.full(COUNT, 4)) for v in ("pt", "eta")}
    info = {"eventNumber": "u8", "mcEventNumber": "u8", "lumiBlock": "u4", "timeStamp": "u4"}
    columns = jets | {f"EventInfoAuxDyn:{n}": (np.arange(COUNT) + 5).astype(t) for n, t in info.items()}
    columns["kind_of"] = LABEL
    path = write_trees(
        tmp_path / "d.root", {"EventData": columns, "##Links": {"index": np.arange(900)}}, kind="mkrntuple"
    )
    data_set, text = described(path)
    assert data_set.tree == "EventData"
    assert data_set.event_id[-1] == "EventInfoAuxDyn:eventNumber"
    assert [f.name for f in data_set.objects["AnalysisJetsAuxDyn"].features] == ["pt", "eta"]
    assert not any("Number" in f.name or "time" in f.name for f in data_set.features)
    assert "truth of a simulation, which a trigger does not have: EventInfoAuxDyn:mcEventNumber" in text
    assert ingested(tmp_path).events == COUNT


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.where(LABEL, 1, -1), {"class_0": [-1], "class_1": [1]}),
        (np.where(LABEL, 5.0, 21.0), {"class_0": [5], "class_1": [21]}),
        (ak.Array(np.where(LABEL, "tt", "q'c").tolist()), {"class_0": ["q'c"], "class_1": ["tt"]}),
    ],
)
def test_label_values_are_proposed_as_a_mapping(tmp_path: Path, values: Any, expected: dict[str, Any]) -> None:
    columns = {"x": RNG.normal(size=COUNT), "label": values}
    if isinstance(values, ak.Array):
        write_trees(tmp_path / "a.root", {"t": columns}, kind="mkrntuple")
    else:
        write_trees(tmp_path / "a.root", {"t": columns})
    data_set, _ = described(tmp_path / "a.root")
    assert data_set.label is not None
    assert data_set.label.values == expected
    assert sum(ingested(tmp_path).class_counts["train"].values()) > 0


def test_labels_of_objects_are_mentioned_with_rows(tmp_path: Path) -> None:
    columns = {
        "kind_of": LABEL,
        **objects("Jet_", pt=None, hadronFlavour=lambda n: RNG.choice([0, 4, 5], n).astype("i4")),
    }
    _, text = described(write_trees(tmp_path / "a.root", {"Events": columns}))
    assert "to classify each Jet, write rows: Jet and the label Jet_hadronFlavour of 0, 4, 5" in text
    card = ingested(
        tmp_path,
        rows="Jet",
        label={"expression": "Jet_hadronFlavour", "classes": {"b": [5], "light": [0]}},
        features=[{"name": "pt", "expression": "Jet_pt"}],
        objects={},
    )
    assert list(card.without_class) == ["4"]


def test_delphes_names_are_read(tmp_path: Path) -> None:
    columns = {"kind_of": LABEL, **objects("Jet.", PT=None, Eta=None, Flavor=lambda n: np.ones(n, "i4"))}
    data_set, text = described(write_trees(tmp_path / "a.root", {"Delphes": columns}))
    assert [f.expression for f in data_set.objects["Jet"].features] == ['branch("Jet.PT")', 'branch("Jet.Eta")']
    assert re.search(r"truth of a simulation, which a trigger does not have: .*Jet\.Flavor", text)
    assert ingested(tmp_path).events == COUNT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jet_genJetIdx", "truth"),
        ("jet_genmatch_pt", "truth"),
        ("nGenJet", "truth"),
        ("Electron_genPartFlav", "truth"),
        ("Jet_partonFlavour", "truth"),
        ("target_pt_phys", "truth"),
        ("Jet_btagUParTAK4B", "tagger"),
        ("FatJet_particleNet_XbbVsQCD", "tagger"),
        ("Tau_rawDeepTau2018v2p5VSjet", "tagger"),
        ("genWeight", "weight"),
        ("pup_puppiweight", None),
        ("track_weight", None),
        ("generalTracks_pt", None),
        ("energy", None),
        ("hadronicEnergy", None),
        ("genuine_pt", None),
        ("isolation", None),
        ("flag", None),
    ],
)
def test_role_of_names_of_truth_and_inputs(name: str, expected: str | None) -> None:
    assert role(name) == expected


def test_group_of_names_of_experiments() -> None:
    names = ["jetEt", "AnalysisJetsAuxDyn:pt", "L1Jet_pt", "Jet.PT", "l1/jetEt", "pt", "nJets"]
    assert [group(name) for name in names] == [
        ("jet", "Et"),
        ("AnalysisJetsAuxDyn", "pt"),
        ("L1Jet", "pt"),
        ("Jet", "PT"),
        ("l1/jet", "Et"),
        ("pt", ""),
        ("nJets", ""),
    ]
