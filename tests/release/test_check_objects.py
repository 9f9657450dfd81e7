"""The object step in a release: its modules give the codes and the outputs, and the check notices what is changed."""

import json
import shutil

import made_cards
import pytest
from edits import replace_in
from hardware_objects import DATA_SET, OPTIONS
from networks import random_network

from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.emulator.files import emulator_files
from trigger_lut.firmware.front_end.files import DESCRIBED
from trigger_lut.firmware.front_end.object_step import OBJECT_STEP
from trigger_lut.firmware.front_end.verilog import write_object_step
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.release.check_objects import object_checks
from trigger_lut.release.forms import form_of

TOP = "design_small_top"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Folder with the Verilog of a network and its object step."""
    folder = tmp_path_factory.mktemp("release")
    formats = tuple(feature.given for feature in DATA_SET.objects["jet"].features) * 2
    network = random_network(1, (4, 3, 2), inputs=formats)
    rtl = write_rtl(network, folder / "rtl", spec=made_cards.spec())
    write_object_step(DATA_SET, rtl, options=OPTIONS)
    for path, text in emulator_files(network, "d", version="0").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def release(original, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(original, tmp_path / "release")
    return tmp_path / "release"


def checks(release):
    return object_checks(lambda form, codes: form_of(form)(release, codes), release, seed=3)


def test_both_modules_are_compared(release):
    by_name = checks(release)
    assert by_name["objects"]() == f"{TOP}_objects: 4 jet, 5 cycles to the codes"
    result = by_name["object step, Verilog"]()
    assert result == "0 mismatches in 2,000 fresh events, latency 5 cycles, II 1"
    latency = 5 + read_project(release / "rtl").latency_cycles_planned
    result = by_name["object step and network, Verilog"]()
    assert result == f"0 mismatches in 2,000 fresh events, latency {latency} cycles, II 1"


def test_another_order_of_ties_fails(release):
    replace_in(release / "rtl" / f"{TOP}_objects.v", "places0 = ", "places0 = ~", count=1)
    with pytest.raises(NotReproducibleError, match="mismatches in 2,000 events"):
        checks(release)["object step, Verilog"]()


def test_another_latency_fails(release):
    replace_in(release / "rtl" / OBJECT_STEP, '"latency_cycles": 5', '"latency_cycles": 6', count=1)
    with pytest.raises(NotReproducibleError, match=r"latency: expected 6 cycles as in rtl/objects\.json, found 5"):
        checks(release)["object step, Verilog"]()


def test_another_description_fails(release):
    step = json.loads((release / "rtl" / OBJECT_STEP).read_text())
    step["described"]["channels"][0]["kif"] = [0, 4, 0]
    (release / "rtl" / OBJECT_STEP).write_text(json.dumps(step))
    with pytest.raises(FirmwareError, match="outputs: expected the inputs of the network"):
        checks(release)["objects"]()


def test_other_steps_in_python_fail(release):
    step = json.loads((release / "rtl" / OBJECT_STEP).read_text())
    step["described"]["objects"][0]["sort_by"] = "x"
    (release / DESCRIBED).write_text(json.dumps(step["described"]))
    with pytest.raises(FirmwareError, match=r"objects: expected the entry of emulator/python/inputs\.json"):
        checks(release)["objects"]()


def test_a_release_without_this_part_has_no_such_checks(tmp_path):
    assert object_checks(lambda form, codes: None, tmp_path, seed=0) == {}
