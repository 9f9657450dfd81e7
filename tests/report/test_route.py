"""Tables of place and route: designs and depths in the order of their Fmax."""

from __future__ import annotations

import made_cards

from trigger_lut.cards.base import Measured
from trigger_lut.cards.route import RouteCard, RoutedDepth
from trigger_lut.report.pages.route import depths_table, designs_table
from trigger_lut.report.pages.timing import timing_page


def card(design: str, fmax: dict[int, float], built: int) -> RouteCard:
    def measured(value: float) -> Measured:
        return Measured(value=value, source="post-route")

    depths = [
        RoutedDepth(
            latency_cycles=cycles, as_built=cycles == built, fmax_mhz=measured(mhz),
            fmax_mhz_by_seed={"1": mhz, "2": mhz - 10, "3": mhz + 5}, latency_ns=measured(1000 * cycles / mhz),
            luts=measured(8364), ff=measured(300), rank=1 + sum(other > mhz for other in fmax.values()),
        )
        for cycles, mhz in fmax.items()
    ]  # fmt: skip
    return RouteCard(
        design=design, device="LFE5U-85F", target="xcvu13p", clock_mhz=360, luts_available=83640, ff_available=83640,
        fmax_mhz=measured(fmax[built]), depths=depths, **made_cards.MADE,
    )  # fmt: skip


SMALL, LARGE = card("small", {3: 120.0, 4: 150.0}, built=3), card("large", {5: 130.0, 6: 110.0}, built=5)


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_designs_stand_in_the_order_of_their_fmax_as_built():
    rows = texts(designs_table([SMALL, LARGE]))
    assert [row[1] for row in rows] == ["large", "small"]
    assert rows[1] == ["2", "small", "3", "120", "110 to 125", "8,364", "10.0 %", "300", "4"]


def test_depths_carry_their_rank_and_which_was_built():
    rows = texts(depths_table(SMALL))
    assert [(row[0], row[1], row[-1]) for row in rows] == [("3", "as built", "2"), ("4", "", "1")]
    assert "not for the target's Fmax" in depths_table(SMALL).note


def test_the_timing_page_has_the_table_where_there_is_a_card():
    spec, timing = made_cards.spec(), made_cards.timing()
    titles = [table.title for table in timing_page(spec, timing, route=SMALL).tables]
    assert "Pipeline depths on ECP5, post-route" in titles
    assert "Pipeline depths on ECP5, post-route" not in [table.title for table in timing_page(spec, timing).tables]
