"""Fit of the edges to the budget.

Training freezes widths, removes edges until the network keeps to the budget, and restores edges where LUTs are unused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cost_model.luts import Cost
from trigger_lut.data.event_codes import TRAIN
from trigger_lut.training import warm_start
from trigger_lut.training.candidates import TrainingResult
from trigger_lut.training.controller import AIM, FREE_AIM, on_freezing
from trigger_lut.training.edge_widths import remove_edges
from trigger_lut.training.pruning import without
from trigger_lut.training.regrowth import fill, growths
from trigger_lut.training.smallest_network import closest, output_varies

if TYPE_CHECKING:
    from trigger_lut.training.session import Session

SAMPLE = 4096  # events by which edges are valued, and over which outputs must vary
FILLED = 0.99  # of what a network may take: enough


def freeze(session: Session) -> None:
    """Fix all widths from here on, and prune what is over the budget."""
    if not session.varies(session.network()):  # pressed too hard; what can be found is near the network before that
        session.load_weights(session.last_varying_weights)
    warm_start.save(session)
    session.hold_widths()
    session.fine_tuned_from, session.luts = session.epoch, on_freezing(session.luts)
    prune(session, FREE_AIM)


def settle(session: Session) -> None:
    """Measure the fine-tuned network, and prune to AIM; candidates for the result follow."""
    session.measure("fine-tuning")
    session.settled, session.luts = True, replace(session.luts, aim=AIM)
    prune(session, AIM)


def prune(session: Session, share: float) -> None:
    """Remove edges until the network keeps to its budget, with the fraction `share` of the LUTs.

    Once settled, it then is a candidate without further training. If the outputs of the pruned network are constant,
    the smallest network whose outputs vary is measured. Training continues with it within the budget, and ends with it
    beyond.
    """
    network, sample = session.network(), session.events.first(TRAIN, SAMPLE)[0]
    marks = session.budget.edges_to_remove(network, sample, share)
    left = output_varies(without(network, marks), sample)
    if not left:
        if not output_varies(network, sample):
            session.load_weights(session.last_varying_weights)
            session.hold_widths()
            network = session.network()
        marks = closest(session.budget, network, sample)
    remove_edges(session.tables, network, marks)
    session.trainer.reset_optimizer()
    session.over = session.under = 0
    if not left and session.budget.excess_measured(built := session.measure("result")) > 0:
        session.result = TrainingResult(False, built, session.weights(), closest=True)
        return
    _fill(session, share, sample)
    session.add_candidate(session.accuracy(), session.cost())


def refill(session: Session, fits: Callable[[Cost], bool]) -> None:
    """Restore edges and widths up to the full budget, by the surrogate, as long as `fits` accepts the cost."""
    _fill(session, 1.0, session.events.first(TRAIN, SAMPLE)[0], fits)


def _fill(session: Session, share: float, sample: np.ndarray, fits: Callable[[Cost], bool] = lambda _: True) -> None:
    """Restore edges and widths as long as the network keeps to `share` of the budget; `sample` values them.

    fits: further condition on the present network, called with its cost.
    """
    if not session.luts.binds or not session.budget.is_met(session.cost(), FILLED * share):
        return
    fill(
        growths(session.tables, session.network, sample),
        lambda: session.budget.is_met(cost := session.cost(), share) and fits(cost),
        lambda: not session.budget.is_met(session.cost(), FILLED * share),
    )
