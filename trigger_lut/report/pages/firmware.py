"""Page of a design's firmware: content of the pipeline stages, and converter of each layer."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Page, Table, cells, record_table, write_page
from trigger_lut.utils.wording import counted


def page_of_firmware(*, firmware: Path, folder: Path) -> None:
    """Write the page of a design's firmware: firmware.html and stages.svg.

    Parameters
    ----------
    firmware : Path
        FirmwareCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        write_page(firmware_page(read_card(FirmwareCard, firmware)), folder / "firmware.html")


def firmware_page(card: FirmwareCard) -> Page:
    """Return the page."""
    from trigger_lut.report.plots.stages import stages

    pipeline = record_table(
        "Pipeline",
        card.rtl_stages,
        head="Stage",
        note="Before synthesis. Choices: multiplexers and gates of saturation, maxima and ReLU. Paths: delay model.",
    )
    layers = Table(
        "HLS project",
        ["Layer", "Converter", "Type of the result"],
        [cells(name, handler, card.hls_result_types.get(name, "")) for name, handler in card.hls_handlers.items()],
        note=card.hls_fallback_reason or "Layer by layer, by this package's handlers and hls4ml's own.",
    )
    objects = [card.rtl_objects] if card.rtl_objects is not None else []
    step = record_table("Objects to codes", objects, note="The module in front of the network; the budget excludes it.")
    interval = "cycle" if card.rtl_ii == 1 else f"{card.rtl_ii} cycles"
    return Page(
        title=f"{card.design}: firmware",
        lead=(
            f"{counted(card.rtl_latency_cycles_planned, 'stage')} of {card.clock_period_ns:.3g} ns each, "
            f"a new event every {interval}. "
            f"Top-level module {card.rtl_top}. {_cut(card)}"
        ),
        tables=[pipeline, *([step] if objects else []), layers],
        cards={"firmware": card},
        plots=[("stages.svg", stages(card), "Content of each stage, and the delay of its logic.")],
    )


def _cut(card: FirmwareCard) -> str:
    """Describe the search for the cut of the pipeline."""
    tried = f"{counted(card.rtl_cuts, 'cut')} of the pipeline synthesized"
    if card.rtl_clock_obstacle is None:
        return f"{tried}; the netlist reaches the clock by the delay model."
    return f"{tried}; the netlist does not reach the clock by the delay model: {card.rtl_clock_obstacle}."
