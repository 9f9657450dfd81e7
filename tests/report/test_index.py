"""The landing page leads to every page, and every page back."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import made_cards
import pytest

from trigger_lut.cards.base import write_card, write_text
from trigger_lut.errors import CardError
from trigger_lut.report.pages.index import STAGES, page_of_index
from trigger_lut.report.template import Cell, Page, Table, write_page
from trigger_lut.stages.summary import run as summary


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        if tag == "a":
            self.found.append(dict(attrs)["href"])


def links(page: Path) -> list[str]:
    parser = Links()
    parser.feed(page.read_text())
    return [link for link in parser.found if not link.startswith("#")]


@pytest.fixture
def results(tmp_path) -> Path:
    """results/ with the cards of two designs, and a page for each stage."""
    root = tmp_path / "results"
    data = root / "data/jets"
    write_card(made_cards.reference(), data / "reference.json")
    write_card(made_cards.ingest(), data / "ingest.json")
    for name in ("ingest", "reference", "simulate"):
        write_page(Page(name, "", [], {}), data / f"pages/{name}.html")
    folders = []
    for design in ("small", "large"):
        folders.append(made_cards.write_design(root, design))
        write_card(made_cards.faults(design, undetected=design == "large"), folders[-1] / "faults.json")
        write_card(made_cards.rate(design), folders[-1] / "rate.json")
        write_card(made_cards.decision(design), folders[-1] / "decision.json")
        write_card(made_cards.importance(design), folders[-1] / "importance.json")
        write_card(made_cards.prove(design), folders[-1] / "prove.json")
        write_card(made_cards.firmware(design), folders[-1] / "firmware.json")
        write_card(made_cards.release(design), folders[-1] / "release.json")
        for stage in STAGES:
            write_page(Page(stage.name, "", [], {}), folders[-1] / "pages" / stage.page)
    summary(reference=data / "reference.json", folders=folders, json=root / "summary.json", tsv=root / "summary.tsv")
    write_page(Page("all", "", [], {}), root / "summary.html")
    return root


def made_index(root: Path) -> Path:
    stages = [stage.name for stage in STAGES if stage.name != "route"]
    folders = [root / "small", root / "large"]
    page, summary = root / "index.html", root / "summary.json"
    page_of_index(designs=folders, stages=stages, data=root / "data/jets", output=page, summary=summary)
    return root / "index.html"


def test_every_link_leads_to_a_page_and_every_page_leads_back(results):
    page = made_index(results)
    addresses = links(page)
    assert {link for link in addresses if "pages" in link and "data" not in link} == {
        f"{design}/pages/{stage.page}" for design in ("small", "large") for stage in STAGES if stage.name != "route"
    }
    for link in addresses:
        other = page.parent / link
        assert other.is_file(), link
        assert [(other.parent / back).resolve() for back in links(other)] == [page.resolve()]
    text = page.read_text()
    assert "0 undetected of 40" in text
    assert "1 undetected of 40" in text
    assert "3 bits after 9 cycles, 0 mismatches" in text
    assert addresses.count("small/pages/verify.html") == 2, "in the panel of the design, and among its stages"
    page_without = results / "elsewhere.html"
    write_page(Page("x", "", [Table("t", ["a"], [[Cell("b")]])], {}), page_without)
    assert links(page_without) == ["index.html"]


def test_other_data_have_a_row_each(results):
    for design in ("small", "large"):
        write_card(made_cards.drift(design), results / f"{design}/drift_later.json")
        write_page(Page("later", "", [], {}), results / f"{design}/pages/drift_later.html")
    folders = [results / "small", results / "large"]
    stages, page = ["physics", "drift_later"], results / "index.html"
    page_of_index(designs=folders, stages=stages, data=results / "data/jets", output=page)
    assert links(results / "index.html").count("large/pages/drift_later.html") == 1
    text = (results / "index.html").read_text()
    assert "drift: later" in text
    assert "2 of 5 inputs shifted, 0 of 1 sums over slots, rate x 2.00" in text


def test_a_page_outside_results_has_no_way_back(tmp_path):
    write_page(Page("x", "", [], {}), tmp_path / "x.html")
    assert links(tmp_path / "x.html") == []


def test_a_damaged_card_is_named_and_no_page_written(results):
    write_text(results / "small/prove.json", "{}")
    with pytest.raises(CardError, match=r"small/prove\.json: not a ProveCard"):
        made_index(results)
    assert not (results / "index.html").exists()
