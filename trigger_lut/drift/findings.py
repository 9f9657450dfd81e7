"""What a drift card says, in sentences: for the page, and for the landing page in short."""

from __future__ import annotations

from typing import NamedTuple

from trigger_lut.drift.ratios import standard_deviations
from trigger_lut.records_drift import Compared, DriftCard, InputDrift

CHANCE = 0.01  # that any input of a card is called shifted where nothing has changed
DEVIATIONS = 4.0  # standard deviations that a share must have grown by
MORE = 0.001  # and by how much, for saturation
NAMED = 5  # inputs named in a sentence


class Finding(NamedTuple):
    """A sentence about one aspect; good: nothing has changed beyond statistics."""

    about: str
    text: str
    good: bool


def shifted(card: DriftCard) -> list[InputDrift]:
    """Inputs whose distance chance would hardly bring; probabilities times the number of inputs (Bonferroni)."""
    return [x for x in card.features if x.distance.p_value * len(card.features) < CHANCE]


def saturating(card: DriftCard) -> list[InputDrift]:
    """Inputs with more values beyond their format, and clearly more events at one of its ends."""
    return [x for x in card.features if x.saturated[1] > x.saturated[0] and (_grown(x.lowest) or _grown(x.highest))]


def constant(card: DriftCard) -> list[InputDrift]:
    """Inputs that have one code in all new events."""
    return [x for x in card.features if x.distinct_codes[1] == 1]


def _grown(found: Compared) -> bool:
    return found.new.value - found.trained.value > MORE and standard_deviations(found) > DEVIATIONS


def findings(card: DriftCard) -> list[Finding]:
    """Of inputs, then of what the network makes of them."""
    found = [_of_inputs(card)]
    for about, said, inputs, none in (
        ("Constant inputs", "has one value in all new events", constant(card), "no input is constant"),
        ("Saturation", "saturates more often", saturating(card), "no input saturates clearly more often"),
    ):
        plural = said.replace("has one value", "have one value each").replace("saturates", "saturate")
        if inputs:
            names = _named([f"{x.name}{_was(x, about)}" for x in inputs])
            found.append(Finding(about, f"{len(inputs)} of {len(card.features)} {plural}: {names}", False))
        else:
            found.append(Finding(about, none, True))
    found.append(_of_new_codes(card))
    found.append(_of_outputs(card))
    found += [_ratio(f"Rate at {p.wanted_khz:g} kHz", p.rate_khz, 1.0, "kHz") for p in card.points if p.rate_khz]
    if not any(p.rate_khz for p in card.points):
        for p in card.points:
            found += [
                _ratio(f"Share passing at {p.wanted_khz:g} kHz: {k}", x, 100.0, "%") for k, x in p.passing.items()
            ]
    if card.accuracy:
        found.append(_ratio("Accuracy", next(iter(card.accuracy.values())), 100.0, "%"))
    for target in card.targets:
        old, new = target.trained, target.new
        apart = abs(new.central - old.central) / max((new.central_error**2 + old.central_error**2) ** 0.5, 1e-12)
        text = f"{old.central:.3g} before, {new.central:.3g} {target.unit} now, {apart:.1f} standard deviations"
        found.append(Finding(f"Resolution of {target.name}", text, apart < DEVIATIONS))
    return found


def _of_inputs(card: DriftCard) -> Finding:
    moved = shifted(card)
    if not moved:
        text = f"none of {len(card.features)} differs more than chance allows"
        return Finding("Shifted inputs", text, True)
    names = _named([f"{x.name} ({x.distance.ks:.3f})" for x in moved])
    return Finding("Shifted inputs", f"{len(moved)} of {len(card.features)}, with their distance: {names}", False)


def _of_outputs(card: DriftCard) -> Finding:
    moved = [x for x in card.outputs if x.distance.p_value * len(card.outputs) < CHANCE]
    if not moved:
        return Finding("Outputs", f"none of {len(card.outputs)} differs more than chance allows", True)
    names = _named([f"{x.name} ({x.distance.ks:.3f})" for x in moved])
    return Finding("Outputs", f"{len(moved)} of {len(card.outputs)} shifted, with their distance: {names}", False)


def unknown(card: DriftCard) -> list[InputDrift]:
    """Inputs of which clearly more events than chance has it show codes that no event of any split had."""

    def error(x: InputDrift) -> float:
        return float((x.unseen / card.effective[1] + x.unseen_by_chance / card.events[0]) ** 0.5)

    return [x for x in card.features if x.unseen > x.unseen_by_chance + MORE + DEVIATIONS * error(x)]


def _of_new_codes(card: DriftCard) -> Finding:
    about, found = "New codes", unknown(card)
    if not found:
        return Finding(about, "no input has clearly more codes that were not there before than chance has it", True)
    names = _named([f"{x.name} ({100 * x.unseen:.2g} % of the new events)" for x in found])
    return Finding(about, f"codes that no event of {card.data_set} had, of {names}", False)


def _was(x: InputDrift, about: str) -> str:
    if about == "Constant inputs":
        return f" (in training: {x.distinct_codes[0]} codes)"
    return f" ({100 * x.saturated[0]:.2f} % before, {100 * x.saturated[1]:.2f} % now)"


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _ratio(about: str, found: Compared, scale: float, unit: str) -> Finding:
    apart = standard_deviations(found)
    values = f"{scale * found.trained.value:.3g} before, {scale * found.new.value:.3g} {unit} now"
    ratio = "" if found.ratio is None else f", ratio {found.ratio.value:.2f}"
    return Finding(about, f"{values}{ratio}, {abs(apart):.1f} standard deviations", abs(apart) < DEVIATIONS)


def in_short(card: DriftCard) -> str:
    """For the landing page: how many inputs moved, and what became of the middle rate or of accuracy."""
    text = f"{len(shifted(card))} of {len(card.features)} inputs shifted"
    rates = [p.rate_khz for p in card.points if p.rate_khz is not None and p.rate_khz.ratio is not None]
    if rates:
        ratio = rates[len(rates) // 2].ratio
        return f"{text}, rate x {ratio.value:.2f}" if ratio is not None else text
    if card.accuracy:
        found = next(iter(card.accuracy.values()))
        return f"{text}, accuracy {100 * found.new.value:.1f} % after {100 * found.trained.value:.1f} %"
    return text
