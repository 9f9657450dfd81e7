"""The VHDL is the same function as the Verilog, and GHDL notices when it is not."""

import numpy as np
import pytest
from made_cards import spec as made_spec
from networks import random_codes, random_graph, random_network

from trigger_lut.errors import NotReproducibleError, ToolFailedError, ToolMissingError
from trigger_lut.firmware.rtl import ghdl
from trigger_lut.firmware.rtl.build import read_project, simulate_rtl, write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl, simulate_vhdl
from trigger_lut.network.reference_model import evaluate

needs_ghdl = pytest.mark.skipif(not has_ghdl(), reason="GHDL is not installed")
VECTORS = 300


@needs_ghdl
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", [random_network, random_graph])
def test_no_differences_to_the_reference(tmp_path, make, seed):
    network = make(seed)
    project = write_rtl(network, tmp_path / "rtl", spec=made_spec())
    codes = random_codes(network, VECTORS)
    outputs, latency, ii = simulate_vhdl(project, codes)
    assert (outputs != evaluate(network, codes)).sum() == 0
    assert (latency, ii) == simulate_rtl(project, codes)[1:] == (project.latency_cycles_planned, 1)


@pytest.fixture
def project(tmp_path):
    return write_rtl(random_network(3), tmp_path / "rtl", spec=made_spec())


def edited(project, old, new, count=1):
    """The project with one text in its VHDL replaced."""
    for path in project.vhdl:
        text = path.read_text()
        if old in text:
            path.write_text(text.replace(old, new, count))
            return project
    raise AssertionError(f"no {old!r} in the VHDL")


@needs_ghdl
def test_a_register_too_many_for_the_valid_bit_is_noticed(project):
    edited(project, "signal valid: std_logic_vector(", "signal late: std_logic := '0'; signal valid: std_logic_vector(")
    edited(project, "valid_out <= ", "late <= valid(0) when rising_edge(clk); valid_out <= late and ")
    with pytest.raises(NotReproducibleError):
        simulate_vhdl(project, random_codes(random_network(3), VECTORS))


@needs_ghdl
def test_a_valid_bit_that_comes_before_its_data_is_noticed(project):
    assert project.latency_cycles_planned > 1
    edited(project, "valid_out <= valid(", "valid_out <= valid(0); -- (")
    with pytest.raises(NotReproducibleError, match="bits of a valid output are undefined"):
        simulate_vhdl(project, random_codes(random_network(3), VECTORS))


@needs_ghdl
def test_vhdl_that_is_broken_is_refused(project):
    edited(project, "end entity", "end entitty")
    with pytest.raises(ToolFailedError, match="GHDL, analysis ended with status"):
        simulate_vhdl(project, random_codes(random_network(3), 4))


def test_without_ghdl_it_is_said(project, monkeypatch):
    monkeypatch.setattr(ghdl.shutil, "which", lambda name: None)
    with pytest.raises(ToolMissingError, match="GHDL is not on PATH"):
        simulate_vhdl(project, random_codes(random_network(3), 4))


def test_the_project_lists_its_vhdl_in_an_order_of_use(project):
    again = read_project(project.folder)
    assert again == project
    known = np.array([path.stem for path in again.vhdl])
    for n, path in enumerate(again.vhdl):
        used = [unit for unit in known if f"entity work.{unit} " in path.read_text()]
        assert set(used) <= set(known[:n]), path
    assert known[-1] == project.top
