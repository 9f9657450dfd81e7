"""Pythia8 and FastJet at work: small files, and groomed jets and correlators against second implementations."""

import itertools
import math

import numpy as np
import pytest

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import SimulateCard
from trigger_lut.config.simulation import SIMULATED_CLASSES, Simulation
from trigger_lut.errors import ConfigurationError
from trigger_lut.simulation.jets.clustering import find_jets, mmdt
from trigger_lut.simulation.jets.events import PROCESSES, TRUTH_IDS, Events, generate, settings
from trigger_lut.simulation.jets.substructure import Particles, jet_features
from trigger_lut.stages.simulate import simulate_file
from trigger_lut.utils.files import sha256

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")
pytestmark = pytest.mark.sim

DESCRIPTION = "simulate: {jets: 300, files_per_class: 2, seed: 4}\n"


def arrays(path):
    import uproot

    return uproot.open(path)["jets"].arrays()


@pytest.fixture(scope="module")
def w_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "d.yaml").write_text(DESCRIPTION)
    simulate_file(folder / "d.yaml", process="W", part=1, root_file=folder / "W_1.root", card=folder / "W_1.json")
    return folder / "W_1.root"


@pytest.fixture(scope="module")
def top_events():
    return next(generate(Simulation(), "t", seed=11, batch=40))


def test_file_and_card_say_the_same(w_file):
    card = read_card(SimulateCard, w_file.with_suffix(".json"))
    jets = arrays(w_file)
    assert (card.process, card.jets, card.seed) == ("W", 30, 4402)
    assert len(jets) == 30
    assert set(jets.run) == {card.seed}
    assert set(jets.label) == {SIMULATED_CLASSES.index("W")}
    assert max(jets.event) < card.events_generated
    assert card.pt_range_gev == (800, 1600)
    assert card.inputs == {str(w_file.parent / "d.yaml"): sha256(w_file.parent / "d.yaml")}
    assert "pythia8mc" in card.versions


def test_jets_keep_to_the_window_and_are_each_there_once(w_file):
    jets = arrays(w_file)
    assert (np.asarray(jets.pt) >= 800).all()
    assert (np.asarray(jets.pt) < 1600).all()
    keys = list(zip(jets.run, jets.event, jets.jet, strict=True))
    assert len(set(keys)) == len(keys)
    assert set(jets.jet) == {0, 1}


def test_constituents_make_up_the_jet(w_file):
    import awkward as ak

    jets = arrays(w_file)
    px = ak.sum(jets.constituent_pt * np.cos(jets.constituent_phi), axis=1)
    py = ak.sum(jets.constituent_pt * np.sin(jets.constituent_phi), axis=1)
    np.testing.assert_allclose(np.hypot(px, py), jets.pt, rtol=1e-5)
    np.testing.assert_array_equal(jets.nconstituent, jets.multiplicity)
    assert ak.all(jets.constituent_pt[:, 1:] <= jets.constituent_pt[:, :-1])
    assert not set(np.abs(ak.to_numpy(ak.flatten(jets.constituent_pdg_id)))) & {12, 14, 16}
    across = np.abs(ak.to_numpy(ak.flatten(jets.constituent_phi - jets.phi)))
    assert np.minimum(across, 2 * math.pi - across).max() < 0.8


def test_same_seed_gives_the_same_content_but_another_part_not(w_file, tmp_path):
    description = w_file.parent / "d.yaml"
    simulate_file(description, process="W", part=1, root_file=tmp_path / "again.root", card=tmp_path / "again.json")
    simulate_file(description, process="W", part=0, root_file=tmp_path / "other.root", card=tmp_path / "other.json")
    first, again, other = (arrays(p) for p in (w_file, tmp_path / "again.root", tmp_path / "other.root"))
    for name in first.fields:
        assert first[name].to_list() == again[name].to_list(), name
    assert first.pt.to_list() != other.pt.to_list()


def test_events_do_not_depend_on_the_size_of_batches():
    small, large = (generate(Simulation(), "Z", seed=5, batch=n) for n in (3, 9))
    energies = np.concatenate([next(small).particles.energy for _ in range(3)])
    np.testing.assert_array_equal(energies, next(large).particles.energy)


def test_unknown_file_is_refused(w_file, tmp_path):
    description = w_file.parent / "d.yaml"
    with pytest.raises(ConfigurationError, match=r"simulate: no file W_2\.root; .*'W_0\.root'"):
        simulate_file(description, process="W", part=2, root_file=tmp_path / "W_2.root", card=tmp_path / "W_2.json")


def test_windows_that_do_not_overlap_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("trigger_lut.stages.simulate.TRIAL_EVENTS", 100)
    description = tmp_path / "d.yaml"
    description.write_text("simulate: {jets: 300, parton_pt_gev: [300, 305], pt_range_gev: [800, 1600]}\n")
    with pytest.raises(ConfigurationError) as caught:
        simulate_file(description, process="Z", part=0, root_file=tmp_path / "Z_0.root", card=tmp_path / "Z_0.json")
    assert str(caught.value) == (
        "simulate: too few jets of Z within pt_range_gev: 0 in 120 events. Expected pt_range_gev around "
        "parton_pt_gev, found [800.0, 1600.0] and [300.0, 305.0]. Change one of them."
    )
    assert [p.name for p in tmp_path.iterdir()] == ["d.yaml"]


@pytest.mark.parametrize("process", SIMULATED_CLASSES)
def test_settings_are_known_to_pythia(process):
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    assert all(pythia.readString(line) for line in settings(Simulation(), process, seed=1))
    assert not pythia.readString("HardQCD:gg2ggg_wrong = on")
    assert set(PROCESSES) == set(TRUTH_IDS) == set(SIMULATED_CLASSES)


def test_hard_partons_are_of_the_class(top_events):
    assert (np.abs(top_events.truth_id) == 6).all()


def event(*particles, truth):
    """One event of massless particles (pt, rapidity, phi) and two truth particles (id, rapidity, phi)."""
    pt, y, phi = np.array(particles, dtype=float).T
    momenta = Particles(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y), np.array([0, len(pt)]))
    ids, truth_y, truth_phi = (np.array([column]) for column in zip(*truth, strict=True))
    return Events(momenta, np.arange(len(pt), dtype=np.int32), ids, truth_y, truth_phi)


def test_jets_are_matched_to_truth_of_their_class():
    jets = find_jets(
        event((900, 0, 3.1), (50, 0.1, -3.1), (850, 1, 0), truth=[(21, 0.1, -3.1), (21, 1, 0.1)]),
        Simulation(),
        process="g",
    )
    np.testing.assert_allclose(jets.pt, [949.836, 850], atol=1e-3)
    np.testing.assert_array_equal(jets.rank, [0, 1])
    np.testing.assert_array_equal(jets.pdg_id, [0, 1, 2])
    np.testing.assert_allclose(jets.constituents.rapidity, [0, 0.1, 1], atol=1e-9)
    np.testing.assert_allclose(jets.mass[1], 0, atol=1e-3)


@pytest.mark.parametrize(
    ("case", "truth"),
    [("other class", (2, 0, 0)), ("too far", (21, 0.45, 0)), ("opposite", (21, 0, math.pi))],
)
def test_jets_without_their_truth_are_left_out(case, truth):
    events = event((900, 0, 0), (850, 2, 2), truth=[truth, (21, 2, 2)])
    jets = find_jets(events, Simulation(), process="g")
    np.testing.assert_allclose(jets.pt, [850])
    np.testing.assert_array_equal(jets.rank, [0])


def test_jets_outside_the_window_are_left_out():
    events = event((799, 0, 0), (1601, 2, 2), truth=[(21, 0, 0), (21, 2, 2)])
    assert len(find_jets(events, Simulation(), process="g")) == 0
    assert len(find_jets(events, Simulation(pt_range_gev=(799, 1602)), process="g")) == 2


def groomed_by_hand(four):
    """Modified mass drop on rows (px, py, pz, E): Cambridge/Aachen pair by pair, then undone until z > 0.1."""

    def place(p):
        return 0.5 * math.log((p[3] + p[2]) / (p[3] - p[2])), math.atan2(p[1], p[0])

    def apart(a, b):
        (ya, fa), (yb, fb) = place(a[0]), place(b[0])
        across = abs(fa - fb)
        return (ya - yb) ** 2 + min(across, 2 * math.pi - across) ** 2

    nodes = [(p, None, [n]) for n, p in enumerate(four)]
    while len(nodes) > 1:
        a, b = min(itertools.combinations(nodes, 2), key=lambda pair: apart(*pair))
        nodes = [n for n in nodes if n is not a and n is not b] + [(a[0] + b[0], (a, b), a[2] + b[2])]
    node = nodes[0]
    while node[1]:
        soft, hard = sorted(node[1], key=lambda n: math.hypot(n[0][0], n[0][1]))
        pt = [math.hypot(n[0][0], n[0][1]) for n in (soft, hard)]
        if pt[0] / sum(pt) > 0.1:
            break
        node = hard
    return sorted(node[2])


def test_grooming_equals_declustering_by_hand(top_events):
    jets = find_jets(top_events, Simulation(), process="t").constituents
    groomed = mmdt(jets)
    lost = 0
    for n in range(6):
        rows = np.stack([x[jets.offsets[n] : jets.offsets[n + 1]] for x in jets[:4]], axis=1)
        kept = np.stack([x[groomed.offsets[n] : groomed.offsets[n + 1]] for x in groomed[:4]], axis=1)
        expected = rows[groomed_by_hand(rows)]
        np.testing.assert_allclose(np.sort(kept[:, 3]), np.sort(expected[:, 3]), rtol=1e-12)
        lost += len(rows) - len(kept)
    assert lost > 0


def test_correlators_equal_fastjet_contrib(top_events):
    import awkward as ak
    import fastjet

    whole = find_jets(top_events, Simulation(), process="t").constituents
    groomed = mmdt(whole)
    assert np.diff(groomed.offsets).min() > 2
    computed = jet_features(whole, groomed)
    axes = {"px": groomed.px, "py": groomed.py, "pz": groomed.pz, "E": groomed.energy}
    counts = np.diff(groomed.offsets)
    jets = ak.zip({key: ak.unflatten(x, counts) for key, x in axes.items()}, with_name="Momentum4D")
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, fastjet.JetDefinition.max_allowable_R)
    cluster = fastjet.ClusterSequence(jets, definition)
    calls = {f"{f}_b{b}": {"func": f, "beta": b} for f in ("c1", "c2", "d2") for b in (1, 2)}
    calls |= {f"{f[0]}2_b{b}": {"func": f, "beta": b, "npoint": 2} for f in ("mseries", "nseries") for b in (1, 2)}
    calls |= {f"d2_a1_b{b}": {"func": "generalizedd2", "alpha": 1, "beta": b} for b in (1, 2)}
    for name, call in calls.items():
        expected = np.asarray(cluster.exclusive_jets_energy_correlator(njets=1, **call)).ravel()
        np.testing.assert_allclose(computed[name], expected, rtol=1e-6, err_msg=name)
