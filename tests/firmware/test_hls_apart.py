"""HLS projects of several designs in one process and one compilation unit: each computes with its own tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import made_cards
import numpy as np
import pytest

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.errors import CardError
from trigger_lut.firmware.hls import project as hls
from trigger_lut.firmware.hls.cpp import common_format
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate

# Loads libraries in order with global symbols, as a framework loads plug-ins, and counts the events that differ.
LOAD = """
import ctypes, json, sys
import numpy as np
values = np.load(sys.argv[1])
for library, call, expected in json.loads(sys.argv[2]):
    call = getattr(ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL), call)
    right, found = np.load(expected), np.zeros((len(values), 2))
    for n in range(len(values)):
        call(ctypes.c_void_p(values[n:].ctypes.data), ctypes.c_void_p(found[n:].ctypes.data))
    print(int((found != right).any(axis=1).sum()))
"""


def same_types(number: int):
    """Model and network with other tables for each number, and the same types of inputs and outputs.

    C++ symbols contain the types, so that other types alone would keep two designs apart.
    """
    candidates = []
    for seed in range(100):
        model = keras.Sequential(
            [keras.Input((3,), name="x"), LUTDense(2, input_format="fixed<5,2>", seed=seed, name="a")]
        )
        network = integer_network(model)
        if not candidates or common_format(network.output_formats()) == common_format(
            candidates[0][1].output_formats()
        ):
            candidates.append((model, network))
        if len(candidates) > number:
            break
    return candidates[number]


@pytest.fixture(scope="module")
def hls_projects(tmp_path_factory):
    """Folder with four projects: tagger, anomaly, version 2 of tagger, and tagger with other tables; right outputs."""
    folder = tmp_path_factory.mktemp("apart")
    codes = np.random.default_rng(0).integers(-16, 16, (200, 3))
    np.save(folder / "values.npy", codes * 0.125)
    projects = []
    for n, (design, version) in enumerate((("tagger", 1), ("anomaly", 1), ("tagger", 2), ("tagger", 1))):
        model, network = same_types(n)
        spec = made_cards.spec().model_copy(update={"design": design})
        projects.append(hls.write_hls(model, network, folder=folder / str(n), spec=spec, version=version))
        np.save(folder / f"{n}.npy", evaluate(network, codes) * 2.0 ** -network.fractions.astype(float))
    return folder, projects


def differing(folder: Path, projects: list[tuple[hls.HlsProject, str]]) -> list[int]:
    loaded = [
        (str(project.folder / "firmware" / project.library), f"{project.name}_double", str(folder / f"{right}.npy"))
        for project, right in projects
    ]
    command = [sys.executable, "-c", LOAD, str(folder / "values.npy"), json.dumps(loaded)]
    return list(map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))


def test_hls_emulators_in_one_process_agree(hls_projects):
    folder, projects = hls_projects
    assert [project.name for project in projects] == [
        "lut_network_tagger_v1",
        "lut_network_anomaly_v1",
        "lut_network_tagger_v2",
        "lut_network_tagger_v1",
    ]
    numbered = [(project, str(n)) for n, project in enumerate(projects)]
    assert differing(folder, numbered) == [0, 0, 0, 0]
    assert differing(folder, numbered[::-1]) == [0, 0, 0, 0]
    # Negative control: the same comparison with the outputs of another project.
    assert differing(folder, [(projects[0], "2")])[0] > 0


@pytest.mark.parametrize(("number", "differs"), [(2, False), (3, True)])
def test_hls_emulator_without_own_symbols_needs_names_of_its_own(hls_projects, number, differs):
    """Without -Bsymbolic another version agrees. Negative control: the same names compute with the first tables."""
    folder, projects = hls_projects
    script = projects[number].folder / "build_lib.sh"
    right = script.read_text()
    script.write_text(right.replace(" -Wl,-Bsymbolic", "").replace("-O3", "-O0"))
    hls.recompile(projects[number].folder, "global")
    loose = hls.load_hls(projects[number].folder)
    script.write_text(right)
    assert (differing(folder, [(projects[0], "0"), (loose, str(number))])[1] > 0) == differs


def test_hls_headers_of_designs_and_versions_in_one_unit(hls_projects, tmp_path):
    _, projects = hls_projects
    names = [project.name for project in projects[:3]]
    lines = [f'#include "{p.folder}/firmware/{p.name}.h"' for p in projects[:3]]
    spaces = [name.replace("lut_network", "hls") for name in names]
    lines += [f"auto* {name}_call = &{space}::{name};" for name, space in zip(names, spaces, strict=True)]
    (tmp_path / "both.cpp").write_text("\n".join(lines) + "\n")
    include = projects[0].folder / "firmware" / "ap_types"
    subprocess.run(["g++", "-std=c++17", "-fsyntax-only", f"-I{include}", "both.cpp"], cwd=tmp_path, check=True)


def test_load_hls_other_project_is_refused(hls_projects, tmp_path):
    content = json.loads((hls_projects[1][0].folder / hls.PROJECT_FILE).read_text())
    for changed in ({"name": "../x"}, {"name": None}):
        (tmp_path / hls.PROJECT_FILE).write_text(json.dumps(content | changed))
        with pytest.raises(CardError, match="not a project of this version"):
            hls.load_hls(tmp_path)
