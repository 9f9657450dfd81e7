"""The AXI4-Stream wrapper is the network under each order of valid and ready, and broken wrappers are noticed."""

import re
import subprocess
import sys

import numpy as np
import pytest
from made_cards import spec as made_spec
from networks import random_codes, random_graph, shared_network

from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.board.axi_stream import (
    axi_stream,
    axi_stream_text,
    fifo_depth,
    package_ip_text,
)
from trigger_lut.firmware.board.simulate_axi_stream import (
    OFFER,
    RESET,
    SINK,
    beats_of,
    run_stream,
    simulate_axi_stream,
)
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.verilator import unpack
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, shareable

EVENTS = 400
NETWORK = random_graph(2)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_rtl(NETWORK, tmp_path_factory.mktemp("axi") / "rtl", spec=made_spec())


def wrapped(project, folder, edits=(), **options):
    """The wrapper and its files, with texts of it replaced."""
    wrapper = axi_stream(project, **options)
    text = axi_stream_text(project, wrapper)
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / f"{wrapper.top}.v").write_text(text)
    return wrapper, [*project.files, folder / f"{wrapper.top}.v"]


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("beat_bytes", [None, 1, 3])
def test_all_events_come_out_in_order_at_the_latency(project, tmp_path, ready, beat_bytes):
    wrapper, files = wrapped(project, tmp_path, ready=ready, beat_bytes=beat_bytes)
    codes = random_codes(NETWORK, EVENTS)
    outputs, latency = simulate_axi_stream(project, wrapper, files=files, codes=codes)
    assert (outputs != evaluate(NETWORK, codes)).sum() == 0
    assert latency == wrapper.latency_cycles == project.latency_cycles_planned + ready
    assert wrapper.beats == {None: 1, 1: 4, 3: 2}[beat_bytes]
    assert all((("m_axis_tready" in path.read_text()) == ready) for path in files[-1:])


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Firmware that takes an event every 5 cycles."""
    folder = tmp_path_factory.mktemp("shared") / "rtl"
    network = shared_network(0)
    return network, write_rtl(network, folder, spec=made_spec(), cuts=(Cut(0, shareable(network)[0].layers, 1),))


@pytest.mark.parametrize("beat_bytes", [None, 4, 1])
def test_the_last_beat_waits_for_shared_hardware(shared, tmp_path, beat_bytes):
    network, project = shared
    assert project.ii == 5
    wrapper, files = wrapped(project, tmp_path, beat_bytes=beat_bytes)
    codes = random_codes(network, 100)
    outputs, latency = simulate_axi_stream(project, wrapper, files=files, codes=codes)
    assert (outputs != evaluate(network, codes)).sum() == 0
    assert latency == wrapper.latency_cycles
    with pytest.raises(FirmwareError, match="takes an event every 5 cycles"):
        axi_stream(project, ready=False)
    if wrapper.beats < project.ii:
        _, files = wrapped(project, tmp_path, [(" && !(beat[BEATS - 1] && |pause)", "")], beat_bytes=beat_bytes)
        with pytest.raises(NotReproducibleError):
            simulate_axi_stream(project, wrapper, files=files, codes=codes)


BROKEN = {
    "no room is kept in the FIFO": [
        ("assign s_axis_tready = aresetn && !taken[", "assign s_axis_tready = aresetn || taken[")
    ],
    "an output leaves before the sink is ready": [("leave = m_axis_tvalid && m_axis_tready", "leave = m_axis_tvalid")],
    "an output stays": [("if (leave) read <=", "if (leave && !done) read <=")],
    "the FIFO is too small": [("= aresetn && !taken[", "= aresetn && !taken[1] && !taken[")],
    "tlast is missing": [("m_axis_tlast = 1'b1", "m_axis_tlast = 1'b0")],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_wrapper_is_noticed(project, tmp_path, name):
    wrapper, files = wrapped(project, tmp_path, BROKEN[name])
    with pytest.raises(NotReproducibleError):
        compare(project, wrapper, files)


def compare(project, wrapper, files):
    """Raise NotReproducibleError where a simulation does so, or gives other outputs than the network."""
    codes = random_codes(NETWORK, EVENTS)
    outputs, _ = simulate_axi_stream(project, wrapper, files=files, codes=codes)
    if (outputs != evaluate(NETWORK, codes)).any():
        raise NotReproducibleError("other outputs")


def test_a_register_too_many_shows_in_the_latency(project, tmp_path):
    old = f"reg late; reg [{sum(kif.bits for kif in project.outputs)} - 1:0] old; initial late = 0;"
    late = f"{old} always @(posedge aclk) begin late <= done; old <= core_data; end\n    "
    edits = [("assign m_axis_tvalid = done;", f"{late}assign m_axis_tvalid = late;"), ("b0, core_data}", "b0, old}")]
    wrapper, files = wrapped(project, tmp_path, edits, ready=False)
    codes = random_codes(NETWORK, 50)
    outputs, latency = simulate_axi_stream(project, wrapper, files=files, codes=codes)
    assert (outputs != evaluate(NETWORK, codes)).sum() == 0
    assert latency == wrapper.latency_cycles + 1


def test_swapped_beats_give_other_outputs(project, tmp_path):
    edits = [("event_bits[b * BITS +: BITS] = kept", "event_bits[b * BITS +: BITS] = ~kept")]
    wrapper, files = wrapped(project, tmp_path, edits, beat_bytes=1)
    codes = random_codes(NETWORK, EVENTS)
    assert (simulate_axi_stream(project, wrapper, files=files, codes=codes)[0] != evaluate(NETWORK, codes)).any()


@pytest.mark.parametrize("ready", [True, False])
def test_packets_of_another_length_are_dropped_and_reported(project, tmp_path, ready):
    wrapper, files = wrapped(project, tmp_path, ready=ready, beat_bytes=1)
    codes = random_codes(NETWORK, 5)
    beats = beats_of(project, wrapper, codes=codes).reshape(5, wrapper.beats, -1)
    short, long = beats[1, 1:].copy(), np.concatenate([beats[2], beats[2]])
    long[wrapper.beats - 1, 0] = 0
    given = np.concatenate([beats[0], short, beats[3], long, beats[4]])
    trace = run_stream(files, wrapper, beats=given, plan=np.full(80, OFFER | SINK, dtype=np.uint32))
    out = trace.data[trace.valid & trace.ready]
    outputs = unpack(out, project.outputs)
    assert (outputs == evaluate(NETWORK, codes[[0, 3, 4]])).all()
    assert trace.error.sum() == 2


@pytest.mark.parametrize("ready", [True, False])
def test_after_a_reset_only_later_events_come(project, tmp_path, ready):
    wrapper, files = wrapped(project, tmp_path, ready=ready)
    codes = random_codes(NETWORK, 60)
    plan = np.full(200, OFFER | SINK, dtype=np.uint32)
    plan[10:25] &= ~np.uint32(SINK)  # results wait when the reset comes
    plan[25] = RESET
    trace = run_stream(files, wrapper, beats=beats_of(project, wrapper, codes=codes), plan=plan)
    before = int(trace.accepted[:25].sum())
    out = np.flatnonzero(trace.valid & trace.ready)
    outputs = unpack(trace.data[out[out > 25]], project.outputs)
    assert not trace.accepted[25]
    assert not trace.valid[25]
    assert before > 0
    assert (outputs == evaluate(NETWORK, codes[before:])).all()
    assert out[out > 25][0] == 26 + wrapper.latency_cycles


def test_the_fifo_is_the_smallest_that_never_stalls():
    assert [fifo_depth(latency) for latency in (1, 2, 3, 6, 7)] == [4, 4, 8, 8, 16]
    with pytest.raises(FirmwareError, match="Expected a number from 1, found 0"):
        axi_stream(None, beat_bytes=0)


def test_yosys_reads_it_as_hardware(project, tmp_path):
    wrapper, files = wrapped(project, tmp_path, beat_bytes=1)
    commands = [f"read_verilog -defer -sv {path}" for path in files]
    commands += [f"hierarchy -check -top {wrapper.top}", "proc", "flatten", "check -assert", "memory_collect", "stat"]
    script = "from pyosys import libyosys as ys\nd = ys.Design()\n" + "".join(f"d.run_pass({c!r})\n" for c in commands)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.search(r"\$mem", done.stdout)
    assert not re.search(r"\$a?dlatch", done.stdout)


STAND_INS = """
proc note args {global said; lappend said $args}
foreach name {create_project add_files set_property update_compile_order close_project} {
    proc $name args "note $name {*}\\$args"
}
proc current_fileset {} {return sources_1}
namespace eval ipx {}
foreach name {package_project infer_bus_interfaces associate_bus_interfaces create_xgui_files update_checksums
        check_integrity save_core} {
    proc ipx::$name args "note $name {*}\\$args"
}
proc ipx::current_core {} {return core}
catch {rename exit {}}
proc exit {} {}
"""


def test_the_script_of_the_ip_names_design_version_and_files(project, tmp_path):
    tkinter = pytest.importorskip("tkinter")
    wrapper = axi_stream(project)
    text = package_ip_text(project, wrapper, version=3, part="xc[7]vx", sources=["../a b.v", "$c.v"])
    tcl = tkinter.Tcl()
    tcl.eval(STAND_INS)
    tcl.eval(text)
    commands = [tcl.splitlist(line) for line in tcl.splitlist(tcl.eval("set said"))]
    assert ("add_files", "{../a b.v} {$c.v}") in [tuple(map(str, line)) for line in commands]
    assert ("set_property", "version", "3.0", "core") in commands
    assert ("set_property", "name", wrapper.top, "core") in commands
    assert commands[0] == ("create_project", "-in_memory", "-part", "xc[7]vx")
    assert [line[2] for line in commands if line[:2] == ("associate_bus_interfaces", "-busif")] == ["s_axis", "m_axis"]
    assert commands[-2][0] == "save_core"
