"""Every page that the landing page leads to, in a headless browser: screen and telephone, light and dark."""

from __future__ import annotations

from pathlib import Path

import browser
import made_site
import pytest

pytestmark = pytest.mark.skipif(browser.BROWSER is None, reason=browser.MISSING)
VIEWS = ((1280, False), (390, True))  # width in pixels, and whether the theme is the dark one


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return made_site.of_classes(tmp_path_factory.mktemp("site") / "results").parent


def reached(root: Path, width: int, dark: bool) -> dict[str, list[str]]:
    """Faults by page, of all pages that links lead to from the landing page."""
    faults_by_page: dict[str, list[str]] = {}
    waiting = ["index.html"]
    while waiting:
        inspected = browser.inspect_pages(root, waiting, width, dark)
        faults_by_page |= {page: browser.faults(findings) for page, findings in inspected.items()}
        links = {link.split("/", 3)[3].split("#")[0] for findings in inspected.values() for link in findings["links"]}
        waiting = sorted(links - faults_by_page.keys())
    return faults_by_page


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_every_page_loads_and_can_be_read(results, width, dark):
    faults_by_page = reached(results, width, dark)
    assert {page: faults for page, faults in faults_by_page.items() if faults} == {}
    expected = {path.relative_to(results).as_posix() for path in results.rglob("*.html")}
    assert faults_by_page.keys() == expected, "every page is led to"


def test_the_dark_theme_is_asked_for(results):
    colors = [
        browser.inspect_pages(results, ["index.html"], 800, dark)["index.html"]["background"] for dark in (False, True)
    ]
    assert colors == ["rgb(255, 255, 255)", "rgb(20, 24, 28)"]


PLAIN = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>t</h1>{}</main></body></html>"""


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
        ("<h3>too deep</h3>", "1 levels of headings skipped"),
        ("<main></main>", "2 main landmarks"),
        ('<p><a href="#nowhere">x</a></p>', "dangling: nowhere"),
        ('<div style="overflow: auto"><div style="width: 3000px">x</div></div>', "the keyboard's reach"),
        ("<table><tr><th>x</th></tr></table>", "heads of tables without scope"),
    ],
)
def test_each_fault_is_found(tmp_path, body, fault):
    (tmp_path / "page.html").write_text(PLAIN.format(body))
    lines = browser.faults(browser.inspect_pages(tmp_path, ["page.html"], 800)["page.html"])
    assert lines == [] if fault is None else any(fault in line for line in lines), lines
