"""Proof of firmware that uses its hardware in several cycles (`network.time_sharing`), part by part.

The statement: let registers start in any state, and let valid_in be high in cycle t and low in the `ii` - 1 cycles
behind it. Then valid_out is high in cycle t + latency, and data_out is the network's output for data_in of cycle t.
valid_out is high in no other cycle from `latency` on. It follows from four proofs:

1. The parts, one after the other, are the network: the same sums of functions (`normal_form`).
2. Each pipeline is its part: networks and steps, by the proof of pipelines (`prove`).
3. Each block gives its step the right words, and collects the right outputs. The block is unrolled from free
   registers, with the step as a black box: its outputs are free in each cycle. By 2, they follow the words after the
   step's latency.
4. The top module connects the parts, and nothing else.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import PADDING, Network
from trigger_lut.network.time_sharing import Block, Collected, Part
from trigger_lut.verification.formal.gates import FALSE, TRUE, Bits, Gates, TooLargeError, constant, extended
from trigger_lut.verification.formal.netlist_reader import read_design
from trigger_lut.verification.formal.network_forms import network_forms
from trigger_lut.verification.formal.normal_form import Algebra, Form, FormError
from trigger_lut.verification.formal.source_check import source_refusal
from trigger_lut.verification.formal.sweep import Sweep
from trigger_lut.verification.formal.unroll import NotModeledError, Unrolled, WrongPortsError

MOST_GATES = 1_000_000
PASSES = ("proc -noopt", "flatten", "memory_collect", "opt_clean", "check -assert")


def composition_gaps(network: Network, parts: Sequence[Part]) -> list[str]:
    """Compare the parts, one after the other, with the network, as sums of functions.

    Parameters
    ----------
    network
        Integer network.
    parts
        Its parts.

    Returns
    -------
    list of str
        Reason for each output of the network that is not seen to be the same; "" where it is.
    """
    algebra = Algebra()
    try:
        inputs = [algebra.input(kif.lo, kif.hi) for kif in network.inputs]
    except FormError as error:
        return [f"an input: {error}"] * len(network.output_values)
    expected = network_forms(network, algebra, inputs=inputs)
    values: list[Form | str] = list(inputs)
    for part in parts:
        formats = part.inputs
        values = [_fitting(value, kif) for value, kif in zip(values, formats, strict=True)]
        values = _block_forms(part, algebra, values) if isinstance(part, Block) else _known(part, algebra, values)
    gaps = []
    given = zip(values, expected, network.output_formats(), parts[-1].output_formats(), strict=True)
    for own, form, kif, last in given:
        whole = _fitting(form, kif)
        if isinstance(own, str) or isinstance(whole, str):
            gaps.append(own if isinstance(own, str) else str(whole))
        elif kif.f != last.f:
            gaps.append("the parts' output has another fraction than the network's")
        else:
            gaps.append("" if own == whole else "the parts are not seen to be the network")
    return gaps


def _known(network: Network, algebra: Algebra, values: Sequence[Form | str]) -> list[Form | str]:
    """Compute the forms of a network; where an input has none, no output has."""
    if reasons := [value for value in values if isinstance(value, str)]:
        return [reasons[0]] * len(network.output_values)
    return network_forms(network, algebra, inputs=[value for value in values if isinstance(value, Form)])


def _fitting(value: Form | str, kif: KIF) -> Form | str:
    """Return a form whose bounds a format holds: bits that a bus does not have are not lost."""
    if isinstance(value, str) or (value.lo >= kif.lo and value.hi <= kif.hi):
        return value
    return f"codes {value.lo} to {value.hi} are not seen to fit {kif}"


def _block_forms(block: Block, algebra: Algebra, values: Sequence[Form | str]) -> list[Form | str]:
    """Compute the collected outputs of a block as forms."""
    computed: list[list[Form | str]] = []
    for word in block.words:
        channels: list[Form | str] = []
        for source, kif in zip(word.tolist(), block.step.inputs, strict=True):
            form = algebra.constant(0) if source == PADDING else values[source]
            if isinstance(form, Form) and source != PADDING:
                form = algebra.scale(form, 1 << (kif.f - block.inputs[source].f))
            channels.append(_fitting(form, kif))
        computed.append(_known(block.step, algebra, channels))
    return [_fitting(_collected_form(block, c, algebra, values, computed), c.kif) for c in block.collected]


def _collected_form(
    block: Block, c: Collected, algebra: Algebra, values: Sequence[Form | str], computed: list[list[Form | str]]
) -> Form | str:
    """Compute one output of a block from the step's outputs of each cycle."""
    if c.kind == "pass":
        return values[c.source]
    terms = [outputs[c.source] for outputs in computed]
    if c.kind == "store":
        return terms[c.cycle]
    if reasons := [term for term in terms if isinstance(term, str)]:
        return reasons[0]
    forms = [term for term in terms if isinstance(term, Form)]
    try:
        if c.kind == "sum":
            return algebra.add(algebra.constant(c.start), *forms)
        largest = forms[0]
        for form in forms[1:]:
            largest = algebra.larger(largest, form)
        return largest
    except FormError as error:
        return f"{block.name}: {error}"


@dataclass(frozen=True)
class Statement:
    """A block's Verilog against its schedule.

    problem: reason why it is not proven; empty where it is. cycles: that were unrolled.
    """

    problem: str
    cycles: int


def prove_block(block: Block, project: RtlProject, *, seconds: float, seed: int) -> Statement:
    """Prove that a block's Verilog gives its step the right words and collects the right outputs.

    Parameters
    ----------
    block
        The block.
    project
        Its Verilog, and that of its step.
    seconds
        Processor time in s.
    seed
        Of random values that propose equal gates.

    Returns
    -------
    Statement
        Result.
    """
    (step,) = project.parts
    end = project.latency_cycles_planned
    path = project.folder / f"{project.top}.v"
    if reason := source_refusal(project.files):
        return Statement(reason, 0)
    if step.inputs != block.step.inputs or step.outputs != block.step.output_formats():
        return Statement("formats on the step's buses are not those of its network", 0)
    if project.inputs != block.inputs or project.outputs != block.output_formats():
        return Statement("formats on the block's buses are not those of its plan", 0)
    try:
        module = _read([path], project.top, [step])
        gates = Gates(MOST_GATES)
        pairs = _timing_pairs(gates, block, module, project) + _data_pairs(gates, block, module, project)
    except TooLargeError:
        return Statement(f"more than {MOST_GATES:,} gates, the limit that bounds memory", end)
    except (NotModeledError, WrongPortsError, ToolFailedError) as error:
        return Statement(str(error).splitlines()[0], end)
    sweep = Sweep(gates, seed)
    try:
        for what, pair in pairs:
            answer = sweep.compare(pair, seconds / len(pairs))
            if answer.verdict != "equal":
                return Statement(
                    f"{what}: {'the time did not suffice' if answer.verdict == 'open' else 'different'}", end
                )
    finally:
        sweep.close()
    return Statement("", end)


def _read(paths: list[Path], top: str, boxes: Sequence[RtlProject]) -> dict[str, Any]:
    """Read modules whose instances of other projects are black boxes."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_shared_") as folder:
        stub = Path(folder, "boxes.v")
        stub.write_text("".join(_stub(box) for box in boxes), encoding="utf-8")
        modules, _ = read_design([stub, *paths], top, passes=PASSES)
    module: dict[str, Any] = modules[top]
    return module


def _stub(box: RtlProject) -> str:
    bits_in, bits_out = offsets(box.inputs)[-1], offsets(box.outputs)[-1]
    return (
        f"(* blackbox *) module {box.top} (input wire clk, input wire valid_in, input wire [{bits_in - 1}:0] data_in, "
        f"output wire valid_out, output wire [{bits_out - 1}:0] data_out); endmodule\n"
    )


def _widths(project: RtlProject) -> dict[str, int]:
    return {
        "clk": 1,
        "valid_in": 1,
        "valid_out": 1,
        "data_in": offsets(project.inputs)[-1],
        "data_out": offsets(project.outputs)[-1],
    }


Pairs = list[tuple[str, list[tuple[int, int]]]]
"""Pairs of literals that must be equal, with what they say."""


def _timing_pairs(gates: Gates, block: Block, module: dict[str, Any], project: RtlProject) -> Pairs:
    """Pairs of valid bits, with any valid_in: the step's with the last word, and valid_out behind the step's."""
    (step,) = project.parts
    circuit = Unrolled(gates, module, widths=_widths(project), black_boxes=[step.top])
    box = _instance(circuit, step.top, module)
    with_word = project.latency_cycles_planned - step.latency_cycles_planned - 1
    (valid,) = circuit.input("valid_in", 0)
    for cycle in range(1, block.fold):
        valid = gates.both(valid, circuit.input("valid_in", cycle)[0] ^ 1)
    started = circuit.values(box["valid_in"], with_word)
    ended = circuit.values(box["valid_out"], project.latency_cycles_planned - 1)
    done = circuit.output("valid_out", project.latency_cycles_planned)
    return [("the step's valid_in", [(valid, started[0])]), ("valid_out", [(ended[0], done[0])])]


def _data_pairs(gates: Gates, block: Block, module: dict[str, Any], project: RtlProject) -> Pairs:
    """Pairs of words and of collected outputs, for an event in cycle 0 that none follows within its cycles."""
    (step,) = project.parts
    circuit = Unrolled(gates, module, widths=_widths(project), black_boxes=[step.top])
    for cycle in range(block.fold):
        circuit.give("valid_in", cycle, bits=[TRUE if cycle == 0 else FALSE])
    box = _instance(circuit, step.top, module)
    end, latency = project.latency_cycles_planned, step.latency_cycles_planned
    first = end - latency - block.fold  # cycle of the first word
    data = circuit.input("data_in", 0)
    given = [data[a:b] for a, b in itertools.pairwise(offsets(block.inputs))]
    at_word, at_step = offsets(step.inputs), offsets(step.outputs)
    pairs: Pairs = []
    computed: list[list[Bits]] = []
    for k, word in enumerate(block.words.tolist()):
        word_bits = circuit.values(box["data_in"], first + k)
        for n, (source, kif) in enumerate(zip(word, step.inputs, strict=True)):
            expected = constant(0, kif.bits) if source == PADDING else _as(given[source], block.inputs[source], kif)
            own = word_bits[at_word[n] : at_word[n + 1]]
            pairs.append((f"channel {n} of the word of cycle {k}", list(zip(expected, own, strict=True))))
        result = circuit.values(box["data_out"], first + k + latency)
        computed.append([result[a:b] for a, b in itertools.pairwise(at_step)])
    out = circuit.output("data_out", end)
    for n, (c, (a, b)) in enumerate(zip(block.collected, itertools.pairwise(offsets(project.outputs)), strict=True)):
        if c.kind == "pass":
            expected = given[c.source]
        else:
            terms = [_as(outputs[c.source], step.outputs[c.source], c.kif) for outputs in computed]
            expected = terms[c.cycle] if c.kind == "store" else _accumulated(gates, c.kind, c.kif, c.start, terms)
        pairs.append((f"output {n}, a {c.kind}", list(zip(expected, out[a:b], strict=True))))
    return pairs


def _accumulated(gates: Gates, kind: str, kif: KIF, start: int, terms: list[Bits]) -> Bits:
    if kind == "sum":
        total = gates.sum(terms[0], constant(start, kif.bits))
        for term in terms[1:]:
            total = gates.sum(term, total)
        return total
    largest = terms[0]
    for term in terms[1:]:
        wide = [extended(bits, kif.bits + 1, signed=bool(kif.k)) for bits in (largest, term)]
        largest = gates.chosen(gates.less(*wide), term, no=largest)
    return largest


def _as(bits: Bits, source: KIF, target: KIF) -> Bits:
    """Return the bits of a code in another format, modulo 2**bits."""
    raised = [FALSE] * (target.f - source.f) + list(bits)
    return extended(raised, max(target.bits, len(raised)), signed=bool(source.k))[: target.bits]


def _instance(circuit: Unrolled, kind: str, module: dict[str, Any]) -> Mapping[str, list[Any]]:
    """Return the nets of the only instance of a black box, which the clock of the module drives."""
    instances = [entry for entry in module["cells"].values() if entry["type"] == kind]
    if len(instances) != 1:
        raise NotModeledError(f"expected one instance of {kind}, found {len(instances)}")
    nets: Mapping[str, list[Any]] = instances[0]["connections"]
    if nets["clk"] != circuit.ports["clk"]:
        raise NotModeledError(f"{kind} is not clocked by clk")
    return nets


def series_problem(project: RtlProject) -> str:
    """Check that the top module connects the parts one after the other, and nothing else.

    Parameters
    ----------
    project
        Project with parts.

    Returns
    -------
    str
        Problem; empty where there is none.
    """
    path = project.folder / f"{project.top}.v"
    if reason := source_refusal(project.files):
        return reason
    if len({part.top for part in project.parts}) != len(project.parts):
        return "two parts have one name"
    try:
        module = _read([path], project.top, project.parts)
        circuit = Unrolled(
            Gates(MOST_GATES), module, widths=_widths(project), black_boxes=[part.top for part in project.parts]
        )
        valid, data = circuit.input("valid_in", 0), circuit.input("data_in", 0)
        formats = project.inputs
        for part in project.parts:
            box = _instance(circuit, part.top, module)
            if part.inputs != formats:
                return f"{part.top}: inputs are in other formats than the outputs before"
            if circuit.values(box["valid_in"], 0) != valid or circuit.values(box["data_in"], 0) != data:
                return f"{part.top} does not read what is before it"
            valid, data = circuit.values(box["valid_out"], 0), circuit.values(box["data_out"], 0)
            formats = part.outputs
        if circuit.output("valid_out", 0) != valid:
            return "valid_out is not that of the last part"
        fields = [data[a:b] for a, b in itertools.pairwise(offsets(formats))]
        if len(fields) != len(project.outputs):
            return "the outputs are not those of the last part"
        wanted = [bit for bits, a, b in zip(fields, formats, project.outputs, strict=True) for bit in _as(bits, a, b)]
        if circuit.output("data_out", 0) != wanted:
            return "data_out is not that of the last part"
    except (NotModeledError, WrongPortsError, ToolFailedError, TooLargeError) as error:
        return str(error).splitlines()[0] or "too large"
    cycles = sum(part.latency_cycles_planned for part in project.parts)
    if project.latency_cycles_planned != cycles:
        return f"the parts take {cycles} cycles, planned are {project.latency_cycles_planned}"
    return ""


def wrong_block(block: Block) -> Block:
    """Return a block that adds 1 to one of its sums, or reads another word first: for a negative control."""
    for n, c in enumerate(block.collected):
        if c.kind == "sum":
            changed = replace(c, start=c.start + 1)
            return replace(block, collected=(*block.collected[:n], changed, *block.collected[n + 1 :]))
    return replace(block, words=block.words[::-1])
