"""The test benches pass on what the reference computes, and fail on any fault, in each simulator that is here."""

import dataclasses
import re
import shutil
import subprocess

import numpy as np
import pytest
from made_cards import spec as made_spec
from networks import random_network, shared_network

from trigger_lut.errors import DataError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl
from trigger_lut.firmware.rtl.testbench import FILE_BYTES, bench_codes, write_bench, write_bench_of
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, shareable
from trigger_lut.utils.programs import verilator_root

PERIOD = 2.778
NETWORK = random_network(3)


def output_of(*command, cwd):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, errors="replace")
    return done.returncode, done.stdout + done.stderr


class Icarus:
    """Compiles the bench once; `run` gives the exit status and what it said."""

    def __init__(self, project):
        self.folder, self.name = project.folder / "bench", f"{project.top}_tb"
        files = [f"{self.name}.sv", *sorted(project.folder.glob("*.v"))]
        command = ["iverilog", "-g2012", "-s", self.name, "-o", self.name, *files]
        assert output_of(*command, cwd=self.folder) == (0, "")

    def run(self, vectors=None):
        more = [] if vectors is None else [f"+vectors={vectors}"]
        return output_of("vvp", "-n", self.name, *more, cwd=self.folder)


class Verilator:
    """As the bench's header says, without optimization."""

    def __init__(self, project):
        self.folder, self.name = project.folder / "bench", f"{project.top}_tb"
        root = verilator_root()
        command = [
            "env",
            f"VERILATOR_ROOT={root}",
            root / "bin" / "verilator_bin",
            "--binary",
            "--timing",
            "-Wno-fatal",
        ]
        command += ["-CFLAGS", "-std=gnu++20", "-MAKEFLAGS", "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"]
        command += ["--top-module", self.name, f"{self.name}.sv", *sorted(project.folder.glob("*.v"))]
        status, output = output_of(*command, cwd=self.folder)
        assert status == 0, output[-2000:]

    def run(self, vectors=None):
        more = [] if vectors is None else [f"+vectors={vectors}"]
        return output_of(self.folder / "obj_dir" / f"V{self.name}", *more, cwd=self.folder)


class Ghdl:
    def __init__(self, project):
        self.folder, self.name = project.folder / "bench", f"{project.top}_tb"
        assert output_of("ghdl", "-a", "--std=08", *project.vhdl, f"{self.name}.vhd", cwd=self.folder) == (0, "")

    def run(self, vectors=None):
        more = [] if vectors is None else [f"-gfile_of_vectors={vectors}"]
        return output_of("ghdl", "-r", "--std=08", self.name, "--ieee-asserts=disable", *more, cwd=self.folder)


def installed(simulator, is_installed):
    return pytest.param(
        simulator, marks=pytest.mark.skipif(not is_installed, reason=f"{simulator.__name__} is not installed")
    )


INTERPRETERS = [installed(Icarus, shutil.which("iverilog")), installed(Ghdl, has_ghdl())]
ALL = [*INTERPRETERS, Verilator]


@pytest.fixture
def project(tmp_path):
    project = write_rtl(NETWORK, tmp_path / "rtl", spec=made_spec())
    codes = bench_codes(NETWORK.inputs, 300)
    write_bench_of(project, codes, outputs=evaluate(NETWORK, codes), clock_period_ns=PERIOD)
    return project


def faulty_vectors(project):
    """One bit of one expected output flipped: the file's name and the vector's number."""
    path = project.folder / "bench" / f"{project.top}_tb.mem"
    lines = path.read_text().splitlines()
    lines[217] = lines[217][:-1] + f"{int(lines[217][-1], 16) ^ 1:x}"
    path.with_name("faulty.mem").write_text("\n".join(lines) + "\n")
    path.with_name("short.mem").write_text("\n".join(lines[:100]) + "\n")
    return 217


@pytest.mark.parametrize("simulator", ALL)
def test_passes_and_sees_a_flipped_bit_of_the_vectors(simulator, project):
    compiled = simulator(project)
    status, output = compiled.run()
    assert status == 0, output
    assert re.search(rf"PASS: 300 vectors, latency {project.latency_cycles_planned} cycles$", output, re.MULTILINE)
    vector = faulty_vectors(project)
    status, output = compiled.run("faulty.mem")
    assert status != 0
    assert re.search(
        rf"FAIL: 1 of 300 vectors differ; first: vector {vector}: data_out is [0-9a-fA-F]+, expected [0-9a-fA-F]+",
        output,
    )
    assert "PASS" not in output
    status, output = compiled.run("short.mem")
    assert status != 0
    assert "FAIL: short.mem: expected 300 vectors" in output


@pytest.mark.parametrize("simulator", ALL)
def test_keeps_to_the_interval_of_shared_hardware(simulator, tmp_path):
    network = shared_network(0)
    cuts = (Cut(0, shareable(network)[0].layers, 1),)
    project = write_rtl(network, tmp_path / "rtl", spec=made_spec(), cuts=cuts)
    codes = bench_codes(network.inputs, 300)
    write_bench_of(project, codes, outputs=evaluate(network, codes), clock_period_ns=PERIOD)
    status, output = simulator(project).run()
    assert status == 0, output
    write_bench_of(
        dataclasses.replace(project, ii=project.ii - 1), codes, outputs=evaluate(network, codes), clock_period_ns=PERIOD
    )
    status, output = simulator(project).run()
    assert status != 0
    assert "FAIL" in output


@pytest.mark.parametrize("simulator", INTERPRETERS)
def test_sees_one_flipped_bit_of_one_table_entry(simulator, tmp_path):
    faulty = flipped(NETWORK, choose_flip(NETWORK, bench_codes(NETWORK.inputs), seed=0))
    project = write_rtl(faulty, tmp_path / "rtl", spec=made_spec())
    write_bench(NETWORK, project, clock_period_ns=PERIOD)
    status, output = simulator(project).run()
    assert status != 0
    assert re.search(r"FAIL: [1-9]\d* of 4096 vectors differ", output)


@pytest.mark.parametrize("simulator", INTERPRETERS)
@pytest.mark.parametrize("fault", ["late", "never", "always"])
def test_sees_a_wrong_valid_bit(simulator, fault, project):
    verilog = {"late": "valid[{0}] & valid_in", "never": "1'b0", "always": "1'b1"}[fault]
    vhdl = {"late": "valid({0}) and valid_in", "never": "'0'", "always": "'1'"}[fault]
    last = project.latency_cycles_planned - 1
    for path, old, new in (
        (project.folder / f"{project.top}.v", f"valid_out = valid[{last}]", f"valid_out = {verilog.format(last)}"),
        (project.vhdl[-1], f"valid_out <= valid({last})", f"valid_out <= {vhdl.format(last)}"),
    ):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    status, output = simulator(project).run()
    assert status != 0
    assert re.search(
        r"FAIL: cycle \d+: valid_out is '?[01]'? with \d+ vectors in and \d+ out, expected latency", output
    )


def test_vectors_are_the_same_every_time_and_their_file_is_small(tmp_path):
    formats = tuple(KIF(1, 7, 8) for _ in range(800))
    codes = bench_codes(formats)
    assert len(codes) * (sum(kif.bits for kif in formats) // 4) < FILE_BYTES
    assert (codes[0] == [kif.lo for kif in formats]).all()
    assert (codes[1] == [kif.hi for kif in formats]).all()
    assert (codes[2] == 0).all()
    assert np.array_equal(codes, bench_codes(formats))
    assert len(bench_codes(NETWORK.inputs)) == 4096


def test_as_many_outputs_as_vectors(project):
    with pytest.raises(DataError, match=r"expected as many outputs as vectors, found 2 for 3$"):
        write_bench_of(
            project, bench_codes(NETWORK.inputs, 3), outputs=np.zeros((2, 3), dtype=np.int64), clock_period_ns=PERIOD
        )
