"""Pipelines of other depths for the same network: they are cut for clocks that need more or fewer stages."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import FILL, DelayModel, delays
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.firmware.rtl.build import RtlProject, write_rtl
from trigger_lut.network.network import Network

SLOWEST_MHZ = 1.0
HALVINGS = 40


def fastest_mhz(family: str) -> float:
    """Compute the clock at which one LUT fits into a stage."""
    return 999.999 / (delays(family).register + delays(family).lut_and_wire / FILL)


def clock_of(network: Network, cycles: int, *, family: str) -> float | None:
    """Search the slowest clock in MHz at which the network takes so many cycles; None where no clock gives them."""
    slow, fast = SLOWEST_MHZ, fastest_mhz(family)
    if network_cycles(network, DelayModel(1000 / fast, family)) < cycles:
        return None
    if network_cycles(network, DelayModel(1000 / slow, family)) >= cycles:
        fast = slow
    for _ in range(HALVINGS if fast > slow else 0):
        middle = (slow + fast) / 2
        if network_cycles(network, DelayModel(1000 / middle, family)) >= cycles:
            fast = middle
        else:
            slow = middle
    return fast if network_cycles(network, DelayModel(1000 / fast, family)) == cycles else None


def write_depth(network: Network, folder: Path, *, spec: Spec, cycles: int) -> RtlProject | None:
    """Write the Verilog of a network with a given number of pipeline stages.

    Parameters
    ----------
    network
        Integer network.
    folder
        Folder for the files.
    spec
        Specification of the design.
    cycles
        Latency in cycles.

    Returns
    -------
    RtlProject or None
        None where no clock gives exactly this latency.
    """
    clock = clock_of(network, cycles, family=spec.target.family)
    if clock is None:
        return None
    changed = spec.model_copy(update={"target": spec.target.model_copy(update={"clock_mhz": clock})})
    project = write_rtl(network, folder, spec=changed)
    return project if project.latency_cycles_planned == cycles else None
