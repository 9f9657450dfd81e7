"""The firmware stage: a trained network as an hls4ml project and as pipelined Verilog."""

from __future__ import annotations

import logging
from pathlib import Path

from trigger_lut.cards.base import Measured, Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import FirmwareCard, ObjectStepFigures
from trigger_lut.cards.provenance import files_in
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.release import ObjectStepOptions
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.cost_model.clock import fmax_estimate_mhz, fmax_measured
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.backend import Design
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.front_end.verilog import write_object_step
from trigger_lut.firmware.hls.project import load_hls
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.stages import all_stages, shared_blocks
from trigger_lut.firmware.rtl.testbench import write_bench
from trigger_lut.firmware.rtl.time_multiplexing import channels_of, write_wrapper
from trigger_lut.network.network import load_network
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.netlist import cell_counts, longest_path, resources
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.synthesis.timing_closure import close_timing
from trigger_lut.utils.files import atomic_folder

LOG = logging.getLogger(__name__)


def run(
    *,
    spec: Path,
    model: Path,
    network: Path,
    folder: Output,
    card: Output,
    version: int | None = None,
    description: Path | None = None,
    object_step: ObjectStepOptions | None = None,
) -> None:
    """Write a trained network as an hls4ml project and as pipelined Verilog.

    Parameters
    ----------
    folder : Output
        Folder to write. An earlier one is replaced when the new one is complete.
    version : int or None
        Version of the design, part of all names. None: names in C++ have version 1, those in Verilog and VHDL none.
    description : Path, optional
        Description of the data set (JSON), for the object step.
    object_step : ObjectStepOptions, optional
        Integers of the hardware, for Verilog from objects to codes.

    Raises
    ------
    FirmwareError
        If the network cannot be built.
    ToolMissingError
        Without a compiler or the synthesizer.
    ToolFailedError
        If one of them fails.
    OutputError
        If the folder cannot be written.
    """
    watch = Stopwatch()
    design = read_card(Spec, spec)
    integers = load_network(network)
    trained = load_model(model, design.network.builder)
    pipeline = close_timing(integers, design)
    cycles = design.budget.input_cycles or design.target.cycles_between_events
    with atomic_folder(folder) as part_folder:
        for backend in BACKENDS.values():
            if backend.delivery == "firmware":
                backend.write(
                    Design(trained, integers, design, pipeline.stages, pipeline.cuts, folder, version), part_folder
                )
        hls, rtl = load_hls(part_folder / "hls"), read_project(part_folder / "rtl")
        bench = write_bench(integers, rtl, clock_period_ns=design.target.clock_period_ns)
        write_wrapper(rtl, channels_of([tensor.shape for tensor in trained.inputs]), cycles=cycles)
        objects = None if object_step is None else _object_step(design, rtl, description, object_step)
    write_card(
        FirmwareCard(
            **watch.provenance([spec, model, network], "tensorflow", "keras", "hls4ml", "alkaid", "numpy", "pyosys"),
            design=design.design,
            hls_project=str(folder / hls.folder.name),
            hls_fallback_reason=hls.note or None,
            hls_handlers=hls.handlers,
            hls_result_types=hls.result_types,
            rtl_project=str(folder / rtl.folder.name),
            rtl_top=rtl.top,
            files=files_in(folder),
            rtl_latency_cycles_planned=rtl.latency_cycles_planned,
            rtl_stages=all_stages(integers, design, project=rtl),
            rtl_cuts=pipeline.syntheses,
            rtl_clock_obstacle=pipeline.obstacle or None,
            rtl_ii=rtl.ii,
            rtl_blocks=shared_blocks(integers, design, project=rtl),
            rtl_cost=rtl.cost,
            rtl_bench=str(folder / bench.relative_to(part_folder)),
            rtl_tmux_cycles=cycles,
            rtl_objects=objects,
            clock_period_ns=design.target.clock_period_ns,
        ),
        card,
    )


def _object_step(
    design: Spec, rtl: RtlProject, description: Path | None, options: ObjectStepOptions
) -> ObjectStepFigures:
    """Write the object step next to the network, and synthesize it. Raises as `write_object_step`."""
    if description is None:
        raise FirmwareError("object_step: no description of the data set. Expected --description. Give data_set.json.")
    step = write_object_step(load_data_set(description, truth=False), rtl, options=options)
    module = synthesizer_of(design.target).synthesize(step.project(rtl), design.target)
    used, source, family = resources(cell_counts(module)), design.target.synthesizer, design.target.family
    estimate_mhz = fmax_estimate_mhz(longest_path(module, family).delay_ns, family, luts=used.luts)
    fmax = fmax_measured(estimate_mhz, family, synthesizer=source)
    if fmax.value is not None and fmax.value < design.target.clock_mhz:
        LOG.warning(
            f"object_step: {step.top} reaches {fmax.value:.0f} MHz. Expected {design.target.clock_mhz:.0f} MHz, the "
            "clock of the target. Use narrower branches, or simpler expressions in select, sort_by and features."
        )
    return ObjectStepFigures(
        top=step.top,
        whole=step.whole,
        latency_cycles=step.latency_cycles,
        luts=Measured(value=used.luts, source=source),
        ff=Measured(value=used.ff, source=source),
        fmax_mhz_estimate=fmax,
    )
