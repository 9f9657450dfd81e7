"""Lines on the progress of a stage."""

import logging

import pytest

from trigger_lut.utils import progress


@pytest.fixture
def clock(monkeypatch, caplog):
    """A clock that the test moves; messages of all levels are kept."""
    caplog.set_level(logging.INFO)
    times = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[0])
    return times


def test_long_work_is_reported_with_the_time_left(clock, caplog):
    items = []
    for item in progress.watched("abcd", "faults: sums"):
        items.append(item)
        clock[0] += 40.0
    assert items == list("abcd")
    assert caplog.messages == [
        "faults: sums: 1 of 4, about 2 min 0 s left",
        "faults: sums: 2 of 4, about 1 min 20 s left",
        "faults: sums: 3 of 4, about 40 s left",
    ]


def test_short_work_is_silent_and_lines_keep_their_distance(clock, caplog):
    for _ in progress.watched(range(9), "prove"):
        clock[0] += 1.0
    assert caplog.messages == []
    for _ in progress.watched(range(25), "prove"):
        clock[0] += 4.0
    assert len(caplog.messages) == 8
