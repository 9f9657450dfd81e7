"""The way from branches to codes in a release: made from a ROOT file and its codes, checked, and broken on purpose."""

import logging

import awkward as ak
import numpy as np
import pytest
import uproot
from edits import replace_in
from networks import random_network

from trigger_lut.cards.base import write_text
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.data.event_codes import load_codes
from trigger_lut.data.raw_events import raw_events
from trigger_lut.errors import CardError, DataError, NotReproducibleError
from trigger_lut.firmware.emulator.cmssw import cmssw_files
from trigger_lut.firmware.emulator.files import emulator_files
from trigger_lut.firmware.front_end.files import front_end_files
from trigger_lut.release.check_inputs import fresh_events, input_checks
from trigger_lut.release.forms import form_of
from trigger_lut.stages import release as stage
from trigger_lut.stages.ingest import run as ingest
from trigger_lut.stages.read import run as read
from trigger_lut.stages.resolve import resolve_data_set

DESCRIPTION = """
name: d
files: [{file}]
tree: events
event_id: [event]
label: {{expression: label, classes: [a, b]}}
cut: met > 5
nonfinite: drop
features:
  - {{name: met, scale: {{signed: false, width: 8, lsb: 0.5}}}}
objects:
  jet:
    count: 4
    select: jet_pt > 1
    sort_by: jet_pt
    features:
      - {{name: pt, expression: jet_pt, scale: {{signed: false, width: 5, lsb: 1}}}}
      - {{name: eta, expression: jet_eta}}
      - {{name: place, expression: jet_place, format: {{signed: false, width: 4, integer: 4}}}}
"""
EVENTS = 900


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Description, source and codes of a file whose events have ties, empty and overfull lists, and NaN."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, EVENTS)
    total = int(counts.sum())
    met = rng.exponential(20, EVENTS).astype(np.float32)
    met[7] = np.nan
    with uproot.recreate(folder / "d.root") as file:
        file["events"] = {
            "event": rng.permutation(EVENTS),
            "label": rng.integers(0, 2, EVENTS),
            "met": met,
            "jet_pt": ak.unflatten(rng.integers(0, 9, total).astype(np.float32), counts),
            "jet_eta": ak.unflatten(rng.normal(size=total), counts),
            "jet_place": ak.local_index(ak.unflatten(np.zeros(total), counts)),
        }
    write_text(folder / "d.yaml", DESCRIPTION.format(file=folder / "d.root"))
    resolve_data_set(description=folder / "d.yaml", output=folder / "d.json")
    source = Source(folder / "d.root")
    (folder / "read").mkdir()
    read(description=folder / "d.json", source=source.text(), card=folder / "read/0.json")
    ingest(description=folder / "d.json", read=folder / "read", codes=folder / "codes.npz", card=folder / "ingest.json")
    return folder / "d.json", source, load_codes(folder / "codes.npz")


@pytest.fixture
def release(data, tmp_path):
    """A folder with this part of a release, and a network that reads its codes."""
    description, source, codes = data
    described, events = stage._inputs(description, source.text(), codes=codes, formats=codes.formats)
    network = random_network(0, (13, 4, 2), inputs=codes.formats)
    external = cmssw_files(network, model="Tag", model_version=1, writer_version="0", inputs=described)
    files = {
        **emulator_files(network, "d", version="0"),
        **front_end_files(described, "d"),
        **events,
        **{f"cmssw/{path}": text for path, text in external.items()},
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def checks(release):
    return input_checks(lambda form, codes: form_of(form)(release, codes), release, seed=3)


def test_raw_events_have_the_codes_of_ingest(data):
    description, source, codes = data
    branches, ingested = raw_events(load_data_set(description), source, codes=codes, count=100)
    assert ingested.shape == (100, 13)
    assert len(branches["met"]) == 100
    assert (branches["met"] > 5).all()
    assert (ingested[:, 0] == np.minimum(np.floor(branches["met"].astype(float) / 0.5 + 0.5), 255)).all()


def test_codes_of_other_events_are_refused(data):
    description, source, codes = data
    others = type(codes)(**{**vars(codes), "event_id": codes.event_id + np.uint64(1)})
    with pytest.raises(CardError, match="none of its first events is among the codes"):
        raw_events(load_data_set(description), source, codes=others, count=10)


def test_both_languages_give_the_codes_of_ingest(release):
    by_name = checks(release)
    for name in ("inputs, C++", "inputs, Python"):
        result = by_name[name]()
        assert result.startswith("0 mismatches in "), result
        assert result.endswith("; 0 mismatches in 2,000 fresh ones"), result


def test_the_library_gives_the_outputs_of_the_codes_of_ingest(release):
    result = checks(release)["CMSSW library, events"]()
    assert result.startswith("0 mismatches in "), result
    assert result.endswith("; 0 mismatches in 2,000 fresh ones"), result


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("NN/trigger_lut_Tag_v1_inputs.cpp", "return key[a] > key[b]", "return key[a] >= key[b]"),
        ("Tag_emulator_v1.cpp", "(*lists)[1]", "(*lists)[2]"),
    ],
)
def test_a_library_that_takes_events_otherwise_fails(release, path, old, new):
    replace_in(release / "cmssw/Tag_v1" / path, old, new, count=1)
    with pytest.raises(NotReproducibleError, match="mismatches in"):
        checks(release)["CMSSW library, events"]()


def test_another_order_of_ties_fails(release):
    source = release / "emulator/cpp/trigger_lut_d_inputs.cpp"
    replace_in(source, "return key[a] > key[b]", "return key[a] != key[b] ? key[a] > key[b] : a > b", count=1)
    with pytest.raises(NotReproducibleError, match="mismatches in"):
        checks(release)["inputs, C++"]()


def test_another_step_in_python_fails(release):
    replace_in(release / "emulator/python/inputs.py", 'channel["half_up"]', 'not channel["half_up"]', count=1)
    with pytest.raises(NotReproducibleError, match="mismatches in"):
        checks(release)["inputs, Python"]()


def test_events_that_are_missing_fail(release):
    replace_in(release / "vectors/event_codes.txt", "\n", "\n" + " ".join(["0"] * 13) + "\n", count=1)
    with pytest.raises(DataError, match=r"vectors/events\.txt: expected \d+ lines"):
        checks(release)["inputs, C++"]()


def test_fresh_events_have_ties_empty_and_overfull_lists():
    described = {
        "branches": {"jet_pt": {"list": True, "kind": "f"}, "jet_id": {"list": True, "kind": "u"}},
        "objects": [{"count": 3}],
    }
    lengths = [int(line.split()[0]) for line in fresh_events(described, 200, seed=0)]
    assert {0, 6} <= set(lengths)
    words = [line.split() for line in fresh_events(described, 200, seed=0)]
    assert all(row[1 + int(row[0])] == row[0] for row in words)


def test_a_file_that_cannot_be_read_is_said(data, tmp_path, caplog):
    description, _, codes = data
    (tmp_path / "bad.root").write_bytes(b"root" * 100)
    with caplog.at_level(logging.WARNING):
        bad = Source(tmp_path / "bad.root").text()
        described, events = stage._inputs(description, bad, codes=codes, formats=codes.formats)
    assert (sorted(described), events) == (["channels"], {})
    assert "without an emulator of the inputs: " in caplog.text


def test_a_data_set_without_an_emulator_is_said(data, monkeypatch, caplog):
    description, source, codes = data
    monkeypatch.setattr(
        stage, "front_end_files", lambda *_, **__: (_ for _ in ()).throw(stage.FirmwareError("no form"))
    )
    with caplog.at_level(logging.WARNING):
        described, events = stage._inputs(description, source.text(), codes=codes, formats=codes.formats)
    assert (sorted(described), events) == (["channels"], {})
    assert "without an emulator of the inputs: no form" in caplog.text


def test_a_release_without_this_part_has_no_such_checks(tmp_path):
    assert input_checks(lambda form, codes: None, tmp_path, seed=0) == {}
