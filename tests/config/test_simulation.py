import subprocess
import sys
from pathlib import Path

import pytest

from trigger_lut.config.budget import validate
from trigger_lut.config.simulation import MAX_FILES_PER_CLASS, SIMULATED_CLASSES, Simulation, planned_files
from trigger_lut.config.validation import read_block
from trigger_lut.errors import ConfigurationError


def test_default_plan_has_equal_classes_and_adds_up():
    files = planned_files(Simulation())
    assert [f.name for f in files[:3]] == ["g_0.root", "g_1.root", "q_0.root"]
    assert len(files) == 10
    for process in SIMULATED_CLASSES:
        assert sum(f.jets for f in files if f.process == process) == 8000


def test_jets_that_do_not_divide_into_files_are_all_planned():
    files = planned_files(Simulation(jets=50, files_per_class=3))
    assert [f.jets for f in files[:3]] == [4, 3, 3]
    assert sum(f.jets for f in files) == 50


def test_seeds_are_unique_and_allowed_by_pythia():
    seeds = [
        f.seed
        for seed in (0, 1, 2, 800_000)
        for f in planned_files(Simulation(seed=seed, jets=5 * MAX_FILES_PER_CLASS, files_per_class=MAX_FILES_PER_CLASS))
    ]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 1
    assert max(seeds) <= 900_000_000


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"jets": 41}, "jets: expected a multiple of 5 classes, found 41"),
        ({"jets": 5, "files_per_class": 2}, "jets: expected at least 10, one for each file, found 5"),
        ({"pt_range_gev": [1600, 800]}, "pt_range_gev: expected 20 <= low < high, found 1600 and 800"),
        (
            {"energy_tev": 1, "parton_pt_gev": [495, 505]},
            "parton_pt_gev: expected less than half of energy_tev (500 GeV), found 505",
        ),
    ],
)
def test_impossible_simulation_is_refused(block, message):
    with pytest.raises(ConfigurationError) as caught:
        validate(Simulation, block, path=Path("d.yaml"))
    assert message in str(caught.value)


def test_description_is_read_and_its_other_blocks_are_left_alone(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("tree: jets\nsimulate:\n  jets: 100\n")
    assert read_block(path, "simulate", model=Simulation) == Simulation(jets=100)


def test_description_without_simulate_is_refused(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("tree: jets\n")
    with pytest.raises(ConfigurationError) as caught:
        read_block(path, "simulate", model=Simulation)
    assert str(caught.value) == f"{path}: simulate: missing. Expected a block with the parameters of the simulation"


def test_every_mistake_is_named_with_its_dotted_path(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("simulate:\n  jet: 100\n  seed: -1\n")
    with pytest.raises(ConfigurationError) as caught:
        read_block(path, "simulate", model=Simulation)
    assert str(caught.value) == (
        f"{path}: 2 mistakes\n"
        "  simulate.seed: expected at least 0, found -1\n"
        "  simulate.jet: unknown key; nearest: 'jets'"
    )


def test_configuration_and_records_import_nothing_heavy():
    code = (
        "import sys; import trigger_lut.config.simulation;"
        "import trigger_lut.simulation.jets.mass_peaks, trigger_lut.stages.simulate;"
        "print([m for m in ('pythia8mc', 'fastjet', 'numba', 'awkward', 'uproot', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
