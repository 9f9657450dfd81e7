"""Proof of faults word by word, by sums of functions.

A fault changes nothing if the Verilog with and without it is the same sum. For others it finds inputs that use them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import IntArray, uniform
from trigger_lut.utils.progress import watched
from trigger_lut.verification.faults.input_search import reaching
from trigger_lut.verification.faults.instrument import write_instrumented
from trigger_lut.verification.faults.sites import Fault
from trigger_lut.verification.formal.circuit import Circuit
from trigger_lut.verification.formal.nets import Word
from trigger_lut.verification.formal.normal_form import Algebra, Form, FormError
from trigger_lut.verification.formal.word_level import read_verilog

CODES = 64
"""Inputs that look an entry up, a table."""


@dataclass(frozen=True)
class WordLevelResult:
    """Proof of a fault by sums: whether no output changes; otherwise codes (N, C_in) that use the faulty entry."""

    changeless: bool
    codes: IntArray


def prove_by_sums(project: RtlProject, faults: Sequence[Fault], *, seed: int) -> list[WordLevelResult]:
    """Prove of each fault by sums of functions that no output changes.

    Codes are given for entries of tables whose address is a sum of functions of the inputs. They look the entry up, but
    may change no output.

    Parameters
    ----------
    project
        Firmware of a network.
    faults
        Faults in it.
    seed
        Seed of the choice of codes.

    Returns
    -------
    list of WordLevelResult
        One entry per fault.

    Raises
    ------
    ToolMissingError
        If Yosys or ABC is not installed.
    ToolFailedError
        If one of them fails.
    """
    none = np.zeros((0, len(project.inputs)), dtype=np.int64)
    if not faults:
        return []
    with tempfile.TemporaryDirectory(prefix="trigger_lut_faults_") as folder:
        files = tuple(write_instrumented(project, faults, folder=Path(folder)))
        verilog = read_verilog(replace(project, files=files), instrumented=True)
    if not verilog.library_holds:
        return [WordLevelResult(False, none) for _ in faults]
    algebra = Algebra()
    inputs = [algebra.input(kif.lo, kif.hi) for kif in project.inputs]
    valid = algebra.input(0, 1)
    circuit = Circuit(verilog.modules, project.top, algebra=algebra)
    healthy = _words(project, circuit, inputs, valid, 0)
    results = []
    for n, fault in enumerate(watched(faults, "faults: proof by sums"), 1):
        faulty = Circuit(verilog.modules, project.top, algebra=algebra, fault=n)
        same = healthy is not None and _same(project, algebra, healthy, _words(project, faulty, inputs, valid, n))
        codes = none
        if fault.kind == "table" and not same:
            several = [
                _looked_up(algebra, form, entry=fault.entry, inputs=inputs, project=project, seed=seed)
                for form in circuit.addresses.get(fault.module, [])
            ]
            unreached = bool(several) and all(c is not None and not len(c) for c in several)
            same = same or (healthy is not None and unreached)  # else not all that read the table were evaluated
            codes = np.concatenate([none, *(c for c in several if c is not None)])
        results.append(WordLevelResult(same, codes))
    return results


def _looked_up(
    algebra: Algebra, address: Form, *, entry: int, inputs: Sequence[Form], project: RtlProject, seed: int
) -> IntArray | None:
    """Find codes with which a table is read at an entry, the other inputs at random; None where the sums give none."""
    rng = np.random.default_rng(seed)
    some = reaching(algebra, address, wanted=lambda v: v == entry, count=CODES, rng=rng)
    if some is None:
        return None
    number = {form.parts[0][0]: i for i, form in enumerate(inputs) if form.parts}
    codes = uniform(project.inputs, len(some), rng=rng)
    for row, values in zip(codes, some, strict=True):
        for base, value in values.items():
            row[number[base]] = value
    return codes


def _words(project: RtlProject, circuit: Circuit, inputs: Sequence[Form], valid: Form, fault: int) -> list[Word] | None:
    """Evaluate all outputs, and valid_out, with a fault by number; None where one is not known."""
    circuit.give(circuit.port("fault"), circuit.algebra.constant(fault))
    for nets, form in zip(circuit.fields("data_in", project.inputs), inputs, strict=True):
        circuit.give(nets, form)
    circuit.give(circuit.port("valid_in"), valid)
    try:
        return [circuit.word(n) for n in (*circuit.fields("data_out", project.outputs), circuit.port("valid_out"))]
    except FormError:
        return None


def _same(project: RtlProject, algebra: Algebra, one: list[Word], other: list[Word] | None) -> bool:
    if other is None:
        return False
    bits = [*(kif.bits for kif in project.outputs), 1]
    return all(
        a.registers == b.registers and algebra.divided(algebra.less(a.form, b.form), 1 << n) is not None
        for a, b, n in zip(one, other, bits, strict=True)
    )
