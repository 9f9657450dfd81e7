"""The README of a release, for the engineer who puts the design into a trigger's firmware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trigger_lut.firmware.decision.score import score_in_words
from trigger_lut.firmware.emulator.cpp import identifier
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.release.contents import Made
from trigger_lut.utils.escape import markdown

DECIDE = "python decide.py ../../decision/project.json ../../vectors/outputs.txt"


def readme(facts: Mapping[str, Any], made: Made, vectors: int) -> str:
    """The text. facts: what the manifest says beside its files."""
    project, name = read_project(made.rtl), identifier(made.design)
    figures, budget, target = facts["figures"], facts["budget"], facts["target"]
    latency = int(figures["latency_cycles"]["value"])
    verilog = " ".join(f"rtl/{path.name}" for path in project.files)
    vhdl = " ".join(f"rtl/{path.relative_to(project.folder).as_posix()}" for path in project.vhdl)
    checked = facts["verification"]
    lines = [
        f"# {made.design}",
        "",
        f"A network for {markdown(target['description'])} ({markdown(target['part'])}, {target['clock_mhz']:g} MHz): "
        f"{len(project.inputs)} inputs, {len(project.outputs)} outputs, a new event every clock cycle, outputs after "
        f"{latency} cycles. Made by trigger_lut {made.version}.",
        "",
        "## Module",
        "",
        f"`{project.top}`: `clk`, `valid_in`, `data_in`, `valid_out`, `data_out`. `valid_out` and `data_out` follow "
        f"`valid_in` and `data_in` after {latency} rising edges. `data_in` is not registered in the module, `data_out` "
        "is. There is no reset: after the latency nothing is left of what was before.",
        "",
        *_bus("data_in", project.inputs, made.network.features),
        *_bus("data_out", project.outputs, made.network.classes),
        *_decision(facts.get("decision"), project.top),
        "## Budget",
        "",
        "| | found | source | budget |",
        "|---|---|---|---|",
        *(_row(name, figures[name], budget.get(name)) for name in figures),
        "",
        f"Verification: {checked['verdict']}.",
        "",
        "| form | vectors | differences to the reference |",
        "|---|---|---|",
        *(f"| {form} | {held['vectors']} | {held['differences']} |" for form, held in checked["forms"].items()),
        *(f"| {form} | not measured | {markdown(reason)} |" for form, reason in checked["not_run"].items()),
        "",
        "## What is where",
        "",
        "| folder | content |",
        "|---|---|",
        "| rtl | Verilog, VHDL-2008 (`rtl/vhdl`, in the order of `rtl/project.json`), constraints; test benches and "
        "their vectors (`rtl/bench`), a wrapper for time-multiplexed inputs (`*_tmux`) |",
        "| hls | hls4ml project for Vitis HLS; `hls/build_lib.sh` compiles its emulator |",
        "| vendor | constraints and build scripts for Vivado and Vitis HLS, to be run in that folder |",
        "| emulator/cpp | C++17 emulator, without dependencies |",
        "| emulator/python | emulator in Python (NumPy) and the network as JSON |",
        *(
            ["| decision | the module `*_decide` in Verilog and VHDL-2008, and what it computes (`project.json`) |"]
            if "decision" in facts
            else []
        ),
        f"| vectors | {vectors} events: input codes, and the outputs that each form must give"
        f"{', and the decision (`decisions.txt`, bit 0 first)' if 'decision' in facts else ''} |",
        "| patterns | pattern files (EMP): 64 bits a link and clock cycle, low bits of the bus on the first link |",
        "| cards | the stages' records that the figures come from, without times and places |",
        "| manifest.json | checksums, budget, figures with sources, versions, licences |",
        "",
        "## Use",
        "",
        "Check everything on a machine with trigger_lut installed: `trigger-lut check .` It runs code of this release, "
        "in a sandbox (bwrap) where there is one; `--no-run` runs none. Whose release it is shows only "
        "`--manifest-sha256` with a checksum, or `--signature` and `--public-key` with a key, that you got elsewhere.",
        "",
        "Emulator:",
        "",
        "```",
        f"g++ -std=c++17 -O2 emulator/cpp/example.cpp emulator/cpp/{name}.cpp -o example",
        "./example vectors/inputs.txt | diff - vectors/outputs.txt",
        "cd emulator/python",
        "python emulator.py network.json ../../vectors/inputs.txt | diff - ../../vectors/outputs.txt",
        *([f"{DECIDE} | diff - ../../vectors/decisions.txt"] if "decision" in facts else []),
        "```",
        "",
        f"In CMSSW or Athena: add `{name}.h` and `{name}.cpp` to a package and call `{name}::evaluate(in, out)`"
        + (f", then `{name}::decide(out, bits)` of `{name}_decision.h`." if "decision" in facts else "."),
        "",
        "Simulation and synthesis:",
        "",
        "```",
        f"verilator --lint-only --top-module {project.top} {verilog}",
        f"ghdl -a --std=08 {vhdl}",
        "(cd vendor; vivado -mode batch -source vivado.tcl)",
        "```",
        "",
        "## Licences",
        "",
        *(f"* {part}: {what}" for part, what in facts["licences"].items()),
        "",
    ]
    return "\n".join(lines)


def _decision(said: Mapping[str, Any] | None, network: str) -> list[str]:
    """The section on the trigger's decision; nothing where there is none."""
    if said is None:
        return []
    step = 2.0 ** -said["fraction"]
    rows = [
        f"| decision[{n}] | {bit['rate_khz']:g} kHz | "
        + ("never | no threshold keeps to it |" if bit["code"] is None else f"{bit['code']} | {bit['code'] * step:g} |")
        for n, bit in enumerate(said["bits"])
    ]
    top, latency, luts = said["top"], said["latency_cycles"], said["luts"]
    return [
        "## Decision",
        "",
        f"`{top}` is `{network}` with one more output, `decision`: a bit a working point, beside `data_out` and "
        f"`valid_out`, all of them {latency['value']:g} rising edges after the input ({latency['source']}). The score "
        f"is {markdown(score_in_words(said['signal'], said['background']))}, a "
        f"whole number of steps of 2**{-said['fraction']}; a bit is set where the score is at least its threshold.",
        "",
        f"Its files are those of `rtl` and `decision/{top}.*`; thresholds are parameters. `{top}_logic` is the "
        f"decision alone ({luts['value']:g} LUT, {said['ff']['value']:g} FF, {luts['source']}); it "
        f"can as well stand behind `{network}_tmux`. Verification: {said['verdict']}; by SAT, for all outputs of the "
        f"network: {said['proof']}.",
        "",
        "| bit | wanted rate | smallest score | as a real number |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _bus(name: str, formats: tuple[KIF, ...], names: tuple[str, ...]) -> list[str]:
    at = offsets(formats)
    rows = [
        f"| {name}[{at[n + 1] - 1}:{at[n]}] | {shown} | {kif} | {kif.lo}..{kif.hi} |"
        for n, kif in enumerate(formats)
        for shown in [markdown(names[n]) if n < len(names) else n]
    ]
    return [f"| {name} | value | format | codes |", "|---|---|---|---|", *rows, ""]


def _row(name: str, found: Mapping[str, Any], asked: float | None) -> str:
    value = "not measured" if found["value"] is None else f"{found['value']:g}"
    return f"| {name} | {value} | {found['source']} | {'' if asked is None else f'{asked:g}'} |"
