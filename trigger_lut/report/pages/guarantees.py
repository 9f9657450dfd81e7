"""Page of the guarantees: each claim with its checks and assumptions, and its status for each design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trigger_lut.cards.attack import AttackCard
from trigger_lut.cards.base import Card, read_card
from trigger_lut.cards.firmware import TimingCard, VerifyCard
from trigger_lut.cards.proof import ProveCard
from trigger_lut.report.guarantees import CLAIMS, Claim
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, judgement, record_table, write_page

ATTACK_CARD = Path(__file__).parents[2] / "verification" / "attack" / "attack.json"
"""Card of the last complete attack on the proof. It is part of the package, since a workflow does not repeat it."""


def page_of_guarantees(*, designs: Sequence[Path], output: Path) -> None:
    """Write the page of the guarantees: claims, checks and assumptions.

    Parameters
    ----------
    designs : sequence of Path
        Folders with verify.json, prove.json and timing.json.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        write_page(guarantees_page(designs), output)


def guarantees_page(designs: Sequence[Path]) -> Page:
    """Return the page; see `page_of_guarantees`."""
    attack = read_card(AttackCard, ATTACK_CARD) if ATTACK_CARD.is_file() else None
    tables = [_design_table(designs)] if designs else []
    tables += [_claim_table(claim) for claim in CLAIMS]
    tables.append(attack_table(attack))
    cards: dict[str, Card] = {} if attack is None else {"attack": attack}
    return Page(
        title="Guarantees",
        lead="Each word has one meaning. This page states it, with its checks and assumptions.",
        tables=tables,
        cards=cards,
    )


def _design_table(designs: Sequence[Path]) -> Table:
    rows = []
    for folder in designs:
        verify = read_card(VerifyCard, folder / "verify.json")
        prove = read_card(ProveCard, folder / "prove.json")
        timing = read_card(TimingCard, folder / "timing.json")
        rows.append(
            [
                Cell(verify.design, "text"),
                judgement(verify.bit_exact, f"0 mismatches, {verify.vectors:,} vectors", no=verify.verdict),
                _proven(prove),
                Cell(_second(prove), "text"),
                judgement(timing.clock_met and timing.latency_met and timing.ii_met),
            ]
        )
    header = ["Design", "Bit-exact", "Proven", "Second proof", "Clock, latency and II met"]
    note = "The verdict of the run judges every line of the budget and follows all files; this table does not."
    return Table("Designs of this run", header, rows, note)


def _proven(prove: ProveCard) -> Cell:
    if not prove.seconds_allowed:
        return Cell("not measured", "text")
    proven = sum(output.status == "proven" for output in prove.outputs)
    return Cell(f"{proven} of {len(prove.outputs)} outputs", "good" if proven == len(prove.outputs) else "text")


def _second(prove: ProveCard) -> str:
    if prove.second is None:
        return "not asked for"
    agreed = sum(output.status == "agrees" for output in prove.second.outputs)
    return f"{agreed} of {len(prove.second.outputs)} agree"


def _claim_table(claim: Claim) -> Table:
    checks = [[Cell(f"Check {n}", "text"), Cell(text, "prose")] for n, text in enumerate(claim.checks, 1)]
    others = {
        "Independent means": claim.independence,
        "Assumed": claim.assumptions,
        "Not covered": claim.limits,
    }
    rows = [[Cell("Meaning", "text"), Cell(claim.meaning, "prose")], *checks]
    rows += [[Cell(name, "text"), Cell(text, "prose")] for name, text in others.items()]
    return Table(claim.word, ["", ""], rows)


def attack_table(card: AttackCard | None) -> Table:
    """Return the figures of the attack suite by kind of mutation, and in total; None: it was not run."""
    if card is None:
        return Table("Attack suite", ["", ""], [cells("all mutants", None)])
    version = card.versions["trigger_lut"]
    note = (
        f"Changed Verilog against the proof: version {version}, {card.seconds:.0f} s. Simulation of event sequences "
        "with gaps, from random register states, decides which mutants differ."
    )
    command = f"trigger-lut attack --mutants {card.total.mutants} --seed {card.seed}"
    table = record_table("Attack suite", {**card.kinds, "all": card.total}, head="Mutation", note=note)
    return replace(table, command=command)
