"""Table of the figures of vendor tools and Yosys."""

from __future__ import annotations

from trigger_lut.cards.base import Measured
from trigger_lut.cards.firmware import SynthCard
from trigger_lut.cards.vendor import HlsFigures, VendorCard, VivadoFigures
from trigger_lut.report.template import Cell, Table, cells, number

OFF = "verification.vivado and verification.vitis_hls of the budget file are off"
COLUMNS = ("Yosys", "Vivado, post-synth", "Vivado, post-route", "Vitis HLS, csynth")
ROWS = {
    "LUTs": "luts",
    "Flip-flops": "ff",
    "DSP slices": "dsp",
    "Block RAMs of 18 Kb": "bram18",
    "UltraRAMs": "uram",
    "Levels of logic": "logic_levels",
    "Worst slack of setup [ns]": "wns_ns",
    "Worst slack of hold [ns]": "whs_ns",
    "Endpoints that miss setup": "failing_endpoints",
    "Fmax [MHz]": "fmax_mhz",
    "Clock period expected [ns]": "clock_ns",
    "Latency [cycles]": "latency_cycles",
    "Initiation interval [cycles]": "ii",
}


def vendor_table(synth: SynthCard, card: VendorCard | None) -> Table:
    """Return a table with one column for each tool; '-': no such figure, 'not measured': the tool did not run."""
    after = (VivadoFigures(), VivadoFigures()) if card is None else (card.post_synth, card.post_route)
    hls = HlsFigures() if card is None else card.csynth
    rows = [
        cells(name, *(_cell(figures, key) for figures in (synth, *after, hls)))
        for name, key in ROWS.items()
        if any(hasattr(figures, key) for figures in (*after, hls))
    ]
    return Table("Vendor tools", ["", *COLUMNS], rows, note=f"Out of context. {_note(card)}")


def _cell(figures: object, key: str) -> Cell:
    figure = getattr(figures, key, None)
    return Cell(number(figure.value)) if isinstance(figure, Measured) else Cell("-")


def _note(card: VendorCard | None) -> str:
    if card is None:
        return f"Not measured: {OFF}."
    ran = {"Vivado": (card.vivado, card.vivado_note), "Vitis HLS": (card.vitis_hls, card.vitis_hls_note)}
    versions = [
        f"{name} {version}" if version else f"{name}: not measured, {why}" for name, (version, why) in ran.items()
    ]
    return "; ".join(versions) + f"; part {card.part}."
