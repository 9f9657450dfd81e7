"""Findings of a drift card as sentences, for its page and for the landing page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from trigger_lut.cards.drift import DriftCard, InputDrift, NumberDrift, TargetDrift, ValueRatio
from trigger_lut.cards.physics import point_key
from trigger_lut.metrics.ratios import standard_deviations

CHANCE = 0.01  # probability that any input of a card counts as shifted without a change
DEVIATIONS = 4.0  # standard deviations by which the fraction of one of many inputs must have grown
OF_ONE = 3.0  # the same for a change of a rate or an accuracy
MORE = 0.001  # smallest growth, for saturation
NAMED = 5  # inputs named in a sentence
AnyDrift = TypeVar("AnyDrift", InputDrift, NumberDrift)


class Finding(NamedTuple):
    """Sentence about one aspect; good: no change beyond statistics."""

    about: str
    text: str
    good: bool


def shifted(numbers: Sequence[AnyDrift]) -> list[AnyDrift]:
    """Select numbers that changed beyond statistics, with the Bonferroni correction."""
    return [x for x in numbers if x.distance.p_value * len(numbers) < CHANCE]


def saturating(card: DriftCard) -> list[InputDrift]:
    """Select inputs with more values beyond their format, and significantly more events at one end."""
    return [x for x in card.features if x.saturated[1] > x.saturated[0] and (_grown(x.lowest) or _grown(x.highest))]


def constant(card: DriftCard) -> list[InputDrift]:
    """Select inputs that have one code in all new events."""
    return [x for x in card.features if x.distinct_codes[1] == 1]


def _grown(change: ValueRatio) -> bool:
    return change.new.value - change.trained.value > MORE and standard_deviations(change) > DEVIATIONS


def unknown(card: DriftCard) -> list[InputDrift]:
    """Select inputs with significantly many new codes, which no event of any split had."""

    def error(x: InputDrift) -> float:
        return float((x.unseen / card.effective_events[1] + x.unseen_by_chance / card.events[0]) ** 0.5)

    return [x for x in card.features if x.unseen > x.unseen_by_chance + MORE + DEVIATIONS * error(x)]


def findings(card: DriftCard) -> list[Finding]:
    """Return the findings: inputs first, then outputs, rates, accuracy and targets."""
    lines = [
        _about(
            "Shifted inputs",
            card,
            [f"{x.name} ({x.distance.ks:.3f})" for x in shifted(card.features)],
            ", with their distance",
        ),
        _about(
            "Constant inputs",
            card,
            [f"{x.name} ({x.distinct_codes[0]} codes before)" for x in constant(card)],
            " with one code in all new events",
        ),
        _about(
            "Saturation",
            card,
            [
                f"{x.name} ({100 * x.saturated[0]:.2f} % before, {100 * x.saturated[1]:.2f} % now)"
                for x in saturating(card)
            ],
            " with clearly more values beyond the format",
        ),
        _about(
            "New codes",
            card,
            [f"{x.name} (in {100 * x.unseen:.2g} % of the new events)" for x in unknown(card)],
            f" with codes that no event of {card.data_set} had",
        ),
        *([_of_numbers("Sums over slots", card.sums)] if card.sums else []),
        _of_numbers("Outputs", card.outputs),
    ]
    keys = [point_key(p.path, p.wanted_khz) for p in card.points]
    rates = [
        _ratio(f"Rate at {key} kHz", p.rate_khz, 1.0, "kHz")
        for key, p in zip(keys, card.points, strict=True)
        if p.rate_khz
    ]
    shares = [
        _ratio(f"Passing at the threshold for {key} kHz: {name}", x, 100.0, "%")
        for key, p in zip(keys, card.points, strict=True)
        for name, x in p.passing.items()
    ]
    lines += rates or shares
    if card.accuracy:
        lines.append(_ratio("Accuracy", next(iter(card.accuracy.values())), 100.0, "%"))
    return lines + [_of_target(target) for target in card.targets]


def _about(about: str, card: DriftCard, names: list[str], what: str) -> Finding:
    if not names:
        return Finding(about, f"none of {len(card.features)} beyond what chance allows", True)
    return Finding(about, f"{len(names)} of {len(card.features)}{what}: {_named(names)}", False)


def _of_numbers(about: str, numbers: list[NumberDrift]) -> Finding:
    moved = shifted(numbers)
    if not moved:
        return Finding(about, f"none of {len(numbers)} beyond what chance allows", True)
    names = _named([f"{x.name} ({x.distance.ks:.3f})" for x in moved])
    return Finding(about, f"{len(moved)} of {len(numbers)} shifted, with their distance: {names}", False)


def _of_target(target: TargetDrift) -> Finding:
    old, new = target.trained, target.new
    error = (old.central_error**2 + new.central_error**2) ** 0.5
    apart = abs(new.central - old.central) / error if error else 0.0
    text = f"{old.central:.3g} before, {new.central:.3g} {target.unit} now, {apart:.1f} standard deviations"
    return Finding(f"Resolution of {target.name}", text, apart < OF_ONE)


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _ratio(about: str, change: ValueRatio, scale: float, unit: str) -> Finding:
    apart = standard_deviations(change)
    values = f"{scale * change.trained.value:.3g} before, {scale * change.new.value:.3g} {unit} now"
    ratio = "" if change.ratio is None else f", ratio {change.ratio.value:.2f}"
    return Finding(about, f"{values}{ratio}, {abs(apart):.1f} standard deviations", abs(apart) < OF_ONE)


def in_short(card: DriftCard) -> str:
    """Summarize the shifted inputs and the change of the middle rate or of the accuracy."""
    text = f"{len(shifted(card.features))} of {len(card.features)} inputs shifted"
    if card.sums:
        text += f", {len(shifted(card.sums))} of {len(card.sums)} sums over slots"
    rates = [p.rate_khz for p in card.points if p.rate_khz is not None and p.rate_khz.ratio is not None]
    if rates:
        ratio = rates[len(rates) // 2].ratio
        return f"{text}, rate x {ratio.value:.2f}" if ratio is not None else text
    if card.accuracy:
        accuracy = next(iter(card.accuracy.values()))
        return f"{text}, accuracy {100 * accuracy.new.value:.1f} % after {100 * accuracy.trained.value:.1f} %"
    return text
