"""Pages of the proof and of injected faults."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.proof import FaultsCard, ProveCard, SecondProof
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, percent, record_table, write_page
from trigger_lut.utils.wording import counted

MOST_LISTED = 60


def pages_of_proof(*, prove: Path, faults: Path, folder: Path) -> None:
    """Write the pages of the proof and of injected faults: prove.html and faults.html.

    Parameters
    ----------
    prove, faults : Path
        ProveCard and FaultsCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        write_page(prove_page(read_card(ProveCard, prove)), folder / "prove.html")
        write_page(faults_page(read_card(FaultsCard, faults)), folder / "faults.html")


def prove_page(card: ProveCard) -> Page:
    """Return the page of the proof."""
    kinds = {"proven": "good", "sampled": "text", "different": "bad"}
    proven = sum(x.status == "proven" for x in card.outputs)
    outputs = Table(
        "Firmware against the network",
        ["Output", "Bits", "Status", "Method", "Detail"],
        [
            [
                Cell(x.name, "text"),
                Cell(str(x.bits)),
                Cell(x.status, kinds[x.status]),
                Cell(x.by or "", "text"),
                Cell(x.detail, "text"),
            ]
            for x in card.outputs
        ],
        note=f"{card.method}. Sampled: compared only on the vectors of the verify stage.",
    )
    caught = "time did not suffice" if card.control_caught is None else "found" if card.control_caught else "missed"
    control = Table(
        "Negative control",
        ["One bit flipped in the reference", "Result"],
        [[Cell(card.control, "text"), Cell(caught, "good" if card.control_caught else "bad")]],
    )
    tables = [outputs, control]
    if card.second:
        tables.insert(1, _second(card.second))
    if card.gates:
        tables.append(
            Table("Graphs", ["Graph", "And gates"], [cells(name, count) for name, count in card.gates.items()])
        )
    late = (
        ""
        if card.registers is None
        else f" Each path to an output or to valid crosses {counted(card.registers, 'register')}."
    )
    again = ""
    if card.second:
        agreed = sum(x.status == "agrees" for x in card.second.outputs[:-1])
        again = f" A second, independent proof agrees on {agreed} of them."
    return Page(
        title=f"{card.design}: {proven} of {len(card.outputs)} outputs proven",
        lead=f"Equal to the network for all inputs: {proven} of {len(card.outputs)} outputs.{late}{again}",
        tables=tables,
        cards={"prove": card},
    )


def _second(second: SecondProof) -> Table:
    """Return the table of the second proof: each output, and valid."""
    kinds = {"agrees": "good", "disagrees": "bad"}
    caught = {True: "was found", False: "was missed", None: "was not compared in the time"}[second.control_caught]
    size = "" if second.gates is None else f", {second.gates:,} gates"
    return Table(
        "Second proof",
        ["Output", "Status", "Detail"],
        [
            [Cell(x.name, "text"), Cell(x.status, kinds.get(x.status, "text")), Cell(x.detail, "text")]
            for x in second.outputs
        ],
        note=f"The Verilog with its registers, unrolled over {second.cycles} cycles{size}, against the network: equal "
        "for all inputs, gaps and states of the registers. Registers, words, tables and network are modeled apart from "
        f"the first proof, and searched by {second.solver}. Limits: {second.seconds_allowed} s, "
        f"{second.most_gates:,} gates. Negative control: a flipped bit {caught}.",
    )


def faults_page(card: FaultsCard) -> Page:
    """Return the page of injected faults."""
    from trigger_lut.report.plots.faults import faults

    counts = record_table(
        "Faults of one bit in the generated Verilog",
        card.kinds,
        head="Location",
        note=f"Each fault is simulated with the {card.vectors:,} vectors of the verify stage until one detects it. "
        "Solved inputs: no vector detects the fault, but an input from sums or SAT does, also in simulation. "
        "Undetected: proven to change an output. Undecided: time did not suffice for a proof.",
    )
    missed = (
        [Table("Undetected", ["Fault"], [[Cell(text, "bad")] for text in card.undetected])] if card.undetected else []
    )
    if card.solved:
        solved = [[Cell(text, "text"), Cell(str(codes), "text")] for text, codes in card.solved.items()]
        missed.append(Table("Detected by solved inputs", ["Fault", "Input codes"], solved))
    if card.undecided:
        missed.append(Table("Undecided", ["Fault"], [[Cell(text, "text")] for text in card.undecided]))
    listed = card.equivalent[:MOST_LISTED]
    rest = len(card.equivalent) - len(listed)
    equivalent = Table(
        "Proven to change nothing",
        ["Fault"],
        [[Cell(text, "text")] for text in listed],
        note=f"{rest} more are in faults.json." if rest else "",
    )
    rate = "no fault changed a function" if card.detection_rate is None else percent(card.detection_rate).text
    median = "" if card.median_vectors is None else f" Half of them need at most {card.median_vectors:,g} vectors."
    total = sum(x.injected for x in card.kinds.values())
    open_ones = f" Undecided: {len(card.undecided)}." if card.undecided else ""
    return Page(
        title=f"{card.design}: faults",
        lead=f"{counted(total, 'fault')}, one at a time. Detected of those that change the function: {rate}.{median}"
        f"{open_ones}",
        tables=[counts, *missed, equivalent],
        cards={"faults": card},
        plots=[("faults.svg", faults(card), "Outcome of the faults by location.")],
    )
