"""The firmware stage writes the object step next to the network, and counts its cells."""

import made_cards
import pytest
from hardware_objects import DATA_SET, OPTIONS
from networks import random_network

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.front_end.object_step import read_object_step
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.stages import firmware


@pytest.fixture
def rtl(tmp_path):
    formats = tuple(feature.given for feature in DATA_SET.objects["jet"].features) * 2
    return write_rtl(random_network(1, (4, 3, 2), inputs=formats), tmp_path / "rtl", spec=made_cards.spec())


def test_the_object_step_is_written_and_counted(rtl, tmp_path):
    description = tmp_path / "d.json"
    description.write_text(DATA_SET.model_dump_json(exclude_none=True))
    figures = firmware._object_step(made_cards.spec(), rtl, description, OPTIONS)
    step = read_object_step(rtl.folder)
    assert (figures.top, figures.whole, figures.latency_cycles) == (step.top, step.whole, step.latency_cycles)
    assert {f"{step.top}.v", f"{step.whole}.v", "objects.json"} <= {path.name for path in rtl.folder.iterdir()}
    assert figures.luts.source == "yosys"
    assert 30 < figures.luts.value < 400
    assert figures.ff.value > 4 * 10


def test_without_a_description_there_is_no_object_step(rtl):
    with pytest.raises(FirmwareError, match="no description of the data set"):
        firmware._object_step(made_cards.spec(), rtl, None, OPTIONS)
