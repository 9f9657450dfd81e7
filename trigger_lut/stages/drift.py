"""Stage `drift`: other data in the frozen formats, through the frozen network, next to those it was trained on.

Of the trained data set the test split is compared, which neither training nor thresholds have seen; of the other one
all events.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.drift import DriftCard
from trigger_lut.cards.physics import ThresholdsCard
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.compatibility import other_expressions
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.data.event_codes import TEST, load_codes
from trigger_lut.errors import CardError
from trigger_lut.evaluation.drift.inputs import input_drift, sum_drift
from trigger_lut.evaluation.drift.outputs import SampleOutputs, accuracy_drift, output_drift, point_drift, target_drift
from trigger_lut.evaluation.drift.samples import both_labeled, common_classes, comparable_samples
from trigger_lut.network.network import load_network


class Files(NamedTuple):
    """Files of a data set.

    Attributes
    ----------
    description : Path
        Description with defaults (data_set.json).
    codes : Path
        Integer codes (codes.npz).
    ingest : Path
        Card of the ingest (ingest.json).
    """

    description: Path
    codes: Path
    ingest: Path


def drift(
    spec: Path, network: Path, trained: Files, new: Files, rated: tuple[Path, Trigger] | None, card: Path
) -> None:
    """Run other data through the network of a design, and compare it with the data of the training.

    Parameters
    ----------
    spec : Path
        Specification of the design (spec.json).
    network : Path
        The integer network (network.npz).
    trained : Files
        Files of the data set that the network is trained on. Its test split is compared.
    new : Files
        Files of the other data set, ingested in the formats of the first. All its events are compared.
    rated : tuple of Path and Trigger, or None
        Card of the thresholds, and the trigger; None: no rates are compared.
    card : Path
        Card to write (JSON).

    Raises
    ------
    CardError
        If a file is damaged, or the files do not fit.
    DataError
        If there are no events to compare.
    """
    watch = Stopwatch()
    design, net = read_card(Spec, spec), load_network(network)
    events, others = load_codes(trained.codes), load_codes(new.codes)
    if (net.inputs, net.classes) != (events.formats, events.classes):
        raise CardError(f"{network}: made for other inputs or classes than those of {trained.codes}; train again")
    if others.formats != events.formats or others.features != events.features:
        raise CardError(f"{new.codes}: not in the formats of {trained.codes}; ingest it with --frozen {trained.codes}")
    ingested = read_card(IngestCard, trained.ingest), read_card(IngestCard, new.ingest)
    descriptions = load_data_set(trained.description), load_data_set(new.description, truth=False)
    first, second = (SampleOutputs.evaluate(net, sample) for sample in comparable_samples(events, others))
    common, of_test = common_classes(first.sample, second.sample), events.labels[events.split == TEST]
    known = both_labeled(events, others)
    steps = [2.0 ** -f.kif[2] if f.lsb is None else f.lsb for f in ingested[0].features]
    points, khz = [], None
    if rated is not None:
        points = point_drift(first, second, read_card(ThresholdsCard, rated[0]), rated[1])
        khz = sum(khz for _, khz in rated[1].streams(events.classes))
    made = DriftCard(
        design=design.design,
        data_set=ingested[0].data_set,
        drift=ingested[1].data_set,
        metric="r2" if events.regression else "accuracy",
        events=(first.sample.count, second.sample.count),
        effective_events=(first.sample.effective, second.sample.effective),
        skipped_files=ingested[1].skipped_files,
        shared_events=int(np.isin(others.event_id, events.event_id).sum()),
        class_counts={
            events.label_names[k]: (int((first.sample.labels == k).sum()), int((second.sample.labels == k).sum()))
            for k in common
        },
        skipped_events={
            name: int((of_test == k).sum()) for k, name in enumerate(events.label_names) if known and k not in common
        },
        expressions=other_expressions(*descriptions),
        sums=sum_drift(first.sample, second.sample, channels(descriptions[0]), steps),
        features=input_drift(first.sample, second.sample, (ingested[0].features, ingested[1].features)),
        outputs=output_drift(first, second, net.fractions),
        points=points,
        input_rate_khz=khz,
        accuracy=accuracy_drift(first, second),
        targets=target_drift(first, second, design.seed),
        **watch.provenance([spec, network, *trained, *new, *([] if rated is None else [rated[0]])], "numpy", "scipy"),
    )
    write_card(made, card)
