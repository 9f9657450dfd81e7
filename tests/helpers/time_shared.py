"""Evaluation of a network whose parts share hardware, cycle by cycle."""

from __future__ import annotations

import numpy as np

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import PADDING, Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Block


def evaluate_parts(parts: list[Network | Block], codes: IntArray) -> IntArray:
    """Evaluate the parts that `split` returns one after the other."""
    for part in parts:
        codes = evaluate(part, codes) if isinstance(part, Network) else evaluate_block(part, codes)
    return codes


def word_codes(block: Block, codes: IntArray, cycle: int) -> IntArray:
    """Return the codes (N, channels) that the step reads in a cycle, in the formats of its inputs."""
    word = block.words[cycle]
    shifts = [kif.f - block.inputs[v].f if v != PADDING else 0 for v, kif in zip(word, block.step.inputs, strict=True)]
    return np.where(word == PADDING, 0, codes[:, np.where(word == PADDING, 0, word)]) << np.array(shifts)


def evaluate_block(block: Block, codes: IntArray) -> IntArray:
    """Return the collected outputs (N, outputs) of a block for its inputs (N, inputs)."""
    computed = [evaluate(block.step, word_codes(block, codes, cycle)) for cycle in range(block.fold)]
    outputs = []
    for c in block.collected:
        if c.kind == "pass":
            outputs.append(codes[:, c.source])
        elif c.kind == "store":
            outputs.append(computed[c.cycle][:, c.source])
        else:
            over = np.stack([outputs[:, c.source] for outputs in computed])
            outputs.append(over.sum(axis=0) + c.start if c.kind == "sum" else over.max(axis=0))
    return np.stack(outputs, axis=1)
