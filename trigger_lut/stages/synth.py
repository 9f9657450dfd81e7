"""Synth stage: resources of a design after synthesis out of context, and the surrogate's estimate of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import Measured, Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import StageTiming, SynthCard
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.network.network import load_network
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.device_count import device_count
from trigger_lut.synthesis.net_names import NetName, luts_by_layer, net_names, vector_count
from trigger_lut.synthesis.netlist import Bit, cell_counts, longest_path, resources
from trigger_lut.synthesis.netlist_cycles import check_cycles
from trigger_lut.synthesis.shared_netlist import check_events, luts_by_part
from trigger_lut.synthesis.static_timing import stages
from trigger_lut.synthesis.synthesizers import synthesizer_of


def run(*, spec: Path, network: Path, train_card: Path, firmware_card: Path, card: Output) -> SynthCard:
    """Synthesize the Verilog of a design, and compare the netlist with the network on random vectors.

    Parameters
    ----------
    train_card : Path
        Card of the training (train.json).

    Returns
    -------
    SynthCard
        The card.

    Raises
    ------
    CardError
        If Verilog or network changed after the firmware card.
    ToolMissingError
        Without the synthesizer.
    ToolFailedError
        If it fails.
    NotReproducibleError
        If the netlist differs from the network, or takes other cycles than the Verilog.
    """
    watch = Stopwatch()
    design, train = read_card(Spec, spec), read_card(TrainCard, train_card)
    firmware = require_current_files(firmware_card, spec, network)
    project = read_project(Path(firmware.rtl_project))
    integers = load_network(network)
    synthesizer, source = synthesizer_of(design.target), design.target.synthesizer
    module = synthesizer.synthesize(project, design.target, bram18=design.budget.bram18)
    cells = cell_counts(module)
    if project.parts:
        vectors, by_layer = (
            check_events(integers, module, project=project),
            luts_by_part(integers, module, project=project),
        )
        timing: list[StageTiming] = []
    else:
        check_cycles(module, firmware.rtl_latency_cycles_planned, design=design.design)
        names = net_names(integers, module, design=design.design)
        vectors = vector_count(module)
        by_layer = luts_by_layer(module, names, layers=[layer.name for layer in integers.layers])
        timing = _stages(names, module, design)
    used, path = resources(cells), longest_path(module, design.target.family)

    def measured(value: int) -> Measured:
        return Measured(value=value, source=source)

    def surrogate(value: float | None) -> Measured:
        return Measured(value=value, source="not measured" if value is None else "estimate")

    result = SynthCard(
        design=design.design,
        part=design.target.part,
        family=design.target.family,
        luts=measured(used.luts),
        ff=measured(used.ff),
        carry=measured(used.carry),
        dsp=measured(used.dsp),
        bram18=measured(used.bram18),
        logic_levels=Measured(value=path.levels, source=f"{source}-levels"),
        path_ns_estimate=round(path.delay_ns, 6),
        clock_obstacle=firmware.rtl_clock_obstacle,
        stages=timing,
        luts_by_layer=by_layer,
        netlist_vectors=vectors,
        cells=cells,
        device=device_count(project, design.target.family, lut6=used.luts),
        luts_estimate=surrogate(train.luts_estimate),
        ff_estimate=surrogate(train.ff_estimate),
        luts_estimate_error=(train.luts_estimate - used.luts) / max(used.luts, 1),
        **watch.provenance([spec, network, train_card, firmware_card, *project.files], *synthesizer.packages),
    )
    write_card(result, card)
    return result


def _stages(names: Mapping[Bit, NetName], module: Mapping[str, Any], design: Spec) -> list[StageTiming]:
    """Return the stages of the netlist, with their slowest paths by the names of what they pass."""
    return [
        StageTiming(
            luts=stage.luts,
            carry_chains=stage.chains,
            registers=stage.registers,
            logic_levels=stage.levels,
            logic_ns=round(stage.delay_ns, 3),
            on_path=dict(sorted(stage.on_path.items())),
            path=list(dict.fromkeys(names[net].what for net in stage.path if net in names)),
        )
        for stage in stages(module, design.target.family)
    ]
