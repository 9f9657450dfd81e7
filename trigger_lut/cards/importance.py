"""The card of the stage `importance`: what each bit of each input is worth to a design."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, StrictModel
from trigger_lut.cards.stage_cards import Metric


class Loss(StrictModel):
    """Quality that is lost when something is shuffled among the events: before minus after, on the same events."""

    value: float = Field(description="Of the accuracy, a fraction of events; of a regression of R^2.")
    error: float | None = Field(description="Its standard error, event by event; null: fewer than two events.")


class BitImportance(StrictModel):
    """One bit of an input."""

    bit_weight: float = Field(description="What the bit adds to the number that the network gets; negative: the sign.")
    read: bool = Field(description="Whether anything that reads the input depends on it, for any code.")
    ones: float = Field(description="Fraction of the values in which it is 1.")
    loss: Loss = Field(description="When this bit alone is shuffled; exactly 0 where it is not read.")


class FeatureImportance(StrictModel):
    """One feature; of objects in all slots together."""

    name: str = Field(description="Name of the channel, or of objects '<objects>_*_<feature>'.")
    channels: int = Field(description="Input channels: 1, or the number of slots.")
    channels_read: int = Field(description="Those of which some bit is read.")
    format: str = Field(description="Hardware format, as Vivado writes it.")
    bits_read: int = Field(description="Bits of the format that are read, in any slot.")
    edges: int = Field(description="Tables and weights of the first layers that read it.")
    edges_possible: int = Field(description="Those that there could be, were none pruned.")
    loss: Loss = Field(description="When the whole feature is shuffled, all slots alike.")
    by_class: dict[str, Loss] = Field(
        {},
        description="The same for the fraction of each class's events that are assigned to it.",
    )
    bits: list[BitImportance] = Field(description="The most significant first.")


class SlotImportance(StrictModel):
    """One object slot, all its features together."""

    name: str = Field(description="'<objects>_<slot>'.")
    objects: str = Field(description="Name of the objects.")
    slot: int = Field(description="Number of the slot, from 0 on.")
    channels: int = Field(description="Input channels.")
    bits: int = Field(description="Bits of these channels.")
    bits_read: int = Field(description="Those that are read.")
    loss: Loss = Field(description="When the whole slot is shuffled.")


class ImportanceCard(Card):
    """Loss of score without each bit of each input, on events of the test split."""

    stage: Literal["importance"] = "importance"
    design: str = Field(description="Name of the design.")
    metric: Metric = Field(description="Metric of the score: a fraction of right classes, or R^2.")
    score: float = Field(description="On these events, before anything is shuffled.")
    events: int = Field(description="Events that this was measured on: the first of the test split.")
    events_test: int = Field(description="Events in the test split.")
    shuffles: int = Field(description="How often each was shuffled; losses are means over these.")
    inputs_all: int = Field(description="Input channels.")
    pruned: list[str] = Field(description="Input channels of which no bit is read.")
    bits: int = Field(description="Bits of all input channels.")
    bits_read: int = Field(description="Those that are read.")
    features: list[FeatureImportance] = Field(description="In the order of the inputs.")
    slots: list[SlotImportance] = Field([], description="Of objects, in the order of the inputs.")
