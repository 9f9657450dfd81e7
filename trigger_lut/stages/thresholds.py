"""Stage `thresholds`: working points of the integer network alone. Decision bits and rates use its thresholds."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.physics import ThresholdsCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, load_codes
from trigger_lut.errors import CardError
from trigger_lut.evaluation.predictions import FIRMWARE, firmware_predictions
from trigger_lut.evaluation.working_points import TriggerClasses, score_step, working_point
from trigger_lut.network.network import Network, load_network
from trigger_lut.stages.registry import Output


def run(*, spec: Path, network: Path, codes: Path, trigger: Trigger, card: Output) -> ThresholdsCard:
    """Choose the firmware's threshold for each rate of the trigger.

    Parameters
    ----------
    spec, network, codes : Path
        The design, its integer network, and the events.
    trigger : Trigger
        Signal classes, rates of the background, and the rates to keep to.
    card : Path
        The card to write.

    Returns
    -------
    ThresholdsCard
        The card.

    Raises
    ------
    CardError
        If a file is damaged, or the files do not fit.
    """
    watch = Stopwatch()
    design, net, events = read_card(Spec, spec), load_network(network), load_codes(codes)
    require_labelled(net, events, network, codes)
    classes = TriggerClasses.of(trigger, events)
    scores = classes.scores(firmware_predictions(net, events))
    labels = {split: events.labels_of(split) for split in (VALIDATION, TEST)}
    result = ThresholdsCard(
        design=design.design,
        signal=list(trigger.signal),
        background=[classes.names[k] for k in classes.background],
        single_score=classes.single_score,
        points={
            f"{khz:g}": working_point(
                FIRMWARE, khz, scores=scores, labels=labels, classes=classes, step=score_step(net)
            )
            for khz in trigger.rates_khz
        },
        **watch.provenance([spec, network, codes], "numpy"),
    )
    write_card(result, card)
    return result


def require_labelled(net: Network, events: EventCodes, network: Path, codes: Path) -> None:
    """Raise CardError if a network does not read these events, or if they have no classes."""
    unlabelled = events.regression and not events.label_classes
    if (net.inputs, net.classes) != (events.formats, events.classes) or unlabelled:
        raise CardError(f"{network}: made for other inputs or classes than those of {codes}. Train again.")
