"""The route stage: a design and its pipeline in other depths, placed and routed on an ECP5 and ranked by Fmax."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.cards.base import Measured, Stopwatch, read_card, write_card
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.cards.route import RouteCard, RoutedDepth
from trigger_lut.config.budget import Spec
from trigger_lut.firmware.rtl.build import RtlProject, read_project
from trigger_lut.network.network import load_network
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.ecp5 import nextpnr
from trigger_lut.synthesis.ecp5.pipeline_depths import write_depth
from trigger_lut.synthesis.ecp5.synthesis import synthesize_ecp5
from trigger_lut.synthesis.ecp5.wrapper import WRAPPER, wrapper

SEEDS = (1, 2, 3)  # Fmax varies from seed to seed by some per cent
DEPTHS = (-1, 1, 2)  # cycles more than as built


@dataclass(frozen=True)
class DepthResult:
    """Results of place and route for one pipeline depth, one per seed."""

    cycles: int
    as_built: bool
    routed: list[nextpnr.Routed]

    @property
    def fmax_mhz(self) -> float:
        """Median of the largest clock frequencies over the seeds, in MHz."""
        return round(statistics.median(r.fmax_mhz for r in self.routed), 1)


def run(*, spec: Path, network: Path, firmware_card: Path, card: Output) -> RouteCard:
    """Place and route a design for an ECP5 with nextpnr, in several pipeline depths.

    Returns
    -------
    RouteCard
        The card.

    Raises
    ------
    ToolMissingError
        Without nextpnr or Yosys.
    ToolFailedError
        If one of them fails.
    FirmwareError
        If a netlist is too large for the device.
    CardError
        If the Verilog changed after the firmware card.
    """
    watch = Stopwatch()
    nextpnr.check_installed()
    design, firmware = read_card(Spec, spec), require_current_files(firmware_card, spec, network)
    integers, project = load_network(network), read_project(Path(firmware.rtl_project))
    own = project.latency_cycles_planned
    results = [_routed(project, design, as_built=True)]
    # Of firmware that uses its hardware in several cycles, the pipeline as built is routed alone.
    for more in () if project.parts else DEPTHS:
        if own + more < 1:
            continue
        with tempfile.TemporaryDirectory(prefix="trigger_lut_depth_") as folder:
            other = write_depth(integers, Path(folder, "rtl"), spec=design, cycles=own + more)
            if other is not None:
                results.append(_routed(other, design, as_built=False))
    results.sort(key=lambda f: f.cycles)
    depths = [_depth(f, rank=1 + sum(g.fmax_mhz > f.fmax_mhz for g in results)) for f in results]
    result = RouteCard(
        design=design.design,
        device=f"{nextpnr.DEVICE} (ECP5), {nextpnr.HOUSING}, speed grade {nextpnr.SPEED}",
        target=design.target.part,
        clock_mhz=design.target.clock_mhz,
        luts_available=nextpnr.LUT_SITES,
        ff_available=nextpnr.FF_SITES,
        fmax_mhz=next(d.fmax_mhz for d in depths if d.as_built),
        depths=depths,
        **watch.provenance([spec, network, firmware_card, *project.files], "pyosys", nextpnr.PACKAGE),
    )
    write_card(result, card)
    return result


def _routed(project: RtlProject, design: Spec, as_built: bool) -> DepthResult:
    what = f"{design.design} in {project.latency_cycles_planned} cycles"
    with tempfile.TemporaryDirectory(prefix="trigger_lut_route_") as folder:
        around, netlist = Path(folder, f"{WRAPPER}.v"), Path(folder, "netlist.json")
        bits_in, bits_out = (sum(kif.bits for kif in formats) for formats in (project.inputs, project.outputs))
        around.write_text(wrapper(project.top, bits_in, bits_out=bits_out), encoding="utf-8")
        synthesize_ecp5([*project.files, around], WRAPPER, netlist=netlist)
        nextpnr.check_fits(netlist, what)
        routed = [nextpnr.place_and_route(netlist, design.target.clock_mhz, seed=seed) for seed in SEEDS]
    return DepthResult(project.latency_cycles_planned, as_built, routed)


def _depth(result: DepthResult, rank: int) -> RoutedDepth:
    def measured(value: float) -> Measured:
        return Measured(value=value, source="post-route")

    return RoutedDepth(
        latency_cycles=result.cycles,
        as_built=result.as_built,
        fmax_mhz=measured(result.fmax_mhz),
        fmax_mhz_by_seed={str(s): round(r.fmax_mhz, 1) for s, r in zip(SEEDS, result.routed, strict=True)},
        latency_ns=measured(round(1000 * result.cycles / result.fmax_mhz, 2)),
        luts=measured(result.routed[0].luts),
        ff=measured(result.routed[0].ff),
        rank=rank,
    )
