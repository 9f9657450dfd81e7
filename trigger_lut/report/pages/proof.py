"""Pages of what is proven of a design: equivalence for all inputs, and faults that were put in."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.proof import FaultsCard, ProveCard, SecondProof
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, percent, write_page

MOST_LISTED = 60


def pages_of_proof(prove: Path, faults: Path, folder: Path) -> None:
    """Write prove.html and faults.html. Raises CardError when a card is missing or damaged."""
    with styled():
        write_page(prove_page(read_card(ProveCard, prove)), folder / "prove.html")
        write_page(faults_page(read_card(FaultsCard, faults)), folder / "faults.html")


def prove_page(card: ProveCard) -> Page:
    """Output by output: proven, sampled or different."""
    kinds = {"proven": "good", "sampled": "text", "different": "bad"}
    proven = sum(x.status == "proven" for x in card.outputs)
    outputs = Table(
        "Firmware against the network",
        ["Output", "Bits", "", "By", ""],
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
        note=f"{card.method}. Sampled: compared on the vectors of the verify stage alone.",
    )
    caught = "time did not suffice" if card.control_caught is None else "found" if card.control_caught else "missed"
    control = Table(
        "Negative control",
        ["One bit flipped in the reference", ""],
        [[Cell(card.control, "text"), Cell(caught, "good" if card.control_caught else "bad")]],
    )
    tables = [outputs, control]
    if card.second:
        tables.insert(1, _second(card.second))
    if card.gates:
        tables.append(Table("Graphs", ["", "And gates"], [cells(name, count) for name, count in card.gates.items()]))
    late = (
        "" if card.registers is None else f" All paths to the outputs, and valid's, cross {card.registers} registers."
    )
    again = ""
    if card.second:
        agreed = sum(x.status == "agrees" for x in card.second.outputs[:-1])
        again = f" A second, independent proof agrees on {agreed} of them."
    return Page(
        title=f"{card.design}: {proven} of {len(card.outputs)} outputs proven",
        lead=f"Equal for all inputs, not on a sample of them: {proven} of {len(card.outputs)} outputs.{late}{again}",
        tables=tables,
        cards={"prove": card},
    )


def _second(second: SecondProof) -> Table:
    """Output by output, and valid: what the second proof says."""
    kinds = {"agrees": "good", "disagrees": "bad"}
    caught = {True: "was found", False: "was missed", None: "was not compared in the time"}[second.control_caught]
    size = "" if second.gates is None else f", {second.gates:,} gates"
    return Table(
        "Second proof",
        ["Output", "", ""],
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
    """What became of the faults, by kind."""
    from trigger_lut.report.plots.faults import faults

    rows = [
        cells(
            kind,
            x.injected,
            x.detected,
            x.solved,
            x.equivalent,
            Cell(str(x.undetected), "bad" if x.undetected else "good"),
            x.undecided,
        )
        for kind, x in card.kinds.items()
    ]
    counts = Table(
        "Faults of one bit in the generated Verilog",
        ["In", "Injected", "Detected", "By inputs found for it", "Proven to change nothing", "Undetected", "Undecided"],
        rows,
        note=f"A fault got {card.vectors} vectors, those of the verify stage, or as many as it took to notice it. "
        "By inputs found for it: these vectors do not show it, an input found from sums or by SAT does, and the "
        "simulated Verilog gave the reference's outputs for it without the fault, and others with it. "
        "Undetected: proven to change an output all the same. Undecided: the time did not suffice for either proof.",
    )
    missed = (
        [Table("Undetected", ["Fault"], [[Cell(text, "bad")] for text in card.undetected])] if card.undetected else []
    )
    if card.solved:
        solved = [[Cell(text, "text"), Cell(str(codes), "text")] for text, codes in card.solved.items()]
        missed.append(Table("By inputs found for them", ["Fault", "Input codes"], solved))
    if card.undecided:
        missed.append(Table("Undecided", ["Fault"], [[Cell(text, "text")] for text in card.undecided]))
    listed = card.equivalent[:MOST_LISTED]
    rest = len(card.equivalent) - len(listed)
    equivalent = Table(
        "Proven to change nothing",
        ["Fault"],
        [[Cell(text, "text")] for text in listed],
        note=f"And {rest} more, in faults.json." if rest else "",
    )
    rate = "no fault changed a function" if card.detection_rate is None else percent(card.detection_rate).text
    median = "" if card.median_vectors is None else f" Half of them within {card.median_vectors:g} vectors."
    total = sum(x.injected for x in card.kinds.values())
    open_ones = f" Of {len(card.undecided)} nothing is proven." if card.undecided else ""
    return Page(
        title=f"{card.design}: faults",
        lead=f"{total} faults, one at a time. Detected of those that change the function: {rate}.{median}{open_ones}",
        tables=[counts, *missed, equivalent],
        cards={"faults": card},
        plots=[("faults.svg", faults(card), "What became of the faults, by where they were.")],
    )
