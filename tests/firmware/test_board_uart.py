"""A network behind a serial port: answers in simulation, bit by bit, and the program that compares a board's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tty

import numpy as np
import pytest
from made_cards import spec as made_spec
from networks import random_codes, random_network

from trigger_lut.errors import ConfigurationError, NotReproducibleError
from trigger_lut.firmware.board.axi_stream import FOLDER
from trigger_lut.firmware.board.uart import bytes_of, codes_of, simulate_uart, uart, uart_text
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.reference_model import evaluate

NETWORK = random_network(6)
EVENTS = 40


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_rtl(NETWORK, tmp_path_factory.mktemp("uart") / "rtl", spec=made_spec())


def answers(project, folder, codes, change=lambda text: text):
    plan = uart(project, clock_mhz=12.5, baud=1_000_000, clk="clk_in", rx="from_host", tx="to_host")
    (folder / f"{plan.top}.v").write_text(change(uart_text(project, plan)))
    return simulate_uart(project, plan, folder=folder, codes=codes)


def test_answers_are_those_of_the_network(project, tmp_path):
    codes = random_codes(NETWORK, EVENTS)
    assert (answers(project, tmp_path, codes) != evaluate(NETWORK, codes)).sum() == 0


def test_wrong_byte_order_and_wrong_rate_are_seen(project, tmp_path):
    codes = random_codes(NETWORK, EVENTS)

    def swapped(text):
        assert "{line[1], byte_in[7:1]}" in text
        return text.replace("{line[1], byte_in[7:1]}", "{byte_in[6:0], line[1]}")

    def slow(text):
        return text.replace("parameter CLOCKS_PER_BIT = 12", "parameter CLOCKS_PER_BIT = 16")

    assert (answers(project, tmp_path, codes, swapped) != evaluate(NETWORK, codes)).any()
    with pytest.raises(NotReproducibleError, match="no complete answer on to_host"):
        answers(project, tmp_path, codes, slow)


def test_codes_survive_as_bytes():
    codes = random_codes(NETWORK, 200)
    given = bytes_of(codes, NETWORK.inputs)
    assert given.shape == (200, -(-sum(kif.bits for kif in NETWORK.inputs) // 8))
    assert np.array_equal(codes_of(given, NETWORK.inputs), codes)


def test_too_fast_rates_and_taken_names_are_refused(project):
    with pytest.raises(ConfigurationError, match="Expected at most 3000000 at 12 MHz"):
        uart(project, clock_mhz=12, baud=4_000_000)
    with pytest.raises(ConfigurationError, match="which the module does not use"):
        uart(project, clock_mhz=12, baud=9600, rx="frame")


def board(line: int, *, size_in: int, given: bytes, expected: bytes, size_out: int) -> None:
    """Answer each event like a board that knows the events; an unknown one gets zeros."""
    known = {
        given[n * size_in : (n + 1) * size_in]: expected[n * size_out : (n + 1) * size_out]
        for n in range(len(given) // size_in)
    }
    while True:
        event = b""
        while len(event) < size_in:
            try:
                event += os.read(line, size_in - len(event))
            except OSError:
                return
        os.write(line, known.get(event, bytes(size_out)))


@pytest.mark.parametrize("wrong", [0, 1])
def test_host_program_counts_answers_that_differ(project, tmp_path, wrong):
    codes = np.unique(random_codes(NETWORK, EVENTS), axis=0)
    given, expected = bytes_of(codes, project.inputs), bytes_of(evaluate(NETWORK, codes), project.outputs)
    (tmp_path / "send.py").write_bytes((FOLDER / "uart_send.py").read_bytes())
    (tmp_path / "events.bin").write_bytes(given.tobytes())
    (tmp_path / "answers.bin").write_bytes(expected.tobytes())
    content = {"baud": 115200, "bytes_in": given.shape[1], "bytes_out": expected.shape[1], "events": len(codes)}
    (tmp_path / "bench.json").write_text(json.dumps(content))
    other = expected.copy()
    other[:wrong] ^= 1
    master, slave = os.openpty()
    tty.setraw(slave)
    events = {"size_in": given.shape[1], "given": given.tobytes(), "expected": other.tobytes()}
    values = {"line": master, "size_out": expected.shape[1], **events}
    threading.Thread(target=board, kwargs=values, daemon=True).start()
    ran = subprocess.run(
        [sys.executable, tmp_path / "send.py", os.ttyname(slave)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == wrong, ran.stderr
    assert ran.stdout.startswith(f"{wrong} of {len(codes)} answers differ")
