"""Pythia8 at work on whole crossings: a file of each class, the same twice, and what the classes must look like."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from trigger_lut.cards.base import read_card
from trigger_lut.cards.simulation import CrossingCheck, CrossingFileCard
from trigger_lut.config.crossings import CROSSING_CLASSES
from trigger_lut.simulation.crossings.check import check_crossings
from trigger_lut.simulation.crossings.files import TREE, simulate_crossing_file

pytest.importorskip("pythia8mc")
pytestmark = pytest.mark.sim
DESCRIPTION = """\
simulate_crossings:
  {background: {soft: 40, pt20: 40, pt40: 40, pt80: 40}, signal: 40, files_per_class: 1, pileup: 10, pool: 100}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("crossings")
    (folder / "d.yaml").write_text(DESCRIPTION)
    paths = {}
    for process in CROSSING_CLASSES:
        paths[process] = folder / f"{process}_0.root"
        simulate_crossing_file(
            folder / "d.yaml", process=process, part=0, root_file=paths[process], card=folder / f"{process}_0.json"
        )
    return paths


def arrays(path: Path) -> ak.Array:
    return uproot.open(path)[TREE].arrays()


def leading(events: ak.Array, branch: str) -> np.ndarray:
    return ak.to_numpy(ak.fill_none(ak.firsts(events[branch]), 0.0))


def test_the_check_finds_nothing_wrong(files, tmp_path):
    folder = files["soft"].parent
    check_crossings(folder / "d.yaml", list(files.values()), card=tmp_path / "check.json")
    card = read_card(CrossingCheck, tmp_path / "check.json")
    assert list(card.classes) == list(CROSSING_CLASSES)
    assert card.sigma_mb["soft"] == pytest.approx(78.6, rel=0.01)


def test_signals_look_like_what_they_are(files):
    events = {name: arrays(path) for name, path in files.items()}
    mean = {
        name: {
            "muons": float(ak.mean(ak.num(e.muon_pt[e.muon_pt > 15]))),
            "egamma": float(ak.mean(ak.num(e.egamma_pt[e.egamma_pt > 20]))),
            "jet": float(leading(e, "jet_pt").mean()),
            "met": float(np.mean(e.met_pt)),
        }
        for name, e in events.items()
    }
    assert [mean[n]["jet"] for n in ("soft", "pt20", "pt40", "pt80")] == sorted(
        mean[n]["jet"] for n in ("soft", "pt20", "pt40", "pt80")
    )
    assert mean["fourleptons"]["muons"] > 1
    assert mean["fourleptons"]["egamma"] > 1
    assert mean["soft"]["muons"] < 0.05
    assert mean["leptoquarks"]["jet"] > mean["pt80"]["jet"] > 3 * mean["soft"]["jet"]
    assert mean["taunu"]["met"] > 1.5 * mean["soft"]["met"]
    assert mean["ditau"]["jet"] > 2 * mean["soft"]["jet"]


def test_objects_come_sorted_and_in_acceptance(files):
    for path in files.values():
        events = arrays(path)
        for kind, most, eta in (("jet", 10, 2.97), ("egamma", 4, 2.97), ("muon", 4, 2.4)):
            pt = events[f"{kind}_pt"]
            assert ak.max(ak.num(pt)) <= most
            assert ak.all(pt[:, :-1] >= pt[:, 1:])
            assert ak.all(abs(events[f"{kind}_eta"]) <= eta)
            assert ak.all(abs(events[f"{kind}_phi"]) <= np.pi + 1e-6)
        assert ak.all(events.jet_pt % 0.5 == 0)


def test_the_same_description_gives_the_same_crossings(files, tmp_path):
    simulate_crossing_file(
        files["soft"].parent / "d.yaml",
        process="pt80",
        part=0,
        root_file=tmp_path / "again.root",
        card=tmp_path / "again.json",
    )
    first, second = arrays(files["pt80"]), arrays(tmp_path / "again.root")
    assert first.fields == second.fields
    assert all(ak.array_equal(first[name], second[name]) for name in first.fields)
    assert not ak.array_equal(first.met_pt, arrays(files["pt40"]).met_pt), "control"
    card = read_card(CrossingFileCard, tmp_path / "again.json")
    assert (card.process, card.crossings, card.generated["soft"]) == ("pt80", 40, 100)
    assert card.generated["pt80"] >= 40
    assert {"soft", "pt80"} <= set(card.sigma_mb) <= set(card.generated) == {"soft", "pt20", "pt40", "pt80"}
