"""The scan's page: every point is in it, labeled and told apart without color; it needs nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import made_cards
import pytest
from made_results import write_scan

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.scan import ScanCard
from trigger_lut.report.pages.scan import pages_of_scan
from trigger_lut.report.plots.pareto import NAMED, against_latency, against_luts, label_of
from trigger_lut.report.plots.style import styled


def point(name: str, luts: int, accuracy: float, budget: int = 1000, cycles: int = 7, mismatches: int = 0):
    return {
        "spec": made_cards.spec(name, luts=budget),
        "synth": made_cards.synth(name, luts=luts),
        "physics": made_cards.physics(name, accuracy=accuracy),
        "timing": made_cards.timing(name, cycles=cycles),
        "verify": made_cards.verify(name, mismatches=mismatches),
    }


FEW = {
    "scan_l300_t20_s1": point("scan_l300_t20_s1", 290, 0.71, 300),
    "scan_l600_t20_s1": point("scan_l600_t20_s1", 611, 0.75, 600),
    "scan_l900_t20_s1": point("scan_l900_t20_s1", 890, 0.74, 900, cycles=5),
    "scan_l3000_t20_s1": point("scan_l3000_t20_s1", 2900, 0.78, 3000, mismatches=2),
}
MANY = {f"scan_l{n}00_t20_s1": point(f"scan_l{n}00_t20_s1", 100 * n, 0.7 + 0.005 * n, 10_000) for n in range(1, 21)}


@pytest.fixture
def make_scan(tmp_path):
    """Writes the cards of a scan; gives its card's path."""
    write_card(made_cards.reference(), tmp_path / "reference.json")

    def make(points, published=None):
        folders = [made_cards.write_design(tmp_path, name, **changed) for name, changed in points.items()]
        return write_scan(tmp_path, [], folders, tmp_path / "reference.json", published)

    return make


@pytest.fixture
def page(make_scan):
    """Draws the page of a scan; gives its text."""

    def draw(points, published=None) -> str:
        path = make_scan(points, published)
        pages_of_scan(scan=path, folder=path.parent)
        return path.with_name("scan.html").read_text()

    return draw


class Rows(HTMLParser):
    """The texts of all table rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1] and not data.startswith("\n"):
            self.rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")


def test_the_table_holds_every_point(page):
    rows = {row[1]: row for row in Rows(page(FEW)).rows if len(row) == 14}
    assert set(rows) == {"Design", *FEW}
    assert rows["scan_l600_t20_s1"][2:9] == [
        *("75.00 ± 0.40 %", "611 of 600", "512", "17.50 of 20", "missed", "yes", "LUT, latency"),
    ]
    assert rows["scan_l3000_t20_s1"][6:9] == ["met", "no, 2 mismatches", "-"]


def test_the_table_tells_where_trainings_started(page):
    later = FEW["scan_l300_t20_s1"] | {"spec": made_cards.spec("scan_l300_t20_s1", 300, warm_from="scan_l600_t20_s1")}
    rows = {row[1]: row for row in Rows(page(FEW | {"scan_l300_t20_s1": later})).rows if len(row) == 14}
    assert rows["Design"][12:] == ["Epochs", "Started from"]
    assert rows["scan_l300_t20_s1"][12:] == ["60", "#" + rows["scan_l600_t20_s1"][0]]
    assert rows["scan_l600_t20_s1"][12:] == ["60", "-"]


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_point_is_labeled_by_name_or_number(make_scan):
    with styled():
        card = read_card(ScanCard, make_scan(FEW))
        assert sorted(texts(against_luts(card))) == sorted(name.removeprefix("scan_") for name in FEW)
        card = read_card(ScanCard, make_scan(MANY))
        assert len(card.points) > NAMED
        assert sorted(texts(against_latency(card)), key=int) == [str(n) for n in range(1, 21)]
        assert label_of(card, 3) == "4"


def test_labels_of_points_that_lie_apart_hide_nothing(make_scan):
    """Drawn boxes of the labels; a label that is put on a point is the negative control."""
    with styled():
        figure = against_luts(read_card(ScanCard, make_scan(MANY)))
        figure.draw_without_rendering()
        ax = figure.axes[0]
        boxes = [text.get_window_extent() for text in ax.texts]
        assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
        ax.texts[0].xyann = ax.texts[1].xyann
        ax.texts[0].xy = ax.texts[1].xy
        assert ax.texts[0].get_window_extent().overlaps(ax.texts[1].get_window_extent())


def test_points_differ_in_shape_and_filling_as_well_as_in_color(make_scan):
    with styled():
        card = read_card(ScanCard, make_scan(FEW))
        ax = against_luts(card).axes[0]
    markers = {
        tuple(line.get_xdata()): line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_marker() != "_"
    }
    marks = {p.name: markers[(p.luts,)] for p in card.points}
    looks = {name: (str(line.get_marker()), line.get_markerfacecolor() == "white") for name, line in marks.items()}
    assert looks["scan_l300_t20_s1"] == ("o", False)
    assert looks["scan_l600_t20_s1"] == ("^", False)
    assert looks["scan_l900_t20_s1"] == ("o", True)
    assert looks["scan_l3000_t20_s1"][0] == "X"
    assert len(set(looks.values())) == 4


def test_published_results_or_why_there_are_none(page):
    without = page(FEW)
    assert "NeuraLUT" not in without
    assert "No published results are shown" in without
    assert "Data set &#39;toy&#39; names no public data set" in without
    shown = page(FEW, "jsc-openml-42468")
    rows = {row[0]: row for row in Rows(shown).rows if len(row) == 8}
    assert rows["P3"] == [
        *("P3", "NeuraLUT-Assemble (arXiv 2504.00592)", "76.00 %", "1780", "540", "2.1", "xcvu9p", "as published"),
    ]
    assert "No published results" not in shown
    other = {row[0]: row for row in Rows(page(FEW, "jsc-cernbox")).rows if len(row) == 8}
    assert other["P1"][4] == "not found"


def test_published_points_are_labeled_where_they_have_the_cost(make_scan):
    with styled():
        card = read_card(ScanCard, make_scan(FEW, "jsc-openml-42468"))
        assert {f"P{n}" for n in range(1, 8)} <= set(texts(against_luts(card)))
        card.published[3] = card.published[3].model_copy(update={"latency_ns": None})
        assert {"P3", "P5"} <= set(texts(against_latency(card)))
        assert "P4" not in texts(against_latency(card))


def test_the_page_needs_nothing_from_outside_and_sorts(page):
    text = page(FEW)
    assert re.findall(r'(?:src|href)="(?!data:|#main)', text) == []
    assert "http" not in text
    assert text.count("<script>") == 1
    assert text.count("<button") == 14
    assert '<meta name="viewport"' in text
    assert "@media print" in text


def test_the_same_card_draws_the_same_bytes(page, tmp_path):
    first = page(FEW), (tmp_path / "scan.svg").read_bytes(), (tmp_path / "scan_latency.svg").read_bytes()
    card = tmp_path / "scan.json"
    pages_of_scan(scan=card, folder=tmp_path)
    again = (tmp_path / "scan.html").read_text(), (tmp_path / "scan.svg").read_bytes()
    assert again == first[:2]
    assert (tmp_path / "scan_latency.svg").read_bytes() == first[2]
