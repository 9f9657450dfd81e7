"""Stage `thresholds`: working points of the integer network alone. Decision bits and rates use its thresholds."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.physics import ThresholdsCard, point_key
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.evaluation.predictions import FIRMWARE, firmware_predictions, load_with_network
from trigger_lut.evaluation.trigger_paths import path_views
from trigger_lut.evaluation.working_points import TriggerClasses, score_step, working_point
from trigger_lut.stages.registry import Output


def run(*, spec: Path, network: Path, codes: Path, trigger: Trigger, card: Output) -> ThresholdsCard:
    """Choose the firmware's threshold for each rate of the trigger.

    Returns
    -------
    ThresholdsCard
        The card.

    Raises
    ------
    CardError
        If a file is damaged, or the files do not fit.
    DataError
        If a path of the trigger does not fall with the threshold.
    """
    watch = Stopwatch()
    design, (net, events) = read_card(Spec, spec), load_with_network(network, codes, labeled=True)
    classes, outputs = TriggerClasses.of(trigger, events), firmware_predictions(net, events)
    points = {}
    for view in path_views(trigger, events):
        scores, step = view.scores(outputs), score_step(net, events)
        for khz in view.rates_khz:
            points[point_key(view.path, khz)] = working_point(
                FIRMWARE, khz, scores=scores, labels=view.labels, classes=view.classes, step=step
            )
    result = ThresholdsCard(
        design=design.design,
        signal=list(trigger.signal),
        background=[classes.names[k] for k in classes.background],
        single_score=classes.single_score,
        points=points,
        paths={path.name: path.expression for path in trigger.paths},
        **watch.provenance([spec, network, codes], "numpy"),
    )
    write_card(result, card)
    return result
