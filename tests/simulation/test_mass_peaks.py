import json
import sys

import numpy as np
import pytest

from trigger_lut.cards.base import read_card
from trigger_lut.cards.simulation import PhysicsCheck
from trigger_lut.config.simulation import SIMULATED_CLASSES
from trigger_lut.errors import DataError, ToolMissingError
from trigger_lut.simulation.jets.files import write_jets
from trigger_lut.simulation.jets.mass_peaks import RESONANCES, check_simulation, find_peak
from trigger_lut.simulation.jets.substructure import FEATURES
from trigger_lut.simulation.optional import require
from trigger_lut.stages.simulate import simulate_file

MASSES = {"W": 80.4, "Z": 91.2, "t": 172.8}


def columns(masses, label):
    """Columns of jets with the given groomed masses and nothing else of interest."""
    import awkward as ak

    count = len(masses)
    names = ("run", "event", "jet", "pt", "eta", "phi", "mass", *FEATURES)
    arrays = {name: np.zeros(count) for name in names}
    arrays |= {"event": np.arange(count), "mass_mmdt": masses, "label": np.full(count, label)}
    jagged = ak.Array([[1.5, 0.5]] * count)
    arrays |= {f"constituent_{name}": jagged for name in ("pt", "eta", "phi")}
    return arrays | {"constituent_pdg_id": ak.values_astype(jagged, np.int32)}


@pytest.fixture
def files(tmp_path):
    """One file per class, with peaks where they belong on a falling background."""
    rng = np.random.default_rng(3)
    paths = []
    for label, name in enumerate(SIMULATED_CLASSES):
        masses = rng.exponential(40, 300)
        if name in MASSES:
            masses = np.concatenate([masses, rng.normal(MASSES[name], 4, 500)])
        paths.append(tmp_path / f"{name}_0.root")
        write_jets(paths[-1], columns(masses, label))
    return paths


def test_peaks_in_place_leave_a_card(files, tmp_path):
    card = tmp_path / "check.json"
    check_simulation(files, card)
    checked = read_card(PhysicsCheck, card)
    assert set(checked.peaks) == {"W", "Z", "t"}
    for name, peak in checked.peaks.items():
        assert abs(peak.found_gev - MASSES[name]) < 1
        assert peak.expected == RESONANCES[name]
    assert checked.jets == {"g": 300, "q": 300, "W": 800, "Z": 800, "t": 800}
    for name in SIMULATED_CLASSES:
        assert len(checked.mass_counts[name]) == len(checked.mass_edges_gev) - 1
        assert sum(checked.mass_counts[name]) + checked.mass_overflow[name] == checked.jets[name]
    assert set(checked.inputs) == {str(path) for path in files}


def test_shifted_peak_is_refused_and_leaves_nothing(files, tmp_path):
    masses = np.random.default_rng(0).normal(74, 3, 500)
    write_jets(files[2], columns(masses, 2))
    with pytest.raises(DataError) as caught:
        check_simulation(files, tmp_path / "check.json")
    assert str(caught.value).startswith(
        "simulated jets: mass peaks are outside their tolerance: W: expected 80.4 +- 2.5 GeV, found 7"
    )
    assert not (tmp_path / "check.json").exists()


def test_swapped_labels_are_noticed(files, tmp_path):
    rng = np.random.default_rng(0)
    write_jets(files[2], columns(rng.normal(91.2, 4, 500), 2))
    write_jets(files[3], columns(rng.normal(80.4, 4, 500), 3))
    with pytest.raises(DataError, match=r"W: expected 80\.4.*found 91.*; Z: expected 91\.2.*found 80"):
        check_simulation(files, tmp_path / "check.json")


@pytest.mark.parametrize("shape", ["flat", "falling", "few"])
def test_no_peak_is_not_found(shape):
    rng = np.random.default_rng(5)
    masses = {
        "flat": rng.uniform(0, 250, 5000),
        "falling": rng.exponential(40, 5000),
        "few": rng.normal(80.4, 1, 19),
    }[shape]
    assert find_peak(masses, RESONANCES["W"]) is None


def test_missing_class_is_named(files, tmp_path):
    with pytest.raises(DataError, match="no jets of class g, Z in"):
        check_simulation([files[n] for n in (1, 2, 4)], tmp_path / "check.json")


def test_damaged_or_missing_file_is_named(files, tmp_path):
    files[1].write_bytes(files[1].read_bytes()[:2000])
    for path in (files[1], tmp_path / "nowhere.root"):
        with pytest.raises(DataError) as caught:
            check_simulation([path], tmp_path / "check.json")
        assert str(caught.value).startswith(f"{path}: not a ROOT file with the tree 'jets'")


def test_file_without_the_branch_is_named(tmp_path):
    import uproot

    path = tmp_path / "other.root"
    with uproot.recreate(path) as file:
        file.mktree("jets", {"mass_mdt": "f4", "label": "i4"}).extend(
            {"mass_mdt": np.zeros(3, "f4"), "label": np.zeros(3, "i4")}
        )
    with pytest.raises(DataError) as caught:
        check_simulation([path], tmp_path / "check.json")
    assert str(caught.value) == f"{path}: jets: no branch 'mass_mmdt'; nearest: 'mass_mdt'"


def test_write_keeps_the_earlier_file_when_it_fails(tmp_path):
    path = tmp_path / "g_0.root"
    write_jets(path, columns(np.ones(3), 0))
    before = path.read_bytes()
    with pytest.raises(AssertionError, match="'mass_mmdt' holds values that are not finite"):
        write_jets(path, columns(np.array([1.0, np.nan]), 0))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["g_0.root"]


def test_tree_holds_every_branch(files):
    import uproot

    tree = uproot.open(files[0])["jets"]
    assert type(tree).__name__ == "Model_TTree_v20"
    assert set(tree.keys()) == {
        *("run", "event", "jet", "label", "pt", "eta", "phi", "mass", "nconstituent"),
        *("constituent_pt", "constituent_eta", "constituent_phi", "constituent_pdg_id"),
        *FEATURES,
    }
    assert tree["nconstituent"].array().to_list() == [2] * 300


@pytest.mark.parametrize("package", ["pythia8mc", "fastjet"])
def test_missing_package_is_named_with_the_line_that_installs_it(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ToolMissingError) as caught:
        require(package)
    assert str(caught.value) == (
        f"simulation needs the Python package {package!r}, which is not installed; "
        "install it with: pip install -e '.[sim]'"
    )


def test_missing_pythia_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    description = tmp_path / "d.yaml"
    description.write_text(json.dumps({"simulate": {"jets": 50}}))
    with pytest.raises(ToolMissingError, match="'pythia8mc'"):
        simulate_file(description, process="g", part=0, root_file=tmp_path / "g_0.root", card=tmp_path / "g_0.json")
    assert [p.name for p in tmp_path.iterdir()] == ["d.yaml"]
