"""The table of vendors' figures: what ran, what did not and why."""

from __future__ import annotations

import made_cards

from trigger_lut.cards.base import Measured
from trigger_lut.cards.vendor import HlsFigures, VendorCard, VivadoFigures
from trigger_lut.report.pages.vendor import vendor_table


def card(vivado: bool) -> VendorCard:
    routed = VivadoFigures(
        luts=Measured(value=812, source="post-route"), fmax_mhz=Measured(value=391.2, source="post-route")
    )
    return VendorCard(
        design="small", part="xcvu13p-flga2577-2-e", scripts={}, vivado="2023.2" if vivado else None,
        vivado_note=None if vivado else "vivado is not on PATH", post_synth=VivadoFigures(),
        post_route=routed if vivado else VivadoFigures(), vitis_hls=None,
        vitis_hls_note="not asked for: verification.vitis_hls", csynth=HlsFigures(), **made_cards.MADE,
    )  # fmt: skip


def shown(of: VendorCard | None) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row[1:]] for row in vendor_table(made_cards.synth(), of).rows}


def test_figures_stand_under_their_tool():
    table = shown(card(vivado=True))
    assert table["LUTs"] == ["900", "not measured", "812", "not measured"]
    assert table["Fmax [MHz]"] == ["-", "not measured", "391.2", "-"]
    assert table["Latency [cycles]"] == ["-", "-", "-", "not measured"]


def test_the_note_says_why_a_tool_did_not_run():
    assert vendor_table(made_cards.synth(), card(vivado=True)).note == (
        "Out of context. Vivado 2023.2; Vitis HLS: not measured, not asked for: verification.vitis_hls; "
        "part xcvu13p-flga2577-2-e."
    )
    assert "Vivado: not measured, vivado is not on PATH" in vendor_table(made_cards.synth(), card(vivado=False)).note


def test_without_the_stage_all_is_not_measured():
    assert shown(None)["LUTs"] == ["900", "not measured", "not measured", "not measured"]
    assert vendor_table(made_cards.synth(), None).note.endswith("verification.vitis_hls of the budget file are off.")
