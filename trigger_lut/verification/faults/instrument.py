"""Generated Verilog with faults built in, each switched on by its number at an added input `fault`; 0 is none.

A fault may lead to entries of tables that nothing else reaches. They are undefined in the Verilog: synthesis fills them
as it likes. An input `fill` gives their bits: bit 0 all even ones, bit 1 all odd ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.verification.faults.sites import ADDER, BLOCK, FIELD, REGISTER, SLICE, STORED, TABLE, Fault

BITS = 20  # of the input `fault`
PORT = f"input wire [{BITS - 1}:0] fault"
FILL_BITS = 2
FILL_PORT = f"input wire [{FILL_BITS - 1}:0] fill"
UNDEFINED = re.compile(r"\{(?P<repeated>\d+)\{1'bx\}\}|\b(?P<bits>\d+)'h[xX]+\b")
ANY_UNDEFINED = re.compile(r"'s?[bodhBODH][0-9a-fA-F_]*[xXzZ?]")

Numbered = list[tuple[int, Fault]]


def texts_of(project: RtlProject) -> dict[str, str]:
    """Read the Verilog of a project.

    Parameters
    ----------
    project
        Firmware of a network.

    Returns
    -------
    dict of str to str
        Text by name of the file without suffix, which is the name of its module.
    """
    return {path.stem: path.read_text(encoding="utf-8") for path in project.files}


def write_instrumented(
    project: RtlProject, faults: Sequence[Fault], *, folder: Path, filled: bool = False
) -> list[Path]:
    """Write a project's Verilog with faults in it, see `instrumented`.

    Parameters
    ----------
    project
        Firmware of a network.
    faults
        Faults to build in.
    folder
        Folder for the files.
    filled
        Replace undefined entries of tables by the bits of an added input `fill`.

    Returns
    -------
    list of Path
        Verilog files.
    """
    texts = instrumented(texts_of(project), project.top, faults=faults)
    if filled:
        texts = {name: _filled(text) for name, text in texts.items()}
    files = [folder / f"{name}.v" for name in texts]
    for path, text in zip(files, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return files


def instrumented(texts: dict[str, str], top: str, *, faults: Sequence[Fault]) -> dict[str, str]:
    """Build faults into Verilog. Fault n of the list, from 1 on, is on where the input `fault` is n.

    For each register fault `a cycle early` or `late` the top-level module has an output bit `probe`, in their order:
    the register's bit without any fault. A top-level module of parts has none.

    Parameters
    ----------
    texts
        Verilog by module.
    top
        Name of the top-level module.
    faults
        Faults to build in.

    Returns
    -------
    dict of str to str
        Changed Verilog by module.
    """
    numbered, inner = list(enumerate(faults, 1)), _series(texts[top])
    probes = [] if inner else probed(faults)
    changed = {module: _tables(text, [x for x in numbered if x[1].kind == "table"]) for module, text in texts.items()}
    for module, text in changed.items():
        own = [(n, fault) for n, fault in numbered if fault.module == module]
        if module == top:
            text = _wires(_top(text, own, len(probes)), own)
        elif BLOCK.search(text):
            text = _block(text, own)
        elif module.endswith("_top"):
            text = _passed(_ports(text))
        elif module.endswith("_core"):
            text = _core(text, own, probes)
        elif "_logic" in module:
            text = _logic(text, own)
        changed[module] = text
    return changed


def _filled(text: str) -> str:
    """Return the Verilog with the input `fill` next to `fault` in every module."""

    def bits(match: re.Match[str]) -> str:
        pairs, odd = divmod(int(match["repeated"] or match["bits"]), 2)
        return "{" + ", ".join(["fill[0]"] * odd + [f"{{{pairs}{{fill}}}}"] * (pairs > 0)) + "}"

    text = text.replace(PORT, f"{PORT}, {FILL_PORT}").replace(".fault(fault)", ".fault(fault), .fill(fill)")
    text = UNDEFINED.sub(bits, re.sub(r"(\w*table_\w+ op_\d+ \([^;]*, fault)\);", r"\1, fill);", text))
    left = ANY_UNDEFINED.search(text)
    assert left is None, f"an undefined value is not filled: {left}"
    return text


def probed(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults that have a bit of `probe`."""
    return [f for f in faults if f.change in ("a cycle early", "a cycle late") and f.place != "valid_out"]


def _on(n: int) -> str:
    return f"fault == {BITS}'d{n}"


def _chain(source: str, width: int, faults: Numbered, other: dict[str, str] | None = None) -> str:
    """Return a signal with its faults: unchanged or, where one is on, with one bit changed.

    other: signals of the same width that a change takes its bit from.
    """
    text = source
    for n, fault in faults:
        mask = f"{width}'h{1 << fault.bit:x}"
        if fault.change == "stuck at 0":
            changed = f"({source} & ~{mask})"
        elif fault.change == "stuck at 1":
            changed = f"({source} | {mask})"
        elif fault.change == "from the next bit":
            changed = f"(({source} & ~{mask}) | ({source}[{fault.bit + 1}] ? {mask} : {width}'h0))"
        else:
            assert other is not None, fault
            changed = f"(({source} & ~{mask}) | ({other[fault.change]} & {mask}))"
        text = f"({_on(n)}) ? {changed} : {text}"
    return text


def _tables(text: str, faults: Numbered) -> str:
    def with_fault(match: re.Match[str]) -> str:
        name, high_in, high, body = match.groups()
        width, address = int(high) + 1, int(high_in) + 1
        flips = "".join(
            f" ^ (({_on(n)} && in == {address}'d{f.entry}) ? {width}'h{1 << f.bit:x} : {width}'h0)"
            for n, f in faults
            if f.module == name
        )
        return (
            f"module {name}(input [{high_in}:0] in, output [{high}:0] out, {PORT});\n"
            f"/* verilator lint_off UNUSEDSIGNAL */\nreg [{high}:0] raw;\n{body.replace(': out =', ': raw =')}"
            f"assign out = raw{flips};\nendmodule"
        )

    return TABLE.sub(with_fault, text)


def _ports(text: str) -> str:
    """Add the input `fault` to the first module of a text."""
    return text.replace("\n);", f",\n    {PORT}\n);", 1)


def _logic(text: str, faults: Numbered) -> str:
    text = re.sub(r"(\w*table_\w+ op_\d+ \([^;]*)\);", r"\1, fault);", _ports(text))

    def with_fault(match: re.Match[str]) -> str:
        wires, module, parameters, instance, *operands, result = match.groups()
        lines = []
        for k, operand in enumerate(operands):
            own = [(n, f) for n, f in faults if f.place == f"{instance}, operand {k}"]
            if own:
                bit_range = SLICE.fullmatch(operand.strip())
                assert bit_range, operand
                width, name = int(bit_range[2]) - int(bit_range[3] or bit_range[2]) + 1, f"{instance}_{k}"
                lines.append(f"    wire [{width - 1}:0] {name} = {operand};")
                lines.append(f"    wire [{width - 1}:0] {name}_f = {_chain(name, width, own)};")
                operands[k] = f"{name}_f"
        return "\n".join([*lines, f"{wires} {module} {parameters} {instance} ({', '.join([*operands, result])});"])

    return ADDER.sub(with_fault, text)


def _core(text: str, faults: Numbered, probes: list[Fault]) -> str:
    text = re.sub(r"(_inst_logic\d+ \([^;]*)\);", r"\1, .fault(fault));", _ports(text))
    if probes:
        text = text.replace("\n);", f",\n    output wire [{len(probes) - 1}:0] probe\n);", 1)
    lines = []
    for high, name in REGISTER.findall(text):
        width = int(high) + 1
        own = [(n, f) for n, f in faults if f.place == name]
        # What a register is loaded with, bit by bit, as a signal of the same width.
        lines += [f"    wire [{high}:0] {name}_d;", f"    reg [{high}:0] {name}_late;"]
        for a, b, source in re.findall(rf"^ *{name}\[(\d+):(\d+)\] <= (.*);$", text, re.MULTILINE):
            lines.append(f"    assign {name}_d[{a}:{b}] = {source};")
        stored = f"{name}_r" if name == "model_out" else name
        lines.append(f"    always @(posedge clk) {name}_late <= {stored};")
        other = {"a cycle early": f"{name}_d", "a cycle late": f"{name}_late"}
        lines.append(f"    wire [{high}:0] {name}_f = {_chain(stored, width, own, other)};")
        for k, fault in enumerate(probes):
            if fault.place == name:
                lines.append(f"    assign probe[{k}] = {stored}[{fault.bit}];")
        if name == "model_out":
            text = text.replace(f"output reg [{high}:0] model_out", f"output wire [{high}:0] model_out")
            text = re.sub(r"^( *)model_out(\[\d+:\d+\] <=)", r"\1model_out_r\2", text, flags=re.MULTILINE)
            lines += [f"    reg [{high}:0] model_out_r;", "    assign model_out = model_out_f;"]
        else:
            # Every reader of a register sees the faults.
            text = re.sub(rf"(= |<= ){name}\[", rf"\1{name}_f[", text)
    return text.replace("endmodule", "\n".join([*lines, "endmodule"]))


def _series(text: str) -> bool:
    """Return whether a top-level module consists of parts."""
    return re.search(r"^    \w+ part0 \(", text, re.MULTILINE) is not None


def _passed(text: str, connected: str = ".fault(fault)") -> str:
    """Connect the input `fault` to the modules that a module contains."""
    return re.sub(r"^(    \w+ (?:core|part\d+(?:_\d+)?) \([^;]*)\);", rf"\1, {connected});", text, flags=re.MULTILINE)


def _block(text: str, faults: Numbered) -> str:
    """Put faults behind the registers of a module that uses a step in several cycles; all readers see them."""
    text = _passed(_ports(text))
    for high, name in STORED.findall(text):
        own = [(n, fault) for n, fault in faults if fault.place == name]
        if own:
            width = int(high or 0) + 1
            text = re.sub(rf"\b(initial |always @\(posedge clk\) ){name}\b", rf"\1{name}_r", text)
            text = re.sub(
                rf"reg (\[\d+:0\] )?{name};",
                f"reg [{width - 1}:0] {name}_r;\n    wire [{width - 1}:0] {name} = {_chain(f'{name}_r', width, own)};",
                text,
            )
    return text


def _wires(text: str, faults: Numbered) -> str:
    """Put faults behind wires that copy a register in several cycles: `<place>_<cycle>`."""
    for place in {fault.place for _, fault in faults} - {"data_out", "valid_out"}:
        own = [(n, fault) for n, fault in faults if fault.place == place]

        def faulty(match: re.Match[str], own: Numbered = own) -> str:
            high, name, source = match.groups()
            return (
                f"    wire [{high}:0] {name}_raw = {source};\n"
                f"    wire [{high}:0] {name} = {_chain(f'{name}_raw', int(high) + 1, own)};"
            )

        text, count = re.subn(rf"^    wire \[(\d+):0\] ({place}_\d+) = (.*);$", faulty, text, flags=re.MULTILINE)
        assert count, f"no wire copies {place}"
    return text


def _top(text: str, faults: Numbered, probes: int) -> str:
    text = _ports(text)
    connected = ".fault(fault)"
    if probes:
        text = text.replace("\n);", f",\n    output wire [{probes - 1}:0] probe\n);", 1)
        connected += ", .probe(probe)"
    text = _passed(text, connected)
    high = max((int(a) for a, _, _ in FIELD.findall(text)), default=0)
    text = FIELD.sub(lambda m: f"    assign raw_out[{m[1]}:{m[2]}] = {m[3]};", text)
    outputs = [(n, f) for n, f in faults if f.place == "data_out"]
    valid = [(n, f) for n, f in faults if f.place == "valid_out"]
    source = re.search(r"assign valid_out = (valid\[\d+\]|valid\d+);", text)
    assert source, "the top-level module has a valid bit"
    text = text.replace(source[0], "assign valid_out = valid_f;")
    late = {"a cycle late": "valid_late"}
    lines = [
        f"    wire [{high}:0] raw_out;",
        f"    assign data_out = {_chain('raw_out', high + 1, outputs)};",
        f"    wire valid_v = {source[1]};",
        "    reg valid_late;",
        "    always @(posedge clk) valid_late <= valid_v;",
        f"    wire valid_f = {_chain('valid_v', 1, valid, late)};",
    ]
    return text.replace("endmodule", "\n".join([*lines, "endmodule"]))
