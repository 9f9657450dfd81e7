"""How a training ends: candidates are synthesized, and the best one that fits is the result, or training goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cost_model.luts import Cost
from trigger_lut.training.budget import Limits
from trigger_lut.training.candidates import MARGIN, Found, Nearest, Result
from trigger_lut.training.controller import AIM
from trigger_lut.training.fit_budget import prune, refill
from trigger_lut.training.measure import correction

if TYPE_CHECKING:
    from trigger_lut.training.session import Session

TRIES = 4  # networks at most that are synthesized at the end
USED = 0.9  # of the budget that is to be used
TIGHTENED, WIDENED = 2, 1  # times at most that a training goes on with fewer edges, or with more, after its end,
TIGHTENED_SHARE = 0.1  # for this share of its epochs
CUTS = (AIM, AIM, 0.93, 0.85)  # shares of the budget that a network is pruned to at last, one after the other
FILLS = 8  # networks at most that are synthesized to fill one


def conclude(session: Session) -> None:
    """Synthesize candidates, and end with the best one, or go on: tighten where none fits, widen where it is small.

    Interrupted, this begins anew.
    """
    found = _best(session)
    if found is None and (session.found is None or (session.nearest is not None and session.prune_rounds < TIGHTENED)):
        _tighten(session)
        return
    if session.found is not None and (found is None or not _as_accurate(session, found, session.found)):
        found = session.found
    if session.luts.binds and session.regrow_rounds < WIDENED and found.built.luts < USED * session.spec.budget.luts:
        _widen(session, found)
        return
    if session.luts.binds and found.built.luts < USED * session.spec.budget.luts:
        found = _filled(session, found)
    session.result = Result(True, found.built, found.weights)


def _best(session: Session) -> Found | None:
    """The most accurate candidate that fits after synthesis; those that seem to fit are tried first.

    What each one is measured to take shows which of the others fit.
    """
    left, found, share = list(session.candidates), None, MARGIN
    for _ in range(TRIES):
        fitting = [c for c in left if session.limits.within(c.cost, share)]
        if not fitting and session.nearest is None and session.found is None and found is None:
            fitting = [min(left, key=lambda c: session.limits.over(c.cost))]
        better = [c for c in fitting if found is None or c.accuracy > found.accuracy]
        if not better:
            break
        tried = better[0]
        left.remove(tried)
        session.put(tried.weights)
        built = session.measure("result")
        over, share = session.limits.over_built(built), 1.0
        if over == 0.0:
            found = Found(tried.accuracy, built, tried.weights)
        elif session.nearest is None or over < session.nearest.over:
            session.nearest = Nearest(over, built, session.limits.correction, tried.weights)
    return found


def _as_accurate(session: Session, new: Found, old: Found) -> bool:
    """Whether a network is as accurate as another, by one standard error of the difference on the same events."""
    return new.accuracy >= old.accuracy - _error(session, *(_qualities(session, network) for network in (new, old)))


def _qualities(session: Session, network: Found) -> np.ndarray:
    """Of each event of the validation split, what accuracy is the mean of; puts the network into the model."""
    session.put(network.weights)
    return session.data.qualities(session.trainer)


def _error(session: Session, new: np.ndarray, old: np.ndarray) -> float:
    """Standard error of the difference between two accuracies on the same events."""
    weights = np.ones(len(new)) if session.data.weights is None else session.data.weights.astype(np.float64)
    return float(np.sqrt(((weights * (new - old)) ** 2).sum()) / weights.sum())


def _tighten(session: Session) -> None:
    """Prune the nearest network by its own correction and go on with it; give up after TIGHTENED times."""
    assert session.nearest is not None, "every training ends with a candidate"
    gave_up = Result(False, session.nearest.built, session.nearest.weights)
    if session.found is not None:
        gave_up = Result(True, session.found.built, session.found.weights)
    if session.prune_rounds == TIGHTENED:
        session.result = gave_up if gave_up.meets_budget else _cut(session)
        return
    session.put(session.nearest.weights)
    session.limits = Limits(session.spec, session.nearest.correction)
    session.prune_rounds += 1
    _go_on(session)
    if session.result is not None and (
        gave_up.meets_budget or session.limits.over_built(session.result.built) >= session.nearest.over
    ):
        session.result = gave_up


def _cut(session: Session) -> Result:
    """The nearest network with as many edges less as Yosys asks for; not fine-tuned, which would change its size.

    Each try goes by the correction that the one before it showed.
    """
    assert session.nearest is not None
    start = session.nearest
    session.limits = Limits(session.spec, start.correction)
    for share in CUTS:
        session.put(start.weights)
        prune(session, share)
        if session.result is not None:  # nothing that depends on the input is as small
            break
        built = session.measure("result")
        over = session.limits.over_built(built)
        if over == 0.0:
            return Result(True, built, session.weights())
        if over < session.nearest.over:
            session.nearest = Nearest(over, built, session.limits.correction, session.weights())
    return Result(False, session.nearest.built, session.nearest.weights)


def _filled(session: Session, found: Found) -> Found:
    """What was found with what still fits given back, step by step as Yosys counts it; not fine-tuned, as in `_cut`.

    Each step takes more LUTs by the surrogate, and none makes it less accurate; where too little of that fits, it may
    be by one standard error.
    """
    before, best = _qualities(session, found), found
    left, size = FILLS, session.cost().luts

    def fits(cost: Cost, errors: float) -> bool:
        nonlocal best, left, size
        if left == 0 or cost.luts <= size:
            return False
        accuracy = session.accuracy()
        if found.accuracy - accuracy > errors * _error(session, session.data.qualities(session.trainer), before):
            return False
        left, limits = left - 1, session.limits
        built = session.measure("result")
        if session.limits.over_built(built) > 0.0:
            session.limits = limits  # which are those of the best network, that is gone on from
            return False
        best, size = Found(accuracy, built, session.weights()), cost.luts
        return True

    for errors in (0.0, 1.0):
        if best.built.luts < USED * session.spec.budget.luts:
            session.put(best.weights)
            session.limits = Limits(session.spec, correction(best.built, session.cost()))
            refill(session, lambda cost, errors=errors: fits(cost, errors))
    return best


def _widen(session: Session, found: Found) -> None:
    """Fill what was found by its own correction and go on with it; it stays the result if nothing better comes."""
    session.put(found.weights)
    session.limits = Limits(session.spec, correction(found.built, session.cost()))
    session.found, session.regrow_rounds = found, session.regrow_rounds + 1
    _go_on(session)
    if session.result is not None:
        session.result = Result(True, found.built, found.weights)


def _go_on(session: Session) -> None:
    """Fit the network as it is to AIM of the budget, and fine-tune it for a share of the epochs."""
    session.candidates, session.fine_tuned_from = [], session.epoch
    session.until = session.epoch + max(round(TIGHTENED_SHARE * session.spec.training.epochs), 1)
    prune(session, AIM)
    if session.result is None:
        session.save()
