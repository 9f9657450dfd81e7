"""The packages work together: versions in their ranges, all of them locked, and each does what it is needed for."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
TEN_BY_FOUR = np.linspace(-2.0, 2.0, 40, dtype=np.float32).reshape(10, 4)


def requirements(*extras):
    """Direct dependencies of the package and of some extras."""
    return [Requirement(text) for text in [*PROJECT["dependencies"], *(r for extra in extras for r in EXTRAS[extra])]]


@pytest.mark.parametrize("wanted", requirements("test"), ids=str)
def test_version_is_in_its_range(wanted):
    assert wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)


@pytest.mark.sim
@pytest.mark.parametrize("wanted", requirements("sim"), ids=str)
def test_version_of_the_simulation_packages(wanted):
    assert wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)


def locked():
    """Pinned version of each package in the lock file."""
    lines = [line for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_locked_versions_are_in_the_ranges():
    for wanted in requirements(*EXTRAS):
        assert wanted.specifier.contains(locked()[canonicalize_name(wanted.name)], prereleases=True), wanted


def test_lock_names_all_packages_that_are_installed_for_this_one():
    known, missing, waiting = set(), [], requirements("test")
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name in known:
            continue
        known.add(name)
        missing += [name] if name not in locked() else []
        further = [Requirement(text) for text in metadata.requires(name) or []]
        waiting += [r for r in further if r.marker is None or r.marker.evaluate({"extra": ""})]
    assert {"tensorflow", "h5py", "llvmlite"} <= known
    assert not missing


def test_python_is_one_of_those_supported():
    assert sys.version_info[:2] in [(3, 11), (3, 12), (3, 13)]
    assert ".".join(map(str, sys.version_info[:2])) in SpecifierSet(PROJECT["requires-python"])


@pytest.fixture(scope="module")
def quantized():
    """A tiny HGQ2 model, built and called under TensorFlow."""
    import keras
    from hgq.layers import QDense

    assert keras.backend.backend() == "tensorflow"
    model = keras.Sequential([keras.Input((4,)), QDense(3, name="dense")])
    model(TEN_BY_FOUR)
    return model


def test_hgq2_trains_a_step_under_tensorflow(quantized):
    quantized.compile("sgd", "mse", jit_compile=False)
    before = quantized.predict(TEN_BY_FOUR, verbose=0)
    loss = quantized.fit(TEN_BY_FOUR, np.ones((10, 3)), verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    assert before.shape == (10, 3)
    assert (quantized.predict(TEN_BY_FOUR, verbose=0) != before).any()


def test_hgq2_has_the_peer_of_the_benchmark():
    import keras
    from hgq.layers import QDenseT

    model = keras.Sequential([keras.Input((4,)), QDenseT(3, batch_norm=True)])
    assert model(TEN_BY_FOUR).shape == (10, 3)


def test_hls4ml_converts_it_without_compiling(quantized, tmp_path):
    import hls4ml

    config = hls4ml.utils.config_from_keras_model(quantized, granularity="name", backend="Vitis")
    project = hls4ml.converters.convert_from_keras_model(
        quantized, hls_config=config, output_dir=str(tmp_path / "hls"), backend="Vitis", io_type="io_parallel"
    )
    project.write()
    assert "dense" in [layer.name for layer in project.get_layers()]
    assert (tmp_path / "hls" / "firmware" / "myproject.cpp").is_file()


def test_alkaid_traces_and_interprets():
    from alkaid.trace import FVArrayInput, trace

    inputs = FVArrayInput((3,)).quantize(1, 2, 1, "WRAP", "TRN")
    logic = trace(inputs, inputs[:2] + inputs[1:])
    x = np.array([[1.0, 2.0, -1.5], [-4.0, 0.5, 3.5]])
    np.testing.assert_array_equal(logic.predict(x), x[:, :2] + x[:, 1:])


def test_yosys_counts_cells(tmp_path):
    source = tmp_path / "both.v"
    source.write_text("module both(input a, input b, output y); assign y = a & b; endmodule\n")
    script = (
        "from pyosys import libyosys as ys\n"
        "design = ys.Design()\n"
        f"for command in ('read_verilog {source}', 'proc', 'stat'):\n"
        "    design.run_pass(command)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b1 +(\$and\b|cells\b)|\$and +1\b", done.stdout), done.stdout


def test_verilator_answers_and_checks_a_module(tmp_path):
    from trigger_lut.errors import ToolFailedError
    from trigger_lut.utils.programs import run_program, verilator_root

    root = verilator_root()
    program, env = root / "bin" / "verilator_bin", {"VERILATOR_ROOT": str(root)}
    assert "rev" in run_program([program, "--version"], env=env)
    source = tmp_path / "both.v"
    source.write_text("module both(input a, input b, output y); assign y = a & b; endmodule\n")
    run_program([program, "--lint-only", source], env=env)
    source.write_text("module both(input a, output y); assign y = a & missing; endmodule\n")
    with pytest.raises(ToolFailedError, match="missing"):
        run_program([program, "--lint-only", "-Wall", source], env=env)


def test_uproot_and_awkward_read_back_what_they_wrote(tmp_path):
    import awkward as ak
    import uproot

    jagged = ak.Array([[1.0, 2.0], [], [3.5]])
    with uproot.recreate(tmp_path / "made.root") as file:
        tree = file.mktree("jets", {"pt": "var * float64", "label": "int32"})
        tree.extend({"pt": jagged, "label": np.array([0, 1, 2], dtype=np.int32)})
    with uproot.open(tmp_path / "made.root") as file:
        arrays = file["jets"].arrays()
    assert arrays["pt"].to_list() == jagged.to_list()
    assert arrays["label"].to_list() == [0, 1, 2]


def test_numba_compiles():
    import numba

    @numba.njit
    def total(x):
        s = 0.0
        for value in x:
            s += value
        return s

    assert total(np.arange(5.0)) == 10.0


def test_the_rest_imports():
    import jinja2
    import matplotlib
    import mplhep
    import sklearn.ensemble
    import snakemake.api

    for module in (jinja2, matplotlib, mplhep, sklearn.ensemble, snakemake.api):
        assert module.__name__ in sys.modules


@pytest.mark.sim
def test_pythia_and_fastjet_work_together():
    """In a process of their own, as everywhere: a few collisions, clustered."""
    script = (
        "import pythia8mc, fastjet\n"
        "pythia = pythia8mc.Pythia('', False)\n"
        "for line in ('Print:quiet = on', 'HardQCD:all = on', 'PhaseSpace:pTHatMin = 200', 'Beams:eCM = 13000',\n"
        "             'PartonLevel:MPI = off', 'Random:setSeed = on', 'Random:seed = 1'):\n"
        "    assert pythia.readString(line), line\n"
        "assert pythia.init() and pythia.next()\n"
        "final = [p for p in pythia.event if p.isFinal() and p.isVisible()]\n"
        "parts = [fastjet.PseudoJet(p.px(), p.py(), p.pz(), p.e()) for p in final]\n"
        "found = fastjet.ClusterSequence(parts, fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4))\n"
        "print('hardest', max(j.pt() for j in found.inclusive_jets()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split("hardest")[1]) > 100
