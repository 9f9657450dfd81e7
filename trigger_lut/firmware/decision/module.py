"""The decision's firmware in Verilog and VHDL-2008: a module around the network's, and the logic of the decision alone.

Thresholds are parameters (generics): another one needs no other code. In Verilog they are the bits of signed numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trigger_lut.cards.base import write_text
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.decision.pipeline import Step, steps
from trigger_lut.firmware.decision.project import DecisionProject, save_decision
from trigger_lut.firmware.decision.score import Score, score_in_words
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.utils.escape import comment


def write_decision(
    rtl: RtlProject,
    score: Score,
    *,
    names: Sequence[str],
    rates_khz: Sequence[float],
    thresholds: Sequence[int | None],
    cycles: int,
    folder: Path,
    paths: Sequence[str] = (),
) -> DecisionProject:
    """Write <top>_decide.v, <top>_decide.vhd and project.json.

    Parameters
    ----------
    rtl
        The network's firmware.
    score
        Score of the decision.
    names
        Names of the network's outputs.
    rates_khz, thresholds
        Rate and threshold of each working point, the first at bit 0 of the decision; None: a bit that is never set.
    cycles
        Clock cycles from the network's outputs to the decision.
    folder
        Folder for the files.
    paths
        Path of each working point; none: the score alone.

    Returns
    -------
    DecisionProject
        Files and thresholds.

    Raises
    ------
    FirmwareError
        If the score is of other outputs than the firmware's, or a threshold is no score.
    """
    if score.outputs != rtl.outputs:
        raise FirmwareError(
            f"{rtl.top}: other outputs than the score reads. Run the firmware and physics stages again."
        )
    if not thresholds or len(thresholds) != len(rates_khz):
        raise FirmwareError(f"{rtl.top}: expected a threshold per working point, found {len(thresholds)}")
    for wanted, code in zip(rates_khz, thresholds, strict=True):
        if code is not None and not score.lo <= code <= score.hi:
            raise FirmwareError(
                f"{rtl.top}: {wanted:g} kHz: expected a threshold of {score.lo} to {score.hi}, found {code}"
            )
    project = DecisionProject(
        folder=folder,
        top=f"{rtl.top}_decide",
        network=rtl.top,
        score=score,
        rates_khz=tuple(rates_khz),
        thresholds=tuple(thresholds),
        cycles=cycles,
        latency_cycles=rtl.latency_cycles_planned + cycles,
        paths=tuple(paths),
    )
    bits_out = offsets(score.outputs)[-1]
    known = {
        "name": project.top,
        "top": rtl.top,
        "latency": project.latency_cycles,
        "network_latency": rtl.latency_cycles_planned,
        "cycles": cycles,
        "bits_in": offsets(rtl.inputs)[-1],
        "bits_out": bits_out,
        "points": len(thresholds),
        "sign": score.operand_bits - 1,
        "score_sign": score.bits - 1,
        "step": f"2**{-score.fraction}",
    }
    for path, special in ((project.verilog, _verilog(project)), (project.vhdl, _vhdl(project))):
        text = Path(__file__).with_name(f"decide{path.suffix}").read_text(encoding="utf-8")
        mark = "//" if path.suffix == ".v" else "--"
        described = "\n".join(comment(mark, line) for line in _described(project, names))
        for key, value in {**known, **special, "description": described.removeprefix(mark)}.items():
            text = text.replace(f"@{key}@", str(value))
        write_text(path, text)
    save_decision(project)
    return project


def literal(code: int, bits: int) -> str:
    """Write a signed number in Verilog.

    Parameters
    ----------
    code
        Number.
    bits
        Width.

    Returns
    -------
    str
        Literal.
    """
    return f"{bits}'sh{code & ((1 << bits) - 1):x}"


def binary(code: int, bits: int) -> str:
    """Write a signed number in VHDL."""
    return f'"{code & ((1 << bits) - 1):0{bits}b}"'


def _described(project: DecisionProject, names: Sequence[str]) -> list[str]:
    """Describe the module in lines of comment."""
    score = project.score

    def listed(group: Sequence[int]) -> list[str]:
        return [names[o] if o < len(names) else str(o) for o in group]

    rows = []
    for n, (wanted, code) in enumerate(zip(project.wanted, project.thresholds, strict=True)):
        condition = "no threshold keeps to it, the bit is 0" if code is None else f"score >= {code}"
        rows.append(f"  decision[{n}]  {wanted}: {condition}" + ("" if code is None else f" ({_real(code, score)})"))
    return [
        f"score = {score_in_words(listed(score.signal), listed(score.background))},",
        f"a whole number of steps of 2**{-score.fraction}, {score.lo} to {score.hi}.",
        *rows,
    ]


def _real(code: int, score: Score) -> str:
    return f"{code * 2.0**-score.fraction:.10g}"


def _thresholds(project: DecisionProject) -> list[int]:
    """List the values of the parameters."""
    return [project.score.never if code is None else code for code in project.thresholds]


def _verilog(project: DecisionProject) -> dict[str, str]:
    score, bits_out, cycles = project.score, offsets(project.score.outputs)[-1], project.cycles
    wide = score.bits
    codes = _thresholds(project)
    ends = [","] * (len(codes) - 1) + [""]
    parameters = [
        f"    parameter [{wide - 1}:0] THRESHOLD_{n} = {literal(code, wide).replace('sh', 'h')}{end}  // {code}"
        for n, (code, end) in enumerate(zip(codes, ends, strict=True))
    ]
    passed = [f"        .THRESHOLD_{n}(THRESHOLD_{n})" for n in range(len(parameters))]
    at, zero, lines = offsets(score.outputs), "1'b0", []
    for o in sorted((*score.signal, *score.background)):
        kif, right = score.outputs[o], score.shift(o)
        rest = score.operand_bits - 1 - right  # bits of the code below the inverted sign, the sign repeated among them
        high = f"data_in[{at[o + 1] - 1}]"
        parts = [f"~{high}" if kif.k else "1'b1"]
        parts += [f"{{{rest - kif.bits}{{{high if kif.k else zero}}}}}"] * (rest > kif.bits)
        parts += [f"data_in[{at[o] + min(rest, kif.bits) - 1}:{at[o]}]"] * (rest > 0) + [f"{right}'b0"] * (right > 0)
        lines.append(f"    wire [{score.operand_bits - 1}:0] out{o} = {{{', '.join(parts)}}};")
    if not score.background:
        lines.append(f"    wire [{score.operand_bits - 1}:0] zero = {{1'b1, {score.operand_bits - 1}'b0}};")
    for step in steps(score, cycles):
        width = wide if step.name == "score" else score.operand_bits
        value = _in_verilog(step, score.operand_bits, wide)
        if step.registered:
            lines.append(f"    reg [{width - 1}:0] {step.name};")
            lines.append(f"    always @(posedge clk) {step.name} <= {value};")
        else:
            lines.append(f"    wire [{width - 1}:0] {step.name} = {value};")
    several = cycles > 1
    return {
        "parameters": "\n".join(parameters),
        "passed": ",\n".join(passed),
        "steps": "\n".join(lines),
        "comparisons": "\n".join(
            f"        decision[{n}] <= score >= {{~THRESHOLD_{n}[{wide - 1}], THRESHOLD_{n}[{wide - 2}:0]}};"
            for n in range(len(project.thresholds))
        ),
        "valid": f"{{valid[{cycles - 2}:0], valid_in}}" if several else "valid_in",
        "delayed": f"{{delayed[{(cycles - 1) * bits_out - 1}:0], data_in}}" if several else "data_in",
    }


def _in_verilog(step: Step, narrow: int, wide: int) -> str:
    if step.what == "larger":
        a, b = step.operands
        return f"{a} > {b} ? {a} : {b}"
    if step.what == "same":
        return step.operands[0]
    zeros = f"{wide - narrow}'b0"
    a, b = step.operands
    return f"{{{wide - narrow}'b1{'0' * (wide - narrow - 1)}, {a}}} - {{{zeros}, {b}}}"


def _vhdl(project: DecisionProject) -> dict[str, str]:
    score, bits_out, cycles = project.score, offsets(project.score.outputs)[-1], project.cycles
    narrow, wide = score.operand_bits, score.bits
    codes = _thresholds(project)
    ends = [";"] * (len(codes) - 1) + [""]
    parameters = [
        f"        threshold_{n}: signed({wide - 1} downto 0) := {binary(code, wide)}{end}  -- {code}"
        for n, (code, end) in enumerate(zip(codes, ends, strict=True))
    ]
    at, signals, concurrent = offsets(score.outputs), [], []
    for o in sorted((*score.signal, *score.background)):
        part = f"signed(data_in({at[o + 1] - 1} downto {at[o]}))"
        part = part if score.outputs[o].k else f"signed'('0' & {part})"
        signals.append(f"    signal out{o}: unsigned({narrow - 1} downto 0);")
        concurrent.append(f"    out{o} <= offset(shift_left(resize({part}, {narrow}), {score.shift(o)}));")
    if not score.background:
        signals.append(f"    signal zero: unsigned({narrow - 1} downto 0);")
        concurrent.append(f'    zero <= "1{"0" * (narrow - 1)}";')
    clocked = []
    for step in steps(score, cycles):
        width = wide if step.name == "score" else narrow
        a, *b = step.operands
        value = {
            "larger": f"larger({a}, {''.join(b)})",
            "same": a,
            "difference": f'unsigned\'("1{"0" * (wide - narrow - 1)}" & {a}) - resize({"".join(b)}, {wide})',
        }[step.what]
        signals.append(f"    signal {step.name}: unsigned({width - 1} downto 0);")
        if step.registered:
            clocked.append(f"            {step.name} <= {value};")
        else:
            concurrent.append(f"    {step.name} <= {value};")
    clocked += [f"            decision({n}) <= at_least(score, threshold_{n});" for n in range(len(parameters))]
    several = cycles > 1
    return {
        "parameters": "\n".join(parameters),
        "passed": ", ".join(f"threshold_{n} => threshold_{n}" for n in range(len(parameters))),
        "signals": "\n".join(signals),
        "steps": "\n".join(concurrent),
        "clocked": "\n".join(clocked),
        "valid": f"valid <= valid({cycles - 2} downto 0) & valid_in;" if several else "valid(0) <= valid_in;",
        "delayed": f"delayed({(cycles - 1) * bits_out - 1} downto 0) & data_in" if several else "data_in",
    }
