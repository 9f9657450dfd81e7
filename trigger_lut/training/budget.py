"""Budget of a design as training applies it: to the surrogate's figures, corrected by measurements."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.luts import Cost, estimate
from trigger_lut.cost_model.measured import Built, Correction
from trigger_lut.cost_model.shared_layers import SharedLayers, cut_at, parts_stages, shared_layers, total_stages
from trigger_lut.cost_model.time_sharing import Sharing, choose_sharing, parts_cost
from trigger_lut.network.network import Network
from trigger_lut.network.simplify import without_unread
from trigger_lut.training.pruning import Marks, edges_to_prune, edges_to_shorten, saliency, without


@dataclass(frozen=True)
class Budget:
    """Limits of LUTs and cycles of a design, and the known error of the surrogate.

    Attributes
    ----------
    spec
        The design.
    correction
        Of the surrogate.
    shared
        Layers that share hardware over the cycles of an event in all networks that are estimated. None: each network
        is cut in its own best way, which takes much longer.
    """

    spec: Spec
    correction: Correction = field(default_factory=Correction)
    shared: tuple[SharedLayers, ...] | None = None

    @property
    def model(self) -> DelayModel:
        """Delays of the target."""
        return DelayModel.of(self.spec.target)

    def estimate(self, network: Network) -> Cost:
        """Estimate the cost of a network by the surrogate, without correction."""
        if self.spec.budget.ii == 1 or self.shared == ():
            return estimate(network, self.model)
        if self.shared is None:
            return self.sharing(network).cost
        return parts_cost(network, cut_at(network, self.shared), model=self.model)

    def sharing(self, network: Network) -> Sharing:
        """Choose the layers that share hardware, within the initiation interval and the latency of the budget.

        The choice is a function of the network and the specification alone, so that the firmware makes the same one.
        """
        return choose_sharing(
            network, self.model, ii=self.spec.budget.ii, latency_cycles=self.spec.latency_cycles_budget
        )

    def with_shared_layers_of(self, network: Network) -> Budget:
        """Return the budget that cuts all networks at the layers where this one is best cut."""
        return self if self.spec.budget.ii == 1 else replace(self, shared=shared_layers(self.sharing(network).parts))

    def is_met(self, cost: Cost, share: float = 1.0) -> bool:
        """Return whether a cost, corrected, keeps to the budget, with the fraction `share` of its LUTs."""
        luts, cycles = self.correction.luts_of(cost), self.correction.cycles_of(cost)
        return luts <= share * self.spec.budget.luts and cycles <= self.spec.latency_cycles_budget

    def excess(self, cost: Cost, share: float = 1.0) -> float:
        """Return the relative excess of a corrected cost over the budget, with `share` of its LUTs; 0 if `is_met`."""
        return self._excess(self.correction.luts_of(cost) / share, self.correction.cycles_of(cost))

    def excess_measured(self, built: Built) -> float:
        """Return the relative excess of a measurement over the budget and the clock; 0 when it keeps to them."""
        slow = max(self.spec.target.clock_mhz / built.fmax_mhz - 1.0, 0.0)
        return self._excess(built.luts, built.latency_cycles) + slow

    def _excess(self, luts: float, cycles: int) -> float:
        return max(luts / self.spec.budget.luts - 1.0, 0.0) + max(cycles / self.spec.latency_cycles_budget - 1.0, 0.0)

    def edges_to_remove(
        self, network: Network, codes: np.ndarray, *, share: float, removable: Collection[str] | None = None
    ) -> Marks:
        """Return the edges of least worth to remove so that a network keeps to its budget, with `share` of the LUTs.

        codes (N, C_in): events by which edges are valued. If nothing fits, all edges are marked. removable: names of
        the layers that can lose edges; None means all.
        """
        budget = self if self.shared is not None else self.with_shared_layers_of(network)
        shared = budget.shared or ()
        scores = [
            s if removable is None or layer.name in removable else np.full(s.shape, np.inf)
            for layer, s in zip(network.layers, saliency(network, codes), strict=True)
        ]
        late = edges_to_shorten(
            network,
            scores,
            stages=lambda n: parts_stages(n, cut_at(n, shared), model=self.model),
            finished=lambda n: total_stages(cut_at(n, shared), self.model),
            budget=self.spec.latency_cycles_budget - self.correction.cycles,
        )
        # Edges into values that nothing reads any more go by themselves, so they do not count.
        small = edges_to_prune(
            without(network, late), scores, fits=lambda n: self.is_met(budget.estimate(without_unread(n)), share)
        )
        return [a | b for a, b in zip(late, small, strict=True)]
