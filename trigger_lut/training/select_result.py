"""Selection of the result: synthesize candidates, and take the best one that meets the budget, or train again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cost_model.luts import Cost
from trigger_lut.training.budget import Budget
from trigger_lut.training.candidates import MARGIN, ClosestNetwork, FeasibleNetwork, TrainingResult
from trigger_lut.training.controller import AIM
from trigger_lut.training.fit_budget import prune, refill
from trigger_lut.training.measure import correction

if TYPE_CHECKING:
    from trigger_lut.training.session import Session

MAX_TRIALS = 4  # largest number of candidates that are synthesized
USED = 0.9  # of the budget that is to be used
MAX_PRUNE_ROUNDS, MAX_REGROW_ROUNDS = 2, 1  # times that training continues with fewer or more edges after its end
RETRAIN_FRACTION = 0.1  # of the epochs, for each of these times
CUTS = (AIM, AIM, 0.93, 0.85)  # fractions of the budget to which a network is pruned at last, one after the other
FILLS = 8  # largest number of syntheses for regrowth without fine-tuning


def select_result(session: Session) -> None:
    """Synthesize candidates, and end with the best one, or train again.

    Training continues with fewer edges if none fits, with more if it is small. Interrupted, the selection begins anew.
    """
    found = _best(session)
    if found is None and (
        session.found is None or (session.nearest is not None and session.prune_rounds < MAX_PRUNE_ROUNDS)
    ):
        _prune_and_retrain(session)
        return
    if session.found is not None and (found is None or not _as_accurate(session, found, session.found)):
        found = session.found
    if (
        session.luts.binds
        and session.regrow_rounds < MAX_REGROW_ROUNDS
        and found.built.luts < USED * session.spec.budget.luts
    ):
        _regrow_and_retrain(session, found)
        return
    if session.luts.binds and found.built.luts < USED * session.spec.budget.luts:
        found = _regrow_only(session, found)
    session.result = TrainingResult(True, found.built, found.weights)


def _best(session: Session) -> FeasibleNetwork | None:
    """Return the most accurate candidate that fits after synthesis; those that seem to fit are tried first.

    Each measurement corrects the estimates of the others.
    """
    left, found, share = list(session.candidates), None, MARGIN
    for _ in range(MAX_TRIALS):
        fitting = [c for c in left if session.budget.is_met(c.cost, share)]
        if not fitting and session.nearest is None and session.found is None and found is None:
            fitting = [min(left, key=lambda c: session.budget.excess(c.cost))]
        better = [c for c in fitting if found is None or c.accuracy > found.accuracy]
        if not better:
            break
        tried = better[0]
        left.remove(tried)
        session.load_weights(tried.weights)
        built = session.measure("result")
        over, share = session.budget.excess_measured(built), 1.0
        if over == 0.0:
            found = FeasibleNetwork(tried.accuracy, built, tried.weights)
        elif session.nearest is None or over < session.nearest.over:
            session.nearest = ClosestNetwork(over, built, session.budget.correction, tried.weights)
    return found


def _as_accurate(session: Session, new: FeasibleNetwork, old: FeasibleNetwork) -> bool:
    """Return whether a network is as accurate as another, by one standard error of the difference on equal events."""
    return new.accuracy >= old.accuracy - _error(session, *(_qualities(session, network) for network in (new, old)))


def _qualities(session: Session, network: FeasibleNetwork) -> np.ndarray:
    """Return the score of each event of the validation split; loads the network into the model."""
    session.load_weights(network.weights)
    return session.data.qualities(session.trainer)


def _error(session: Session, new: np.ndarray, old: np.ndarray) -> float:
    """Return the standard error of the difference between two accuracies on the same events."""
    weights = np.ones(len(new)) if session.data.weights is None else session.data.weights.astype(np.float64)
    return float(np.sqrt(((weights * (new - old)) ** 2).sum()) / weights.sum())


def _prune_and_retrain(session: Session) -> None:
    """Prune the nearest network by its own correction and retrain it; give up after MAX_PRUNE_ROUNDS times."""
    assert session.nearest is not None, "every training ends with a candidate"
    gave_up = TrainingResult(False, session.nearest.built, session.nearest.weights)
    if session.found is not None:
        gave_up = TrainingResult(True, session.found.built, session.found.weights)
    if session.prune_rounds == MAX_PRUNE_ROUNDS:
        session.result = gave_up if gave_up.meets_budget else _prune_only(session)
        return
    session.load_weights(session.nearest.weights)
    session.budget = Budget(session.spec, session.nearest.correction)
    session.prune_rounds += 1
    _go_on(session)
    if session.result is not None and (
        gave_up.meets_budget or session.budget.excess_measured(session.result.built) >= session.nearest.over
    ):
        session.result = gave_up


def _prune_only(session: Session) -> TrainingResult:
    """Prune the nearest network until Yosys confirms the budget; no fine-tuning, which would change its size.

    Each try uses the correction of the one before.
    """
    assert session.nearest is not None
    start = session.nearest
    session.budget = Budget(session.spec, start.correction)
    for share in CUTS:
        session.load_weights(start.weights)
        prune(session, share)
        if session.result is not None:  # nothing that depends on the input is as small
            break
        built = session.measure("result")
        over = session.budget.excess_measured(built)
        if over == 0.0:
            return TrainingResult(True, built, session.weights())
        if over < session.nearest.over:
            session.nearest = ClosestNetwork(over, built, session.budget.correction, session.weights())
    return TrainingResult(False, session.nearest.built, session.nearest.weights)


def _regrow_only(session: Session, found: FeasibleNetwork) -> FeasibleNetwork:
    """Restore edges step by step as far as measured LUTs allow, without fine-tuning, as in `_prune_only`.

    Each step takes more LUTs by the surrogate, and none lowers the accuracy. If too few such steps fit, a second pass
    allows a loss of one standard error.
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
        left, limits = left - 1, session.budget
        built = session.measure("result")
        if session.budget.excess_measured(built) > 0.0:
            session.budget = limits  # which are those of the best network, from which this continues
            return False
        best, size = FeasibleNetwork(accuracy, built, session.weights()), cost.luts
        return True

    for errors in (0.0, 1.0):
        if best.built.luts < USED * session.spec.budget.luts:
            session.load_weights(best.weights)
            session.budget = Budget(session.spec, correction(best.built, session.cost()))
            refill(session, lambda cost, errors=errors: fits(cost, errors))
    return best


def _regrow_and_retrain(session: Session, found: FeasibleNetwork) -> None:
    """Fill the found network by its own correction and retrain it; it stays the result if nothing better comes."""
    session.load_weights(found.weights)
    session.budget = Budget(session.spec, correction(found.built, session.cost()))
    session.found, session.regrow_rounds = found, session.regrow_rounds + 1
    _go_on(session)
    if session.result is not None:
        session.result = TrainingResult(True, found.built, found.weights)


def _go_on(session: Session) -> None:
    """Fit the present network to AIM of the budget, and fine-tune it for a fraction of the epochs."""
    session.candidates, session.fine_tuned_from = [], session.epoch
    session.until = session.epoch + max(round(RETRAIN_FRACTION * session.spec.training.epochs), 1)
    prune(session, AIM)
    if session.result is None:
        session.save()
