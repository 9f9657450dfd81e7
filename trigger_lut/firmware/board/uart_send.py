"""Send events to the board and compare its answers: python send.py /dev/ttyUSB0. Needs Python and Linux or macOS."""

import json
import os
import select
import sys
import termios
import time
from pathlib import Path

FOLDER = Path(__file__).parent


def opened(port: str, baud: int) -> int:
    """Open a serial port with 8 data bits and no parity."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    settings = termios.tcgetattr(line)
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        sys.exit(f"baud: {baud}: not a rate of this system. Expected one such as 115200. Make the bench with it.")
    settings[0] = settings[1] = settings[3] = 0
    settings[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
    settings[4] = settings[5] = speed
    termios.tcsetattr(line, termios.TCSANOW, settings)
    return line


def answer(line: int, event: bytes, *, size: int) -> bytes:
    """Send an event, and return the answer; shorter if the board is silent for a second."""
    os.write(line, event)
    received = b""
    while len(received) < size and select.select([line], [], [], 1.0)[0]:
        received += os.read(line, size - len(received))
    return received


def main(port: str) -> int:
    """Compare all events; return 1 if an answer differs."""
    bench = json.loads((FOLDER / "bench.json").read_text())
    events, answers = ((FOLDER / name).read_bytes() for name in ("events.bin", "answers.bin"))
    line = opened(port, bench["baud"])
    time.sleep(0.3)  # the board drops what an earlier program left incomplete
    termios.tcflush(line, termios.TCIOFLUSH)
    size_in, size_out = bench["bytes_in"], bench["bytes_out"]
    wrong = []
    for n in range(bench["events"]):
        received = answer(line, events[n * size_in : (n + 1) * size_in], size=size_out)
        if received != answers[n * size_out : (n + 1) * size_out]:
            wrong.append(n)
    print(f"{len(wrong)} of {bench['events']} answers differ" + (f", the first: event {wrong[0]}" if wrong else ""))
    return bool(wrong)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python send.py PORT")
    sys.exit(main(sys.argv[1]))
