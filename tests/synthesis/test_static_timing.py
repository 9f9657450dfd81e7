"""A synthesized netlist evaluated, its nets named, its pipeline timed stage by stage."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import made_cards
import networks
import numpy as np
import pytest

from trigger_lut.cost_model.delay import delays
from trigger_lut.errors import NotReproducibleError, ToolFailedError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.synthesis import netlist
from trigger_lut.synthesis.net_names import OTHER, luts_by_layer, net_names
from trigger_lut.synthesis.netlist_simulation import net_values, packed
from trigger_lut.synthesis.static_timing import stages
from trigger_lut.synthesis.yosys import synthesize


def synthesized(network, folder: Path):
    project = write_rtl(network, folder / "rtl", spec=made_cards.spec())
    return synthesize(list(project.files), project.top, family="xcup")


@pytest.fixture(scope="module", params=[("tables", 4), ("graph", 1)], ids=["tables", "graph"])
def design(request, tmp_path_factory):
    kind, seed = request.param
    network = networks.random_network(seed, prune=0.2) if kind == "tables" else networks.random_graph(seed)
    return network, synthesized(network, tmp_path_factory.mktemp(kind))


def test_packed_bits():
    assert packed(np.array([1, -1, 2]), 2) == [0b011, 0b110]


def test_stages_add_up_to_the_netlist(design):
    _, module = design
    timed, whole = stages(module, "xcup"), netlist.longest_path(module, "xcup")
    used = netlist.resources(netlist.cell_counts(module))
    assert (sum(s.luts for s in timed), sum(s.registers for s in timed)) == (used.luts, used.ff)
    assert max(s.levels for s in timed) == whole.levels
    assert max(s.delay_ns for s in timed) == pytest.approx(whole.delay_ns)
    for stage in timed:
        luts, chains = stage.on_path["LUT"], stage.on_path["carry chain"]
        assert luts + chains <= stage.levels
        assert stage.delay_ns >= luts * delays("xcup").lut_and_wire + chains * delays("xcup").carry - 1e-9


def test_nets_have_names_and_the_paths_go_through_them(design):
    network, module = design
    names = net_names(network, module, design="small")
    assert len(names) > len(module["ports"]["data_in"]["bits"]) / 2
    layers = {layer.name for layer in network.layers}
    named = {name.what.split(",")[0] for name in names.values()}
    assert named & layers
    through = [names[net].what for stage in stages(module, "xcup") for net in stage.path if net in names]
    assert through
    assert any("edge from input" in name.what for name in names.values())


def test_luts_of_the_layers_add_up(design):
    network, module = design
    layers = [layer.name for layer in network.layers]
    luts = luts_by_layer(module, net_names(network, module, design="small"), layers=layers)
    assert sum(luts.values()) == netlist.resources(netlist.cell_counts(module)).luts
    assert list(luts)[: len(layers)] == layers
    assert luts.get(OTHER, 0) < 0.02 * sum(luts.values())
    without = luts_by_layer(module, {}, layers=layers)  # control: without names nothing is attributed
    assert without[OTHER] == sum(luts.values())


def test_the_layers_of_a_chain_cost_what_they_cost_alone(tmp_path):
    network = networks.random_network(4, prune=0.2)
    module = synthesized(network, tmp_path)
    luts = luts_by_layer(
        module, net_names(network, module, design="small"), layers=[layer.name for layer in network.layers]
    )
    first = replace(network, layers=network.layers[:1], classes=())
    alone = netlist.resources(netlist.cell_counts(synthesized(first, tmp_path / "first"))).luts
    assert luts["lut_dense_0"] == pytest.approx(alone, rel=0.25)


def test_one_flipped_bit_of_a_lut_is_found(design):
    network, module = design
    changed = copy.deepcopy(module)
    for name in sorted(changed["cells"]):
        cell = changed["cells"][name]
        if cell["type"] in ("LUT5", "LUT6"):
            init = cell["parameters"]["INIT"]
            cell["parameters"]["INIT"] = "".join("10"[int(bit)] for bit in init)
            break
    with pytest.raises(NotReproducibleError, match=r"small: the netlist after synthesis is not bit-exact: output \d"):
        net_names(network, changed, design="small")


def test_cells_that_are_not_known_and_loops_are_refused():
    def module(**cells):
        directions = {"I": "input", "O": "output", "I0": "input", "D": "input", "Q": "output", "CE": "input"}
        by_name = {
            name: {
                "type": kind,
                "connections": ports,
                "port_directions": {port: directions[port] for port in ports},
                "parameters": {"INIT": "10"},
            }
            for name, (kind, ports) in cells.items()
        }
        return {"ports": {"x": {"bits": [2]}}, "cells": by_name}

    with pytest.raises(ToolFailedError, match="a cell DSP48E2 cannot be evaluated"):
        net_values(module(a=("DSP48E2", {"I": [2], "O": [3]})), {"x": [1]}, vectors=4)
    with pytest.raises(ToolFailedError, match="a loop"):
        net_values(module(a=("LUT1", {"I0": [4], "O": [3]}), b=("LUT1", {"I0": [3], "O": [4]})), {"x": [1]}, vectors=4)
    enabled = module(a=("FDRE", {"D": [2], "Q": [3], "CE": [2]}))
    with pytest.raises(ToolFailedError, match="FDRE with the enable"):
        net_values(enabled, {"x": [1]}, vectors=4)
    assert net_values(module(a=("LUT1", {"I0": [2], "O": [3]})), {"x": [0b0110]}, vectors=4)[3] == 0b0110
