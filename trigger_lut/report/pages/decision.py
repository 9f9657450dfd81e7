"""Tables of the trigger's decision in firmware, for the page of the rates."""

from __future__ import annotations

from trigger_lut.cards.decision import DecisionBit, DecisionCard
from trigger_lut.cards.physics import point_key
from trigger_lut.firmware.decision.score import score_in_words
from trigger_lut.report.template import Cell, Table, cells, fmax, judgement, measured

FORMS = {"rtl": "Verilog in Verilator", "vhdl": "VHDL in GHDL"}


def decision_tables(card: DecisionCard) -> list[Table]:
    """Return the tables of the decision bits, and of the module's cost and verification."""
    bits = Table(
        "Decision bits in firmware",
        [
            *("Bit", "Wanted [kHz]", "Threshold code", "Threshold"),
            *("Vectors one code below", "Vectors at the threshold", "Vectors one code above"),
            *("Mismatches, threshold one up", "Mismatches, threshold one down"),
        ],
        [_row(n, bit) for n, bit in enumerate(card.bits)],
        note=f"{_of_paths(card)}The module {card.top} has the network's outputs and one bit for each working point. "
        f"A bit is 1 where {score_in_words(card.signal, card.background)}, in steps of "
        f"2^{-card.fraction}, is at least the threshold code. Negative control: the firmware was run again with "
        "thresholds moved by one code. It had to differ on the vectors at the threshold, and on no others.",
    )
    forms = [
        [
            Cell(f"Mismatches, {FORMS[form.name]}", "text"),
            judgement(not form.differences, "0", no=str(form.differences)),
            Cell(f"in {form.vectors:,} vectors, outputs and bits", "text"),
        ]
        for form in card.forms
    ]
    missing = [
        [Cell(f"Mismatches, {FORMS[name]}", "text"), Cell("not measured"), Cell(why, "text")]
        for name, why in card.not_run.items()
    ]
    proven = {"proven": "good", "different": "bad"}
    cost = Table(
        "The module of the decision",
        ["Quantity", "Measured", "Source"],
        [
            [*cells("Latency from input to decision [cycles]"), *measured(card.latency_cycles)],
            [*cells("Latency of the network alone [cycles]", card.network_latency_cycles), Cell("plan", "text")],
            [*cells("Latency from input to decision [ns]"), *measured(card.latency_ns)],
            [*cells("LUTs, without the network"), *measured(card.luts)],
            [*cells("Flip-flops, without the network"), *measured(card.ff)],
            [*cells("LUTs and carry chains in a row"), *measured(card.logic_levels)],
            [
                *cells(
                    "Fmax [MHz]", fmax(card.fmax_mhz_estimate.value, card.clock_mhz, interval=card.fmax_mhz_interval)
                ),
                Cell(f"{card.fmax_mhz_estimate.source}; estimate, not a timing run", "text"),
            ],
            *forms,
            *missing,
            [
                Cell("The decision for all outputs of the network", "text"),
                Cell(card.proof, proven.get(card.proof, "")),
                Cell(card.proof_detail or "checks of the text, and SAT", "text"),
            ],
        ],
        note="The outputs are delayed with the bits; their registers count as flip-flops. The budget is that of the "
        "network: these LUTs and the cycles after the network do not count.",
    )
    return [bits, cost]


def _of_paths(card: DecisionCard) -> str:
    """Return the part of a condition that a bit is."""
    if not card.paths:
        return ""
    return (
        "A bit of a path says that the score of one entry of the network passes. The rest of the path's condition is "
        "for the logic that collects the objects of an event. "
    )


def _row(n: int, bit: DecisionBit) -> list[Cell]:
    wanted = bit.rate_khz if not bit.path else point_key(bit.path, bit.rate_khz)
    if bit.code is None:
        return [*cells(n, wanted), Cell("never set", "text"), *(Cell("-") for _ in range(6))]
    edges = [Cell(f"{bit.vectors[name]:,}") for name in ("below", "equal", "above")]
    moved = [bit.control[name] for name in ("up", "down")]
    return [
        *cells(n, wanted),
        Cell(str(bit.code)),
        Cell(f"{bit.threshold:.10g}"),
        *edges,
        *(Cell("no vector there", "text") if count is None else Cell(f"{count:,}", "good") for count in moved),
    ]
