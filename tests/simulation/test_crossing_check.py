"""The check of simulated crossings, on files made without Pythia, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from made_cards import MADE

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.simulation import CrossingCheck, CrossingFileCard
from trigger_lut.cli import main
from trigger_lut.config.crossings import (
    CROSSING_CLASSES,
    INELASTIC_MB,
    SIGNALS,
    SLICES,
    Crossings,
    planned_crossing_files,
    shares,
)
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.simulation.crossings.check import check_crossings
from trigger_lut.simulation.crossings.files import FLAT, OBJECTS, TREE, simulate_crossing_file
from trigger_lut.simulation.crossings.pileup import numbers

DESCRIPTION = """\
simulate_crossings: {background: {soft: 400, pt20: 400, pt40: 400, pt80: 400}, signal: 300, files_per_class: 1}
"""


@pytest.fixture
def simulated(tmp_path: Path) -> list[Path]:
    """Files with the numbers of collisions that crossings have, and hardest collisions in the window of their kind."""
    import uproot

    (tmp_path / "d.yaml").write_text(DESCRIPTION)
    crossings = Crossings(background=dict.fromkeys(("soft", *SLICES), 400), signal=300, files_per_class=1)
    rng, files = np.random.default_rng(1), []
    for file in planned_crossing_files(crossings):
        drawn = numbers(crossings, file.process, count=file.jets, random=rng)
        low, high, _ = SLICES.get(file.process, (0, 20, 0))
        columns: dict[str, Any] = {name: np.zeros(file.jets, kind) for name, kind in FLAT.items()}
        columns["collisions"] = drawn.soft + sum(drawn.slices.values()) + (file.process in SIGNALS)
        columns["hardest_pthat"] = rng.uniform(low, high or 200, file.jets)
        columns["met_pt"] = rng.exponential(40, file.jets)
        lists = ak.Array([[30.0, 20.0]] * (file.jets - 1) + [[]])
        jagged = {name: ak.zip(dict.fromkeys(("pt", "eta", "phi"), lists)) for name in OBJECTS}
        path = tmp_path / file.name
        with uproot.recreate(path) as out:
            kinds = {name: array.type.content for name, array in jagged.items()}
            typed = {name: np.asarray(columns[name]).astype(kind) for name, kind in FLAT.items()}
            out.mktree(TREE, FLAT | kinds).extend(typed | jagged)
        write_file_card(path, file.process)
        files.append(path)
    return files


def write_file_card(path: Path, process: str, wrong: float = 1.0) -> None:
    sigma = {"soft": INELASTIC_MB, **{name: piece.sigma_mb for name, piece in SLICES.items()}}
    cross_sections = {name: value * wrong for name, value in sigma.items()} | (
        {process: 1e-9} if process in SIGNALS else {}
    )
    card = CrossingFileCard(
        process=process,
        seed=1,
        crossings=1,
        generated=dict.fromkeys(cross_sections, 50_000),
        sigma_mb=cross_sections,
        **MADE,
    )
    write_card(card, path.with_suffix(".json"))


def check(files: list[Path]) -> CrossingCheck:
    folder = files[0].parent
    check_crossings(folder / "d.yaml", files, card=folder / "check.json")
    return read_card(CrossingCheck, folder / "check.json")


def test_crossings_that_are_as_they_should_be(simulated):
    card = check(simulated)
    assert list(card.classes) == list(CROSSING_CLASSES)
    assert [c.fraction for c in card.classes.values()] == [*shares(60).values(), *[None] * 4]
    assert card.classes["soft"].objects == {"jet": pytest.approx(2 * 399 / 400)} | dict.fromkeys(
        ("egamma", "muon"), pytest.approx(2 * 399 / 400)
    )
    assert sum(card.classes["ditau"].leading_jet) == sum(card.classes["ditau"].met) == 300
    assert card.classes["ditau"].leading_jet[0] == 1
    assert card.sigma_mb["pt20"] == pytest.approx(0.712)


def test_files_of_other_kinds_are_refused(simulated):
    """The file of one kind under the name of another."""
    by_name = {path.name: path for path in simulated}
    swapped = by_name["pt40_0.root"].read_bytes()
    by_name["pt40_0.root"].write_bytes(by_name["pt80_0.root"].read_bytes())
    by_name["pt80_0.root"].write_bytes(swapped)
    with pytest.raises(DataError, match=r"pt40: hardest collisions of .* GeV, expected 40 to 80; pt80: hardest"):
        check(simulated)
    assert not (simulated[0].parent / "check.json").exists()


def test_another_pileup_is_refused(simulated):
    path = simulated[0].parent / "d.yaml"
    path.write_text(DESCRIPTION.replace("files_per", "pileup: 50, files_per"))
    with pytest.raises(DataError, match=r"soft: expected 49.\d+ collisions on average, found 58"):
        check(simulated)


def test_another_cross_section_is_refused(simulated):
    for path in simulated:
        write_file_card(path, path.stem.removesuffix("_0"), wrong=1.06)
    with pytest.raises(DataError, match=r"cross section of soft: expected 78.6 mb, found 83.3 mb"):
        check(simulated)


def test_a_short_file_and_one_that_is_none(simulated):
    short = simulated[0].parent / "d.yaml"
    short.write_text(DESCRIPTION.replace("signal: 300", "signal: 301"))
    with pytest.raises(DataError, match=r"ditau_0.root: expected 301 crossings, found 300"):
        check(simulated)
    simulated[2].write_bytes(b"no ROOT file")
    with pytest.raises(DataError, match=rf"{simulated[2].name}: not a ROOT file with the tree 'crossings'"):
        check(simulated)


def test_a_file_that_is_not_planned(tmp_path, capsys):
    (tmp_path / "d.yaml").write_text(DESCRIPTION)
    with pytest.raises(ConfigurationError, match=r"no file ditau_1.root; nearest: 'ditau_0.root'"):
        simulate_crossing_file(
            tmp_path / "d.yaml", process="ditau", part=1, root_file=tmp_path / "x.root", card=tmp_path / "x.json"
        )
    (tmp_path / "d.yaml").write_text("simulate: {}\n")
    files = ("--description", str(tmp_path / "d.yaml"), "--root", str(tmp_path / "x.root"))
    assert (
        main(["stage", "simulate", *files, "--process", "soft", "--part", "0", "--card", str(tmp_path / "x.json")]) != 0
    )
    assert "simulate_crossings: missing" in capsys.readouterr().err
    assert not (tmp_path / "x.root").exists()
