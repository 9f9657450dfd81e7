"""Inputs over several cycles: the wrapper gives what the network gives, with gaps and broken events."""

import dataclasses
import re
import subprocess
import sys

import numpy as np
import pytest
from made_cards import spec as made_spec
from networks import random_codes, random_graph, random_network, shared_network

from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.rtl import ghdl, verilator
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.object_words import simulate_words
from trigger_lut.firmware.rtl.time_multiplexing import channels_of, write_wrapper
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, shareable

needs_ghdl = pytest.mark.skipif(not ghdl.has_ghdl(), reason="GHDL is not installed")
EVENTS = 60

VERILOG = """module adapter (input wire clk, input wire valid_in, input wire [{high}:0] data_in,
    output wire valid_out, output wire [{high_out}:0] data_out);
    {name} #(.CYCLES({cycles})) device (.clk(clk), .valid_in(valid_in), .first(data_in[{high}]),
        .objects(data_in[{high}-1:0]), .valid_out(valid_out), .data_out(data_out));
endmodule
"""
VHDL = """library ieee;
use ieee.std_logic_1164.all;
entity adapter is port (clk, valid_in: in std_logic; data_in: in std_logic_vector({high} downto 0);
    valid_out: out std_logic; data_out: out std_logic_vector({high_out} downto 0));
end entity;
architecture a of adapter is begin
    device: entity work.{name} generic map (cycles => {cycles})
        port map (clk, valid_in, data_in({high}), data_in({high} - 1 downto 0), valid_out, data_out);
end architecture;
"""


class Wrapped:
    """A network, its project, and the wrapper as a project of its own with {first, objects} for data_in."""

    def __init__(self, network, folder, channels, cycles, cuts=()):
        self.network, self.channels = network, channels
        self.core = write_rtl(network, folder, spec=made_spec(latency_ns=1000), cuts=cuts)
        verilog, vhdl = write_wrapper(self.core, channels, cycles=7)
        self.sizes = [
            sum(k.bits for k in network.inputs[n : n + channels]) for n in range(0, len(network.inputs), channels)
        ]
        self.width, self.per_cycle = max(self.sizes), -(-len(self.sizes) // cycles)
        self.words = -(-len(self.sizes) // self.per_cycle)
        self.bits = self.width * self.per_cycle
        known = {
            "name": verilog.stem,
            "cycles": cycles,
            "high": self.bits,
            "high_out": sum(k.bits for k in self.core.outputs) - 1,
        }
        for suffix, text in (("v", VERILOG), ("vhd", VHDL)):
            (folder / f"adapter.{suffix}").write_text(text.format(**known))
        self.project = dataclasses.replace(
            self.core,
            top="adapter",
            files=(*self.core.files, verilog, folder / "adapter.v"),
            vhdl=(*self.core.vhdl, vhdl, folder / "adapter.vhd"),
            inputs=(*(KIF(0, 1, 0) for _ in range(self.bits)), KIF(0, 1, 0)),
        )

    def verilog(self, stimulus):
        return verilator.run_cycles(verilator.compile_simulation(self.project), self.project, stimulus=stimulus)

    def vhdl(self, stimulus):
        return ghdl._drive(ghdl._analyzed(self.project), self.project, stimulus)

    def words_of(self, codes, rng):
        """The bits of each word of an event, unused ones random: (words, bits)."""
        rows, at = rng.integers(0, 2, (self.words * self.per_cycle, self.width)), 0
        for n, size in enumerate(self.sizes):
            kifs = self.network.inputs[n * self.channels : (n + 1) * self.channels]
            text = [
                int(c) >> b & 1
                for c, k in zip(codes[at : at + self.channels], kifs, strict=True)
                for b in range(k.bits)
            ]
            rows[n, :size] = text
            at += self.channels
        return rows.reshape(self.words, self.bits)

    def check(self, run, gaps=True, seed=0):
        """Differences to the reference. A whole event comes the latency after its last word, nothing else does."""
        rng = np.random.default_rng(seed)
        codes = random_codes(self.network, EVENTS, seed)
        rows, ends, whole = [], [], []
        for n, event in enumerate(codes):
            broken = gaps and rng.random() < 0.2 and self.words > 1
            words = self.words_of(event, rng)
            for w, word in enumerate(words[: -1 if broken else None]):
                while gaps and rng.random() < 0.4:  # no objects: any value on the bus
                    rows.append([0, *rng.integers(0, 2, self.bits + 1)])
                rows.append([1, *word, int(w == 0)])
            if not broken:
                ends.append(len(rows) - 1)
                whole.append(n)
                if gaps and rng.random() < 0.2:  # more than an event has
                    rows.append([1, *rng.integers(0, 2, self.bits), 0])
        rows += [[0] * (self.bits + 2)] * (self.core.latency_cycles_planned + 4)
        bits = np.array(rows)
        stimulus = np.concatenate(
            [bits[:, :1].astype(np.uint32), verilator.pack(bits[:, 1:], self.project.inputs)], axis=1
        )
        trace = run(stimulus)
        cycles = np.flatnonzero(trace[:, 0])
        assert cycles.tolist() == [end + self.core.latency_cycles_planned for end in ends]
        outputs = verilator.unpack(trace[cycles, 1:], self.core.outputs)
        return int((outputs != evaluate(self.network, codes[whole])).sum())


# channels an object, cycles: a word per event, an uneven number, an object a cycle, more cycles than objects
SHAPES = [(1, 1), (1, 4), (2, 3), (1, 50)]


@pytest.mark.parametrize(("channels", "cycles"), SHAPES)
def test_verilog_gives_what_the_network_gives(tmp_path, channels, cycles):
    wrapped = Wrapped(random_graph(2), tmp_path / "rtl", channels, cycles)
    assert wrapped.check(wrapped.verilog) == 0
    assert wrapped.check(wrapped.verilog, gaps=False, seed=1) == 0


@needs_ghdl
@pytest.mark.parametrize(("channels", "cycles"), SHAPES)
def test_vhdl_gives_what_the_network_gives(tmp_path, channels, cycles):
    wrapped = Wrapped(random_graph(2), tmp_path / "rtl", channels, cycles)
    assert wrapped.check(wrapped.vhdl) == 0


@pytest.mark.parametrize("instances", [1, 3])
def test_objects_one_a_cycle_reach_shared_hardware(tmp_path, instances):
    """Events back to back, an object a cycle, into a network that takes an event every 5 cycles or every 2."""
    network = shared_network(3, positions=5, channels=3)
    cuts = (Cut(0, shareable(network)[0].layers, instances),)
    wrapped = Wrapped(network, tmp_path / "rtl", 3, 5, cuts)
    assert wrapped.words == 5
    assert wrapped.core.ii == -(-5 // instances)
    assert wrapped.check(wrapped.verilog) == 0
    assert wrapped.check(wrapped.verilog, gaps=False, seed=1) == 0
    if ghdl.has_ghdl():
        assert wrapped.check(wrapped.vhdl, seed=2) == 0


def test_events_faster_than_shared_hardware_are_noticed(tmp_path):
    network = shared_network(3, positions=5, channels=3)
    wrapped = Wrapped(network, tmp_path / "rtl", 3, 1, (Cut(0, shareable(network)[0].layers, 1),))
    with pytest.raises(AssertionError):
        wrapped.check(wrapped.verilog, gaps=False)


@pytest.mark.parametrize(("instances", "cycles"), [(1, 5), (2, 3), (5, 50)])
def test_simulated_words_give_what_the_network_gives(tmp_path, instances, cycles):
    network = shared_network(3, positions=5, channels=3)
    cuts = (Cut(0, shareable(network)[0].layers, instances),) if instances < 5 else ()
    project = write_rtl(network, tmp_path / "rtl", spec=made_spec(latency_ns=1000), cuts=cuts)
    codes = random_codes(network, 200)
    outputs = simulate_words(project, channels=3, cycles=cycles, codes=codes, seed=1)
    assert np.array_equal(outputs, evaluate(network, codes))
    assert not np.array_equal(outputs, evaluate(network, np.roll(codes, 1, axis=0)))


def test_simulated_words_notice_another_latency(tmp_path):
    network = random_network(1)
    project = write_rtl(network, tmp_path / "rtl", spec=made_spec())
    other = dataclasses.replace(project, latency_cycles_planned=project.latency_cycles_planned + 1)
    with pytest.raises(NotReproducibleError, match="in other cycles than"):
        simulate_words(other, channels=1, cycles=2, codes=random_codes(network, 50), seed=1)


def test_a_wrapper_that_keeps_the_wrong_word_is_noticed(tmp_path):
    wrapped = Wrapped(random_network(1), tmp_path / "rtl", 1, 2)
    path = wrapped.project.files[-2]
    text = path.read_text()
    path.write_text(text.replace("if (valid_in && word[w]) kept", "if (word[w]) kept"))
    assert path.read_text() != text
    assert wrapped.check(wrapped.verilog) > 0
    path.write_text(text.replace("first ? FIRST : next", "|next ? next : FIRST"))
    with pytest.raises(AssertionError):
        wrapped.check(wrapped.verilog)


def test_yosys_reads_it_as_hardware(tmp_path):
    wrapped = Wrapped(random_network(1), tmp_path / "rtl", 1, 3)
    commands = [f"read_verilog -sv {path}" for path in wrapped.project.files[:-1]]
    commands += [f"hierarchy -check -top {wrapped.core.top}_tmux", "proc", "flatten", "check -assert", "stat"]
    script = "from pyosys import libyosys as ys\nd = ys.Design()\n" + "".join(f"d.run_pass({c!r})\n" for c in commands)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.search(r"\$dff", done.stdout)
    assert not re.search(r"\$a?dlatch", done.stdout)


def test_channels_of_an_object():
    assert channels_of([(None, 16)]) == 1
    assert channels_of([(None, 8, 3)]) == 3
    assert channels_of([(None, 8, 3), (None, 5)]) == 1


def test_channels_that_make_no_objects_are_refused(tmp_path):
    core = write_rtl(random_network(1), tmp_path / "rtl", spec=made_spec())
    with pytest.raises(FirmwareError, match=r"Expected a multiple of 3 channels, found 4\."):
        write_wrapper(core, 3, cycles=2)
    with pytest.raises(FirmwareError, match=r"expected at least one cycle per event, found 0$"):
        write_wrapper(core, 2, cycles=0)
