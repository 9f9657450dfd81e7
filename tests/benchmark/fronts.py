"""Pareto fronts of accuracy against LUTs, and how far one lies before another, with the error from a finite test split.

A network is a dictionary with `luts`, `accuracy` (fraction of test events), `seed` and `right`, (N,) bool: which events
of the test split it classifies rightly. All networks see the same events, so that differences of two have errors of
their own, and redrawing the events moves both sides together.
"""

import numpy as np

REDRAWN = 300  # times that the test split is redrawn


def front(points):
    """Return (LUTs, accuracies on test) of the Pareto front, by rising LUTs."""
    from trigger_lut.stages.scan import front as on_front

    good = on_front([(p["accuracy"], p["luts"], True) for p in points])
    best = sorted({(p["luts"], p["accuracy"]) for p, on in zip(points, good, strict=True) if on})
    return np.array([b[0] for b in best], float), np.array([b[1] for b in best])


def luts_at(accuracy, points):
    """LUTs at an accuracy on a front, by interpolation of log(LUT) between its points; None outside."""
    luts, accuracies = front(points)
    if not accuracies[0] <= accuracy <= accuracies[-1]:
        return None
    return float(np.exp(np.interp(accuracy, accuracies, np.log(luts))))


def ratios(mine, other):
    """(accuracy, our LUTs, their LUTs) at the accuracies of either front that both fronts span."""
    accuracies = sorted({*front(mine)[1], *front(other)[1]})
    at = [(a, luts_at(a, mine), luts_at(a, other)) for a in accuracies]
    return [(a, m, t) for a, m, t in at if m is not None and t is not None]


def cheapest_as_accurate(mine, other):
    """For each point of their front, by rising LUTs: (its LUTs, its accuracy, the fewest LUTs of ours that are at
    least as accurate; None where there is none).
    """
    pairs = []
    for luts, accuracy in zip(*front(other), strict=True):
        enough = [m["luts"] for m in mine if m["accuracy"] >= accuracy]
        pairs.append((float(luts), float(accuracy), min(enough) if enough else None))
    return pairs


def domination(mine, other):
    """(median, largest) over their front of our LUTs in theirs, of our cheapest network that is at least as accurate;
    infinite where there is none.
    """
    cost_ratios = [np.inf if ours is None else ours / luts for luts, _, ours in cheapest_as_accurate(mine, other)]
    return float(np.median(cost_ratios)), float(max(cost_ratios))


def redrawn(mine, other, seed=1):
    """(REDRAWN, 2) `domination` with the events of the test split redrawn with replacement, the same for all."""
    rng = np.random.default_rng(seed)
    right = np.array([p["right"] for p in (*mine, *other)], dtype=np.float32)
    events, drawn = right.shape[1], []
    for _ in range(REDRAWN):
        times = np.bincount(rng.integers(0, events, events), minlength=events)
        every = [{**p, "accuracy": a} for p, a in zip((*mine, *other), right @ times / events, strict=True)]
        drawn.append(domination(every[: len(mine)], every[len(mine) :]))
    return np.array(drawn)


def difference(one, other):
    """(accuracy of one less that of the other, its standard error): paired, event by event."""
    apart = one["right"].astype(float) - other["right"]
    return float(apart.mean()), float(apart.std() / np.sqrt(len(apart)))


def within_ratio(mine, other, ratio):
    """For each network on their front, with our most accurate one of at most `ratio` times its LUTs: (its LUTs and
    accuracy, the LUTs of ours, ours less theirs in accuracy, standard error of that); nothing where none is so small.
    """
    rows = []
    for luts, accuracy in zip(*front(other), strict=True):
        small = [m for m in mine if m["luts"] <= ratio * luts]
        if small:
            theirs = next(p for p in other if (p["luts"], p["accuracy"]) == (luts, accuracy))
            best = max(small, key=lambda m: m["accuracy"])
            rows.append((luts, accuracy, best["luts"], *difference(best, theirs)))
    return rows


def over_seeds(points, key):
    """By `key` of a network: (mean LUTs, mean accuracy, standard error of the mean, networks), by rising LUTs."""
    groups = {}
    for p in points:
        groups.setdefault(key(p), []).append(p)
    rows = []
    for group in groups.values():
        accuracies = [p["accuracy"] for p in group]
        spread = np.std(accuracies, ddof=1) / np.sqrt(len(group)) if len(group) > 1 else np.nan
        rows.append((float(np.mean([p["luts"] for p in group])), float(np.mean(accuracies)), float(spread), len(group)))
    return sorted(rows)
