"""Proposal of targets of a regression: numbers that a simulation knows, such as gen_pt next to pt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trigger_lut.data.scaffold.branch_names import (
    MOMENTA,
    OTHER_IDENTITY,
    VARIABLES,
    group,
    identifier,
    is_truth,
    key,
    role,
    term,
    words,
)
from trigger_lut.data.scaffold.inspect import Branch
from trigger_lut.data.scaffold.proposal import Feature, ProposedTargets, percent, span

MIN_VALUES = 21  # different ones; fewer could be classes
# What is left of a word of truth is its variable: pt of genpt and of matchedpt
TRUTH_START = re.compile(r"^(gen|generated|truth|true|target|label|mc|sim|match|matched)+")
RECONSTRUCTED = {"reco", "rec", "raw", "meas", "measured", "l"}  # l of L1
MOMENTUM = {*MOMENTA, "met"}
UNSURE = 3  # place of candidates that are mentioned next to a sure one alone


def propose_targets(flat: Mapping[str, Branch]) -> ProposedTargets:
    """Return targets from flat branches, if one is named like a label, or like the truth of a measured momentum.

    Parameters
    ----------
    flat : mapping of str to Branch
        Branches with one number per entry.

    Returns
    -------
    ProposedTargets
        Without targets where no branch is named and filled like one.
    """
    known = [name for name, branch in flat.items() if _is_target(name, branch)]
    measured = [name for name, branch in flat.items() if role(name) is None and branch.values.dtype.kind in "iuf"]
    partners = {name: _partner(name, measured) for name in known}
    ranked = sorted(known, key=lambda name: _rank(name, partners[name]))
    if not ranked or _rank(ranked[0], partners[ranked[0]]) >= UNSURE:
        return ProposedTargets()
    first = ranked[0]
    targets = tuple(replace(_target(name, flat[name], partners[name]), used=name == first) for name in ranked)
    partner = f" next to {partners[first]}" if partners[first] else ""
    note = f"none, so a regression is proposed, of {first}{partner}"
    without = targets[0].not_finite
    return ProposedTargets(targets, tuple(ranked), _condition(first) if without else "", without, note)


def targets_of_objects(branches: Mapping[str, Branch]) -> str:
    """Return a hint where lists have a target for each object, such as Jet_genPt; empty for none."""
    lists = {name: branch for name, branch in branches.items() if branch.kind == "list"}
    for name in lists:
        head, tail = group(name)
        if not tail or is_truth(head) or not is_truth(name):
            continue
        partner = _partner(name, [other for other in lists if group(other)[0] == head and not is_truth(other)])
        if partner:
            return f"; for a regression of each {head}, write rows: {head} and the target {name} next to {partner}"
    return ""


def _rank(name: str, partner: str) -> int:
    """Return the place of a candidate: label, momentum with a partner, momentum, then others in comments alone."""
    if role(name) == "label":
        return 0
    if _is_momentum(name):
        return 1 if partner else 2
    return UNSURE if partner else UNSURE + 1


def _is_target(name: str, branch: Branch) -> bool:
    """Return whether a branch is named like truth or a label, and holds many numbers that are not all whole."""
    if role(name) not in ("truth", "label") or key(name) in OTHER_IDENTITY or branch.values.dtype.kind != "f":
        return False
    finite = np.asarray(branch.values, np.float64)
    finite = finite[np.isfinite(finite)]
    return len(np.unique(finite)) >= MIN_VALUES and not np.array_equal(finite, np.floor(finite))


def _plain(name: str) -> list[str]:
    """Return the words of a name without those of truth and reconstruction."""
    factors = []
    for word in words(name):
        left = TRUTH_START.sub("", word)
        if word in RECONSTRUCTED or (is_truth(word) and left not in (*VARIABLES, "met")):
            continue
        if left:
            factors.append(left)
    return factors


def _partner(name: str, measured: list[str]) -> str:
    """Return the measured branch of the same variable: pt of gen_pt, jet_pt where it is the only pt; empty for none."""
    mine = _plain(name)
    if not mine:
        return ""
    same = [other for other in measured if set(_plain(other)) == set(mine)]
    if not same:
        same = [other for other in measured if _plain(other)[-1:] == mine[-1:] and set(mine) <= set(_plain(other))]
        same = same if len(same) == 1 else []
    return same[0] if same else ""


def _has_target(name: str, branch: Branch) -> NDArray[np.bool_]:
    """Return which entries have a target: finite, and positive for a momentum."""
    values = np.asarray(branch.values, np.float64)
    return np.isfinite(values) & ((values > 0) | (not _is_momentum(name)))


def _is_momentum(name: str) -> bool:
    return bool(MOMENTUM & set(_plain(name)))


def _condition(name: str) -> str:
    """Return the condition that keeps entries with a target."""
    return f"{term(name)} > 0" if _is_momentum(name) else f"abs({term(name)}) < 1e30"


def _target(name: str, branch: Branch, partner: str) -> Feature:
    present = _has_target(name, branch)
    without = float(np.mean(~present))
    comment = f"{branch.type}, {span(branch.values[present])}"
    comment += f"; measured: {partner}" if partner else ""
    comment += f"; {percent(without)} of the entries have none" if without else ""
    return Feature(identifier(name), term(name), comment, without)
