"""Registers of a synthesized netlist that hold operations of alkaid's logic.

Yosys keeps the names of the buses between alkaid's stages. A bus holds the operations in the order of the stage's
outputs. To follow them through alkaid's sorting, each carries its index as its cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trigger_lut.firmware.rtl.pipeline import cut
from trigger_lut.synthesis.netlist import Bit

BUS = re.compile(r"(?:^|\.)(?:INTERNAL_logic(\d+)_inp|stage(\d+)_inp|(model_out))$")


def registered_operations(
    comb: Any, stages: Sequence[int], *, module: Mapping[str, Any]
) -> dict[Bit, set[tuple[int, int]]]:
    """Return the operations that end in each register: (stage, index of the operation) by the register's net.

    An operation of an earlier stage that is only passed on is not among them.

    Parameters
    ----------
    comb
        alkaid's logic.
    stages
        The pipeline stage of each operation, from 1 on.
    module
        The flat netlist of the pipeline, as Yosys' JSON.
    """
    fsm = cut(comb._replace(ops=[op._replace(cost=float(n)) for n, op in enumerate(comb.ops)]), stages)
    total = max(stages, default=1)
    ends: dict[Bit, set[tuple[int, int]]] = {}
    for name, net in module["netnames"].items():
        match = BUS.search(name)
        if match is None:
            continue
        stage = total if match[3] else int(match[1] or match[2])
        logic = fsm.logic.get(f"logic{stage - 1}")
        if stage == 0 or logic is None:
            continue
        at = 0
        for index in logic.out_idxs:
            width = 0 if index < 0 else int(sum(logic.ops[index].qint.kif))
            if index >= 0 and logic.ops[index].opcode != -1:
                for bit in net["bits"][at : at + width]:
                    ends.setdefault(bit, set()).add((stage, int(logic.ops[index].cost)))
            at += width
    return ends
