"""Messages about a training after each epoch: a line of progress, or an error."""

from __future__ import annotations

import numpy as np

from trigger_lut.errors import DivergedError
from trigger_lut.training.run_state import RunState
from trigger_lut.training.trainable_model import TrainableModel

MEASUREMENTS = 3  # of a training that ends at the first try


def line(state: RunState, loss: float) -> str:
    """Format epoch, loss, accuracy, LUTs and cycles against the budget, and seconds left.

    Accuracy, LUTs and cycles are of the last evaluation. LUTs are the surrogate's, times the correction by Yosys.
    """
    metrics = "accuracy, LUTs and cycles not evaluated yet"
    if state.history:
        last, measured = state.history[-1], bool(state.measurements)
        metrics = (
            f"accuracy {last.score:.4f}  LUTs {last.correction * last.luts_estimate:.0f} of "
            f"{state.spec.budget.luts} (surrogate{f' x {last.correction:.3f} by yosys' if measured else ''})  "
            f"cycles {last.latency_cycles} of {state.spec.latency_cycles_budget} (planned)"
        )
    return f"epoch {state.epoch}/{state.until}  loss {loss:.4f}  {metrics}  {seconds_left(state):.0f} s left"


def refuse_divergence(state: RunState, model: TrainableModel, *, loss: float) -> None:
    """Raise DivergedError where the loss of the last epoch, or a gradient in it, was not finite."""
    if np.isfinite(loss) and model.trainer.is_finite():
        return
    raise DivergedError(
        f"{state.spec.design}, epoch {state.epoch}: training diverged. Expected a finite loss and finite gradients, "
        f"found a loss of {loss:.4g}. Lower training.learning_rate ({state.spec.training.learning_rate:g}), or look "
        "for an undefined operation in your network"
    )


def seconds_left(state: RunState) -> float:
    """Extrapolate the time left from the mean epoch, and the mean measurement, so far."""
    left = state.seconds / max(state.epoch, 1) * (state.until - state.epoch)
    if done := len(state.measurements):
        left += max(MEASUREMENTS - done, 1) * state.seconds_measuring / done
    return left
