"""A run of the fuzzer: network after network through all forms; the first difference is kept for looking at."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.hls import predict_hls, write_hls
from trigger_lut.firmware.rtl import simulate_rtl, write_rtl
from trigger_lut.firmware.rtl_ghdl import has_ghdl, simulate_vhdl
from trigger_lut.fixed_point import IntArray, uniform
from trigger_lut.fuzz.draw import draw_model, interesting
from trigger_lut.layers.freeze import integer_network
from trigger_lut.network import Network, save_network
from trigger_lut.reference import evaluate
from trigger_lut.release.emulator import evaluate as evaluate_release
from trigger_lut.release.emulator import load as load_release
from trigger_lut.release.network_json import network_json
from trigger_lut.verification.control import choose_flip, flipped
from trigger_lut.verification.evaluations import run_alkaid, run_keras
from trigger_lut.verification.vectors import corners

VECTORS = 400
VHDL_VECTORS = 60


@dataclass
class Tally:
    """What a run found: networks by form of firmware, by what they hold, and how many flipped bits were noticed."""

    networks: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    controls: int = 0
    controls_caught: int = 0


def fuzz(spec: Spec, networks: int, seed: int, kept: Path) -> Tally:
    """Draw networks until so many have been through all forms.

    kept: folder for the model, network and vectors of one that differs. Raises NotReproducibleError then, with the seed
    that draws it again. A model that freezing refuses by name, as where HGQ2's widths leave nothing, is drawn anew.
    """
    tally, number = Tally(), 0
    while tally.networks < networks:
        own = 10_000 * seed + number
        number += 1
        started = time.monotonic()
        model, formats = draw_model(own)
        try:
            network = integer_network(model, inputs=formats)
        except FirmwareError as error:
            tally.refused[str(error).split(":")[-1].strip()[:60]] += 1
            continue
        with tempfile.TemporaryDirectory(prefix="trigger_lut_fuzz_") as folder:
            _one(spec, model, network, own, Path(folder), kept, tally)
        tally.networks += 1
        tally.holds.update(interesting(network))
        kinds = ", ".join(layer.name for layer in network.layers)
        took = f"{time.monotonic() - started:.1f} s"
        print(f"fuzz: {tally.networks}: seed {own}: {kinds}: {took}", file=sys.stderr, flush=True)
    return tally


def _one(spec: Spec, model: Any, network: Network, seed: int, folder: Path, kept: Path, tally: Tally) -> None:
    rng = np.random.default_rng(seed)
    some = corners(network.inputs, rng)[:: 1 + len(network.inputs)]
    codes = np.concatenate([some, uniform(network.inputs, VECTORS, rng)])
    expected = evaluate(network, codes)
    project, few = write_rtl(network, folder / "rtl", spec), codes[-VHDL_VECTORS:]
    forms: dict[str, Callable[[], Any]] = {
        "keras": lambda: run_keras(model, network, codes),
        "alkaid": lambda: run_alkaid(network, codes),
        "rtl": lambda: simulate_rtl(project, codes)[0],
        "hls4ml": lambda: predict_hls(write_hls(model, network, folder / "hls", spec).folder, codes),
        "python emulator": lambda: _released(network, folder, codes),
    }
    if has_ghdl():
        forms["vhdl"] = lambda: simulate_vhdl(project, few)[0]
    for name, run in forms.items():
        found, wanted = run(), expected[-VHDL_VECTORS:] if name == "vhdl" else expected
        if (found != wanted).any():
            _keep(model, network, codes, kept)
            vector, output = np.argwhere(found != wanted)[0]
            raise NotReproducibleError(
                f"{name}: {int((found != wanted).sum())} of {wanted.size} outputs differ, first at vector {vector}, "
                f"output {output}: expected {wanted[vector, output]}, found {found[vector, output]}; "
                f"draw_model({seed}) makes the model again, it lies in {kept}"
            )
        tally.forms[name] += 1
    try:
        wrong = flipped(network, choose_flip(network, codes, seed))
    except FirmwareError:
        return  # every edge is pruned, or no entry that the vectors reach shows
    tally.controls += 1
    tally.controls_caught += bool((run_alkaid(wrong, codes) != expected).any())


def _released(network: Network, folder: Path, codes: IntArray) -> IntArray:
    path = folder / "network.json"
    path.write_text(network_json(network, "fuzz"), encoding="utf-8")
    return evaluate_release(load_release(str(path)), codes)


def _keep(model: Any, network: Network, codes: IntArray, kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    model.save(kept / "model.keras")
    save_network(network, kept / "network.npz")
    np.savetxt(kept / "codes.txt", codes, fmt="%d")
