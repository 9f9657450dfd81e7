"""Delay models of a wanted stage, instead of a clock."""

from __future__ import annotations

from trigger_lut.cost_model.delay import FILL, DelayModel, delays


def with_stage(stage_ns: float, family: str = "xcup") -> DelayModel:
    """Return the model whose stages hold so much logic in ns."""
    return DelayModel(stage_ns / FILL + delays(family).register, family)
