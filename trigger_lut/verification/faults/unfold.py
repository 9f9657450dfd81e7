"""Firmware that uses its hardware in several cycles, as a pipeline that has it several times: for proofs of faults.

A fault of the shared hardware acts in each cycle. So it acts in each copy here: the copies are instances of the same
faulty modules, and a register of a block becomes a wire for each cycle, all with the fault. Faults of the counter, of
valid bits, and bits that come early or late are of another kind: in a pipeline they have no counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trigger_lut.firmware.rtl.block import VERILOG, Schedule, converted
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.network.network import PADDING
from trigger_lut.network.time_sharing import Block, Part
from trigger_lut.verification.faults.sites import Fault

TIMED = ("a cycle early", "a cycle late")
CONTROL = ("count", "running", "started", "whole", "done")


def unfolded(project: RtlProject, parts: Sequence[Part], *, folder: Path) -> RtlProject:
    """Write a pipeline that computes what a project with parts computes.

    Parameters
    ----------
    project
        Project with parts.
    parts
        Parts of its network.
    folder
        Folder for the new top module.

    Returns
    -------
    RtlProject
        Pipeline: the new top module, and the pipelines of the parts.
    """
    top = f"{project.top}_unfolded"
    text = _text(project, parts, top)
    path = folder / f"{top}.v"
    path.write_text(text, encoding="utf-8")
    files = [path]
    for part in project.parts:
        own = part.parts[0] if part.parts else part
        files += own.files
    return replace(project, top=top, files=tuple(files), ii=1, cuts=(), parts=())


def moved(fault: Fault, project: RtlProject) -> Fault | None:
    """Return a fault as it is in the pipeline of `unfolded`.

    Parameters
    ----------
    fault
        Fault in the project.
    project
        Project with parts.

    Returns
    -------
    Fault or None
        None for faults that a pipeline cannot have.
    """
    top = f"{project.top}_unfolded"
    if fault.place == "valid_out":  # each of its faults shows
        return replace(fault, module=top)
    if fault.change in TIMED or fault.place in CONTROL:
        return None
    if fault.module == project.top:
        return replace(fault, module=top)
    for n, part in enumerate(project.parts):
        if part.parts and fault.module == part.top:
            # A bit that is stuck in one of the registers in which an input waits is stuck at the output.
            return replace(fault, module=top, place=f"b{n}_" + re.sub(r"^(out\d+)_\d+$", r"\1", fault.place))
    return fault


def _text(project: RtlProject, parts: Sequence[Part], top: str) -> str:
    bits_in, bits_out = offsets(project.inputs)[-1], offsets(project.outputs)[-1]
    lines = [
        "`timescale 1 ns / 1 ps",
        f"module {top} (",
        "    input wire clk,",
        "    input wire valid_in,",
        f"    input wire [{bits_in - 1}:0] data_in,",
        "    output wire valid_out,",
        f"    output wire [{bits_out - 1}:0] data_out",
        ");",
        "    wire valid0 = valid_in;",
    ]
    bus = "data_in"
    for n, (part, part_project) in enumerate(zip(parts, project.parts, strict=True)):
        width = offsets(part_project.outputs)[-1]
        lines += [f"    wire valid{n + 1};", f"    wire [{width - 1}:0] data{n + 1};"]
        if isinstance(part, Block):
            lines += _block(n, part, part_project, bus)
        else:
            lines.append(
                _instance(
                    f"part{n}", part_project.top, given=(f"valid{n}", bus), outputs=(f"valid{n + 1}", f"data{n + 1}")
                )
            )
        bus = f"data{n + 1}"
    lines.append(f"    assign valid_out = valid{len(parts)};")
    at, given = offsets(project.outputs), project.parts[-1].outputs
    for o, (low, source, kif) in enumerate(zip(offsets(given), given, project.outputs, strict=False)):
        value = converted(VERILOG, bus, low=low, source=source, target=kif)
        lines.append(f"    assign data_out[{at[o + 1] - 1}:{at[o]}] = {value};")
    return "\n".join([*lines, "endmodule"]) + "\n"


def _instance(name: str, module: str, *, given: tuple[str, str], outputs: tuple[str, str]) -> str:
    """Write an instance between a valid bit and a bus on each side."""
    (valid_in, data_in), (valid_out, data_out) = given, outputs
    return (
        f"    {module} {name} (.clk(clk), .valid_in({valid_in}), .data_in({data_in}), .valid_out({valid_out}), "
        f".data_out({data_out}));"
    )


def _block(n: int, block: Block, part_project: RtlProject, bus: str) -> list[str]:
    """Write the copies of a block's step, and wires for its registers: `b<part>_<register>_<cycle>`."""
    (step,) = part_project.parts
    waits = part_project.latency_cycles_planned - step.latency_cycles_planned - block.fold
    schedule = Schedule(block, step.latency_cycles_planned, direct=waits == 1)
    at_in, at_word, at_step = offsets(block.inputs), offsets(step.inputs), offsets(step.outputs)
    kept = schedule.kept()
    lines = [
        f"    wire [{block.inputs[v].bits - 1}:0] b{n}_kept{v}_0 = {bus}[{at_in[v + 1] - 1}:{at_in[v]}];" for v in kept
    ]
    for k, word in enumerate(block.words.tolist()):
        lines += [
            f"    wire [{at_word[-1] - 1}:0] w{n}_{k};",
            f"    wire [{at_step[-1] - 1}:0] y{n}_{k};",
            f"    wire v{n}_{k};",
        ]
        for i, (source, kif) in enumerate(zip(word, step.inputs, strict=True)):
            value = VERILOG.zeros(kif.bits)
            if source != PADDING and source in kept and not (k == 0 and schedule.direct):
                value = converted(VERILOG, f"b{n}_kept{source}_0", low=0, source=block.inputs[source], target=kif)
            elif source != PADDING:
                value = converted(VERILOG, bus, low=at_in[source], source=block.inputs[source], target=kif)
            lines += [
                f"    wire [{kif.bits - 1}:0] b{n}_word{i}_{k} = {value};",
                f"    assign w{n}_{k}[{at_word[i + 1] - 1}:{at_word[i]}] = b{n}_word{i}_{k};",
            ]
        lines.append(
            _instance(f"part{n}_{k}", step.top, given=(f"valid{n}", f"w{n}_{k}"), outputs=(f"v{n}_{k}", f"y{n}_{k}"))
        )
    lines.append(f"    assign valid{n + 1} = v{n}_0;")
    at_out = offsets(part_project.outputs)
    for j, c in enumerate(block.collected):
        name, high = f"b{n}_out{j}", c.kif.bits - 1
        values = [
            converted(VERILOG, f"y{n}_{k}", low=at_step[c.source], source=step.outputs[c.source], target=c.kif)
            for k in range(block.fold)
            if c.kind != "pass"
        ]
        if c.kind == "pass":
            last = f"b{n}_kept{c.source}_0"
            for stage in range(step.latency_cycles_planned):  # as many registers as the step has
                lines += [
                    f"    reg [{high}:0] d{n}_{j}_{stage};",
                    f"    always @(posedge clk) d{n}_{j}_{stage} <= {last};",
                ]
                last = f"d{n}_{j}_{stage}"
            values = [last]
        elif c.kind == "store":
            values = [values[c.cycle]]
        for k, value in enumerate(values):
            text = value
            if c.kind == "sum":
                start = f"{c.kif.bits}'h{c.start & ((1 << c.kif.bits) - 1):x}"
                text = f"{value} + {start if k == 0 else f'{name}_{k - 1}'}"
            elif c.kind == "max" and k:
                lines.append(f"    wire [{high}:0] {name}v{k} = {value};")
                larger = f"{name}v{k} > {name}_{k - 1}"
                if c.kif.k:
                    larger = f"$signed({name}v{k}) > $signed({name}_{k - 1})"
                text = f"({larger}) ? {name}v{k} : {name}_{k - 1}"
            lines.append(f"    wire [{high}:0] {name}_{k} = {text};")
        lines.append(f"    assign data{n + 1}[{at_out[j + 1] - 1}:{at_out[j]}] = {name}_{len(values) - 1};")
    return lines
