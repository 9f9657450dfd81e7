"""A second proof, of the Verilog with its registers, by other means than the first: unrolled, and searched by CaDiCaL.

The statement: let the inputs be any sequence, with any pattern of valid and gaps, and let the registers start in any
state. Then data_out at cycle t + latency is the network's output for data_in at cycle t. valid_out at cycle t + latency
is valid_in at cycle t. Firmware that uses its hardware in several cycles (`ii` above 1) drops an event that another one
follows too early: there, data_out is compared for an event that none follows within `ii` cycles, and valid_out is high
for exactly these. All registers of cycle 0 are free variables, and so are the inputs of all cycles. So cycle 0
represents any t.

With the first proof it shares Yosys' reading of Verilog, and the check that all tools read that text alike. It has its
own registers, words, tables and network, and another solver.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.cards.proof import OutputProof, SecondOutput, SecondProof, SecondStatus
from trigger_lut.errors import FirmwareError, ToolFailedError, TriggerLutError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import HARNESS, Words, compile_verilated, run_cycles, unpack
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.fixed_point.formats import KIF, IntArray, codes_of_bits, uniform
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.utils.progress import watched
from trigger_lut.verification.formal.gates import FALSE, TRUE, Bits, Gates, TooLargeError, constant, extended
from trigger_lut.verification.formal.network_gates import network_outputs
from trigger_lut.verification.formal.numbers import Number
from trigger_lut.verification.formal.source_check import source_refusal
from trigger_lut.verification.formal.sweep import SOLVER, Answer, Sweep
from trigger_lut.verification.formal.unroll import NotModeledError, Unrolled, WrongPortsError, read_netlist

MOST_GATES = 300_000
CONTROL_VECTORS = 2000
SECONDS_TO_SHOW = 2
VALID = "valid_out"
NOT_SHOWN = "in the formal model; not seen in simulation, which took other states of registers or undefined values"


@dataclass
class Model:
    """Network and unrolled Verilog in one graph; the inputs compared are those of cycle `start`.

    network_gates: nodes of the network, which are built first.
    circuits: of each output, then of valid_out: the unrolled Verilog.
    pairs: of each of these: literals that must be equal.
    """

    gates: Gates
    network_gates: int
    circuits: list[Unrolled]
    start: int
    latency: int
    pairs: list[list[tuple[int, int]]]


def second_proof(
    network: Network, project: RtlProject, *, seconds: int, seed: int, first: Sequence[OutputProof]
) -> tuple[list[OutputProof], SecondProof | None]:
    """Prove again, and judge the outputs of the first proof by it.

    Parameters
    ----------
    network
        Network that the Verilog must be.
    project
        Its firmware.
    seconds
        Processor time for the second proof in s; 0: it is not asked for.
    seed
        Seed of random values that propose equal gates, and of the negative control.
    first
        Results of the first proof, one entry per output.

    Returns
    -------
    outputs : list of OutputProof
        The results of the first proof; those that the second one found different are `different`. All are, if
        valid_out is.
    second : SecondProof or None
        None where it is not asked for.
    """
    if seconds <= 0:
        return list(first), None
    second = prove_again(network, project, seconds=seconds, seed=seed)
    return [_judged(one, other, second.outputs[-1]) for one, other in zip(first, second.outputs, strict=False)], second


def _judged(first: OutputProof, second: SecondOutput, valid: SecondOutput) -> OutputProof:
    if second.status == "disagrees":
        detail = second.detail
    elif valid.status == "disagrees":
        detail = f"{VALID}: {valid.detail}"
    else:
        return first
    claim = f"the proofs disagree: proven by {first.by}, refuted by the second proof: " * (first.status == "proven")
    return first.model_copy(update={"status": "different", "by": None, "detail": claim + detail})


def prove_again(network: Network, project: RtlProject, *, seconds: int, seed: int) -> SecondProof:
    """Compare a network with its Verilog; parameters as of `second_proof`.

    Raises ToolMissingError without pyosys.
    """
    started = time.process_time()
    names = [*network.output_names(), VALID]
    proof = SecondProof(
        solver=SOLVER,
        seconds_allowed=seconds,
        cycles=project.latency_cycles_planned,
        most_gates=MOST_GATES,
        outputs=[],
    )

    def alike(status: SecondStatus, detail: str) -> SecondProof:
        outputs = [SecondOutput(name=name, status=status, detail=detail) for name in names]
        return proof.model_copy(update={"outputs": outputs})

    if project.inputs != network.inputs or project.outputs != network.output_formats():
        return alike("disagrees", "the formats on the firmware's buses are not the network's")
    if reason := source_refusal(project.files):
        return alike("not attempted", reason)
    try:
        # Built before Yosys is asked, so that a design that is too large costs little.
        network_outputs(gates := Gates(MOST_GATES), network, inputs=[gates.frees(kif.bits) for kif in network.inputs])
        module = read_netlist(project.files, project.top)
        model = build(network, project, module=module, start=0)
    except TooLargeError:
        return alike("not attempted", f"more than {MOST_GATES:,} gates, the limit that bounds memory")
    except WrongPortsError as error:
        return alike("disagrees", str(error))
    except (NotModeledError, ToolFailedError) as error:
        return alike("not attempted", str(error).splitlines()[0])
    outputs = _compared(model, network, project=project, module=module, names=names, ends=started + seconds, seed=seed)
    control, caught = _control(network, project, module, seconds, seed)
    update = {"gates": len(model.gates), "outputs": outputs, "control": control, "control_caught": caught}
    return proof.model_copy(update=update)


def build(network: Network, project: RtlProject, *, module: dict[str, Any], start: int) -> Model:
    """Build network and Verilog, for inputs at cycle `start`, outputs `latency_cycles_planned` later.

    Raises TooLargeError, WrongPortsError, NotModeledError.
    """
    gates = Gates(MOST_GATES)
    at_in, at_out = offsets(project.inputs), offsets(project.outputs)
    widths = {"clk": 1, "valid_in": 1, "valid_out": 1, "data_in": at_in[-1], "data_out": at_out[-1]}
    circuit = Unrolled(gates, module, widths=widths)
    free = circuit if project.ii == 1 else Unrolled(gates, module, widths=widths)
    if project.ii > 1:
        for cycle in range(start, start + project.ii):
            circuit.give("valid_in", cycle, bits=[TRUE if cycle == start else FALSE])
    data = circuit.input("data_in", start)
    expected = network_outputs(gates, network, inputs=[data[a:b] for a, b in itertools.pairwise(at_in)])
    network_gates = len(gates)
    end = start + project.latency_cycles_planned
    bus = circuit.output("data_out", end)
    pairs = [
        _pairs(number, bus[a:b], kif)
        for number, (a, b), kif in zip(expected, itertools.pairwise(at_out), project.outputs, strict=True)
    ]
    (valid,) = free.input("valid_in", start)
    for cycle in range(start + 1, start + project.ii):
        valid = gates.both(valid, free.input("valid_in", cycle)[0] ^ 1)
    pairs.append([(valid, free.output(VALID, end)[0])])
    circuits = [circuit] * len(project.outputs) + [free]
    return Model(gates, network_gates, circuits, start, project.latency_cycles_planned, pairs)


def _pairs(expected: Number, bits: Bits, kif: KIF) -> list[tuple[int, int]]:
    """Return pairs of literals that are equal where the bits on the bus are the expected integer."""
    width = max(len(expected.bits), kif.bits + 1)
    signed = extended(bits, kif.bits + 1, signed=bool(kif.k))
    actual = extended(signed, width, signed=True)
    return list(zip(extended(expected.bits, width, signed=True), actual, strict=True))


def _compared(
    model: Model,
    network: Network,
    *,
    project: RtlProject,
    module: dict[str, Any],
    names: Sequence[str],
    ends: float,
    seed: int,
) -> list[SecondOutput]:
    """Compare output by output; each gets the same fraction of the time left, and the open ones another one."""
    sweep = Sweep(model.gates, seed, older=model.network_gates)
    answers: dict[int, Answer] = {}
    for _ in range(2):
        waiting = [o for o in range(len(names)) if o not in answers or answers[o].verdict == "open"]
        for done, o in enumerate(watched(waiting, "second proof: outputs")):
            left = max(ends - time.process_time(), 0)
            answers[o] = sweep.compare(model.pairs[o], left / (len(waiting) - done))
    sweep.close()
    outputs = []
    for o, name in enumerate(names):
        status: SecondStatus = "agrees"
        detail = ""
        if answers[o].verdict == "open":
            status, detail = "open", "the time did not suffice"
        elif answers[o].verdict == "different":
            status = "disagrees"
            detail = _shown(model, answers[o], network, project, o) or _from_inputs(network, project, module, o, seed)
        outputs.append(SecondOutput(name=name, status=status, detail=detail))
    return outputs


def _from_inputs(network: Network, project: RtlProject, module: dict[str, Any], o: int, seed: int) -> str:
    """Search for a difference that some cycles of inputs lead to, and show it in simulation."""
    try:
        model = build(network, project, module=module, start=max(project.latency_cycles_planned, 2))
    except (TooLargeError, NotModeledError):
        return NOT_SHOWN
    sweep = Sweep(model.gates, seed, older=model.network_gates)
    answer = sweep.compare(model.pairs[o], SECONDS_TO_SHOW)
    sweep.close()
    return (answer.verdict == "different" and _shown(model, answer, network, project, o)) or NOT_SHOWN


def _shown(model: Model, answer: Answer, network: Network, project: RtlProject, o: int) -> str:
    """Simulate a counterexample; empty where the simulated output is the expected one."""
    circuit = model.circuits[o]
    rows = _rows(model, circuit, answer)
    end = len(rows) - 1
    codes = _codes(model, circuit, answer, network)
    valid = int(rows[model.start, 0] and not rows[model.start + 1 : model.start + project.ii, 0].any())
    try:
        trace = simulated(project, rows)
    except TriggerLutError as error:
        return f"in the formal model; not simulated: {str(error).splitlines()[0]}"
    if o == len(project.outputs):
        given = "".join(str(int(v)) for v in rows[model.start : model.start + project.ii, 0])
        where, expected, actual = f"valid_in {given}", valid, int(trace[end, 0])
    else:
        where, expected = f"inputs {codes[0].tolist()}", int(evaluate(network, codes)[0, o])
        actual = int(unpack(trace[end:, 1:], project.outputs)[0, o])
    if expected == actual:
        return ""
    before = f", after {model.start} cycles of other inputs" if model.start else ""
    return f"{where}{before}: expected {expected}, found {actual} in simulation"


def _rows(model: Model, circuit: Unrolled, answer: Answer) -> Words:
    """Return rows of valid_in and data_in, one a cycle up to the compared output: the inputs of a counterexample."""
    end = model.start + model.latency
    words = -(-len(circuit.ports["data_in"]) // 32)
    rows = np.zeros((end + 1, 1 + words), dtype=np.uint32)
    for cycle in range(end + 1):
        bus = _bus(circuit, answer, "data_in", cycle)
        rows[cycle] = [_bus(circuit, answer, "valid_in", cycle), *(bus >> 32 * n & 0xFFFFFFFF for n in range(words))]
    return rows


def _codes(model: Model, circuit: Unrolled, answer: Answer, network: Network) -> IntArray:
    bus, width = _bus(circuit, answer, "data_in", model.start), len(circuit.ports["data_in"])
    return codes_of_bits(constant(bus, width), network.inputs)


def _bus(circuit: Unrolled, answer: Answer, port: str, cycle: int) -> int:
    """Return the value of an input port in a counterexample; 0 where nothing depends on it."""
    assert answer.values is not None
    bits = circuit.input(port, cycle)
    return sum((answer.values.get(bit >> 1, False) ^ (bit & 1)) << n for n, bit in enumerate(bits))


def simulated(project: RtlProject, rows: Words) -> Words:
    """Run cycles in Verilator, which may warn of anything: the firmware is known to be faulty."""
    binary = compile_verilated(project.files, project.top, harness=HARNESS, checks=("-Wno-lint", "-Wno-fatal"))
    return run_cycles(binary, project, stimulus=rows)


def _control(
    network: Network, project: RtlProject, module: dict[str, Any], seconds: int, seed: int
) -> tuple[str, bool | None]:
    """Flip a bit in the network: the Verilog must differ from it. None: open in the time, or no flip shows."""
    codes = uniform(network.inputs, CONTROL_VECTORS, rng=np.random.default_rng(seed))
    try:
        flip = choose_flip(network, codes, seed=seed)
        wrong = flipped(network, flip)
        model = build(wrong, project, module=module, start=0)
    except FirmwareError as error:
        return str(error), None
    except TooLargeError:
        return f"more than {MOST_GATES:,} gates", None
    changed = np.flatnonzero((evaluate(wrong, codes) != evaluate(network, codes)).any(axis=0)).tolist()
    sweep = Sweep(model.gates, seed, older=model.network_gates)
    verdicts = {sweep.compare(model.pairs[o], seconds / len(model.pairs)).verdict for o in changed}
    sweep.close()
    return flip.describe(network), False if "equal" in verdicts else None if "open" in verdicts else True
