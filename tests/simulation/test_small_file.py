"""The small file of jets: rounded features give the same codes as the simulated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

from trigger_lut.data.formats import automatic_format
from trigger_lut.simulation.jets.files import CONSTITUENTS, FLAT, TREE, write_jets
from trigger_lut.simulation.jets.small_file import IDS, OBSERVABLE_STEPS, QUANTILES, rounded, write_small_file
from trigger_lut.simulation.jets.substructure import FEATURES

SHIPPED = Path(__file__).parents[2] / "config/data_sets/jets.root"


@pytest.mark.parametrize("sign", [1, -1])
def test_codes_of_eight_bits_stay_the_same(sign: int) -> None:
    values = sign * np.random.default_rng(0).gamma(2.0, 0.1, 5000)
    kept = rounded(values)
    assert (kept != values).any()
    kif = automatic_format(sign * values, 8, quantiles=QUANTILES)
    codes = [np.clip(np.floor(sign * x / kif.step), kif.lo, kif.hi) for x in (values, kept)]
    assert (codes[0] == codes[1]).all()
    assert automatic_format(sign * kept, 8, quantiles=QUANTILES) == kif
    fine = 2.0**-3 * kif.step
    finer = [np.floor(sign * x / fine) for x in (values, kept)]
    assert (finer[0] != finer[1]).mean() > 0.5, "finer steps are gone"


def test_small_file_holds_the_jets_of_all_sources(tmp_path: Path) -> None:
    import awkward as ak

    rng = np.random.default_rng(1)
    sources = []
    for n in range(2):
        columns = {name: rng.integers(0, 9, 200) + rng.random(200) * (name in FEATURES) for name in FLAT}
        columns |= {name: ak.Array([[1.0]] * 200) for name in CONSTITUENTS[:3]}
        columns["constituent_pdg_id"] = ak.Array([[211]] * 200)
        columns["event"] = np.arange(200) + 200 * n
        sources.append(tmp_path / f"{n}.root")
        write_jets(sources[-1], columns)
    assert write_small_file(sources, tmp_path / "small.root") == 400
    with uproot.open(tmp_path / "small.root") as file:
        assert set(file[TREE].keys()) == {*IDS, *OBSERVABLE_STEPS, *FEATURES}
        assert (file[f"{TREE}/event"].array(library="np") == np.arange(400)).all()


def test_shipped_file_is_small_and_complete() -> None:
    assert SHIPPED.stat().st_size < 2_000_000
    with uproot.open(SHIPPED) as file:
        jets = file[TREE].arrays(library="np")
    counts = np.bincount(jets["label"])
    assert len(counts) == 5
    assert (counts == counts[0]).all()
    for name in FEATURES:
        assert (rounded(jets[name].astype(float)) == jets[name]).mean() > 0.999, name
