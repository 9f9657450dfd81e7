"""The external for CMSSW: built by its own Makefile, loaded as CMSSW loads it, compared code by code."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.quantize import whole_steps
from trigger_lut.errors import ConfigurationError
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.emulator.cmssw import cmssw_files
from trigger_lut.firmware.front_end.description import coded_channels
from trigger_lut.network.reference_model import evaluate

EVENTS = 2_000


def write_external(folder, network, *, model="JetTag", version=1, decision=None, inputs=None):
    texts = cmssw_files(
        network, model=model, model_version=version, writer_version="0", decision=decision, inputs=inputs
    )
    for path, text in texts.items():
        (folder / "cmssw" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "cmssw" / path).write_text(text)
    codes = random_codes(network, EVENTS, seed=version)
    (folder / "vectors").mkdir(exist_ok=True)
    np.savetxt(folder / "vectors" / "inputs.txt", codes, fmt="%d")
    np.savetxt(folder / "vectors" / "outputs.txt", evaluate(network, codes), fmt="%d")
    return folder / "cmssw"


def make(folder, *targets):
    return subprocess.run(["make", "-C", str(folder), *targets], capture_output=True, text=True)


@pytest.fixture(scope="module")
def two_models_two_versions(tmp_path_factory):
    """Folders of externals with different networks: two versions of one model, and another model."""
    cases = [("JetTag", 1), ("JetTag", 2), ("MuonTag", 1)]
    folders = {}
    for seed, (model, version) in enumerate(cases):
        folder = write_external(tmp_path_factory.mktemp("external"), random_network(seed), model=model, version=version)
        done = make(folder, "test")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{EVENTS} events, 0 differences" in done.stdout
        folders[model, version] = folder
    return folders


def run_test_program(folders):
    program = next(iter(folders.values())) / "test" / "test_JetTag"
    triples = [
        path
        for (model, version), folder in folders.items()
        for path in (
            folder / f"{model}_v{version}.so",
            folder.parent / "vectors" / "inputs.txt",
            folder.parent / "vectors" / "outputs.txt",
        )
    ]
    return subprocess.run([program, *triples], capture_output=True, text=True)


def test_libraries_share_a_process(two_models_two_versions):
    done = run_test_program(two_models_two_versions)
    assert (done.returncode, done.stdout) == (0, f"{EVENTS} events, 0 differences\n")


def test_test_program_notices_another_networks_vectors(two_models_two_versions, tmp_path):
    folder = two_models_two_versions["JetTag", 1]
    shutil.copytree(folder.parent, tmp_path / "copy")
    other = tmp_path / "copy" / "vectors" / "outputs.txt"
    lines = other.read_text().splitlines()
    lines[7] = " ".join(str(int(word) + 1) for word in lines[7].split())
    other.write_text("\n".join(lines) + "\n")
    done = run_test_program({("JetTag", 1): tmp_path / "copy" / "cmssw"})
    assert done.returncode == 1
    assert "differs in event 7" in done.stderr


def test_library_exports_the_factory_pair_only(two_models_two_versions):
    library = two_models_two_versions["JetTag", 2] / "JetTag_v2.so"
    listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True).stdout
    own = {line.split()[-1] for line in listed.splitlines() if "hls4mlEmulator" in line or "_v2" in line}
    assert {"create_model", "destroy_model"} <= {line.split()[-1] for line in listed.splitlines()}
    assert not [name for name in own if "_v2" in name]


def test_install_copies_the_libraries(two_models_two_versions, tmp_path):
    folder = two_models_two_versions["MuonTag", 1]
    assert make(folder, "install", f"PREFIX={tmp_path}").returncode == 0
    assert [path.name for path in (tmp_path / "lib64").iterdir()] == ["MuonTag_v1.so"]


VALUES = r"""
#include <dlfcn.h>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>
#include "emulator.h"

int main(int, char** argv) {
    void* library = dlopen(argv[1], RTLD_NOW);
    auto* model = reinterpret_cast<hls4mlEmulator::Model* (*)()>(dlsym(library, "create_model"))();
    auto attempt = [&](const std::any& input) {
        try { model->prepare_input(input); std::puts("accepted"); }
        catch (const std::exception& error) { std::puts(error.what()); }
    };
    std::vector<double> values(4, 1e9), scores;
    attempt(values);
    model->predict();
    model->read_result(&scores);
    for (double score : scores) std::printf("%.17g ", score);
    std::puts("");
    attempt(values.data());
    attempt(std::vector<float>(4, -1e9f));
    attempt(std::vector<double>(3, 0.0));
    attempt(std::string("values"));
    values[2] = std::nan("");
    attempt(values);
    attempt(std::vector<int>(4, 1 << 30));
    std::vector<bool> bits;
    try { model->read_result(&bits); for (bool bit : bits) std::printf("%d", bit); std::puts(" bits"); }
    catch (const std::exception& error) { std::puts(error.what()); }
}
"""


def run_values(folder, library):
    (folder / "values.cpp").write_text(VALUES)
    include = folder / "test" / "include" / "hls4ml"
    command = ["g++", "-std=c++17", "-O0", f"-I{include}", folder / "values.cpp", "-o", folder / "values", "-ldl"]
    subprocess.run(command, check=True)
    return subprocess.run([folder / "values", library], capture_output=True, text=True, check=True).stdout.splitlines()


def test_real_values_saturate_and_mistakes_are_named(two_models_two_versions):
    network, folder = random_network(0), two_models_two_versions["JetTag", 1]
    lines = run_values(folder, folder / "JetTag_v1.so")
    top = evaluate(network, np.array([[kif.hi for kif in network.inputs]]))[0]
    expected = top * 2.0 ** -np.array(network.fractions, dtype=float)
    assert lines[0] == "accepted"
    assert [float(word) for word in lines[1].split()] == expected.tolist()
    assert lines[2:4] == ["accepted", "accepted"]
    assert lines[4] == "JetTag_v1: prepare_input: expected 4 values, found 3"
    assert "JetTag_v1: prepare_input: expected a pointer to" in lines[5]
    assert lines[6] == "JetTag_v1: input 2: expected a number, found NaN or infinity"
    assert re.match(r"JetTag_v1: input 0: expected a code from .* found 1073741824", lines[7])
    assert "read_result: expected" in lines[8]


def test_decision_bits_are_those_of_the_score(tmp_path):
    network = random_network(3)
    score = Score(tuple(network.output_formats()), signal=(0,), background=(1, 2))
    decision = DecisionProject(tmp_path, "top", "net", score, (1.0, 5.0), (None, score.lo), 2, 4)
    folder = write_external(tmp_path, network, decision=decision)
    assert make(folder, "test").returncode == 0
    assert run_values(folder, folder / "JetTag_v1.so")[8] == "01 bits"


FLAT = DataSet.model_validate(
    {
        "name": "flat",
        "files": ["x.root"],
        "tree": "t",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["a", "b"]},
        "features": [
            {"name": "mass", "format": {"signed": False, "width": 6, "integer": 4}},
            {"name": "phi", "scale": {"signed": True, "width": 6, "lsb": "pi/16"}},
            {"name": "pt", "scale": {"signed": False, "width": 5, "lsb": 2.5, "rounding": "floor"}},
            {"name": "eta", "format": {"signed": True, "width": 5, "integer": 3}, "nonfinite": {"replace": -1}},
        ],
    }
)


def flat_values(count):
    """Values of the channels, many at edges between codes, some beyond the formats, some NaN and infinite."""
    rng = np.random.default_rng(5)
    steps = np.array([0.25, np.pi / 16, 2.5, 0.25])
    values = (rng.integers(-200, 200, (count, 4)) / 2 + rng.choice([0, 1e-9, -1e-9, 0.3], (count, 4))) * steps
    values[rng.random((count, 4)) < 0.01] = np.nan
    values[rng.random((count, 4)) < 0.01] = np.inf
    return values


def codes_of_ingest(values, formats):
    """Codes (N, 4) as the stage `ingest` computes them, and which events have some."""
    narrow = values.astype(np.float32)
    narrow[~np.isfinite(narrow[:, 3]), 3] = -1
    whole = [
        whole_steps(np.where(np.isfinite(column), column, 0), feature, kif=kif)
        for column, feature, kif in zip(narrow.T, FLAT.features, formats, strict=True)
    ]
    codes = np.stack([np.clip(one, kif.lo, kif.hi) for one, kif in zip(whole, formats, strict=True)], axis=1)
    return codes.astype(np.int64), np.isfinite(narrow).all(axis=1)


def printed(folder, option, lines):
    """Print the outputs of a library, None for an event without codes."""
    (folder / "given.txt").write_text("".join(f"{line}\n" for line in lines))
    (library,) = folder.glob("*.so")
    command = [folder / "test" / "test_JetTag", option, library, folder / "given.txt"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [None if line == "-" else [int(word) for word in line.split()] for line in done.stdout.splitlines()]


def test_physical_values_of_flat_data_have_the_codes_of_ingest(tmp_path):
    formats = tuple(feature.given for feature in FLAT.features)
    network = random_network(2, inputs=formats)
    folder = write_external(tmp_path, network, inputs={"channels": coded_channels(FLAT, formats)})
    assert make(folder, "test").returncode == 0
    values = flat_values(20_000)
    codes, known = codes_of_ingest(values, formats)
    assert 0.9 < known.mean() < 1
    rows = printed(folder, "--values", [" ".join(float(value).hex() for value in row) for row in values])
    expected = evaluate(network, codes)
    assert [row is None for row in rows] == (~known).tolist()
    assert sum(row != want for row, want, ok in zip(rows, expected.tolist(), known, strict=True) if ok) == 0
    plain = evaluate(network, np.stack([np.clip(v, f.lo, f.hi) for v, f in zip(codes.T + 1, formats, strict=True)], 1))
    assert (plain != expected).any(), "negative control: codes of one more give other outputs"


@pytest.mark.parametrize(
    ("model", "version"),
    [("", 1), ("1Tag", 1), ("a-b", 1), ("a_b", 1), ("Tag\n", 1), ("Tâg", 1), ("Tag", 0), ("Tag", -1)],
)
def test_impossible_names_and_versions_are_refused(model, version):
    with pytest.raises(ConfigurationError, match="expected"):
        cmssw_files(random_network(0), model=model, model_version=version, writer_version="0")


def test_no_placeholder_is_left():
    for path, text in cmssw_files(random_network(0), model="Tag", model_version=1, writer_version="0").items():
        assert set(re.findall(r"@[A-Z_]+@", path + text)) <= {"@TOOL_ROOT@", "@TOOL_VERSION@"}, path
