"""Latency and throughput at the target's clock, against the budget and the trigger's allowance."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import SynthCard, TimingCard, VerifyCard
from trigger_lut.config.budget import Spec
from trigger_lut.errors import CardError
from trigger_lut.evaluation.timing import timing_figures
from trigger_lut.stages.registry import Output


def run(*, spec: Path, verify_card: Path, synth_card: Path, card: Output) -> TimingCard:
    """Compare clock, latency and throughput with budget and target.

    Returns
    -------
    TimingCard
        The card.

    Raises
    ------
    CardError
        If the cards are of different designs, or lack the longest path.
    """
    watch = Stopwatch()
    design, verified, synthesized = (
        read_card(Spec, spec),
        read_card(VerifyCard, verify_card),
        read_card(SynthCard, synth_card),
    )
    for path, card_design in ((verify_card, verified.design), (synth_card, synthesized.design)):
        if card_design != design.design:
            raise CardError(
                f"{path}: card of another design. Expected {design.design!r}, found {card_design!r}. Run its stage "
                "again."
            )
    figures = timing_figures(design, verified, synthesized=synthesized)
    result = TimingCard(**figures, **watch.provenance([spec, verify_card, synth_card]))
    write_card(result, card)
    return result
