"""Public jets: each layout becomes the same tree, which the shipped descriptions read; other layouts are refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import uproot
from jet_files import COUNT, arff, cernbox, jets, named, zenodo

from trigger_lut import cli
from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.data.jsc import CLASSES, FEATURES
from trigger_lut.stages.ingest import run as ingest

ROOT = Path(__file__).parents[2]


def written(path: Path) -> dict[str, Any]:
    with uproot.open(path) as file:
        return file["jets"].arrays(library="np")


@pytest.mark.parametrize("layout", ["openml", "cernbox", "zenodo"])
def test_a_shipped_description_reads_what_is_converted(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, values = jets()
    makers = {"cernbox": cernbox, "zenodo": zenodo}
    source = tmp_path / "source"
    arff(source, labels, values) if layout == "openml" else makers[layout](source, named(labels, values))
    monkeypatch.chdir(tmp_path)
    name = f"jsc-{layout}"
    assert cli.main(["convert", "source", "--root", f"data/{name}/jets.root"]) == 0
    each = ", ".join(f"{k} 80" for k in CLASSES)
    assert capsys.readouterr().out == f"data/{name}/jets.root: tree jets, 400 jets ({each})\n"
    arrays = written(tmp_path / f"data/{name}/jets.root")
    assert list(arrays) == ["entry", "label", *FEATURES]
    np.testing.assert_array_equal(arrays["entry"], np.arange(COUNT))
    np.testing.assert_array_equal(arrays["label"], labels)
    np.testing.assert_array_equal(np.stack([arrays[f] for f in FEATURES], axis=1), values)
    description = shutil.copy(ROOT / f"config/data_sets/{name}.yaml", tmp_path)
    data_set = load_data_set(Path(description))
    assert data_set.name == name
    assert [f.name for f in data_set.features] == list(FEATURES)
    assert [c.lower() for c in data_set.label.classes] == list(CLASSES)
    ingest(description=Path(description), codes=tmp_path / "codes.npz", card=tmp_path / "ingest.json")
    assert read_card(IngestCard, tmp_path / "ingest.json").events == COUNT


def test_classes_go_by_name_and_not_by_the_order_of_the_file(tmp_path: Path) -> None:
    labels, values = jets(50)
    source = arff(tmp_path / "a.arff", labels, values, "t,z,w,q,g")
    assert cli.main(["convert", str(source), "--root", str(tmp_path / "a.root")]) == 0
    np.testing.assert_array_equal(written(tmp_path / "a.root")["label"], 4 - labels)


def test_several_files_are_one_and_jets_of_no_class_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = jets(50, 1), jets(30, 2)
    columns = named(*second)
    for name in CLASSES:
        columns[f"j_{name}"][:3] = 0
    sources = [zenodo(tmp_path / "1.h5", named(*first)), zenodo(tmp_path / "2.h5", columns)]
    assert cli.main(["convert", *map(str, sources), "--root", str(tmp_path / "a.root")]) == 0
    assert capsys.readouterr().out.endswith("; 3 of no class skipped\n")
    arrays = written(tmp_path / "a.root")
    np.testing.assert_array_equal(arrays["entry"], np.arange(77))
    np.testing.assert_array_equal(arrays["label"], [*first[0], *second[0][3:]])


def test_other_files_are_refused_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, values = jets(20)
    good = cernbox(tmp_path / "good.h5", named(labels, values))
    lacking = named(labels, values)
    lacking["j_zlog"] = lacking.pop("j_zlogz")
    double = named(labels, values)
    double["j_g"] = double["j_q"] = np.ones(20, np.float32)
    (tmp_path / "text").write_text("zlogz,class\n")
    (tmp_path / "cut.h5").write_bytes(good.read_bytes()[:700])
    (tmp_path / "cut.arff").write_text("@RELATION jets\n@ATTRIBUTE zlogz REAL\n@DATA\n1,2,3\n")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros(3)
    for source, message in (
        (tmp_path / "god.h5", f"no such file; nearest: '{good}'"),
        (tmp_path / "text", "expected HDF5 or ARFF, found a file that starts with b'zlogz,cl'"),
        (tmp_path / "cut.h5", "cannot be read: OSError: "),
        (tmp_path / "cut.arff", ""),
        (tmp_path / "other.h5", "expected t_allpar_new, or jets with jetFeatureNames, found images"),
        (cernbox(tmp_path / "lacking.h5", lacking), "no column 'j_zlogz'; nearest: 'j_zlog'"),
        (zenodo(tmp_path / "double.h5", double), "row 0: expected at most one 1 in j_g, j_q, j_w, j_z, j_t, found "),
        (arff(tmp_path / "b.arff", labels, values, "g,q,w,z,b"), "attribute class: expected g, q, w, z, t, found b"),
    ):
        assert cli.main(["convert", str(source), "--root", str(tmp_path / "a.root")]) == 1
        assert capsys.readouterr().err.startswith(f"trigger-lut: error: {source}: {message}")
    assert not list(tmp_path.glob("*.root*"))
    assert cli.main(["convert", str(good), "--root", str(good)]) == 1
    assert (
        capsys.readouterr().err == f"trigger-lut: error: {good}: exists already. Remove it, or give another folder.\n"
    )
