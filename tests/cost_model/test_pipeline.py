"""The register cut takes as few stages as any: all cuts of small networks are tried."""

import networks
from delay_models import with_stage

from trigger_lut.cost_model import delay
from trigger_lut.cost_model.operations import operation_delay
from trigger_lut.firmware.rtl import build as rtl
from trigger_lut.firmware.rtl import pipeline

FAMILY = "xcup"
STAGES_NS = (0.5, 0.9, 1.4)
OPERATIONS = 22  # more take long to try
SMALL = [(2, 2, 1), (1, 2, 1), (2, 1, 1), (3, 2)]


def possible(comb, total, stage_ns):
    """Return True if a cut into `total` stages is within the delay model: tries every stage of every operation."""
    delays = [min(operation_delay(comb.ops, n, delays=delay.delays(FAMILY)), stage_ns) for n in range(len(comb.ops))]
    done = []  # (stage, time in it) of the operations so far

    def rest(n):
        if n == len(delays):
            return True
        before = [done[a] for a in comb.ops[n].addr]
        for stage in range(max((s for s, _ in before), default=0), total):
            end = max((t for s, t in before if s == stage), default=0.0) + delays[n]
            if end <= stage_ns + delay.TOLERANCE:
                done.append((stage, end))
                if rest(n + 1):
                    return True
                done.pop()
        return False

    return rest(0)


def logic(seed):
    comb = rtl.trace(networks.random_network(seed, SMALL[seed % len(SMALL)], max_bits=4, prune=0.2))
    return rtl._only(comb, [o for o, n in enumerate(comb.out_idxs) if comb.ops[n].opcode != 5])


def within(comb, stages, stage_ns):
    """Return True if a cut is within the delay model: operands come first, and no stage is too long."""
    times = []
    for n, op in enumerate(comb.ops):
        if any(stages[a] > stages[n] for a in op.addr):
            return False
        start = max((times[a] for a in op.addr if stages[a] == stages[n]), default=0.0)
        times.append(start + min(operation_delay(comb.ops, n, delays=delay.delays(FAMILY)), stage_ns))
    return max(times) <= stage_ns + delay.TOLERANCE


CASES = [(seed, stage_ns) for seed in range(16) for stage_ns in STAGES_NS]


def test_no_cut_takes_fewer_stages():
    depths = []
    for seed, stage_ns in CASES:
        comb = logic(seed)
        if not 0 < len(comb.ops) <= OPERATIONS:
            continue
        stages = pipeline.stage_numbers(comb, with_stage(stage_ns, FAMILY))
        assert within(comb, stages, stage_ns)
        assert not possible(comb, max(stages) - 1, stage_ns)
        assert possible(comb, max(stages), stage_ns), "a cut into one stage more would have been noticed"
        depths.append(max(stages))
    assert len(depths) > 20
    assert {2, 3, 4} <= set(depths)


def test_a_cut_beyond_the_delay_model_is_noticed():
    comb = logic(0)
    stages = pipeline.stage_numbers(comb, with_stage(0.9, FAMILY))
    assert max(stages) > 2
    assert not within(comb, [max(s - 1, 1) for s in stages], 0.9)
    assert not within(comb, stages[::-1], 0.9)
