"""The judge: simulation of every reading of a mutant in Verilator, against the integers of the network.

It shares no code with the proof. Registers start with random bits, valid_in has gaps of every length, data change in
gaps, and inputs change on either side of the falling edge. A difference in any cycle counts, in gaps too: data_out is
a function of data_in alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.verilator import SETTINGS, bus_words, pack, unpack, verilator_library
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.programs import cxx_compiler, verilator_root
from trigger_lut.verification.attack.designs import Design
from trigger_lut.verification.attack.mutate import Events, Mutant
from trigger_lut.verification.attack.readings import all_readings, as_module, bench

HARNESS = Path(__file__).with_name("judge.cpp")
RUNS = ((1, 0), (2, 1), (3, 0), (4, 1))  # seed of the registers, phase
BATCH = 60
SECONDS = 300


@dataclass(frozen=True)
class Verdict:
    """Result of the judge for one mutant.

    Attributes
    ----------
    compiles
        False: Verilator takes none of its readings.
    valid
        Whether valid_out differs in some reading.
    outputs
        Whether each output of the network differs in some reading.
    detail
        The first difference, or why it does not compile.
    """

    compiles: bool
    valid: bool
    outputs: tuple[bool, ...]
    detail: str

    @property
    def differs(self) -> bool:
        """Difference in valid_out or in an output: True if there is one."""
        return self.valid or any(self.outputs)


@dataclass
class _Reading:
    mutant: int
    name: str
    text: str
    problem: str = ""


def judge(design: Design, mutants: Sequence[Mutant], *, seed: int) -> list[Verdict]:
    """Judge mutants of one design.

    Parameters
    ----------
    design
        Design; its generated Verilog is judged too, and must not differ.
    mutants
        Mutants of its Verilog.
    seed
        Seed of the stimulus.

    Returns
    -------
    list of Verdict
        One entry per mutant.

    Raises
    ------
    ToolMissingError
        If Verilator or a compiler is not installed.
    ToolFailedError
        If the judge cannot compile the generated Verilog itself, or refuses it.
    """
    readings, broken = [_Reading(-1, "unchanged", "".join(design.files.values()))], {}
    for n, mutant in enumerate(mutants):
        try:
            readings += [_Reading(n, name, text) for name, text in all_readings(mutant).items()]
        except ValueError as error:
            broken[n] = str(error)
    events = [mutant.change.events for mutant in mutants if mutant.change.events]
    stimulus = make_stimulus(design, events, seed=seed)
    places = 1 + len(design.judged.outputs)
    wrong = np.zeros((len(mutants), places), dtype=bool)
    compiles = np.zeros(len(mutants), dtype=bool)
    details: dict[int, str] = dict(broken)
    for start in range(0, len(readings), BATCH):
        batch = readings[start : start + BATCH]
        for reading, counts in zip(batch, _simulated(design, batch, stimulus), strict=True):
            if counts is None:
                if reading.mutant < 0:
                    raise ToolFailedError(f"{design.name}: the judge cannot compile: {reading.problem}")
                details.setdefault(reading.mutant, f"{reading.name}: {reading.problem}")
                continue
            differs = counts[:, :2].any(axis=1)
            if reading.mutant < 0:
                if differs.any():
                    raise ToolFailedError(f"{design.name}: the judge refuses the generated Verilog itself")
                continue
            if differs.any() and not wrong[reading.mutant].any():
                details[reading.mutant] = _described(reading.name, counts, stimulus)
            compiles[reading.mutant] = True
            wrong[reading.mutant] |= differs
    return [
        Verdict(bool(compiles[n]), bool(wrong[n, 0]), tuple(wrong[n, 1:].tolist()), details.get(n, ""))
        for n in range(len(mutants))
    ]


def _described(reading: str, counts: IntArray, stimulus: IntArray) -> str:
    place = int(np.flatnonzero(counts[:, :2].any(axis=1))[0])
    what = "valid_out" if place == 0 else f"output {place - 1}"
    valid, gap, cycle = counts[place, :3].tolist()
    return (
        f"{reading}: {what} differs in {valid} valid cycles and {gap} gaps, first in cycle {cycle} of {len(stimulus)}"
    )


def make_stimulus(design: Design, events: Sequence[Events], *, seed: int) -> IntArray:
    """Make the cycles for all mutants of a design.

    They have random data with and without gaps, each input code of a narrow bus, and repeated and extreme data. Each
    event follows twice.

    Parameters
    ----------
    design
        Design of the mutants.
    events
        Rows of valid_in and data_in that mutants need to differ.
    seed
        Seed of the random cycles.

    Returns
    -------
    IntArray of shape (cycles, 3 + words)
        Rows as `judge.cpp` reads them.
    """
    rng, top = np.random.default_rng(seed), 1 << design.bits_in
    parts: list[IntArray] = []

    def add(valid: IntArray, data: IntArray) -> None:
        parts.append(np.stack([valid, data], axis=1))

    def random(count: int, share: float) -> None:
        add((rng.random(count) < share).astype(np.int64), rng.integers(0, top, count))

    random(200, 0.5)
    every = rng.permutation(top) if top <= 4096 else rng.integers(0, top, 4096)
    add(np.ones(len(every), dtype=np.int64), every)
    random(800, 0.5)
    random(200, 0.05)
    repeated = np.repeat(rng.integers(0, top, 60), rng.integers(1, 6, 60))
    add(rng.integers(0, 2, len(repeated)), repeated)
    add(rng.integers(0, 2, 80), np.where(rng.random(80) < 0.5, 0, top - 1))
    add(np.repeat([0, 1], 80), rng.integers(0, top, 160))
    for event in events:
        for _ in range(2):
            parts.append(np.array(event, dtype=np.int64))
            random(int(rng.integers(25, 40)), 0.5)
    random(40, 0.5)
    given = np.concatenate(parts)
    valid, data = given[:, 0], given[:, 1] % top
    words = np.zeros((len(given), bus_words(design.judged.inputs)), dtype=np.uint32)
    for n in range(words.shape[1]):
        words[:, n] = (data >> (32 * n)) & 0xFFFFFFFF
    wanted = pack(design.expected(unpack(words, design.judged.inputs)), design.judged.outputs)
    late = design.judged.latency_cycles_planned
    rows = np.zeros((len(given), 3 + words.shape[1] + wanted.shape[1]), dtype=np.uint32)
    rows[late:, 0] = 1
    rows[:, 1], rows[:, 2 : 2 + words.shape[1]] = valid, words
    rows[late:, 2 + words.shape[1]] = valid[:-late]
    rows[late:, 3 + words.shape[1] :] = wanted[:-late]
    return rows


def _simulated(design: Design, readings: list[_Reading], stimulus: IntArray) -> list[IntArray | None]:
    """Return counts (places, 4) of each reading, summed over the runs; None where it cannot be compiled or run."""
    alive = list(range(len(readings)))
    counts: list[IntArray | None] = [None] * len(readings)
    while alive:
        with tempfile.TemporaryDirectory(prefix="trigger_lut_attack_") as folder:
            batch_counts, failed = _batch(design, {n: readings[n].text for n in alive}, stimulus, Path(folder))
        if not failed:
            assert batch_counts is not None
            for n, reading_counts in zip(alive, batch_counts, strict=True):
                counts[n] = reading_counts
            return counts
        if failed.keys() == {-1}:  # not seen whose fault it is: one half, then the other
            if len(alive) == 1:
                readings[alive[0]].problem = failed[-1]
                return counts
            half = len(alive) // 2
            for group in (alive[:half], alive[half:]):
                for n, part in zip(group, _simulated(design, [readings[n] for n in group], stimulus), strict=True):
                    counts[n] = part
            return counts
        for n, problem in failed.items():
            readings[n].problem = problem
        alive = [n for n in alive if n not in failed]
    return counts


def _batch(
    design: Design, texts: dict[int, str], stimulus: IntArray, folder: Path
) -> tuple[list[IntArray] | None, dict[int, str]]:
    """Compile and run readings together: return counts of each, or which ones fail and why; -1: not known which."""
    files = []
    for n, text in texts.items():
        files.append(folder / f"reading{n}.v")
        files[-1].write_text(as_module(design, text, number=n), encoding="utf-8", newline="")
    files.append(folder / "judge.v")
    files[-1].write_text(bench(design, list(texts)), encoding="utf-8")
    root, compiler, model = verilator_root(), cxx_compiler(), folder / "model"
    command: list[str | Path] = [root / "bin" / "verilator_bin", "--cc", "--prefix", "VJudge", "--top-module", "judge"]
    command += [
        "--Mdir",
        model,
        "--x-initial",
        "unique",
        "--x-assign",
        "unique",
        "--no-timing",
        "--error-limit",
        "1000",
    ]
    command += [
        "-Wno-lint",
        "-Wno-style",
        "-Wno-fatal",
        "-Wno-MODDUP",
        "-Wno-MULTIDRIVEN",
        "-Wno-WIDTH",
        "-Wno-UNOPTFLAT",
        *files,
    ]
    done = subprocess.run(
        [str(x) for x in command], capture_output=True, text=True, errors="replace",
        env={**os.environ, "VERILATOR_ROOT": str(root)},
    )  # fmt: skip
    if done.returncode:
        lines = re.findall(r"^%Error.*?: \S*reading(\d+)\.v:\d+:\d+: (.*)$", done.stderr, re.MULTILINE)
        named = {int(n): problem for n, problem in reversed(lines)}
        return None, named or {-1: (done.stderr.strip().splitlines() or ["Verilator failed"])[-1]}
    whole, binary = model / "whole.cpp", folder / "judge"
    whole.write_text("".join(f'#include "{path}"\n' for path in [*sorted(model.glob("*.cpp")), HARNESS]))
    build: list[str | Path] = [compiler, *SETTINGS, "-O1", "-I", model, "-I", root / "include", "-o", binary, whole]
    built = subprocess.run(
        [str(x) for x in [*build, *verilator_library(root, compiler)]], capture_output=True, text=True
    )
    if built.returncode:
        return None, {-1: "the C++ compiler refuses the verilated text"}
    places = 1 + len(design.judged.outputs)
    source, result = folder / "in.bin", folder / "out.bin"
    stimulus.astype(np.uint32).tofile(source)
    sizes = [len(stimulus), bus_words(design.judged.inputs), bus_words(design.judged.outputs), len(texts), places]
    total = np.zeros((len(texts), places, 4), dtype=np.int64)
    for seed, phase in RUNS:
        try:
            ran = subprocess.run(
                [str(x) for x in (binary, seed, phase, *sizes, source, result)], capture_output=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return None, {-1: f"the simulation takes more than {SECONDS} s"}
        if ran.returncode:
            return None, {
                -1: f"the simulation ends with status {ran.returncode}: {ran.stderr.decode(errors='replace')[-200:]}"
            }
        counts = np.fromfile(result, dtype=np.uint32).reshape(len(texts), places, 4).astype(np.int64)
        first = ~total[..., :2].any(axis=2)
        total[..., 2] = np.where(first, counts[..., 2], total[..., 2])
        total[..., :2] += counts[..., :2]
    return list(total), {}
