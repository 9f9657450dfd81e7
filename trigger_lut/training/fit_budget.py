"""Fit of the edges to the budget.

Training freezes widths, removes edges until the network keeps to the budget, and restores edges where LUTs are unused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trigger_lut.cost_model.luts import Cost
from trigger_lut.training.candidates import TrainingResult
from trigger_lut.training.controller import AIM, FREE_AIM, on_freezing
from trigger_lut.training.pruning import without
from trigger_lut.training.regrowth import fill, growths
from trigger_lut.training.run_state import RunState
from trigger_lut.training.smallest_network import closest, output_varies
from trigger_lut.training.trainable_model import TrainableModel

SAMPLE = 4096  # events by which edges are valued, and over which outputs must vary
FILLED = 0.99  # of what a network may take: enough


def restore_varying(state: RunState, model: TrainableModel) -> None:
    """Load the last network whose outputs varied, if those of the present one are constant: pressed too hard."""
    if not model.varies(model.network()):
        model.load_weights(state.last_varying_weights)


def freeze(state: RunState, model: TrainableModel) -> None:
    """Fix all widths from here on, and prune what is over the budget."""
    model.hold_widths()
    state.fine_tuned_from, state.luts = state.epoch, on_freezing(state.luts)
    prune(state, model, share=FREE_AIM)


def settle(state: RunState, model: TrainableModel) -> None:
    """Measure the fine-tuned network, and prune to AIM; candidates for the result follow."""
    state.measure(model, "fine-tuning")
    state.settled, state.luts = True, replace(state.luts, aim=AIM)
    prune(state, model, share=AIM)


def prune(state: RunState, model: TrainableModel, *, share: float) -> None:
    """Remove edges until the network keeps to its budget, with the fraction `share` of the LUTs.

    Once settled, it then is a candidate without further training. If the outputs of the pruned network are constant,
    the smallest network whose outputs vary is measured. Training continues with it within the budget, and ends with it
    beyond. Where the structure is kept, nothing is removed.
    """
    if state.spec.keeps_structure:
        state.over = state.under = 0
        state.add_candidate(model.accuracy(), state.budget.estimate(model.network()), weights=model.weights())
        return
    network, sample = model.network(), model.sample(SAMPLE)
    removable = model.removable()
    marks = state.budget.edges_to_remove(network, sample, share=share, removable=removable.names)
    left = output_varies(without(network, marks), sample)
    if not left:
        if not output_varies(network, sample):
            model.load_weights(state.last_varying_weights)
            model.hold_widths()
            network, removable = model.network(), model.removable()
        marks = closest(state.budget, network, codes=sample, removable=removable.names)
    removable.remove(network, marks)
    model.trainer.reset_optimizer()
    state.over = state.under = 0
    if not left and state.budget.excess_measured(built := state.measure(model, "result")) > 0:
        state.result = TrainingResult(False, built, model.weights(), closest=True)
        return
    _fill(state, model, share)
    state.add_candidate(model.accuracy(), state.budget.estimate(model.network()), weights=model.weights())


def refill(state: RunState, model: TrainableModel, *, fits: Callable[[Cost], bool]) -> None:
    """Restore edges and widths up to the full budget, by the surrogate, as long as `fits` accepts the cost."""
    _fill(state, model, 1.0, fits)


def _fill(state: RunState, model: TrainableModel, share: float, fits: Callable[[Cost], bool] = lambda _: True) -> None:
    """Restore edges and widths as long as the network keeps to `share` of the budget.

    fits: further condition on the present network, called with its cost.
    """

    def cost() -> Cost:
        return state.budget.estimate(model.network())

    if not state.luts.binds or not state.budget.is_met(cost(), FILLED * share):
        return
    fill(
        growths(model.tables, model.network, codes=model.sample(SAMPLE)),
        lambda: state.budget.is_met(present := cost(), share) and fits(present),
        full=lambda: not state.budget.is_met(cost(), FILLED * share),
    )
