"""All implementations of a drawn network as functions from codes to outputs, and the proof for all inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.errors import FirmwareError, NotReproducibleError, ToolMissingError
from trigger_lut.firmware.backend import Backend, Design
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.rtl.build import RtlProject, write_rtl
from trigger_lut.fixed_point.formats import IntArray, uniform
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.formal.prove import prove_outputs, reference_graph, rtl_graph
from trigger_lut.verification.formal.sequential import prove_again
from trigger_lut.verification.formal.word_level import Verilog, prove_words, read_verilog
from trigger_lut.verification.fuzz.random_models import Drawn
from trigger_lut.verification.keras_model import run_keras

PROOF_SECONDS = 10.0
SECOND_PROOF_SECONDS = 5
CONTROL_VECTORS = 1000


@dataclass(frozen=True)
class Case:
    """A drawn model, its integers, and the target that it is built for."""

    drawn: Drawn
    network: Network
    spec: Spec


def implementations(case: Case) -> dict[str, Callable[[IntArray], Any]]:
    """List the implementations of a case that can run here.

    A model that is drawn as integers is not evaluated by Keras. Optional back ends need their program.

    Parameters
    ----------
    case
        Drawn network with its specification.

    Returns
    -------
    dict of str to callable
        Functions from codes (N, C_in) to outputs (N, C_out) by name.
    """
    functions: dict[str, Callable[[IntArray], Any]] = {}
    if case.drawn.in_keras:
        functions["keras"] = partial(_run_keras, case)
    for name, backend in BACKENDS.items():
        if not backend.sampled or _is_installed(backend):
            functions[name] = partial(_write_and_predict, backend, case)
    return functions


def _run_keras(case: Case, codes: IntArray) -> Any:
    return run_keras(case.drawn.model, case.network, codes=codes)


def _is_installed(backend: Backend) -> bool:
    try:
        backend.require()
    except ToolMissingError:
        return False
    return True


def _write_and_predict(backend: Backend, case: Case, codes: IntArray) -> IntArray:
    """Write a case into a folder of its own, and evaluate what was written."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_fuzz_") as folder:
        backend.write(Design(case.drawn.model, case.network, case.spec), Path(folder))
        return backend.predict(Path(folder), codes).outputs


def proof(case: Case) -> list[str]:
    """Prove the outputs of a drawn network for all inputs, word by word and by SAT.

    Parameters
    ----------
    case
        Drawn network with its specification.

    Returns
    -------
    list of str
        'proven' or 'sampled', one entry per output.

    Raises
    ------
    NotReproducibleError
        If a proof says that the Verilog is another function, or proves an output that a flipped bit changes.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_fuzz_") as folder:
        project = write_rtl(case.network, Path(folder, "rtl"), spec=case.spec)
        reference, rtl = reference_graph(case.network, Path(folder)), rtl_graph(project)
        outputs = prove_outputs(case.network, project, reference=reference, rtl=rtl, seconds=PROOF_SECONDS)
        verilog = read_verilog(project)
        again = prove_again(case.network, project, seconds=SECOND_PROOF_SECONDS, seed=0)
    if against := [x for x in again.outputs if x.status == "disagrees"]:
        raise NotReproducibleError(f"second proof: output {against[0].name}: {against[0].detail}")
    if again.control_caught is False:
        raise NotReproducibleError(f"second proof: equal all the same with a flipped bit: {again.control}")
    if wrong := [x for x in outputs if x.status == "different"]:
        raise NotReproducibleError(f"proof: output {wrong[0].name}: {wrong[0].detail}")
    _words_tell_apart(case.network, project, verilog)
    words = prove_words(case.network, project, verilog=verilog).open
    pairs = zip(outputs, words, strict=True)
    return ["sampled" if output.status == "sampled" and reason else "proven" for output, reason in pairs]


def _words_tell_apart(network: Network, project: RtlProject, verilog: Verilog) -> None:
    codes = uniform(network.inputs, CONTROL_VECTORS, rng=np.random.default_rng(0))
    try:
        wrong = flipped(network, choose_flip(network, codes, seed=0))
    except FirmwareError:
        return  # no flip shows
    differs = (evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0)
    reasons = prove_words(wrong, project, verilog=verilog).open
    if missed := [o for o, reason in enumerate(reasons) if differs[o] and not reason]:
        raise NotReproducibleError(f"proof: output {missed[0]} is proven of a network with a flipped bit too")
