"""Stages as described and as generated are the same."""

import re

import made_cards
import pytest
from networks import random_graph, random_network

from trigger_lut.cards.base import write_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.firmware.rtl.build import estimate_flip_flops, write_rtl
from trigger_lut.firmware.rtl.stages import pipeline_stages
from trigger_lut.report.pages.firmware import page_of_firmware


@pytest.mark.parametrize(
    "network", [*(random_network(seed) for seed in range(4)), *(random_graph(s) for s in range(3))]
)
def test_stages_are_those_of_the_verilog(tmp_path, network):
    spec = made_cards.spec()
    project = write_rtl(network, tmp_path / "rtl", spec=spec)
    stages = pipeline_stages(network, spec, stages=project.stages)
    assert len(stages) == project.latency_cycles_planned
    period, family = spec.target.clock_period_ns, spec.target.family
    assert sum(stage.register_bits for stage in stages) == estimate_flip_flops(network, DelayModel(period, family))
    assert all(0 <= stage.logic_ns < period for stage in stages)
    logic = [path.read_text() for path in project.files if re.search(r"_logic\d+$", path.stem)]
    for text, stage in zip(sorted(logic, key=lambda t: int(re.search(r"_logic(\d+) ", t)[1])), stages, strict=True):
        assert len(re.findall(r"table_\w+ op_\d+ ", text)) == stage.tables
        adders = len(re.findall(r"shift_adder #\S+ op_\d+ ", text))
        assert adders <= stage.adders <= adders + text.count("assign"), (
            "negations and added constants may be written out"
        )


def test_the_page_shows_stages_and_handlers(tmp_path):
    network = random_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    card = FirmwareCard(
        design="d",
        hls_project="hls",
        hls_handlers={"lut_dense": "TableHandler"},
        hls_result_types={"lut_dense": "fixed<8,3>"},
        rtl_project="rtl",
        rtl_top="design_d_top",
        files={},
        rtl_bench="rtl/bench",
        rtl_tmux_cycles=54,
        rtl_latency_cycles_planned=2,
        rtl_stages=pipeline_stages(network, made_cards.spec(), stages=project.stages),
        rtl_cost=1.0,
        clock_period_ns=2.78,
        **made_cards.MADE,
    )
    write_card(card, tmp_path / "firmware.json")
    page_of_firmware(firmware=tmp_path / "firmware.json", folder=tmp_path)
    text = (tmp_path / "firmware.html").read_text()
    assert "TableHandler" in text
    assert "fixed&lt;8,3&gt;" in text
    assert (tmp_path / "stages.svg").stat().st_size > 1000
