"""Stage `verdict`: does every design meet its budget, and is it bit-exact? Measured elsewhere, judged here."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards import Stopwatch, read_card, write_card
from trigger_lut.errors import BudgetMissedError
from trigger_lut.records import BudgetLine, DesignSummary, Summary, VerdictCard


def missed(line: BudgetLine) -> str:
    """By how much a line of a budget is missed."""
    if line.found is None:
        return f"{line.quantity} was not measured, budget {line.budget:g}"
    over = line.found - line.budget
    share = f", {100 * over / line.budget:.1f} %" if line.budget else ""
    return f"{line.quantity} {line.found:g} ({line.source}), budget {line.budget:g}: {over:g} too many{share}"


def faults(design: DesignSummary) -> list[str]:
    """Everything that keeps a design from passing, each with its size."""
    found = [f"{design.name}: {missed(line)}" for line in design.budget if not line.met]
    if not design.bit_exact:
        found.append(
            f"{design.name}: not bit-exact: {design.mismatches} differences in {design.vectors} vectors"
            if design.mismatches
            else f"{design.name}: not shown to be bit-exact: 0 differences, but a negative control was not caught"
        )
    return found


def verdict(summary: Path, output: Path) -> None:
    """Write a `VerdictCard` when all designs pass. Raises BudgetMissedError with every fault, and leaves no card."""
    watch = Stopwatch()
    designs = read_card(Summary, summary).designs
    found = [fault for design in designs for fault in faults(design)]
    if found:
        output.unlink(missing_ok=True)
        failed = len({fault.split(":")[0] for fault in found})
        raise BudgetMissedError(f"{failed} of {len(designs)} designs fail\n  " + "\n  ".join(found))
    write_card(VerdictCard(designs=[d.name for d in designs], **watch.provenance([summary])), output)
