"""Scans: lists of budgets, networks and seeds in the budget file, expanded to designs with readable names.

The name of a point says what it is and depends on nothing else, so that an edited scan keeps the points that stay:
scan_l400_t20_s1 has 400 LUTs, 20 ns, the budget file's network and seed 1. In scan_l400_t12p5_u40x5_b4_s2 the latency
is 12.5 ns, the units are [40, 5], the address bits 4 and the seed 2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.layer_options import Units
from trigger_lut.config.network import NetworkShape
from trigger_lut.config.validation import LONGEST, Name, Positive
from trigger_lut.utils.identifiers import design_mistake, same_in_code

MOST_POINTS = 100  # each is a training of its own
# Fractions of the budget file's epochs and learning rate, for a point that starts from the next larger LUT budget.
# Measured against trainings from scratch with tests/benchmark/test_warm_start.py: 100 epochs, three seeds, budgets of
# 900 to 200 LUTs below 1500. These fractions gained 0.48 +- 0.15 points of test accuracy; 0.3 of the epochs gained
# 0.28 +- 0.12. But 900 and 540 LUTs lost 0.13 +- 0.10 points of validation accuracy.
WARM_EPOCHS, WARM_RATE = 0.5, 0.5


class Scan(StrictModel):
    """Designs at all combinations of these lists; they are compared on the scan's page and not judged."""

    luts: list[Positive] = Field(min_length=1, description="6-input LUTs after synthesis.")
    latency_ns: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="From valid input to valid output at the target's clock."
    )
    units: list[Annotated[list[Units], Field(min_length=1)]] | None = Field(
        None, min_length=1, description="Networks that differ from the budget file's in units; default: that one alone."
    )
    networks: dict[Name, NetworkShape] | None = Field(
        None, min_length=1, description="Networks by name, instead of units."
    )
    max_input_bits: list[Annotated[int, Field(ge=1, le=12)]] | None = Field(
        None, min_length=1, description="Largest address widths; default: the network's."
    )
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] | None = Field(
        None, min_length=1, description="Seeds; default: the budget file's."
    )
    warm_start: bool = Field(
        True,
        description="Whether points that differ in LUTs alone form a chain. Training starts from scratch for the "
        "largest. Each smaller one starts from the next larger network, as it was before its widths were frozen, and "
        f"trains for {WARM_EPOCHS:g} times the epochs. A chain takes fewer epochs in all, but runs one point after the "
        "other: with a core for each point, false ends sooner.",
    )


@dataclass(frozen=True)
class Variant:
    """One network of a scan: what it adds to names, where it is in the budget file."""

    label: str
    place: str
    network: NetworkShape


@dataclass(frozen=True)
class Point:
    """One design of a scan. warm_from: the point that its training starts from; None: from scratch."""

    name: str
    luts: int
    latency_ns: float
    network: NetworkShape
    seed: int
    warm_from: str | None = None


def variants(scan: Scan, network: NetworkShape) -> list[Variant]:
    """List the networks of a scan, before `max_input_bits` is applied.

    Parameters
    ----------
    scan : Scan
        The scan.
    network : NetworkShape
        Network of the budget file.

    Returns
    -------
    list of Variant
        Networks of `networks` or of `units`; the budget file's alone where the scan has neither.
    """
    if scan.networks is not None:
        return [Variant(f"_{name}", f"scan.networks.{name}", shape) for name, shape in scan.networks.items()]
    if scan.units is None:
        return [Variant("", "network", network)]
    shared = {key: getattr(network, key) for key in ("batch_norm", "edge_hidden_units", "max_input_bits")}
    listed = []
    for n, units in enumerate(scan.units):
        label = "" if units == network.units else "_u" + "x".join(map(str, units))
        listed.append(Variant(label, f"scan.units.{n}", NetworkShape(units=units, **shared)))
    return listed


def points(scan: Scan, network: NetworkShape, *, seed: int) -> list[Point]:
    """List the designs of a scan in the order of its lists.

    Parameters
    ----------
    scan : Scan
        The scan.
    network : NetworkShape
        Network of the budget file.
    seed : int
        Seed of the budget file, for a scan without seeds.

    Returns
    -------
    list of Point
        One design for each combination. With warm_start each but the largest LUT budget starts from the next larger
        one.
    """
    falling = sorted(set(scan.luts), reverse=True)
    larger = dict(zip(falling[1:], falling, strict=False)) if scan.warm_start else {}

    def name(luts: int, latency: float, label: str, s: int) -> str:
        return f"scan_l{luts}_t{_text(latency)}{label}_s{s}"

    return [
        Point(
            name(luts, latency, label, s),
            luts,
            latency,
            shape,
            s,
            name(larger[luts], latency, label, s) if luts in larger else None,
        )
        for label, shape in _networks(scan, network)
        for latency in scan.latency_ns
        for luts in scan.luts
        for s in (scan.seeds or [seed])
    ]


def _networks(scan: Scan, network: NetworkShape) -> list[tuple[str, NetworkShape]]:
    shapes = []
    for variant in variants(scan, network):
        for bits in scan.max_input_bits or [variant.network.max_input_bits]:
            same = bits == variant.network.max_input_bits
            shape = variant.network if same else variant.network.model_copy(update={"max_input_bits": bits})
            shapes.append((variant.label + ("" if same else f"_b{bits}"), shape))
    return shapes


def _text(number: float) -> str:
    """Return a number as part of a name: 20.0 as 20, 12.5 as 12p5."""
    return repr(float(number)).removesuffix(".0").replace(".", "p").replace("+", "")


def _too_long(name: str) -> str | None:
    if len(name) <= LONGEST:
        return None
    return f"expected at most {LONGEST} characters, found {len(name)} in {name!r}. Shorten the network's name"


def mistakes(scan: Scan, network: NetworkShape | None, *, seed: int, designs: Collection[str]) -> list[str]:
    """List contradictions between the lists of a scan, and between the scan and the designs.

    Parameters
    ----------
    scan : Scan
        The scan.
    network : NetworkShape or None
        Network of the budget file; None where it is itself mistaken. Names of points are then not checked.
    seed : int
        Seed of the budget file.
    designs : collection of str
        Names of the designs outside the scan.

    Returns
    -------
    list of str
        Problems as 'dotted.path: problem'.
    """
    lines = []
    lists = {key: getattr(scan, key) for key in ("luts", "latency_ns", "units", "max_input_bits", "seeds")}
    for key, values in lists.items():
        repeated = [value for value, count in Counter(map(str, values or [])).items() if count > 1]
        lines += [f"scan.{key}: {value} occurs twice" for value in repeated]
    named = list((scan.networks or {}).items())
    for n, (name, shape) in enumerate(named):
        lines += [f"scan.networks.{name}: the same as {other!r}" for other, earlier in named[:n] if earlier == shape]
    if scan.units is not None and scan.networks is not None:
        lines.append("scan: expected units or networks, found both")
    lengths = {key: len(values) for key, values in {**lists, "networks": named}.items() if values}
    if (count := math.prod(lengths.values())) > MOST_POINTS:
        product = " x ".join(f"{length} {key}" for key, length in lengths.items())
        lines.append(f"scan: expected at most {MOST_POINTS} designs, found {count} ({product})")
    if network is not None and scan.units is not None and network.units is None:
        lines.append("scan.units: only where the budget file's network has units; give networks instead")
    if lines or network is None:
        return lines
    for variant in variants(scan, network):
        if variant.network.keras_file is not None:
            return [f"scan: {variant.place} is a saved model; expected it in designs alone"]
    functions = [variant.place for variant in variants(scan, network) if variant.network.builder is not None]
    if functions and scan.max_input_bits is not None:
        return [f"scan.max_input_bits: {place} is a function, which has its own" for place in functions]
    names = Counter(point.name for point in points(scan, network, seed=seed))
    lines += [f"scan: {count} designs would have the name {name!r}" for name, count in names.items() if count > 1]
    lines += [f"designs.{name}: the scan has a design of this name" for name in designs if name in names]
    lines += [f"scan: {mistake}" for name in names if (mistake := design_mistake(name) or _too_long(name))]
    lines += [
        f"scan: designs {other!r} and {name!r} have the same names of modules and files. Rename a network or a design"
        for name, other in same_in_code([*designs, *names])
        if name in names and other != name
    ]
    return lines
