"""Warm starts: a training to a smaller budget begins with the state of a larger one before its widths were frozen.

By then the larger training has found which bits pay, and every width is still trained. The smaller one takes over the
variables of the model, the moments of the optimizer, the multipliers of the controllers and the surrogate's
correction. Its target falls from the cost of that network to its own budget.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.measured import Correction
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.errors import CardError, ConfigurationError
from trigger_lut.training import checkpoint
from trigger_lut.training.controller import Controller
from trigger_lut.training.run_state import RunState
from trigger_lut.training.trainable_model import TrainableModel

NAME = "warm.npz"


@dataclass(frozen=True)
class Start:
    """State at the beginning of a training.

    arrays      As `Trainer.state`.
    luts        Multiplier and last error of the controller of LUTs.
    depth       The same of the controller of levels.
    correction  Of the surrogate.
    """

    luts: tuple[float, float]
    depth: tuple[float, float]
    correction: Correction
    arrays: list[np.ndarray] = field(repr=False, compare=False)

    def controller(self, new: Controller, of: str) -> Controller:
        """Return a controller of the new budget with the multiplier of the larger training.

        Parameters
        ----------
        new : Controller
            Controller of the new budget.
        of : str
            'luts' or 'depth'.

        Returns
        -------
        Controller
        """
        multiplier, last = getattr(self, of)
        return replace(new, multiplier=multiplier, last=last)


def save(folder: Path, state: RunState, *, model: TrainableModel) -> None:
    """Write the present state of a training into the folder of its checkpoints, for `export`; atomic.

    Parameters
    ----------
    folder : Path
        Folder of checkpoints.
    state : RunState
        Its state.
    model : TrainableModel
        Its model.
    """
    values = {
        "luts": [state.luts.multiplier, state.luts.last],
        "depth": [state.depth.multiplier, state.depth.last],
        "correction": asdict(state.budget.correction),
    }
    checkpoint.save_checkpoint(
        folder, _shape(state.spec, model.events), arrays=model.trainer_arrays(), state=values, name=NAME
    )


def export(folder: Path, path: Path) -> None:
    """Copy the file of `save` from the folder of checkpoints to a stage's output.

    Parameters
    ----------
    folder : Path
        Folder of checkpoints.
    path : Path
        File to write.
    """
    shutil.copyfile(folder / NAME, path)


def load(path: Path | None, spec: Spec, *, events: EventCodes) -> Start | None:
    """Load the state with which a design begins.

    Parameters
    ----------
    path : Path or None
        File that `export` wrote.
    spec : Spec
        The design.
    events : EventCodes
        Its data.

    Returns
    -------
    Start or None
        None for a design that is trained from scratch.

    Raises
    ------
    ConfigurationError
        If there is a file where none is wanted, or none where one is.
    CardError
        If the file is missing, damaged, or of a network or a data set of another shape.
    """
    if spec.warm_from is None:
        if path is not None:
            raise ConfigurationError(
                f"design {spec.design!r}: warm_from: missing. Expected the design of {path}, found none. Remove "
                "the file from the command, or set warm_from."
            )
        return None
    if path is None:
        raise ConfigurationError(
            f"design {spec.design!r}: warm_from: no file to start from. Expected {NAME} of design "
            f"{spec.warm_from!r}, found none. Name the file."
        )
    if not path.is_file():
        raise CardError(
            f"{path}: no such file. Expected the weights from which design {spec.design!r} starts. Train design "
            f"{spec.warm_from!r} first."
        )
    saved = checkpoint.load_checkpoint(path.parent, _shape(spec, events), name=path.name)
    if saved is None:
        raise CardError(
            f"{path}: not made for design {spec.design!r}. Expected its layers, input formats and classes: a design "
            "can start only from one that differs in LUTs alone"
        )
    arrays, values = saved
    return Start(tuple(values["luts"]), tuple(values["depth"]), Correction(**values["correction"]), arrays)


def _shape(spec: Spec, events: EventCodes) -> str:
    """Return a digest of what the arrays of a training depend on, apart from its budget."""
    formats = [[k.k, k.i, k.f] for k in events.formats]
    parts = spec.network.model_dump_json(), str(spec.function_sha256), repr(formats), repr(events.classes)
    return checkpoint.fingerprint(*parts)
