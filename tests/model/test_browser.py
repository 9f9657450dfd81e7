"""Every page that the landing page leads to, in a headless browser, at the width of a screen and of a telephone."""

from __future__ import annotations

from pathlib import Path

import browser
import made_cards
import pytest

from trigger_lut.cards import write_card
from trigger_lut.figures.style import styled
from trigger_lut.pages.html import Page, write_page
from trigger_lut.pages.of_data import pages_of_data
from trigger_lut.pages.of_design import pages_of_design
from trigger_lut.pages.of_drift import page_of_drift
from trigger_lut.pages.of_firmware import page_of_firmware
from trigger_lut.pages.of_importance import page_of_importance
from trigger_lut.pages.of_index import STAGES, page_of_index
from trigger_lut.pages.of_proof import pages_of_proof
from trigger_lut.pages.of_rate import page_of_rate
from trigger_lut.pages.of_release import page_of_release
from trigger_lut.pages.of_summary import pages_of_summary
from trigger_lut.summary import summary

pytestmark = pytest.mark.skipif(browser.BROWSER is None, reason=browser.MISSING)
WIDTHS = (1280, 390)


def write_design(root: Path, design: str) -> Path:
    """Cards of a design, and all pages that are drawn from them."""
    folder = made_cards.write_design(root, design)
    for name in ("prove", "faults", "rate", "decision", "importance", "firmware", "release"):
        write_card(getattr(made_cards, name)(design), folder / f"{name}.json")
    cards = {name: folder / f"{name}.json" for name in ("train", "physics", "verify", "synth", "timing")}
    pages = folder / "pages"
    reference = root / "data/jets/reference.json"
    pages_of_design(folder / "spec.json", reference, *cards.values(), pages)
    pages_of_proof(folder / "prove.json", folder / "faults.json", pages)
    page_of_rate(folder / "rate.json", folder / "decision.json", pages)
    page_of_importance(folder / "importance.json", pages)
    page_of_firmware(folder / "firmware.json", pages)
    for name, labelled in (("later", True), ("real", False)):
        write_card(made_cards.drift(design, name, labelled=labelled), folder / f"drift_{name}.json")
        page_of_drift(folder / f"drift_{name}.json", pages)
    page_of_release(folder / "release.json", pages / "release.html")
    with styled():
        write_page(Page(f"{design}: the path of one event", "All integers.", [], {}), pages / "event.html")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("site") / "results"
    data = root / "data/jets"
    write_card(made_cards.reference(), data / "reference.json")
    write_card(made_cards.ingest(), data / "ingest.json")
    write_card(made_cards.check_simulation(), data / "check.json")
    pages_of_data(data / "check.json", data / "ingest.json", data / "reference.json", data / "pages")
    folders = [write_design(root, design) for design in ("small", "large")]
    summary(data / "reference.json", folders, root / "summary.json", root / "summary.tsv")
    pages_of_summary(root / "summary.json", root)
    stages = [*(stage.name for stage in STAGES if stage.name != "route"), "drift_later", "drift_real"]
    page_of_index(folders, stages, data, root / "summary.json", None, root / "index.html")
    return root


def reached(root: Path, width: int) -> dict[str, list[str]]:
    """Faults by page, of all pages that links lead to from the landing page."""
    found: dict[str, list[str]] = {}
    waiting = ["index.html"]
    while waiting:
        seen = browser.seen(root, waiting, width)
        found |= {page: browser.faults(said) for page, said in seen.items()}
        links = {link.split("/", 3)[3].split("#")[0] for said in seen.values() for link in said["links"]}
        waiting = sorted(links - found.keys())
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_loads_and_can_be_read(results, width):
    found = reached(results, width)
    assert {page: faults for page, faults in found.items() if faults} == {}
    expected = {path.relative_to(results).as_posix() for path in results.rglob("*.html")}
    assert found.keys() == expected, "every page is led to"


PLAIN = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title>
<meta name="viewport" content="width=device-width"></head><body><h1>t</h1>{}</body></html>"""


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p>Good.</p>", None),
        ('<p><a href="nowhere.html">x</a></p>', "broken: "),
        ('<img alt="x" src="nowhere.png">', "broken: "),
        ("<script>undefined_function()</script>", "errors: "),
        ("<script>console.error('so it is')</script>", "errors: so it is"),
        ('<div style="width: 3000px">x</div>', "pixels too wide"),
        ('<p style="font-size: 8px">small</p>', "small: 8px: small"),
        ('<p style="color: #aaa">pale</p>', "pale: 2.32: pale"),
        ("<h1>again</h1>", "2 main headings"),
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "images without a text"),
        ("<table><tr><th>x</th></tr></table>", "heads of tables without scope"),
    ],
)
def test_each_fault_is_found(tmp_path, body, fault):
    (tmp_path / "page.html").write_text(PLAIN.format(body))
    found = browser.faults(browser.seen(tmp_path, ["page.html"], 800)["page.html"])
    assert found == [] if fault is None else any(fault in line for line in found), found
