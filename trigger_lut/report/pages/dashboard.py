"""Dashboard: the verdict, and one panel for each design with its figures against the budget."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from trigger_lut.cards.firmware import TimingCard
from trigger_lut.cards.physics import PairedDifference, PhysicsCard
from trigger_lut.cards.proof import FaultsCard, ProveCard
from trigger_lut.cards.stage_cards import METRICS, BudgetLine, DesignSummary
from trigger_lut.report.template import number, percent

NOT_MEASURED = number(None)
MOST_REASONS = 8
JUDGED = ("prove", "faults")  # stages that the verdict of a design needs
QUANTITIES = {
    "luts": ("LUTs", "", "synth"),
    "latency_ns": ("Latency", " ns", "timing"),
    "clock_mhz": ("Clock", " MHz", "timing"),
}
OTHERS = {"ii": "initiation interval", "dsp": "DSP", "bram18": "BRAM18"}


@dataclass(frozen=True)
class Banner:
    """The verdict; state is 'passed', 'failed' or 'not run'."""

    state: str
    text: str
    reasons: list[str] = field(default_factory=list)
    more: int = 0


@dataclass(frozen=True)
class Bar:
    """A figure against its budget, in percent of the bar's width, with the interval of an estimate."""

    filled: float
    limit: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """One line of a panel; kind is 'good', 'bad', or '' for what is not measured or not decided."""

    name: str
    stage: str
    kind: str
    word: str
    text: str = ""
    notes: list[str] = field(default_factory=list)
    bar: Bar | None = None


@dataclass(frozen=True)
class Panel:
    """One design; `pages` is the folder of its pages."""

    name: str
    passes: bool
    reasons: list[str]
    lines: list[Line]
    pages: str


def banner(reasons: Sequence[str], failing: int, *, designs: int, points: int, absent: Sequence[str]) -> Banner:
    """Return the verdict.

    Parameters
    ----------
    reasons, failing
        Reasons to fail, and how many designs and points of the scan they are of.
    designs, points
        Designs, and points of the scan, which must only be bit-exact.
    absent
        Stages that did not run, but are needed for a verdict.
    """
    counts = ((designs, "design"), (points, "point of the scan" if points == 1 else "points of the scan"))
    judged = " and ".join(f"{n} {what}{'s' * (what == 'design' and n > 1)}" for n, what in counts if n)
    if reasons:
        shown = list(reasons[:MOST_REASONS])
        return Banner("failed", f"{failing} of {judged} failed.", shown, len(reasons) - len(shown))
    if not judged:
        return Banner("not run", "There is no design to judge.")
    if absent:
        return Banner("not run", f"{judged}: not judged.", [f"stage {name}: {NOT_MEASURED}" for name in absent])
    sentences = ["Every design meets its budget, is bit-exact, and has no refuted output and no undetected fault."]
    sentences = sentences * bool(designs) + ["Every point of the scan is bit-exact."] * bool(points)
    return Banner("passed", f"{judged}. {' '.join(sentences)}")


def panel(
    row: DesignSummary,
    reasons: Sequence[str],
    *,
    pages: str,
    physics: PhysicsCard | None = None,
    timing: TimingCard | None = None,
    prove: ProveCard | None = None,
    faults: FaultsCard | None = None,
) -> Panel:
    """Return the panel of a design; None: the stage did not run. reasons: those for which this design fails."""
    lines = {line.quantity: line for line in row.budget}
    drawn = [_against_budget(lines[name], timing) for name in QUANTITIES if name in lines]
    others = [lines[name] for name in OTHERS if name in lines]
    return Panel(
        name=row.name,
        passes=not reasons,
        reasons=[reason.removeprefix(f"{row.name}: ") for reason in reasons],
        lines=[_quality(row, physics), *drawn, *_others(others), _exact(row), *_proofs(prove), _faults(faults)],
        pages=pages,
    )


def interval_of(physics: PhysicsCard | None) -> tuple[float, float] | None:
    """Return both ends of the interval of the firmware's accuracy; None where it is not measured."""
    if physics is None:
        return None
    if physics.heads and (error := physics.scores.weighted_error) is not None:
        return physics.score - error, physics.score + error
    if not physics.methods or physics.heads:
        return None
    share = physics.methods[-1].accuracy
    return share.low, share.high


def _quality(row: DesignSummary, physics: PhysicsCard | None) -> Line:
    """Accuracy or R², its error, and what it gains or loses against the baselines on the same events."""
    ends = interval_of(physics)
    interval = f"error {NOT_MEASURED}" if ends is None else f"{100 * ends[0]:.2f} to {percent(ends[1]).text}"
    costs = _differences(physics)
    notes = []
    for baseline in row.baselines:
        method, value = baseline.name, baseline.score
        paired = costs.get(method)
        error = None if paired is None else paired.error
        difference = f"{100 * (row.score - value if paired is None else paired.value):+.2f}".replace("-", "−")
        spread = f" points (error {NOT_MEASURED})" if error is None else f" ± {100 * error:.2f} points"
        notes.append(f"{method}: {percent(value).text}; firmware {difference}{spread}")
    return Line(METRICS[row.metric], "physics", "", percent(row.score).text, f"({interval})", notes)


def _differences(physics: PhysicsCard | None) -> dict[str, PairedDifference]:
    """Return by method the score of the firmware minus its, on the same events."""
    if physics is None:
        return {}
    return physics.differences or {cost.method: cost.accuracy for cost in physics.quantization_losses}


def _against_budget(line: BudgetLine, timing: TimingCard | None) -> Line:
    name, unit, stage = QUANTITIES[line.quantity]
    if line.measured is None:
        return Line(name, stage, "", NOT_MEASURED, f"budget {line.budget:,g}{unit}")
    notes, interval = [f"source: {line.source}"], None
    if line.at_least:
        interval = timing.fmax_mhz_interval if timing is not None else None
        error = f"interval {NOT_MEASURED}" if interval is None else str(interval)
        notes = [f"source: {line.source}, an estimate: {error}"]
    limit = f"{unit}, at least {line.budget:,g}" if line.at_least else f" of {line.budget:,g}{unit}"
    text = f"{against_limit(line)}{limit}"
    ends = (None, None) if interval is None else (interval.low_mhz, interval.high_mhz)
    notes += [line.reason] if line.reason else []
    return Line(name, stage, *_met(line.met), text, notes, _bar(line.measured, line.budget, *ends))


def against_limit(line: BudgetLine) -> str:
    """Return the measured figure, rounded so that one that misses its limit never looks as if it met it."""
    if line.measured is None:
        return NOT_MEASURED
    nearest = round(line.measured, 1)
    if line.at_least or (line.met and nearest > line.budget):
        nearest = math.floor(10 * line.measured) / 10
    elif not line.met:
        nearest = math.ceil(10 * line.measured) / 10
    return f"{nearest:,.10g}"


def _met(met: bool) -> tuple[str, str]:
    return ("good", "met") if met else ("bad", "missed")


def _bar(measured: float, budget: float, low: float | None, high: float | None) -> Bar | None:
    scale = max(measured, budget, high or 0.0)
    if budget <= 0:
        return None
    ends = [None if end is None else round(100 * end / scale, 1) for end in (low, high)]
    return Bar(round(100 * measured / scale, 1), round(100 * budget / scale, 1), *ends)


def _others(lines: Sequence[BudgetLine]) -> list[Line]:
    """Combine the lines of a budget with small integers."""
    text = ", ".join(f"{OTHERS[x.quantity]} {number(x.measured)} of {x.budget:g}" for x in lines)
    return [Line("Others", "synth", *_met(all(line.met for line in lines)), text)] if lines else []


def _exact(row: DesignSummary) -> Line:
    if row.bit_exact:
        return Line("Bit-exact", "verify", "good", "yes", f"0 mismatches in {row.vectors:,} vectors")
    if row.mismatches:
        return Line("Bit-exact", "verify", "bad", "no", f"{row.mismatches:,} mismatches in {row.vectors:,} vectors")
    return Line("Bit-exact", "verify", "bad", "not shown", "a negative control was not caught")


def _proofs(card: ProveCard | None) -> list[Line]:
    """Return the lines of both proofs."""
    if card is None or not card.seconds_allowed:
        return [Line("Proof", "prove", "", NOT_MEASURED, "not requested: outputs are compared on vectors only")]
    counts = Counter(output.status for output in card.outputs)
    proven = f"{counts['proven']} of {len(card.outputs)} outputs, for all inputs"
    if card.control_caught is False:
        first = Line("Proof", "prove", "bad", "not shown", "a flipped table bit was proven equal")
    elif counts["different"]:
        first = Line("Proof", "prove", "bad", "refuted", f"{counts['different']} of {len(card.outputs)} outputs differ")
    elif counts["sampled"]:
        first = Line("Proof", "prove", "", "sampled", f"proven: {proven}; the others compared on vectors only")
    else:
        first = Line("Proof", "prove", "good", "proven", proven)
    if card.second is None:
        return [first, Line("Second proof", "prove", "", NOT_MEASURED, "not requested")]
    again: Counter[str] = Counter(output.status for output in card.second.outputs)
    text = ", ".join(f"{status}: {count} of {len(card.second.outputs)} outputs" for status, count in again.items())
    if again["disagrees"] or card.second.control_caught is False:
        return [first, Line("Second proof", "prove", "bad", "disagrees", text)]
    if set(again) == {"agrees"}:
        outputs = [output.name for output in card.second.outputs]
        text = f"{len(outputs)} of {len(outputs)} outputs" + ", including valid" * ("valid_out" in outputs)
        return [first, Line("Second proof", "prove", "good", "agrees", text)]
    return [first, Line("Second proof", "prove", "", "incomplete" if again["agrees"] else NOT_MEASURED, text)]


def _faults(card: FaultsCard | None) -> Line:
    if card is None or card.detection_rate is None:
        why = "no fault that changes a function was injected"
        return Line("Faults", "faults", "", NOT_MEASURED, "" if card is None else why)
    kinds = card.kinds.values()
    caught = sum(kind.detected + kind.solved for kind in kinds)
    changing = caught + len(card.undetected)
    rest = f"; {len(card.undecided)} undecided" if card.undecided else ""
    word = "detected" if not card.undetected else f"{len(card.undetected)} undetected"
    text = f"{caught:,} of {changing:,} that change the function{rest}"
    return Line("Faults", "faults", "bad" if card.undetected else "good", word, text)
