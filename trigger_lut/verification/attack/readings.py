"""Input of the judge: each reading of a mutant as one text without directives, with module names of its own."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from trigger_lut.utils.programs import verilator_root
from trigger_lut.verification.attack.designs import Design, Files
from trigger_lut.verification.attack.mutate import Mutant

TOOLS = (
    "SYNTHESIS", "YOSYS", "VERILATOR", "COCOTB_SIM", "FORMAL", "__ICARUS__", "SIMULATION", "XILINX_SIMULATOR",
)  # fmt: skip
"""Macros that tools define before they read a file."""
HARMLESS = r"`(timescale|resetall|default_nettype|celldefine|endcelldefine)\b"
START = r"\binitial\s+\w+\s*=[^;]*;"


def all_readings(mutant: Mutant) -> dict[str, str]:
    """Return each reading by name: the text as written, with the macros of other tools, and in any state of registers.

    Raises ValueError where the preprocessor refuses a text.
    """
    texts: dict[str, str] = {}
    for name, files in mutant.readings.items():
        asked = set(re.findall(r"`(?:ifdef|ifndef|elsif)\s+(\w+)", "\n".join(files.values())))
        known = [tool for tool in TOOLS if tool in asked]
        for defined in [(), *((tool,) for tool in known)] if known else [()]:
            text = _without_directives(files, defined)
            # A register may hold any value: the value at the start is one of them.
            texts[" ".join([name, *defined])] = re.sub(START, "", text) if name == "as written" else text
    return {name: text for n, (name, text) in enumerate(texts.items()) if text not in list(texts.values())[:n]}


def _without_directives(files: Files, defined: tuple[str, ...]) -> str:
    given = {name: text for name, text in files.items() if name.endswith(".v")}
    whole = "\n".join(given.values())
    if "`" not in re.sub(HARMLESS, "", whole):
        return whole
    with tempfile.TemporaryDirectory(prefix="trigger_lut_attack_") as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8", newline="")
        Path(folder, "macros_.v").write_text("`undef VERILATOR\n" * ("VERILATOR" not in defined), encoding="utf-8")
        root = verilator_root()
        command = [str(root / "bin" / "verilator_bin"), "-E", "-P", "-Wno-fatal", "-Wno-lint", f"-I{folder}"]
        command += [f"-D{tool}" for tool in defined if tool != "VERILATOR"]
        command += ["macros_.v", *given]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace",
            env={**os.environ, "VERILATOR_ROOT": str(root)},
        )  # fmt: skip
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[0] if done.stderr.strip() else "the preprocessor failed")
    return done.stdout


def as_module(design: Design, text: str, *, number: int) -> str:
    """Return a reading with its own names, and a module `judged<number>` that compares it with the wanted outputs."""
    # Where all addresses have an entry, the default is never used; without it Verilator makes a table of the module.
    text = re.sub(
        r"(case \(in\)\n)((?:(\d+)'h[0-9A-F]+: out = \d+'h[0-9A-F]+;\n)+)default: out = \{\d+\{1'bx\}\};\n",
        lambda m: m[1] + m[2] if len(set(re.findall(r"^(\S+):", m[2], re.M))) == 1 << int(m[3]) else m[0],
        text,
    )
    own = re.sub(rf"\b{design.prefix}", f"r{number}_{design.prefix}", text + design.wrapper)
    bits_out = sum(kif.bits for kif in design.judged.outputs)
    low, compared = 0, ["valid_out !== valid_wanted"]
    for kif in design.judged.outputs:
        compared.insert(0, f"data_out[{low + kif.bits - 1}:{low}] !== data_wanted[{low + kif.bits - 1}:{low}]")
        low += kif.bits
    return f"""{own}
`resetall
`default_nettype wire
module judged{number} (input wire clk, input wire valid_in, input wire [{design.bits_in - 1}:0] data_in,
    input wire valid_wanted, input wire [{bits_out - 1}:0] data_wanted,
    output wire [{len(compared) - 1}:0] wrong);
    wire valid_out;
    wire [{bits_out - 1}:0] data_out;
    r{number}_{design.judged.top} top (.clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid_out),
        .data_out(data_out));
    assign wrong = {{{", ".join(compared)}}};
endmodule
"""


def bench(design: Design, numbers: list[int]) -> str:
    """Return Verilog of the module that instantiates all readings of a design."""
    places = 1 + len(design.judged.outputs)
    lines = [
        f"    judged{number} j{number} (clk, valid_in, data_in, valid_wanted, data_wanted, "
        f"wrong[{places * n + places - 1}:{places * n}]);"
        for n, number in enumerate(numbers)
    ]
    bits_out = sum(kif.bits for kif in design.judged.outputs)
    head = f"""module judge (input wire clk, input wire valid_in, input wire [{design.bits_in - 1}:0] data_in,
    input wire valid_wanted, input wire [{bits_out - 1}:0] data_wanted,
    output wire [{places * len(numbers) - 1}:0] wrong);
"""
    return head + "\n".join(lines) + "\nendmodule\n"
