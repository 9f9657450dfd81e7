"""Proposal of `init` as plain values: features, objects in slots, classes of files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trigger_lut.data.formats import automatic_format

WIDTH, QUANTILES = 8, (0.001, 0.999)
MANY_NOT_FINITE = 0.1  # dropping more than this fraction of the entries is not proposed


@dataclass(frozen=True)
class Feature:
    """A feature that may be used. `used` is false for one that is only mentioned, in a comment."""

    name: str
    expression: str | None
    comment: str
    not_finite: float
    used: bool = True


@dataclass(frozen=True)
class ProposedObjects:
    """Objects in slots. Comments say why: `number` of the count, `order` of the key, `empty` of the padding.

    not_finite: fraction of the entries with a NaN or infinity in a slot of a used feature. sort_by: empty for the order
    of the file. select: condition on objects, with the reason in `selected`; empty for none.
    """

    name: str
    count: int
    number: str
    sort_by: str
    order: str
    empty: str
    features: tuple[Feature, ...]
    not_finite: float
    select: str = ""
    selected: str = ""

    @property
    def used(self) -> list[Feature]:
        """Features that are not in comments."""
        return [feature for feature in self.features if feature.used]

    def channels(self) -> set[str]:
        """Names of the channels that these would be, with all that is mentioned."""
        return {f"{self.name}_{slot}_{feature.name}" for slot in range(self.count) for feature in self.features}


@dataclass(frozen=True)
class ProposedTargets:
    """Targets of a regression. One is used, the others are in comments.

    cut: condition that leaves out entries without a target; empty for none. without: fraction of these entries.
    """

    targets: tuple[Feature, ...] = ()
    branches: tuple[str, ...] = ()
    cut: str = ""
    without: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Proposal:
    """A start for a description. Empty `event_id`, `classes` or used features are for the user to fill in.

    classes   Names, from 0 on.
    files     Files or globs by class where files say the class; empty: a label does.
    apart     Whether entries of different classes may have the same event_id.
    notes     Comments on event_id and label.
    left_out  Reason by branch.
    numbered  Whether entries are numbered, as no branch names them.
    values    Value of the label of each class, as YAML; empty for 0, 1, ...
    friend    Tree of the same files with the identity; empty for none.
    targets   Of a regression; none where there are classes.
    """

    tree: str
    event_id: tuple[str, ...]
    split_by: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    features: tuple[Feature, ...]
    objects: tuple[ProposedObjects, ...]
    notes: dict[str, str]
    left_out: dict[str, str]
    files: dict[str, list[str]] = field(default_factory=dict)
    apart: bool = False
    numbered: bool = False
    values: tuple[str, ...] = ()
    friend: str = ""
    targets: ProposedTargets = field(default_factory=ProposedTargets)

    @property
    def used(self) -> list[Feature]:
        """Features that are not in comments."""
        return [feature for feature in self.features if feature.used]

    @property
    def nonfinite(self) -> str:
        """Treatment of NaN and infinities."""
        has_nonfinite = any(feature.not_finite for feature in self.used) or any(o.not_finite for o in self.objects)
        return "drop" if has_nonfinite else "refuse"


def described(kind: str, finite: Any, *, not_finite: float) -> str:
    """Return a comment on finite values (N,), N > 0: type of the branch, range, fraction of NaN, automatic format."""
    kif = automatic_format(finite, WIDTH, quantiles=QUANTILES)
    return f"{kind}, {span(finite)}, {percent(not_finite)} not finite; auto: {kif}"


def span(values: Any) -> str:
    """Return the smallest and largest of the finite values as text."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    return f"{finite.min():.6g} to {finite.max():.6g}" if len(finite) else "no finite value"


def percent(fraction: float) -> str:
    """Return a fraction as text."""
    return "0 %" if not fraction else f"{100 * fraction:.3g} %" if fraction > 1e-4 else "< 0.01 %"
