"""Tables of place and route on the ECP5: pipeline depths of a design, and a ranking of designs."""

from __future__ import annotations

from trigger_lut.cards.base import Measured
from trigger_lut.cards.route import RouteCard, RoutedDepth
from trigger_lut.report.template import Cell, Table, cells, number

ELSEWHERE = "Measured on another device than the target: good for ranking, not for the target's Fmax."


def depths_table(card: RouteCard) -> Table:
    """Return a table with one row for each pipeline depth."""
    rows = [
        cells(
            d.latency_cycles,
            "as built" if d.as_built else "",
            *(Cell(number(m.value)) for m in (d.fmax_mhz,)),
            Cell(_spread(d)),
            Cell(number(d.latency_ns.value)),
            Cell(number(d.luts.value)),
            Cell(number(d.ff.value)),
            d.rank,
        )
        for d in card.depths
    ]
    return Table(
        "Pipeline depths on ECP5, post-route",
        ["Cycles", "", "Fmax [MHz]", "Seeds [MHz]", "Latency there [ns]", "LUT4", "FF", "Rank"],
        rows,
        note=f"nextpnr on {card.device}, aiming at {card.clock_mhz:g} MHz; median of "
        f"{len(card.depths[0].fmax_mhz_by_seed)} seeds. Each input has a register. {ELSEWHERE}",
    )


def designs_table(cards: list[RouteCard]) -> Table:
    """Return a table of the designs as built, fastest first, with the fastest depth of each."""
    built = sorted(
        ((c, next(d for d in c.depths if d.as_built)) for c in cards), key=lambda row: -_value(row[1].fmax_mhz)
    )
    rows = [
        cells(
            n,
            card.design,
            depth.latency_cycles,
            Cell(number(depth.fmax_mhz.value)),
            Cell(_spread(depth)),
            Cell(number(depth.luts.value)),
            Cell(f"{100 * _value(depth.luts) / card.luts_available:.1f} %"),
            Cell(number(depth.ff.value)),
            min(card.depths, key=lambda d: d.rank).latency_cycles,
        )
        for n, (card, depth) in enumerate(built, 1)
    ]
    return Table(
        "Ranking by Fmax on ECP5, post-route",
        [
            "Rank",
            "Design",
            "Cycles",
            "Fmax [MHz]",
            "Seeds [MHz]",
            "LUT4",
            "of the device",
            "FF",
            "Fastest depth [cycles]",
        ],
        rows,
        note=f"nextpnr on {cards[0].device}. {ELSEWHERE}",
    )


def _spread(depth: RoutedDepth) -> str:
    clocks = depth.fmax_mhz_by_seed.values()
    return f"{min(clocks):g} to {max(clocks):g}"


def _value(figure: Measured) -> float:
    return figure.value or 0.0
