"""Pipelined Verilog and VHDL of a network, by alkaid, for the target's clock.

The initiation interval is one cycle. Where the budget grants more, parts of the network may use their hardware in
several cycles of an event (`network.time_sharing`).

alkaid's own ways, measured with Yosys (xcup, 360 MHz) on two trained 16-20-5 networks, LUT / FF / cycles:

    as built here                        514 / 280 / 4      991 /   620 / 5
    with alkaid's ternary adder fusion   581 / 493 / 6    1,135 / 1,000 / 7    off: more of everything
    with alkaid's saturation             510 / 338 / 5      996 /   754 / 6    off: a cycle more for the same LUTs
    cut by alkaid's own delays           525 / 289 / 4      982 /   663 / 5    off: a stage may be longer than the clock
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from trigger_lut.cards.base import write_text
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.time_sharing import block_luts, choose_sharing, is_direct
from trigger_lut.firmware.rtl.block import Schedule, block_verilog, block_vhdl
from trigger_lut.firmware.rtl.pipeline import cut, flip_flops, stage_numbers
from trigger_lut.firmware.rtl.project import RtlProject, read_project, save_project
from trigger_lut.firmware.rtl.series import Series, series_verilog, series_vhdl
from trigger_lut.firmware.rtl.trace import interpret, trace
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.firmware.rtl.verilog_top import top_module
from trigger_lut.firmware.rtl.vhdl_top import vhdl_texts
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Block, Cut, Part, cut_network
from trigger_lut.utils.identifiers import rtl_prefix

Stages = Sequence[int] | Sequence[Sequence[int]]
"""Pipeline stage of each operation of one pipeline, or of each pipeline of a design that shares hardware."""
UNDEFINED_ENTRY = re.compile(r"^\d+'h[0-9A-F]+: out = \d+'hX+;\n", re.MULTILINE)

__all__ = ["RtlProject", "estimate_flip_flops", "interpret", "read_project", "simulate_rtl", "trace", "write_rtl"]


def write_rtl(
    network: Network,
    folder: str | Path,
    *,
    spec: Spec,
    stages: Stages | None = None,
    cuts: Sequence[Cut] | None = None,
    version: int | None = None,
) -> RtlProject:
    """Write the Verilog and the VHDL of a network for a design's target into `folder` (made anew).

    Parameters
    ----------
    network
        In integers.
    folder
        For the files; what is in it is removed.
    spec
        Names the design, its target, and its budget of cycles between two events.
    stages
        Pipeline stage of each operation of `live_logic`, from 1 on, as `timing_closure.close_timing` finds them; with
        cuts, those of each pipeline (`pipelines`). None: those that the delay model plans.
    cuts
        Blocks that use their hardware in several cycles; () for none. None: as `choose_sharing` cuts within the budget.
    version
        Version of the design, part of all names. None: names have no version.

    Returns
    -------
    RtlProject
        The files and the pipeline.

    Raises
    ------
    FirmwareError
        When the network cannot be built.
    ConfigurationError
        When the clock is too fast for any logic.
    """
    folder, name, model = Path(folder), rtl_prefix(spec.design, version), DelayModel.of(spec.target)
    if cuts is None:
        budget = spec.budget
        cuts = choose_sharing(network, model, ii=budget.ii, latency_cycles=spec.latency_cycles_budget).cuts
    if cuts:
        module_texts = _shared(
            network, name, model, None if stages is None else cast(Sequence[Sequence[int]], stages), cuts
        )
    else:
        module_texts = _pipeline(network, name, model, None if stages is None else cast(Sequence[int], stages))
    shutil.rmtree(folder, ignore_errors=True)
    for module, text in module_texts.verilog.items():
        write_text(folder / f"{module}.v", text)
    for unit, text in module_texts.vhdl.items():
        write_text(folder / "vhdl" / f"{unit}.vhd", text)
    write_text(
        folder / f"{name}_top.xdc",
        f"create_clock -period {spec.target.clock_period_ns:.3f} -name clk [get_ports clk]\n",
    )
    project = _project(folder, module_texts)
    save_project(project)
    return project


@dataclass(frozen=True)
class _ModuleTexts:
    """Texts of a module and of all below it, by module or unit; `parts` as in `RtlProject`."""

    top: str
    verilog: dict[str, str]
    vhdl: dict[str, str]
    inputs: tuple[KIF, ...]
    outputs: tuple[KIF, ...]
    cycles: int
    cost: float
    stages: tuple[int, ...] = ()
    ii: int = 1
    cuts: tuple[Cut, ...] = ()
    parts: tuple[_ModuleTexts, ...] = ()


def _project(folder: Path, module_texts: _ModuleTexts) -> RtlProject:
    return RtlProject(
        folder=folder,
        top=module_texts.top,
        files=tuple(folder / f"{module}.v" for module in module_texts.verilog),
        vhdl=tuple(folder / "vhdl" / f"{unit}.vhd" for unit in module_texts.vhdl),
        inputs=module_texts.inputs,
        outputs=module_texts.outputs,
        latency_cycles_planned=module_texts.cycles,
        cost=module_texts.cost,
        stages=module_texts.stages,
        ii=module_texts.ii,
        cuts=module_texts.cuts,
        parts=tuple(_project(folder, part) for part in module_texts.parts),
    )


def pipelines(parts: Sequence[Part]) -> list[Network]:
    """List the networks that become pipelines, in the order of their stages in `write_rtl`.

    Parameters
    ----------
    parts
        Parts of a network.

    Returns
    -------
    list of Network
        Of a block, its step.
    """
    return [part.step if isinstance(part, Block) else part for part in parts]


def _pipeline(network: Network, name: str, model: DelayModel, stages: Sequence[int] | None) -> _ModuleTexts:
    """Make the texts of a network with a new event in every cycle."""
    comb = trace(network)
    constants = {o: _code(comb, n, network, o) for o, n in enumerate(comb.out_idxs) if comb.ops[n].opcode == 5}
    live = [o for o in range(len(comb.out_idxs)) if o not in constants]
    fsm, chosen = None, () if stages is None else tuple(stages)
    if live:
        logic = _only(comb, live)
        chosen = tuple(stage_numbers(logic, model)) if stages is None else chosen
        fsm = cut(logic, chosen)
    cycles = fsm.out_signals[0].schedule.bias if fsm is not None else 1
    texts = {
        f"{name}_top": top_module(
            network, f"{name}_top", core=f"{name}_core", fsm=fsm, live=live, constants=constants, cycles=cycles
        )
    }
    return _ModuleTexts(
        top=f"{name}_top",
        verilog=texts | (_core_texts(fsm, name) if fsm is not None else {}),
        vhdl=vhdl_texts(network, name, fsm=fsm, live=live, constants=constants, cycles=cycles),
        inputs=network.inputs,
        outputs=network.output_formats(),
        cycles=cycles,
        cost=float(comb.cost),
        stages=chosen,
    )


def _shared(
    network: Network, name: str, model: DelayModel, stages: Sequence[Sequence[int]] | None, cuts: Sequence[Cut]
) -> _ModuleTexts:
    """Make the texts of a network whose blocks use their hardware in several cycles."""
    parts = cut_network(network, cuts)
    modules: list[_ModuleTexts] = []
    for n, (part, pipeline) in enumerate(zip(parts, pipelines(parts), strict=True)):
        own = _pipeline(pipeline, f"{name}_part{n}", model, None if stages is None else stages[n])
        modules.append(_block(part, own, f"{name}_block{n}", model) if isinstance(part, Block) else own)
    top, cycles = f"{name}_top", sum(part.cycles for part in modules)
    series = Series(
        network=network,
        parts=tuple((part.top, part.inputs, part.outputs) for part in modules),
        cycles=cycles,
        ii=max(part.ii for part in modules),
    )
    return _ModuleTexts(
        top=top,
        verilog={top: series_verilog(series, top)} | {k: v for part in modules for k, v in part.verilog.items()},
        vhdl={k: v for part in modules for k, v in part.vhdl.items()} | {top: series_vhdl(series, top)},
        inputs=network.inputs,
        outputs=network.output_formats(),
        cycles=cycles,
        cost=sum(part.cost for part in modules),
        ii=series.ii,
        cuts=tuple(cuts),
        parts=tuple(modules),
    )


def _block(block: Block, step: _ModuleTexts, name: str, model: DelayModel) -> _ModuleTexts:
    schedule = Schedule(block, step.cycles, is_direct(block, model))
    return _ModuleTexts(
        top=name,
        verilog={name: block_verilog(schedule, name, step=step.top)} | step.verilog,
        vhdl=step.vhdl | {name: block_vhdl(schedule, name, step=step.top)},
        inputs=block.inputs,
        outputs=block.output_formats(),
        cycles=schedule.latency_cycles,
        cost=step.cost + block_luts(block, model),
        ii=block.fold,
        parts=(step,),
    )


def estimate_flip_flops(network: Network, model: DelayModel) -> int:
    """Count the flip-flops of a pipeline, on the logic that `write_rtl` would write.

    Parameters
    ----------
    network
        Integer network.
    model
        Delays of the target's family at its clock.

    Returns
    -------
    int
        Flip-flops.

    Raises
    ------
    FirmwareError
        If the network cannot be built.
    ConfigurationError
        If the clock is too fast for any logic.
    """
    comb = live_logic(network)
    return 1 if comb is None else flip_flops(comb, stage_numbers(comb, model))


def live_logic(network: Network) -> Any:
    """Trace the outputs that are not constant into alkaid's logic.

    Parameters
    ----------
    network
        Integer network.

    Returns
    -------
    CombLogic or None
        None where all outputs are constant.

    Raises
    ------
    FirmwareError
        As `trace`.
    """
    comb = trace(network)
    live = [o for o, n in enumerate(comb.out_idxs) if comb.ops[n].opcode != 5]
    return _only(comb, live) if live else None


def _code(comb: Any, index: int, network: Network, o: int) -> int:
    op = comb.ops[index]
    code = op.data[0] * op.qint.step * 2.0 ** (comb.out_shifts[o] + int(network.fractions[o]))
    return round(float(code))


def _only(comb: Any, outputs: list[int]) -> Any:
    """Select the logic of some of the outputs."""
    from alkaid.trace.passes import dead_code_elimin

    return dead_code_elimin(
        comb._replace(
            shape=(comb.shape[0], len(outputs)),
            out_idxs=[comb.out_idxs[o] for o in outputs],
            out_shifts=[comb.out_shifts[o] for o in outputs],
            out_negs=[comb.out_negs[o] for o in outputs],
        ),
        keep_dead_inputs=True,
    )


def _core_texts(fsm: Any, name: str) -> dict[str, str]:
    """Verilog by module. Names begin with the design's, so several designs can share an FPGA."""
    import alkaid.codegen.rtl
    from alkaid.codegen.rtl.verilog.fsm import fsm_logic_gen

    # no_shreg: a delay chain stays in flip-flops in every tool, so LUT counts can be compared.
    texts = fsm_logic_gen(fsm, f"{name}_core", no_shreg=True)
    # Yosys takes an attribute of a port before its direction only.
    texts = {module: re.sub(r"output (\(\* [^)]* \*\)) reg", r"\1 output reg", text) for module, text in texts.items()}
    # The last case, `default`, says the same of all undefined entries; Verilator makes a variable of each that is left.
    texts = {module: UNDEFINED_ENTRY.sub("", text) for module, text in texts.items()}
    source = Path(alkaid.codegen.rtl.__file__).parent / "verilog" / "source"
    generated = "\n".join(texts.values())
    texts |= {p.stem: p.read_text() for p in sorted(source.glob("*.v")) if re.search(rf"\b{p.stem} #", generated)}
    own = re.compile(
        r"\b(logic\d+|table_[0-9a-f_]{36}|" + "|".join(p.stem for p in source.glob("*.v")) + r")(?=[ #(\n])"
    )
    return {
        module if module.startswith(name) else f"{name}_{module}": own.sub(rf"{name}_\1", text)
        for module, text in texts.items()
    }
