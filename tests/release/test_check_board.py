"""Wrappers for boards in a release: complete, described, and compared with the network's vectors."""

import json

import numpy as np
import pytest
from edits import replace_in
from made_cards import spec as made_spec
from networks import random_codes, random_graph

from trigger_lut.config.release import BoardWrappers
from trigger_lut.errors import CardError, FirmwareError, NotReproducibleError, ToolMissingError
from trigger_lut.firmware.board.files import board_files, read_board
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release import check_board
from trigger_lut.release.check_board import board_checks
from trigger_lut.release.compare import Vectors
from trigger_lut.release.forms import form_of
from trigger_lut.release.sources import require_plain

NETWORK = random_graph(1)
BOTH = BoardWrappers.model_validate({"axi_stream": {"beat_bytes": 2}, "emp": {"output_link": 3}})


@pytest.fixture
def release(tmp_path):
    """The rtl and board folders of a release."""
    project = write_rtl(NETWORK, tmp_path / "rtl", spec=made_spec())
    for path, text in board_files(project, BOTH, version=2, part="xcvu13p").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def checks(release):
    codes = random_codes(NETWORK, 300)
    vectors = Vectors(codes, evaluate(NETWORK, codes), 200)
    return board_checks(lambda form, codes: form_of(form)(release, codes), release, vectors=vectors)


def test_both_wrappers_are_the_network(release):
    by_name = checks(release)
    assert by_name["board"]() == ("design_small_top_axis: 2 beats of 2 bytes; design_small_top_emp: 1 frame on 1 link")
    assert "0 mismatches in 200 vectors of the release and 100 fresh vectors" in by_name["AXI4-Stream"]()
    if has_ghdl():
        assert "0 mismatches" in by_name["EMP payload"]()
    assert require_plain(release).endswith("without directives and system tasks")


def test_without_ghdl_the_payload_is_not_measured(release, monkeypatch):
    monkeypatch.setattr(check_board, "has_ghdl", lambda: False)
    with pytest.raises(ToolMissingError, match="GHDL is not on PATH"):
        checks(release)["EMP payload"]()


def test_a_wrapper_of_another_latency_fails(release):
    stream = release / "board/axi_stream/design_small_top_axis.v"
    clocked = "initial done = 0; always @(posedge aclk) done <="
    replace_in(stream, "wire done =", f"reg done; {clocked}", count=1)
    late = "reg [$bits(core_data) - 1:0] late; always @(posedge aclk) late <= core_data; wire leave"
    replace_in(stream, "memory[write] <= core_data", "memory[write] <= late", count=1)
    replace_in(stream, "wire leave", late, count=1)
    stated = read_board(release).axi_stream.latency_cycles
    with pytest.raises(NotReproducibleError, match=f"latency: expected {stated} cycles .* found {stated + 1}"):
        checks(release)["AXI4-Stream"]()


def test_a_description_that_states_another_latency_fails(release):
    path = release / "board/board.json"
    content = json.loads(path.read_text())
    content["axi_stream"]["latency_cycles"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(FirmwareError, match="axi_stream: expected the description"):
        checks(release)["board"]()
    with pytest.raises(NotReproducibleError, match=r"latency: expected .* cycles as in board/board\.json, found"):
        checks(release)["AXI4-Stream"]()


def test_vhdl_that_is_not_that_of_the_network_fails(release):
    copy = release / "board/emp/firmware/hdl/design_small_top.vhd"
    copy.write_text(copy.read_text() + "-- more\n")
    with pytest.raises(FirmwareError, match=r"design_small_top\.vhd: expected the file in rtl/vhdl"):
        checks(release)["board"]()


@pytest.mark.parametrize(
    "line", ["src ../../x.vhd", "src --vhdl2008 ../x.vhd", "src --vhdl2008 none.vhd", "include a.dep"]
)
def test_a_dep_file_of_another_form_fails(release, line):
    dep = release / "board/emp/firmware/cfg/design_small_top_emp.dep"
    dep.write_text(dep.read_text() + line + "\n")
    with pytest.raises(CardError, match=r"dep: "):
        checks(release)["board"]()


@pytest.mark.parametrize("text", ["", "[]", '{"axi_stream": null}', '{"axi_stream": {"top": "a/b"}, "emp": null}'])
def test_a_description_of_another_form_fails(release, text):
    (release / "board/board.json").write_text(text)
    assert list(checks(release)) == ["board"]
    with pytest.raises(CardError, match="no description of wrappers"):
        checks(release)["board"]()


def test_a_release_without_wrappers_has_no_such_checks(tmp_path):
    codes = np.zeros((1, 1), dtype=np.int64)
    assert board_checks(lambda form, codes: None, tmp_path, vectors=Vectors(codes, codes, 1)) == {}
