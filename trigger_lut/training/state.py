"""State of a training that an interrupted one needs to continue with the same result."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from trigger_lut.cards.stage_cards import Epoch, Measurement
from trigger_lut.cost_model.luts import Cost, LayerCost
from trigger_lut.training.budget import Budget
from trigger_lut.training.candidates import Candidate, ClosestNetwork, FeasibleNetwork
from trigger_lut.training.controller import Controller
from trigger_lut.training.measure import Built, Correction

if TYPE_CHECKING:
    from trigger_lut.training.session import Session

PLAIN = ("epoch", "until", "fine_tuned_from", "settled", "over", "under", "prune_rounds", "regrow_rounds")
SECONDS = ("seconds", "seconds_measuring")


def packed(session: Session) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Return a session as arrays and JSON-able values.

    Arrays are in this order: trainer, candidates, the nearest network, the found one, the last one whose outputs vary.
    """
    networks = [c.weights for c in session.candidates]
    values = {key: getattr(session, key) for key in (*PLAIN, *SECONDS)} | {
        "correction": asdict(session.budget.correction),
        "luts": asdict(session.luts),
        "depth": asdict(session.depth),
        "history": [e.model_dump() for e in session.history],
        "measurements": [m.model_dump() for m in session.measurements],
        "candidates": [[c.accuracy, asdict(c.cost), c.over] for c in session.candidates],
        "nearest": None,
        "found": None,
    }
    if session.nearest is not None:
        near = session.nearest
        values["nearest"] = [near.over, asdict(near.built), asdict(near.correction)]
        networks.append(near.weights)
    if session.found is not None:
        values["found"] = [session.found.accuracy, asdict(session.found.built)]
        networks.append(session.found.weights)
    networks.append(session.last_varying_weights)
    trainer = [np.asarray(v) for v in session.trainer.state()]
    return [*trainer, *(a for weights in networks for a in weights)], values


def unpack(session: Session, arrays: list[np.ndarray], values: dict[str, Any]) -> None:
    """Put a new session of the same specification into the state that `packed` returned."""
    variables, each = session.trainer.state(), len(session.model.variables)
    for variable, value in zip(variables, arrays, strict=False):
        variable.assign(value)
    rest = arrays[len(variables) :]
    *networks, session.last_varying_weights = (rest[n : n + each] for n in range(0, len(rest), each))
    for key in (*PLAIN, *SECONDS):
        setattr(session, key, values[key])
    session.budget = Budget(session.spec, Correction(**values["correction"]))
    session.luts, session.depth = Controller(**values["luts"]), Controller(**values["depth"])
    session.history = [Epoch(**e) for e in values["history"]]
    session.measurements = [Measurement(**m) for m in values["measurements"]]
    session.candidates = [
        Candidate(accuracy, Cost(tuple(LayerCost(**x) for x in cost["layers"]), cost["stages"]), over, weights)
        for (accuracy, cost, over), weights in zip(values["candidates"], networks, strict=False)
    ]
    if values["found"] is not None:
        accuracy, built = values["found"]
        session.found = FeasibleNetwork(accuracy, Built(**built), networks.pop())
    if values["nearest"] is not None:
        over, built, corrected = values["nearest"]
        session.nearest = ClosestNetwork(over, Built(**built), Correction(**corrected), networks[-1])
