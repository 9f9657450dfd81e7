"""Events for the object step: integers on its bus, and the same as branches for the step in Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trigger_lut.firmware.front_end import python as reference
from trigger_lut.firmware.front_end.object_step import ObjectStep, Port
from trigger_lut.fixed_point.formats import IntArray

FEW = 4
"""Different values of a branch in three quarters of the events, so that keys are often equal."""


def draw_objects(step: ObjectStep, count: int, *, seed: int) -> IntArray:
    """Draw events with equal keys, empty and full lists, and objects that are not there between others.

    Parameters
    ----------
    step
        Object step.
    count
        Events.
    seed
        Seed.

    Returns
    -------
    IntArray of shape (N, ports)
        Integers in the formats `step.inputs`. Objects without a valid bit have random integers too.
    """
    rng = np.random.default_rng(seed)
    columns = [_values(port, (count,), rng) for port in step.numbers]
    drawn: dict[str, IntArray] = {}
    there: dict[str, IntArray] = {}
    for one in step.lists:
        shared = next((port.name for port in one.branches if port.name in there), None)
        valid = there[shared] if shared is not None else _valid((count, one.length), rng)
        for port in one.branches:
            if port.name not in drawn:
                drawn[port.name] = _values(port, (count, one.length), rng)
                there[port.name] = valid
        for n in range(one.length):
            columns += [*(drawn[port.name][:, n] for port in one.branches), valid[:, n]]
    return np.stack(columns, axis=1)


def _values(port: Port, shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
    few = rng.integers(port.kif.lo, port.kif.hi + 1, FEW)
    few[:2] = port.kif.lo, port.kif.hi
    some = rng.random(shape[:1] + (1,) * (len(shape) - 1)) < 0.75
    return np.where(some, rng.choice(few, shape), rng.integers(port.kif.lo, port.kif.hi + 1, shape)).astype(np.int64)


def _valid(shape: tuple[int, int], rng: np.random.Generator) -> IntArray:
    """Draw valid bits: in order from the first object on, or with gaps."""
    count = rng.integers(0, shape[1] + 1, (shape[0], 1))
    in_order = np.arange(shape[1]) < count
    with_gaps = rng.permuted(in_order, axis=1)
    return np.where(rng.random((shape[0], 1)) < 0.5, in_order, with_gaps).astype(np.int64)


def events_of(step: ObjectStep, integers: IntArray) -> Iterator[dict[str, Any]]:
    """Yield events as the step in Python reads them.

    Parameters
    ----------
    step
        Object step.
    integers : IntArray of shape (N, ports)
        Integers on the bus.

    Yields
    ------
    dict
        Number or array by branch.
    """
    for row in integers:
        event: dict[str, Any] = {}
        for n, port in enumerate(step.numbers):
            event[port.name] = reference.TYPES["iu"[not port.signed]](row[n])
        at = len(step.numbers)
        for one in step.lists:
            size = len(one.branches) + 1
            objects = row[at : at + one.length * size].reshape(one.length, size)
            there = objects[objects[:, -1] == 1]
            for n, port in enumerate(one.branches):
                event[port.name] = there[:, n].astype(reference.TYPES["iu"[not port.signed]])
            at += one.length * size
        yield event


def reference_codes(step: ObjectStep, integers: IntArray) -> IntArray:
    """Compute the codes of events with the step in Python.

    Parameters
    ----------
    step
        Object step.
    integers : IntArray of shape (N, ports)
        Integers on the bus.

    Returns
    -------
    IntArray of shape (N, channels)
        Codes.
    """
    described: Mapping[str, Any] = step.described
    return np.array([reference.codes_of(dict(described), event) for event in events_of(step, integers)], dtype=np.int64)
