"""A run of the fuzzer: network after network through all forms; the first difference is made small and kept."""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.alkaid.backend import predict_alkaid
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.fixed_point.formats import IntArray, uniform
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import Network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.utils.workers import workers
from trigger_lut.verification.fuzz.implementations import Case, implementations, proof
from trigger_lut.verification.fuzz.minimize import beginnings, first_failing, shrink_network
from trigger_lut.verification.fuzz.random_models import Drawn, as_drawn, draw, in_float, interesting
from trigger_lut.verification.vectors import corners

LOG = logging.getLogger(__name__)

VECTORS = 400
SAMPLED_VECTORS = 60  # of back ends that are interpreted
PER_SEED = 10_000


@dataclass
class Tally:
    """Counts of a run.

    Attributes
    ----------
    networks
        Networks that went through all forms.
    float_differences
        Models with HGQ2's tables that Keras, in float32, evaluates to other outputs.
    refused
        Models that the conversion refuses, by error, as where HGQ2's widths leave nothing.
    forms
        Networks by form of firmware.
    holds
        Networks by feature.
    outputs
        Outputs that are proven for all inputs, or sampled.
    controls, controls_caught
        Negative controls, and those that were noticed.
    """

    networks: int = 0
    float_differences: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    controls: int = 0
    controls_caught: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of another run."""
        for key in ("refused", "forms", "holds", "outputs"):
            getattr(self, key).update(getattr(other, key))
        for key in ("networks", "float_differences", "controls", "controls_caught"):
            setattr(self, key, getattr(self, key) + getattr(other, key))


def fuzz(spec: Spec, networks: int, *, seed: int, kept: Path, jobs: int = 1) -> Tally:
    """Draw networks until enough have been through all forms.

    Parameters
    ----------
    spec
        Specification for the firmware.
    networks
        Number of networks.
    seed
        Number of the block of `PER_SEED` seeds that the networks are drawn with.
    kept
        Folder for the model, network and vectors of a difference, made as small as possible.
    jobs
        Number of networks at a time.

    Returns
    -------
    Tally
        Counts of the run.

    Raises
    ------
    NotReproducibleError
        If forms of a network differ, or its proof fails; the message has the seed that draws it again.
    """
    tally = Tally()
    for one in _results(spec, seed, kept, jobs):
        tally.add(one)
        if tally.networks >= networks:
            break
    return tally


def _results(spec: Spec, seed: int, kept: Path, jobs: int) -> Iterator[Tally]:
    seeds = range(PER_SEED * seed, PER_SEED * (seed + 1))
    if jobs == 1:
        for own in seeds:
            yield one_network(spec, own, kept=kept)
        return
    with workers(jobs) as pool:
        waiting = {own: pool.submit(one_network, spec, own, kept=kept) for own in seeds[: 2 * jobs]}
        try:
            for own in seeds[2 * jobs :]:
                yield waiting.pop(min(waiting)).result()
                waiting[own] = pool.submit(one_network, spec, own, kept=kept)
        except BrokenProcessPool as error:
            among = f"draw({own - 2 * jobs}) to draw({own - 1})"
            raise NotReproducibleError(f"a form ended the process that ran it, with one of {among}") from error


def one_network(spec: Spec, seed: int, *, kept: Path) -> Tally:
    """Draw one model and send it through all forms.

    Parameters
    ----------
    spec
        Specification for the firmware.
    seed
        Seed of the draw.
    kept
        Folder for the model, network and vectors of a difference.

    Returns
    -------
    Tally
        Counts of this network.

    Raises
    ------
    NotReproducibleError
        If forms differ, or a proof fails.
    """
    tally, started = Tally(), time.monotonic()
    drawn = draw(seed)
    try:
        network = integer_network(drawn.model, inputs=drawn.formats, wraps=True)
    except FirmwareError as error:
        tally.refused[str(error).split(":")[-1].strip()[:60]] += 1
        return tally
    case, rng = Case(drawn, network, spec), np.random.default_rng(seed)
    some = corners(network.inputs, rng)[:: 1 + len(network.inputs)]
    codes = np.concatenate([some, uniform(network.inputs, VECTORS, rng=rng)])
    for name in implementations(case):
        given = codes[-SAMPLED_VECTORS:] if name != "keras" and BACKENDS[name].sampled else codes
        if problem := _difference(name, case, given):
            if name == "keras" and in_float(drawn.model):
                tally.float_differences += 1
                continue
            _keep(name, case, given, kept)
            raise NotReproducibleError(
                f"{name}: {problem}; draw({seed}) makes the model again, a small one lies in {kept}"
            )
        tally.forms[name] += 1
    tally.outputs.update(_proof(case, seed))
    tally.networks += 1
    tally.holds.update(interesting(network))
    _control(tally, network, codes, seed)
    kinds = ", ".join(layer.name for layer in network.layers)
    LOG.info(f"fuzz: seed {seed}: {kinds}: {time.monotonic() - started:.1f} s")
    return tally


def _proof(case: Case, seed: int) -> list[str]:
    try:
        return proof(case)
    except Exception as error:
        raise NotReproducibleError(f"proof: {error}; draw({seed}) makes the model again") from error


def _difference(name: str, case: Case, codes: IntArray) -> str:
    """Describe the first mismatch of an implementation, or why it could not be built; empty where none differs."""
    wanted = evaluate(case.network, codes)
    try:
        actual = implementations(case)[name](codes)
    except Exception as error:  # of any library as well: nothing may end a run without its seed
        return f"{type(error).__name__}: {error}"
    if not (places := np.argwhere(actual != wanted)).size:
        return ""
    vector, output = places[0]
    return (
        f"{len(places)} of {wanted.size} outputs differ, first at vector {vector}, output {output}: expected "
        f"{wanted[vector, output]}, found {actual[vector, output]}"
    )


def _control(tally: Tally, network: Network, codes: IntArray, seed: int) -> None:
    try:
        wrong = flipped(network, choose_flip(network, codes, seed=seed))
    except FirmwareError:
        return  # every edge is pruned, or no entry that the vectors reach shows
    tally.controls += 1
    tally.controls_caught += bool((predict_alkaid(wrong, codes) != evaluate(network, codes)).any())


def _keep(name: str, case: Case, codes: IntArray, kept: Path) -> None:
    """Write the model, network and vectors, and the smallest of each that still differs."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    case.drawn.model.save(kept / "model.keras")
    save_network(case.network, kept / "network.npz")
    np.savetxt(kept / "codes.txt", codes, fmt="%d")
    if (name == "keras" or BACKENDS[name].from_model) and case.drawn.in_keras:
        smaller = first_failing(
            beginnings(case.drawn.model), lambda model: bool(_difference(name, _of_model(case, model), codes))
        )
        if smaller is not None:
            smaller.save(kept / "small_model.keras")
        return

    def fails(network: Network) -> bool:
        drawn = case.drawn if case.drawn.in_keras else as_drawn(network)
        return bool(_difference(name, Case(drawn, network, case.spec), codes))

    save_network(shrink_network(case.network, fails), kept / "small_network.npz")


def _of_model(case: Case, model: object) -> Case:
    drawn = Drawn(model, case.drawn.formats, case.drawn.in_keras)
    return Case(drawn, integer_network(drawn.model, inputs=drawn.formats, wraps=True), case.spec)
