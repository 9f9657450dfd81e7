"""Stage `drift`: other data in the frozen formats, through the frozen network, next to those it was trained on.

Of the trained data set the test split is compared, which neither training nor thresholds have seen; of the other one
all events.
"""

from __future__ import annotations

from pathlib import Path

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
from trigger_lut.errors import CardError, ConfigurationError
from trigger_lut.evaluation.drift.inputs import input_drift, sum_drift
from trigger_lut.evaluation.drift.outputs import SampleOutputs, accuracy_drift, output_drift, point_drift, target_drift
from trigger_lut.evaluation.drift.samples import both_labeled, common_classes, comparable_samples
from trigger_lut.evaluation.predictions import load_with_network
from trigger_lut.metrics.accuracy import metric_of
from trigger_lut.stages.registry import Output


def run(
    *,
    spec: Path,
    network: Path,
    description: Path,
    codes: Path,
    ingest: Path,
    new_description: Path,
    new_codes: Path,
    new_ingest: Path,
    card: Output,
    thresholds: Path | None = None,
    trigger: Trigger | None = None,
) -> None:
    """Run other data through the network of a design, and compare inputs, outputs and rates with its own data.

    Parameters
    ----------
    description : Path
        Description of the data set that the network is trained on (data_set.json).
    codes : Path
        Its integer codes (codes.npz). The test split is compared.
    ingest : Path
        Its card of the ingest (ingest.json).
    new_description : Path
        Description of the other data set.
    new_codes : Path
        Its codes, in the formats of the first. All events are compared.
    new_ingest : Path
        Its card of the ingest.
    thresholds : Path or None
        Card of the thresholds (thresholds.json); without it, no rates are compared.
    trigger : Trigger or None
        `trigger` of the data set; goes with `thresholds`.

    Raises
    ------
    ConfigurationError
        If only one of `thresholds` and `trigger` is given.
    CardError
        If a file is damaged, or the files do not fit.
    DataError
        If there are no events to compare.
    """
    if (thresholds is None) != (trigger is None):
        raise ConfigurationError("drift: --thresholds and --trigger go together. Expected both or none, found one.")
    watch = Stopwatch()
    design, (net, events), others = read_card(Spec, spec), load_with_network(network, codes), load_codes(new_codes)
    if others.formats != events.formats or others.features != events.features:
        raise CardError(
            f"{new_codes}: other formats or features. Expected those of {codes}. Run the ingest stage with --frozen "
            f"{codes}."
        )
    ingested = read_card(IngestCard, ingest), read_card(IngestCard, new_ingest)
    descriptions = load_data_set(description), load_data_set(new_description, truth=False)
    first, second = (SampleOutputs.evaluate(net, sample) for sample in comparable_samples(events, others))
    common, of_test = common_classes(first.sample, second.sample), events.labels[events.split == TEST]
    known = both_labeled(events, others)
    steps = [2.0 ** -f.kif[2] if f.lsb is None else f.lsb for f in ingested[0].features]
    points, khz = [], None
    read = [spec, network, description, codes, ingest, new_description, new_codes, new_ingest]
    if thresholds is not None and trigger is not None:
        points = point_drift(first, second, card=read_card(ThresholdsCard, thresholds), trigger=trigger)
        khz = sum(khz for _, khz in trigger.streams(events.label_names))
        read.append(thresholds)
    drift_card = DriftCard(
        design=design.design,
        data_set=ingested[0].data_set,
        drift=ingested[1].data_set,
        metric=metric_of(events.heads),
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
        sums=sum_drift(first.sample, second.sample, channels=channels(descriptions[0]), steps=steps),
        features=input_drift(first.sample, second.sample, ingested=(ingested[0].features, ingested[1].features)),
        outputs=output_drift(first, second, fractions=net.fractions),
        points=points,
        input_rate_khz=khz,
        accuracy=accuracy_drift(first, second),
        targets=target_drift(first, second, seed=design.seed),
        **watch.provenance(read, "numpy", "scipy"),
    )
    write_card(drift_card, card)
