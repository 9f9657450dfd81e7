"""All forms of one network, each as a function from vectors to outputs, and the proof for all inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.emulator.compile import compile_emulator, run_emulator
from trigger_lut.firmware.emulator.files import emulator_files
from trigger_lut.firmware.emulator.python import evaluate as evaluate_release
from trigger_lut.firmware.emulator.python import load as load_release
from trigger_lut.firmware.hls.project import predict_hls, write_hls
from trigger_lut.firmware.rtl.build import RtlProject, simulate_rtl, write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl, simulate_vhdl
from trigger_lut.fixed_point.formats import IntArray, uniform
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.bit_flip import choose_flip, flipped
from trigger_lut.verification.evaluations import run_alkaid, run_keras
from trigger_lut.verification.formal.prove import prove_outputs, reference_graph, rtl_graph
from trigger_lut.verification.formal.sequential import prove_again
from trigger_lut.verification.formal.word_level import Verilog, prove_words, read_verilog
from trigger_lut.verification.fuzz.random_models import Drawn

VHDL_VECTORS = 60  # GHDL interprets
PROOF_SECONDS = 10.0
SECOND_PROOF_SECONDS = 5
CONTROL_VECTORS = 1000
DESIGN = "fuzz"


@dataclass(frozen=True)
class Case:
    """A drawn model, its integers, and the target that it is built for."""

    drawn: Drawn
    network: Network
    spec: Spec


Form = Callable[[Case, IntArray, Path], Any]
"""Outputs (N, C_out) of a case for codes (N, C_in); the folder is empty, and its own."""


def _keras(case: Case, codes: IntArray, folder: Path) -> Any:
    return run_keras(case.drawn.model, case.network, codes)


def _alkaid(case: Case, codes: IntArray, folder: Path) -> IntArray:
    return run_alkaid(case.network, codes)


def _project(case: Case, folder: Path) -> RtlProject:
    return write_rtl(case.network, folder / "rtl", case.spec)


def _rtl(case: Case, codes: IntArray, folder: Path) -> IntArray:
    return simulate_rtl(_project(case, folder), codes)[0]


def _vhdl(case: Case, codes: IntArray, folder: Path) -> IntArray:
    return simulate_vhdl(_project(case, folder), codes)[0]


def _hls(case: Case, codes: IntArray, folder: Path) -> IntArray:
    return predict_hls(write_hls(case.drawn.model, case.network, folder / "hls", case.spec).folder, codes)


def _released(case: Case, folder: Path) -> None:
    for name, text in emulator_files(case.network, DESIGN, "0").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _python(case: Case, codes: IntArray, folder: Path) -> IntArray:
    _released(case, folder)
    return evaluate_release(load_release(str(folder / "emulator" / "python" / "network.json")), codes)


def _cpp(case: Case, codes: IntArray, folder: Path) -> IntArray:
    _released(case, folder)
    vectors = folder / "inputs.txt"
    np.savetxt(vectors, codes, fmt="%d")
    return run_emulator(compile_emulator(folder, DESIGN), vectors, len(case.network.output_values))


OF_MODEL: dict[str, Form] = {"keras": _keras, "hls4ml": _hls}  # made from the Keras model
OF_NETWORK: dict[str, Form] = {"alkaid": _alkaid, "rtl": _rtl, "python emulator": _python, "c++ emulator": _cpp}


def forms_of(drawn: Drawn) -> dict[str, Form]:
    """The forms that a model has here: one drawn as integers is not evaluated by Keras, VHDL needs GHDL."""
    found = {**OF_MODEL, **OF_NETWORK}
    if not drawn.in_keras:
        del found["keras"]
    return {**found, "vhdl": _vhdl} if has_ghdl() else found


def outputs_of(form: Form, case: Case, codes: IntArray) -> Any:
    """What a form gives, made in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_fuzz_") as folder:
        return form(case, codes, Path(folder))


def proof(case: Case, seconds: float = PROOF_SECONDS) -> list[str]:
    """'proven' or 'sampled', an output, in words or by SAT.

    Raises NotReproducibleError for one whose Verilog is another function, as either proof says, and where one of them
    proves an output of the network with a flipped bit that vectors show to differ.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_fuzz_") as folder:
        project = _project(case, Path(folder))
        reference, rtl = reference_graph(case.network, Path(folder)), rtl_graph(project, Path(folder))
        outputs = prove_outputs(case.network, project, reference, rtl, seconds)
        verilog = read_verilog(project)
        again = prove_again(case.network, project, SECOND_PROOF_SECONDS, 0)
    if against := [x for x in again.outputs if x.status == "disagrees"]:
        raise NotReproducibleError(f"second proof: output {against[0].name}: {against[0].detail}")
    if again.control_caught is False:
        raise NotReproducibleError(f"second proof: equal all the same with a flipped bit: {again.control}")
    if wrong := [x for x in outputs if x.status == "different"]:
        raise NotReproducibleError(f"proof: output {wrong[0].name}: {wrong[0].detail}")
    _words_tell_apart(case.network, project, verilog)
    words = prove_words(case.network, project, verilog).open
    pairs = zip(outputs, words, strict=True)
    return ["sampled" if said.status == "sampled" and reason else "proven" for said, reason in pairs]


def _words_tell_apart(network: Network, project: RtlProject, verilog: Verilog) -> None:
    codes = uniform(network.inputs, CONTROL_VECTORS, np.random.default_rng(0))
    try:
        wrong = flipped(network, choose_flip(network, codes, 0))
    except FirmwareError:
        return  # no flip shows
    differs = (evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0)
    said = prove_words(wrong, project, verilog).open
    if missed := [o for o, reason in enumerate(said) if differs[o] and not reason]:
        raise NotReproducibleError(f"proof: output {missed[0]} is proven of a network with a flipped bit too")
