"""The page of a design's firmware: who converted which layer, and what sits in each stage of the pipeline."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Page, Table, cells, fixed, write_page


def page_of_firmware(card: Path, folder: Path) -> None:
    """Write firmware.html and stages.svg. Raises CardError when the card is missing or damaged."""
    with styled():
        write_page(firmware_page(read_card(FirmwareCard, card)), folder / "firmware.html")


def firmware_page(card: FirmwareCard) -> Page:
    """The page as plain values."""
    from trigger_lut.report.plots.stages import stages

    held = Table(
        "Pipeline",
        ["Stage", "Tables", "Adders", "Choices", "Registers behind it [bits]", "Longest path, estimate [ns]"],
        [
            cells(n, x.tables, x.adders, x.choices, x.register_bits, fixed(x.logic_ns, 2))
            for n, x in enumerate(card.rtl_stages, 1)
        ],
        note="Before synthesis. Choices are multiplexers and gates: saturation, maxima, ReLU. Paths: the delay model.",
    )
    layers = Table(
        "HLS project",
        ["Layer", "Taken by", "Type of its result"],
        [cells(name, handler, card.hls_result_types.get(name, "")) for name, handler in card.hls_handlers.items()],
        note=card.hls_fallback_reason or "Layer by layer, by this package's handlers and hls4ml's own.",
    )
    return Page(
        title=f"{card.design}: firmware",
        lead=(
            f"{card.rtl_latency_cycles_planned} stages at {card.clock_period_ns:.3g} ns, a new event every cycle. "
            f"Top-level module {card.rtl_top}. {_cut(card)}"
        ),
        tables=[held, layers],
        cards={"firmware": card},
        plots=[("stages.svg", stages(card), "What sits in each stage, and how long its logic takes.")],
    )


def _cut(card: FirmwareCard) -> str:
    """Say how the cut of the pipeline was found."""
    tried = f"{card.rtl_cuts} cut{'s' * (card.rtl_cuts > 1)} of the pipeline synthesized"
    if card.rtl_clock_obstacle is None:
        return f"{tried}; the netlist reaches the clock by the delay model."
    return f"{tried}; the netlist does not reach the clock by the delay model: {card.rtl_clock_obstacle}."
