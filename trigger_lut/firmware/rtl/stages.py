"""Content of each stage of a pipeline: tables, adders, choices, delay of the logic, and registers behind it."""

from __future__ import annotations

from collections.abc import Sequence

from trigger_lut.cards.firmware import PipelineStage
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import delays
from trigger_lut.cost_model.operations import operation_delays
from trigger_lut.firmware.rtl.build import live_logic
from trigger_lut.firmware.rtl.pipeline import crossing_bits, stage_paths
from trigger_lut.network.network import Network

TABLE, ADDERS, CHOICES = 8, (0, 1, 4), (2, 6, 9, 10)  # alkaid's operations


def pipeline_stages(network: Network, spec: Spec, stages: Sequence[int]) -> list[PipelineStage]:
    """Describe the stages of a pipeline, from the inputs on.

    Parameters
    ----------
    network
        Integer network.
    spec
        Specification of the design.
    stages
        Stage of each operation, as `write_rtl` gets them.

    Returns
    -------
    list of PipelineStage
        Stages.

    Raises
    ------
    FirmwareError
        As `write_rtl`.
    """
    comb = live_logic(network)
    if comb is None:
        return [PipelineStage(tables=0, adders=0, choices=0, register_bits=1, logic_ns=0.0)]
    bits = crossing_bits(comb, stages)
    paths = stage_paths(comb, stages, operation_delays(comb, delays(spec.target.family)))
    found = []
    for n, (stored, path) in enumerate(zip(bits, paths, strict=True), start=1):
        codes = [op.opcode for op, stage in zip(comb.ops, stages, strict=True) if stage == n]
        found.append(
            PipelineStage(
                tables=codes.count(TABLE),
                adders=_among(codes, ADDERS),
                choices=_among(codes, CHOICES),
                register_bits=stored + 1,  # and the valid bit
                logic_ns=round(path, 3),
            )
        )
    return found


def _among(codes: list[int], wanted: tuple[int, ...]) -> int:
    return sum(code in wanted for code in codes)
