"""Heads of a network: groups of its outputs, each with a loss and a figure of its own, as plain data.

A classification has one head of all classes, a regression one of all targets. With both, the classes are a head named
`class`, and each target is a head with the name of the target. All code that depends on the kind of a head looks it up
in a registry: losses in `training.losses`, scores in `metrics.accuracy`, baselines in `evaluation.baselines`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

HeadKind = Literal["classes", "targets"]
LossWeights = Mapping[str, float] | Literal["uncertainty"]
CLASSES: HeadKind = "classes"
TARGETS: HeadKind = "targets"
UNCERTAINTY = "uncertainty"  # loss weights that training learns
CLASS_HEAD, TARGET_HEAD = "class", "targets"  # names; of several heads, a target's has the name of the target


@dataclass(frozen=True)
class Head:
    """A group of outputs.

    Attributes
    ----------
    name : str
        Its name in messages, cards and `loss_weights`.
    kind : str
        'classes': scores, of which the largest is the class. 'targets': numbers.
    outputs : tuple of str
        Names of its outputs.
    loss_weight : float or None
        Factor of its loss; None: training learns it.
    """

    name: str
    kind: HeadKind
    outputs: tuple[str, ...]
    loss_weight: float | None = 1.0

    @property
    def truth_columns(self) -> int:
        """Number of columns of its truth: a label, or each of the targets."""
        return 1 if self.kind == CLASSES else len(self.outputs)


class PlacedHead(NamedTuple):
    """A head with its columns among the outputs of a network, and its columns of the truth."""

    head: Head
    outputs: slice
    truth: slice

    def truth_of(self, truth: Any) -> Any:
        """Return the truth of this head.

        Parameters
        ----------
        truth : (N,) or (N, columns) array or tensor
            `EventCodes.truth` of all heads.

        Returns
        -------
        (N,) labels, or (N, T) targets
            A truth of one dimension is that of a single head.
        """
        if truth.ndim == 1:
            return truth
        return truth[:, self.truth.start] if self.head.kind == CLASSES else truth[:, self.truth]


def placed(heads: Sequence[Head]) -> list[PlacedHead]:
    """Return the heads with their columns; outputs and truth are in the order of the heads.

    Parameters
    ----------
    heads : sequence of Head

    Returns
    -------
    list of PlacedHead
    """
    placed_heads, output, truth = [], 0, 0
    for head in heads:
        after, truth_after = output + len(head.outputs), truth + head.truth_columns
        placed_heads.append(PlacedHead(head, slice(output, after), slice(truth, truth_after)))
        output, truth = after, truth_after
    return placed_heads


def names_by_kind(heads: Sequence[Head]) -> dict[HeadKind, list[str]]:
    """Return the names of the outputs of all heads of each kind.

    Parameters
    ----------
    heads : sequence of Head

    Returns
    -------
    dict of str to list of str
        Kinds without a head are missing.
    """
    names: dict[HeadKind, list[str]] = {}
    for head in heads:
        names.setdefault(head.kind, []).extend(head.outputs)
    return names


def heads_of(
    classes: Sequence[str], targets: Sequence[str], *, loss_weights: LossWeights | None = None
) -> tuple[Head, ...]:
    """Return the heads of a data set.

    Parameters
    ----------
    classes, targets : sequence of str
        Names of the classes and of the targets; either may be empty.
    loss_weights : dict, 'uncertainty' or None
        Factors of losses by head, of which missing ones are 1. 'uncertainty': training learns them.

    Returns
    -------
    tuple of Head
        Targets without classes and without `loss_weights` are one head, whose loss is their mean.
    """
    parts: list[tuple[str, HeadKind, tuple[str, ...]]] = [(CLASS_HEAD, CLASSES, tuple(classes))] if classes else []
    if targets and not classes and loss_weights is None:
        parts.append((TARGET_HEAD, TARGETS, tuple(targets)))
    else:
        parts += [(name, TARGETS, (name,)) for name in targets]
    given = loss_weights if isinstance(loss_weights, Mapping) else {}
    learned = loss_weights == UNCERTAINTY
    return tuple(Head(name, kind, outputs, None if learned else given.get(name, 1.0)) for name, kind, outputs in parts)


def joined_truth(
    labels: NDArray[np.int64], targets: NDArray[np.float32] | None, *, heads: Sequence[Head]
) -> NDArray[Any]:
    """Return the truth of events for all heads.

    Parameters
    ----------
    labels : (N,) ndarray
        Classes.
    targets : (N, T) ndarray or None
        Targets; None: a classification.
    heads : sequence of Head

    Returns
    -------
    ndarray
        Labels (N,) of a classification, targets (N, T) of a regression; of both (N, 1 + T) float32, label first.
    """
    if targets is None:
        return np.asarray(labels)
    if not any(head.kind == CLASSES for head in heads):
        return np.asarray(targets)
    return np.concatenate([labels[:, None].astype(np.float32), targets], axis=1)
