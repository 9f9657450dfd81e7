"""Judging by more events than the test split has."""

from dataclasses import replace

import numpy as np


def judged_by(events, more):
    """`events` with all of `more`, of the same data set in the same formats, in place of their test split."""
    from trigger_lut.data.event_codes import TEST

    assert (events.formats, events.features, events.classes) == (more.formats, more.features, more.classes)
    kept = np.asarray(events.split) != TEST
    ids = np.concatenate([np.asarray(events.event_id)[kept], np.asarray(more.event_id)])
    order = np.argsort(ids, kind="stable")

    def joined(name, changed=None):
        second = np.asarray(getattr(more, name)) if changed is None else changed
        return np.concatenate([np.asarray(getattr(events, name))[kept], second])[order]

    return replace(
        events,
        codes=joined("codes"),
        labels=joined("labels"),
        split=joined("split", np.full(len(more.codes), TEST, np.uint8)),
        event_id=ids[order],
        observables=None,
        observable_names=(),
    )
