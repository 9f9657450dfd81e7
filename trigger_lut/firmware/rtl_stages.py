"""What sits in each stage of a pipeline: tables, adders, choices, the delay of the logic, and registers behind it."""

from __future__ import annotations

from trigger_lut import delay_model
from trigger_lut.budget import Spec
from trigger_lut.firmware.rtl import live_logic
from trigger_lut.firmware.rtl_pipeline import crossing_bits, shortest_stage, stage_numbers
from trigger_lut.network import Network
from trigger_lut.operations import stage_times
from trigger_lut.records_firmware import PipelineStage

TABLE, ADDERS, CHOICES = 8, (0, 1, 4), (2, 6, 9, 10)  # alkaid's operations


def pipeline_stages(network: Network, spec: Spec) -> list[PipelineStage]:
    """The stages of the pipeline that `write_rtl` makes, from the inputs on. Raises the errors of `write_rtl`."""
    family, period = spec.target.family, spec.target.clock_period_ns
    comb = live_logic(network)
    if comb is None:
        return [PipelineStage(tables=0, adders=0, choices=0, register_bits=1, logic_ns=0.0)]
    stage = delay_model.stage_ns(period, family)
    stages = stage_numbers(comb, stage, family)
    total = max(stages)
    even = shortest_stage(comb, total, stage, family)
    times = stage_times(comb, even, family)
    spare = total - max(delay_model.cycles(t, even) for t in times)
    bits = crossing_bits(comb, stages)
    found = []
    for n in range(1, total + 1):
        own = [index for index, s in enumerate(stages) if s == n]
        codes = [comb.ops[index].opcode for index in own]
        used = [times[index] - (n - 1 - spare) * even for index in own if comb.ops[index].opcode not in (-1, 5)]
        found.append(
            PipelineStage(
                tables=codes.count(TABLE),
                adders=_among(codes, ADDERS),
                choices=_among(codes, CHOICES),
                register_bits=bits[n - 1] + 1,  # and the valid bit
                logic_ns=round(max(used, default=0.0), 3),
            )
        )
    return found


def _among(codes: list[int], wanted: tuple[int, ...]) -> int:
    return sum(code in wanted for code in codes)
