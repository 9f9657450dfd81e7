"""Stage `verdict`: does every design meet its budget, and is it bit-exact? Measured elsewhere, judged here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trigger_lut.cards import Stopwatch, read_card, write_card
from trigger_lut.errors import BudgetMissedError
from trigger_lut.records import BudgetLine, DesignSummary, Summary, VerdictCard
from trigger_lut.records_decision import DecisionCard
from trigger_lut.records_proof import FaultsCard, ProveCard
from trigger_lut.records_scan import ScanCard, ScanPoint
from trigger_lut.summary import judged, keeps


def missed(line: BudgetLine) -> str:
    """Say by how much a line of a budget is missed."""
    if line.found is None:
        return f"{line.quantity} was not measured, budget {line.budget:g}"
    why = [line.reason] if line.reason is not None else []
    if not keeps(line.budget, line.found, at_least=line.at_least):
        off = abs(line.found - line.budget)
        share = f", {100 * off / line.budget:.1f} %" if line.budget else ""
        why.insert(0, f"{off:g} too {'low' if line.at_least else 'many'}{share}")
    return f"{line.quantity} {line.found:g} ({line.source}), budget {line.budget:g}: {'; '.join(why)}"


def faults(design: DesignSummary) -> list[str]:
    """Everything that keeps a design from passing, each with its size."""
    return [f"{design.name}: {missed(line)}" for line in design.budget if not line.met] + not_exact(design)


def not_exact(design: DesignSummary | ScanPoint) -> list[str]:
    """What keeps a design from being bit-exact."""
    if design.bit_exact:
        return []
    if design.mismatches:
        return [f"{design.name}: not bit-exact: {design.mismatches} differences in {design.vectors} vectors"]
    return [f"{design.name}: not shown to be bit-exact: 0 differences, but a negative control was not caught"]


def unproven(path: Path) -> list[str]:
    """What a card of the stages `prove`, `faults` or `decision` has against its design.

    Raises CardError for any other file.
    """
    if path.name.startswith("decision"):
        decided = read_card(DecisionCard, path)
        found = [] if decided.bit_exact else [f"{decided.design}: decision in firmware: {decided.verdict}"]
        if not decided.clock_met:
            clock = judged("clock_mhz", decided.clock_mhz, decided.fmax_mhz_estimate, at_least=True)
            found.append(f"{decided.design}: decision in firmware: {missed(clock)}")
        return found
    if path.name.startswith("faults"):
        injected = read_card(FaultsCard, path)
        count = len(injected.undetected)
        return [f"{injected.design}: {count} faults undetected, the first: {injected.undetected[0]}"] if count else []
    card = read_card(ProveCard, path)
    found = [f"{card.design}: output {x.name} differs: {x.detail}" for x in card.outputs if x.status == "different"]
    missed_flip = [card.control_caught, card.second.control_caught if card.second else None]
    return found + ([f"{card.design}: a flipped table bit was proven equal"] if False in missed_flip else [])


def verdict(summary: Path | None, scan: Path | None, output: Path, proofs: Sequence[Path] = ()) -> None:
    """Write a `VerdictCard` when all designs pass. Raises BudgetMissedError with every fault, and leaves no card.

    proofs: cards of the stages `prove`, `faults` and `decision`.

    Points of a scan may miss their budgets: that is what a scan finds out. Each must be bit-exact.
    """
    watch = Stopwatch()
    designs = read_card(Summary, summary).designs if summary else []
    points = [point for point in read_card(ScanCard, scan).points if point.scanned] if scan else []
    found = [fault for design in designs for fault in faults(design)]
    found += [fault for point in points for fault in not_exact(point)]
    found += [fault for path in proofs for fault in unproven(path)]
    if found:
        output.unlink(missing_ok=True)
        failed = len({fault.split(":")[0] for fault in found})
        raise BudgetMissedError(f"{failed} of {len(designs) + len(points)} designs fail\n  " + "\n  ".join(found))
    read = [path for path in (summary, scan, *proofs) if path]
    write_card(VerdictCard(designs=[d.name for d in designs], **watch.provenance(read)), output)
