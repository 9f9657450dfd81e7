"""Selection of the result: synthesize candidates, and take the best one that meets the budget, or train again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trigger_lut.config.budget import EPOCHS
from trigger_lut.cost_model.luts import Cost
from trigger_lut.cost_model.measured import correction
from trigger_lut.training.candidates import MARGIN, ClosestNetwork, FeasibleNetwork, TrainingResult
from trigger_lut.training.controller import AIM
from trigger_lut.training.fit_budget import prune, refill
from trigger_lut.training.run_state import RunState
from trigger_lut.training.trainable_model import TrainableModel

MAX_TRIALS = 4  # largest number of candidates that are synthesized
USED = 0.9  # of the budget that is to be used
MAX_PRUNE_ROUNDS, MAX_REGROW_ROUNDS = 2, 1  # times that training continues with fewer or more edges after its end
RETRAIN_FRACTION = 0.1  # of the epochs, for each of these times
CUTS = (AIM, AIM, 0.93, 0.85)  # fractions of the budget to which a network is pruned at last, one after the other
FILLS = 8  # largest number of syntheses for regrowth without fine-tuning


def select_result(state: RunState, model: TrainableModel) -> None:
    """Synthesize candidates, and end with the best one, or train again.

    Training continues with fewer edges if none fits, with more if it is small. Interrupted, the selection begins anew.
    """
    best = _best(state, model)
    if state.spec.keeps_structure:
        state.result = _of_tables_alone(state, best)
        return
    if best is None and (
        state.feasible is None or (state.nearest is not None and state.prune_rounds < MAX_PRUNE_ROUNDS)
    ):
        _prune_and_retrain(state, model)
        return
    if state.feasible is not None and (best is None or not _as_accurate(model, best, state.feasible)):
        best = state.feasible
    if state.luts.binds and state.regrow_rounds < MAX_REGROW_ROUNDS and best.built.luts < USED * state.spec.budget.luts:
        _regrow_and_retrain(state, model, best)
        return
    if state.luts.binds and best.built.luts < USED * state.spec.budget.luts:
        best = _regrow_only(state, model, best)
    state.result = TrainingResult(True, best.built, best.weights)


def _of_tables_alone(state: RunState, best: FeasibleNetwork | None) -> TrainingResult:
    """Return the result of a training that keeps the structure: nothing can be pruned or restored."""
    if best is not None:
        return TrainingResult(True, best.built, best.weights)
    assert state.nearest is not None, "every training ends with a candidate"
    return TrainingResult(False, state.nearest.built, state.nearest.weights)


def _best(state: RunState, model: TrainableModel) -> FeasibleNetwork | None:
    """Return the most accurate candidate that fits after synthesis; those that seem to fit are tried first.

    Each measurement corrects the estimates of the others.
    """
    left, best, share = list(state.candidates), None, MARGIN
    for _ in range(MAX_TRIALS):
        fitting = [c for c in left if state.budget.is_met(c.cost, share)]
        if not fitting and state.nearest is None and state.feasible is None and best is None:
            fitting = [min(left, key=lambda c: state.budget.excess(c.cost))]
        better = [c for c in fitting if best is None or c.accuracy > best.accuracy]
        if not better:
            break
        tried = better[0]
        left.remove(tried)
        model.load_weights(tried.weights)
        built = state.measure(model, "result")
        over, share = state.budget.excess_measured(built), 1.0
        if over == 0.0:
            best = FeasibleNetwork(tried.accuracy, built, tried.weights)
        elif state.nearest is None or over < state.nearest.over:
            state.nearest = ClosestNetwork(over, built, state.budget.correction, tried.weights)
    return best


def _as_accurate(model: TrainableModel, new: FeasibleNetwork, old: FeasibleNetwork) -> bool:
    """Return whether a network is as accurate as another, by one standard error of the difference on equal events."""
    return new.accuracy >= old.accuracy - _error(model, *(_qualities(model, network) for network in (new, old)))


def _qualities(model: TrainableModel, network: FeasibleNetwork) -> np.ndarray:
    """Return the score of each event of the validation split; loads the network into the model."""
    model.load_weights(network.weights)
    return model.qualities()


def _error(model: TrainableModel, new: np.ndarray, old: np.ndarray) -> float:
    """Return the standard error of the difference between two accuracies on the same events."""
    weights = np.ones(len(new)) if model.data.weights is None else model.data.weights.astype(np.float64)
    return float(np.sqrt(((weights * (new - old)) ** 2).sum()) / weights.sum())


def _prune_and_retrain(state: RunState, model: TrainableModel) -> None:
    """Prune the nearest network by its own correction and retrain it; give up after MAX_PRUNE_ROUNDS times."""
    assert state.nearest is not None, "every training ends with a candidate"
    gave_up = TrainingResult(False, state.nearest.built, state.nearest.weights)
    if state.feasible is not None:
        gave_up = TrainingResult(True, state.feasible.built, state.feasible.weights)
    if state.prune_rounds == MAX_PRUNE_ROUNDS:
        state.result = gave_up if gave_up.meets_budget else _prune_only(state, model)
        return
    model.load_weights(state.nearest.weights)
    state.budget = replace(state.budget, correction=state.nearest.correction)
    state.prune_rounds += 1
    _go_on(state, model)
    if state.result is not None and (
        gave_up.meets_budget or state.budget.excess_measured(state.result.built) >= state.nearest.over
    ):
        state.result = gave_up


def _prune_only(state: RunState, model: TrainableModel) -> TrainingResult:
    """Prune the nearest network until Yosys confirms the budget; no fine-tuning, which would change its size.

    Each try uses the correction of the one before.
    """
    assert state.nearest is not None
    start = state.nearest
    state.budget = replace(state.budget, correction=start.correction)
    for share in CUTS:
        model.load_weights(start.weights)
        prune(state, model, share=share)
        if state.result is not None:  # nothing that depends on the input is as small
            break
        built = state.measure(model, "result")
        over = state.budget.excess_measured(built)
        if over == 0.0:
            return TrainingResult(True, built, model.weights())
        if over < state.nearest.over:
            state.nearest = ClosestNetwork(over, built, state.budget.correction, model.weights())
    return TrainingResult(False, state.nearest.built, state.nearest.weights)


def _regrow_only(state: RunState, model: TrainableModel, start: FeasibleNetwork) -> FeasibleNetwork:
    """Restore edges step by step as far as measured LUTs allow, without fine-tuning, as in `_prune_only`.

    Each step takes more LUTs by the surrogate, and none lowers the accuracy. If too few such steps fit, a second pass
    allows a loss of one standard error.
    """
    before, best = _qualities(model, start), start
    left, size = FILLS, state.budget.estimate(model.network()).luts

    def fits(cost: Cost, errors: float) -> bool:
        nonlocal best, left, size
        if left == 0 or cost.luts <= size:
            return False
        accuracy = model.accuracy()
        if start.accuracy - accuracy > errors * _error(model, model.qualities(), before):
            return False
        left, limits = left - 1, state.budget
        built = state.measure(model, "result")
        if state.budget.excess_measured(built) > 0.0:
            state.budget = limits  # which are those of the best network, from which this continues
            return False
        best, size = FeasibleNetwork(accuracy, built, model.weights()), cost.luts
        return True

    for errors in (0.0, 1.0):
        if best.built.luts < USED * state.spec.budget.luts:
            model.load_weights(best.weights)
            state.budget = replace(
                state.budget, correction=correction(best.built, state.budget.estimate(model.network()))
            )
            refill(state, model, fits=lambda cost, errors=errors: fits(cost, errors))
    return best


def _regrow_and_retrain(state: RunState, model: TrainableModel, start: FeasibleNetwork) -> None:
    """Fill the found network by its own correction and retrain it; it stays the result if nothing better comes."""
    model.load_weights(start.weights)
    state.budget = replace(state.budget, correction=correction(start.built, state.budget.estimate(model.network())))
    state.feasible, state.regrow_rounds = start, state.regrow_rounds + 1
    _go_on(state, model)
    if state.result is not None:
        state.result = TrainingResult(True, start.built, start.weights)


def _go_on(state: RunState, model: TrainableModel) -> None:
    """Fit the present network to AIM of the budget, and fine-tune it for a fraction of the epochs."""
    state.candidates, state.fine_tuned_from = [], state.epoch
    state.until = state.epoch + max(round(RETRAIN_FRACTION * (state.spec.training.epochs or EPOCHS)), 1)
    prune(state, model, share=AIM)
