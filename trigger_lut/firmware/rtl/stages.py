"""Content of each stage of a pipeline: tables, adders, choices, delay of the logic, and registers behind it."""

from __future__ import annotations

from collections.abc import Sequence

from trigger_lut.cards.firmware import PipelineStage, SharedBlock
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import DelayModel, delays
from trigger_lut.cost_model.operations import operation_delays
from trigger_lut.cost_model.time_sharing import is_direct
from trigger_lut.firmware.rtl.block import Schedule, block_flip_flops
from trigger_lut.firmware.rtl.build import live_logic
from trigger_lut.firmware.rtl.pipeline import crossing_bits, stage_paths
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Block, cut_network

TABLE, ADDERS, CHOICES = 8, (0, 1, 4), (2, 6, 9, 10)  # alkaid's operations


def all_stages(network: Network, spec: Spec, *, project: RtlProject) -> list[PipelineStage]:
    """Describe all stages of a design, from the inputs on.

    Parameters
    ----------
    network
        Integer network.
    spec
        Specification of the design.
    project
        Its RTL project. A block has a stage in front of its step, which chooses the words, and one behind it, which
        collects. Their delays are not estimated apart.

    Returns
    -------
    list of PipelineStage
        Stages.

    Raises
    ------
    FirmwareError
        As `write_rtl`.
    """
    if not project.parts:
        return pipeline_stages(network, spec, stages=project.stages)
    stages: list[PipelineStage] = []
    for part, part_project in zip(cut_network(network, project.cuts), project.parts, strict=True):
        if isinstance(part, Block):
            (step,) = part_project.parts
            schedule = Schedule(part, step.latency_cycles_planned, is_direct(part, DelayModel.of(spec.target)))
            stages += [*_words(schedule), *pipeline_stages(part.step, spec, stages=step.stages), _collection(schedule)]
        else:
            stages += pipeline_stages(part, spec, stages=part_project.stages)
    return stages


def shared_blocks(network: Network, spec: Spec, *, project: RtlProject) -> list[SharedBlock]:
    """Describe the layers of a design that use their hardware in several cycles.

    Parameters
    ----------
    network
        Integer network.
    spec
        Specification of the design.
    project
        Its RTL project.

    Returns
    -------
    list of SharedBlock
        In the order of the pipeline.
    """
    blocks: list[SharedBlock] = []
    stage = 1
    for part, part_project in zip(cut_network(network, project.cuts), project.parts, strict=False):
        if isinstance(part, Block):
            step_cycles, direct = (
                part_project.parts[0].latency_cycles_planned,
                is_direct(part, DelayModel.of(spec.target)),
            )
            blocks.append(
                SharedBlock(
                    layers=part.name,
                    positions=part.positions,
                    instances=part.instances,
                    cycles=part.fold,
                    first_stage=stage + (0 if direct else 1),
                    step_cycles=step_cycles,
                )
            )
            stage += step_cycles + (2 if direct else 3)
        else:
            stage += part_project.latency_cycles_planned
    return blocks


def _words(schedule: Schedule) -> list[PipelineStage]:
    block = schedule.block
    changing = [n for n in range(len(block.step.inputs)) if not schedule.is_constant(n)]
    kept = sum(block.inputs[v].bits for v in schedule.kept()) + (block.fold - 1).bit_length() + 1
    words = sum(kif.bits for kif in block.step.inputs)
    front = [] if schedule.direct else [_stage(registers=kept)]
    return [*front, _stage(choices=len(changing), registers=words + (kept if schedule.direct else 0))]


def _collection(schedule: Schedule) -> PipelineStage:
    kinds = [c.kind for c in schedule.block.collected]
    rest = block_flip_flops(schedule) - sum(stage.register_bits for stage in _words(schedule))
    return _stage(adders=kinds.count("sum"), choices=kinds.count("max"), registers=rest)


def _stage(*, registers: int, adders: int = 0, choices: int = 0) -> PipelineStage:
    return PipelineStage(tables=0, adders=adders, choices=choices, register_bits=registers, logic_ns=None)


def pipeline_stages(network: Network, spec: Spec, *, stages: Sequence[int]) -> list[PipelineStage]:
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
    paths = stage_paths(comb, stages, delays_ns=operation_delays(comb, delays(spec.target.family)))
    steps = []
    for n, (stored, path) in enumerate(zip(bits, paths, strict=True), start=1):
        codes = [op.opcode for op, stage in zip(comb.ops, stages, strict=True) if stage == n]
        steps.append(
            PipelineStage(
                tables=codes.count(TABLE),
                adders=_among(codes, ADDERS),
                choices=_among(codes, CHOICES),
                register_bits=stored + 1,  # and the valid bit
                logic_ns=round(path, 3),
            )
        )
    return steps


def _among(codes: list[int], wanted: tuple[int, ...]) -> int:
    return sum(code in wanted for code in codes)
