"""Data sets of the benchmark of budgets: made from a seed, or read from a file; no linear function tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from networks import encode

from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes
from trigger_lut.fixed_point.formats import KIF

EVENTS = 12_000
MASSES_GEV = (91.2, 125.0)  # of the two resonances of `masses`
SHARES = [0.7, 0.15, 0.15]  # of training, validation and test
TOYS = {"rings": 3, "products": 4, "waves": 2}  # classes


def made_events(name: str, n: int = EVENTS, seed: int = 0) -> EventCodes:
    """`n` events of one of TOYS, or of `masses`."""
    rng = np.random.default_rng(seed)
    if name == "masses":
        features, labels, formats = masses(rng, n)
    else:
        features, labels, formats = toy(name, rng, n)
    codes = np.stack([encode(x, kif) for x, kif in zip(features.values(), formats, strict=True)], axis=1)
    split = rng.choice([TRAIN, VALIDATION, TEST], n, p=SHARES).astype(np.uint8)
    classes = tuple(f"c{c}" for c in range(labels.max() + 1))
    ids = np.arange(n, dtype=np.uint64)
    return EventCodes(codes.astype(np.int32), labels, split, ids, tuple(formats), tuple(features), classes)


def some_of(path: Path, n: int = EVENTS) -> EventCodes:
    """The first `n` events of a file, which are in the order of a hash."""
    events = load_codes(path)
    return EventCodes(
        events.codes[:n],
        events.labels[:n],
        events.split[:n],
        events.event_id[:n],
        events.formats,
        events.features,
        events.classes,
    )


def toy(name: str, rng: np.random.Generator, n: int) -> tuple[dict[str, np.ndarray], np.ndarray, list[KIF]]:
    """Ten normal features; classes are quantiles of a function of a few of them, with a tenth of noise."""
    x = rng.normal(size=(n, 10))
    value = {
        "rings": np.hypot(x[:, 0], x[:, 1]) + 0.3 * np.abs(x[:, 2]),
        "products": x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + 0.5 * x[:, 4],
        "waves": np.sin(2 * x[:, 0]) + np.cos(2 * x[:, 1]) + 0.4 * x[:, 2] ** 2 + 0.3 * x[:, 3],
    }[name]
    value = value + 0.1 * value.std() * rng.normal(size=n)
    labels = np.digitize(value, np.quantile(value, np.arange(1, TOYS[name]) / TOYS[name]))
    return {f"x{i}": x[:, i] for i in range(10)}, labels, [KIF(1, 2, 5)] * 10


def masses(rng: np.random.Generator, n: int) -> tuple[dict[str, np.ndarray], np.ndarray, list[KIF]]:
    """Pairs of massless particles, as a trigger sees them: a falling continuum, or one of two resonances.

    The pair has a mass, a transverse momentum and a rapidity, and decays evenly in its rest frame. Momenta are smeared
    by 6 %; isolation and missing momentum differ a little between the classes. m^2 = 2 pt1 pt2 (cosh deta - cos dphi)
    is not among the features.
    """
    labels = rng.integers(0, 1 + len(MASSES_GEV), n)
    m = np.where(labels == 0, 50.0 + rng.exponential(45.0, n), np.array([0.0, *MASSES_GEV])[labels])
    pt, y = rng.exponential(30.0, n), rng.normal(0.0, 1.0, n)
    cosine, phi = rng.uniform(-1, 1, n), rng.uniform(-np.pi, np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    rest = 0.5 * m * np.array([sine * np.cos(phi), sine * np.sin(phi), cosine])
    # Boosted along x by the pair's transverse momentum, then along the beam by its rapidity.
    energy = np.sqrt(m**2 + pt**2)
    legs = []
    for sign in (1.0, -1.0):
        px, py, pz = sign * rest
        px, e = (energy * px + pt * 0.5 * m) / m, (energy * 0.5 * m + pt * px) / m
        e, pz = np.cosh(y) * e + np.sinh(y) * pz, np.sinh(y) * e + np.cosh(y) * pz
        across = np.hypot(px, py)
        legs.append(np.array([across, np.arcsinh(pz / np.maximum(across, 1e-6)), np.arctan2(py, px)]))
    first = legs[0][0] > legs[1][0]
    (pt1, eta1, phi1), (pt2, eta2, phi2) = np.where(first, *legs), np.where(first, *legs[::-1])
    pt1, pt2 = (p * rng.normal(1.0, 0.06, n).clip(0.5) for p in (pt1, pt2))
    apart = np.abs((phi1 - phi2 + np.pi) % (2 * np.pi) - np.pi)
    isolation = [rng.exponential(np.where(labels == 0, 0.5, 0.3), n) for _ in range(2)]
    missing = rng.exponential(np.where(labels == 0, 22.0, 16.0), n)
    features = {
        "pt1": pt1,
        "pt2": pt2,
        "eta1": eta1,
        "eta2": eta2,
        "deta": np.abs(eta1 - eta2),
        "dphi": apart,
        "iso1": isolation[0],
        "iso2": isolation[1],
        "missing": missing,
        "vertices": rng.poisson(40, n).astype(float),
    }
    transverse, angle = KIF(0, 8, 0), KIF(1, 2, 4)
    formats = [transverse, transverse, angle, angle, KIF(0, 3, 5), KIF(0, 2, 5), *[KIF(0, 2, 4)] * 2]
    return features, labels, [*formats, KIF(0, 7, 0), KIF(0, 7, 0)]
