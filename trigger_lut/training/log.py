"""Messages about a training after each epoch: a line of progress, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.errors import DivergedError

if TYPE_CHECKING:
    from trigger_lut.training.session import Session

MEASUREMENTS = 3  # of a training that ends at the first try


def line(session: Session, loss: float) -> str:
    """Format epoch, loss, accuracy, LUTs and cycles against the budget, and seconds left.

    Accuracy, LUTs and cycles are of the last evaluation. LUTs are the surrogate's, times the correction by Yosys.
    """
    seen = "accuracy, LUTs and cycles not evaluated yet"
    if session.history:
        last, measured = session.history[-1], bool(session.measurements)
        seen = (
            f"accuracy {last.score:.4f}  LUTs {last.correction * last.luts_estimate:.0f} of "
            f"{session.spec.budget.luts} (surrogate{f' x {last.correction:.3f} by yosys' if measured else ''})  "
            f"cycles {last.latency_cycles} of {session.spec.latency_cycles_budget} (planned)"
        )
    return f"epoch {session.epoch}/{session.until}  loss {loss:.4f}  {seen}  {seconds_left(session):.0f} s left"


def refuse_divergence(session: Session, loss: float) -> None:
    """Raise DivergedError where the loss of the last epoch, or a gradient in it, was not finite."""
    if np.isfinite(loss) and session.trainer.is_finite():
        return
    raise DivergedError(
        f"{session.spec.design}, epoch {session.epoch}: expected a finite loss and finite gradients, found a loss of "
        f"{loss:.4g}; the learning rate may be too large (training.learning_rate: "
        f"{session.spec.training.learning_rate:g}), or an operation of a network of your own undefined"
    )


def seconds_left(session: Session) -> float:
    """Extrapolate the time left from the mean epoch, and the mean measurement, so far."""
    left = session.seconds / max(session.epoch, 1) * (session.until - session.epoch)
    if done := len(session.measurements):
        left += max(MEASUREMENTS - done, 1) * session.seconds_measuring / done
    return left
