"""README of a release, for the engineer who puts the design into a trigger's firmware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trigger_lut.cost_model.delay import has_vendor_scripts
from trigger_lut.firmware.decision.score import score_in_words
from trigger_lut.firmware.emulator.cpp import identifier
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.release.contents import Sources
from trigger_lut.utils.escape import markdown

DECIDE = "python decide.py ../../decision/project.json ../../vectors/outputs.txt"


def readme(facts: Mapping[str, Any], sources: Sources, *, vectors: int, inputs: bool = False) -> str:
    """Write the README of a release.

    Parameters
    ----------
    facts
        Content of the manifest apart from the list of files.
    sources
        Sources of the release.
    vectors
        Number of vectors in the release.
    inputs
        Whether the release has the way from branches to codes.

    Returns
    -------
    str
        Text in Markdown.
    """
    project, target = read_project(sources.rtl), facts["target"]
    scripts = has_vendor_scripts(target["family"])
    latency = int(facts["figures"]["latency_cycles"]["value"])
    lines = [
        f"# {sources.design}",
        "",
        f"A network for {markdown(target['description'])} ({markdown(target['part'])}, {target['clock_mhz']:g} MHz): "
        f"{len(project.inputs)} inputs, {len(project.outputs)} outputs, a new event every clock cycle, outputs after "
        f"{latency} cycles. Made by trigger_lut {sources.version}.",
        "",
        *_module(project, sources, latency),
        *_decision(facts.get("decision"), project.top),
        *_budget(facts),
        *_folders(
            vectors, decided="decision" in facts, boards=sources.boards is not None, inputs=inputs, scripts=scripts
        ),
        *_use(project, identifier(sources.named), "decision" in facts, scripts),
        "## Licences",
        "",
        *(f"* {part}: {licence}" for part, licence in facts["licences"].items()),
        "",
    ]
    return "\n".join(lines)


def _module(project: RtlProject, sources: Sources, latency: int) -> list[str]:
    return [
        "## Module",
        "",
        f"`{project.top}`: `clk`, `valid_in`, `data_in`, `valid_out`, `data_out`. `valid_out` and `data_out` follow "
        f"`valid_in` and `data_in` after {latency} rising edges. `data_in` is not registered in the module, `data_out` "
        "is. There is no reset: after the latency nothing is left of what was before.",
        "",
        *_bus("data_in", project.inputs, sources.network.features),
        *_bus("data_out", project.outputs, sources.network.classes),
    ]


def _budget(facts: Mapping[str, Any]) -> list[str]:
    figures, budget, checked = facts["figures"], facts["budget"], facts["verification"]
    return [
        "## Budget",
        "",
        "| | found | source | budget |",
        "|---|---|---|---|",
        *(_row(name, figures[name], budget.get(name)) for name in figures),
        "",
        f"Verification: {checked['verdict']}.",
        "",
        "| implementation | vectors | mismatches with the reference model |",
        "|---|---|---|",
        *(f"| {form} | {count['vectors']} | {count['differences']} |" for form, count in checked["forms"].items()),
        *(f"| {form} | not measured | {markdown(reason)} |" for form, reason in checked["not_run"].items()),
        "",
    ]


def _folders(vectors: int, *, decided: bool, boards: bool, inputs: bool, scripts: bool) -> list[str]:
    return [
        "## Content",
        "",
        "| folder | content |",
        "|---|---|",
        "| rtl | Verilog, VHDL-2008 (`rtl/vhdl`, in the order of `rtl/project.json`) and constraints. `rtl/bench`: "
        "test benches and their vectors. `*_tmux`: wrapper for time-multiplexed inputs. If the budget file asks for "
        "it, `*_objects` from objects to codes, `*_from_objects` with the network behind it, and `objects.json`. |",
        "| hls | hls4ml project for Vitis HLS; `hls/build_lib.sh` compiles its emulator |",
        *(
            ["| vendor | constraints and build scripts for Vivado and Vitis HLS, to be run in that folder |"]
            if scripts
            else []
        ),
        "| emulator/cpp | C++17 emulator, without dependencies |",
        "| emulator/python | emulator in Python (NumPy) and the network as JSON |",
        *(
            ["| `*_inputs`, `inputs.*` in both | from branches of an event to codes: selection, order, slots, scales |"]
            if inputs
            else []
        ),
        "| cmssw | external for CMSSW, behind `hls4mlEmulator::Model`; `make test` compares the vectors |",
        *(
            ["| decision | the module `*_decide` in Verilog and VHDL-2008, and its thresholds (`project.json`) |"]
            if decided
            else []
        ),
        *(
            [
                "| board | `axi_stream`: AXI4-Stream wrapper in Verilog with a script that makes an IP. `emp`: payload "
                "of the EMP framework as an ipbb component. `board.json`: latencies, beats and links |"
            ]
            if boards
            else []
        ),
        f"| vectors | {vectors} events: input codes, and the expected outputs"
        f"{', and the decision (`decisions.txt`, bit 0 first)' if decided else ''} |",
        "| patterns | pattern files (EMP): 64 bits per link and clock cycle, low bits of the bus on the first link |",
        "| cards | the stages' cards, without times and paths |",
        "| manifest.json | checksums, budget, figures with sources, versions, licences |",
        "",
    ]


def _use(project: RtlProject, name: str, decided: bool, scripts: bool) -> list[str]:
    verilog = " ".join(f"rtl/{path.name}" for path in project.files)
    vhdl = " ".join(f"rtl/{path.relative_to(project.folder).as_posix()}" for path in project.vhdl)
    return [
        "## Use",
        "",
        "`trigger-lut check-release .` checks everything, on a machine with trigger_lut. It runs code of this release, "
        "in a sandbox (bwrap) if there is one; `--no-run` runs none. To check the sender, use "
        "`--manifest-sha256` with a checksum, or `--signature` and `--public-key` with a key, from another source.",
        "",
        "Emulator:",
        "",
        "```",
        f"g++ -std=c++17 -O2 emulator/cpp/example.cpp emulator/cpp/{name}.cpp -o example",
        "./example vectors/inputs.txt | diff - vectors/outputs.txt",
        "cd emulator/python",
        "python emulator.py network.json ../../vectors/inputs.txt | diff - ../../vectors/outputs.txt",
        *([f"{DECIDE} | diff - ../../vectors/decisions.txt"] if decided else []),
        "```",
        "",
        f"In CMSSW or Athena: add `{name}.h` and `{name}.cpp` to a package and call `{name}::evaluate(in, out)`"
        + (f", then `{name}::decide(out, bits)` of `{name}_decision.h`." if decided else "."),
        "",
        "Simulation and synthesis:",
        "",
        "```",
        f"verilator --lint-only --top-module {project.top} {verilog}",
        f"ghdl -a --std=08 {vhdl}",
        *(["(cd vendor; vivado -mode batch -source vivado.tcl)"] if scripts else []),
        "```",
        "",
    ]


def _decision(decision: Mapping[str, Any] | None, network: str) -> list[str]:
    """Write the section on the trigger's decision; nothing where there is none."""
    if decision is None:
        return []
    step = 2.0 ** -decision["fraction"]
    rows = [
        f"| decision[{n}] | {bit['path'] + ' at ' if bit.get('path') else ''}{bit['rate_khz']:g} kHz | "
        + ("never | no threshold keeps to it |" if bit["code"] is None else f"{bit['code']} | {bit['code'] * step:g} |")
        for n, bit in enumerate(decision["bits"])
    ]
    top, latency, luts = decision["top"], decision["latency_cycles"], decision["luts"]
    return [
        "## Decision",
        "",
        f"`{top}` is `{network}` with one more output, `decision`, that has a bit for each working point. `data_out`, "
        f"`valid_out` and `decision` follow the input after {latency['value']:g} rising edges ({latency['source']}). "
        f"The score is {markdown(score_in_words(decision['signal'], decision['background']))}, an integer number of "
        f"steps of 2**{-decision['fraction']}. A bit is set where the score is at least its threshold.",
        "",
        f"Its files are those of `rtl` and `decision/{top}.*`; thresholds are parameters. `{top}_logic` is the "
        f"decision alone ({luts['value']:g} LUT, {decision['ff']['value']:g} FF, {luts['source']}). It "
        f"can also follow `{network}_tmux`. Verification: {decision['verdict']}; by SAT, for all outputs of the "
        f"network: {decision['proof']}.",
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


def _row(name: str, figure: Mapping[str, Any], budget: float | None) -> str:
    value = "not measured" if figure["value"] is None else f"{figure['value']:g}"
    return f"| {name} | {value} | {figure['source']} | {'' if budget is None else f'{budget:g}'} |"
