"""The landing page: verdict sentence, figures against budgets, what is not measured, both themes, no network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import made_cards
import pytest

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.stage_cards import DesignSummary, Summary
from trigger_lut.report.pages.dashboard import MOST_REASONS, Panel, banner, panel
from trigger_lut.report.pages.index import page_of_index
from trigger_lut.report.pages.quality_plot import FRAME, HEIGHT, quality_plot
from trigger_lut.report.template import MOST_UNSORTED, Cell, Page, Table, write_page
from trigger_lut.stages.summary import run as summary

THEME = Path(__file__).parents[2] / "trigger_lut/report/theme.css"
STAGES = ["physics", "verify", "prove", "faults", "synth", "timing"]
LATE: dict[str, Any] = {"timing": made_cards.timing("late", cycles=9, fmax_mhz=312.5)}


def written(root: Path, designs: dict[str, dict[str, Any]]) -> Path:
    """Write results/ with the cards of designs."""
    data = root / "data/toy"
    write_card(made_cards.reference(), data / "reference.json")
    write_card(made_cards.ingest(), data / "ingest.json")
    folders = [made_cards.write_design(root, name, **changed) for name, changed in designs.items()]
    summary(reference=data / "reference.json", folders=folders, json=root / "summary.json", tsv=root / "summary.tsv")
    return root


def index(root: Path, designs: dict[str, dict[str, Any]], stages: list[str] = STAGES, **options: Any) -> str:
    written(root, designs)
    folders = [root / name for name in designs]
    table = root / "summary.json" if designs else None
    page = root / "index.html"
    page_of_index(designs=folders, stages=stages, data=root / "data/toy", output=page, summary=table, **options)
    return (root / "index.html").read_text()


def row(root: Path, **changed: Any) -> DesignSummary:
    return read_card(Summary, written(root, {"small": changed}) / "summary.json").designs[0]


def panel_of(design: DesignSummary, **cards: Any) -> dict[str, tuple[str, str, str]]:
    """Kind, word and text of each line of a panel."""
    lines = panel(design, [], pages="small/pages", **cards).lines
    return {line.name: (line.kind, line.word, line.text) for line in lines}


class Parsed(HTMLParser):
    """Headings, references and ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.outside: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        for name, value in attrs:
            if name in ("src", "href", "action", "srcset") and re.match("(?!data:)[a-z]+:|//", value):
                self.outside.append(value)


def passed_over(levels: list[int]) -> bool:
    """Return True if a level of headings is skipped."""
    return any(level > before + 1 for before, level in zip([0, *levels], levels, strict=False))


# ---------------------------------------------------------------- the verdict


@pytest.mark.parametrize(
    ("designs", "stages", "heading", "sentence"),
    [
        ({"small": {}, "large": {}}, STAGES, "✓ Passed", "2 designs. Every design meets its budget, is bit-exact"),
        ({"small": {}, "late": LATE}, STAGES, "✗ Failed", "1 of 2 designs failed."),
        ({"small": {}}, ["physics"], "– Not run", "1 design: not judged."),
        ({}, [], "– Not run", "There is no design to judge."),
    ],
)
def test_banner_of_each_state(tmp_path, designs, stages, heading, sentence):
    if not designs:
        written(tmp_path, {"other": {}})
        page_of_index(designs=[], stages=[], data=tmp_path / "data/toy", output=tmp_path / "index.html")
        text = (tmp_path / "index.html").read_text()
    else:
        text = index(tmp_path, designs, stages)
    assert f'<h2 id="verdict">{heading}</h2>' in text
    assert sentence in text
    assert ("stage prove: not measured" in text) == (designs != {} and "prove" not in stages)
    reasons = re.findall("<li>(late: [^<]*)</li>", text)
    assert [reason.split()[1] for reason in reasons] == (["clock:", "latency:"] if "late" in designs else [])


def test_banner_fails_for_each_kind_of_reason(tmp_path):
    cases: dict[str, dict[str, Any]] = {
        "LUTs: 1,100 of 1,000 (yosys)": {"synth": made_cards.synth("small", 1100)},
        "not bit-exact: 2 mismatches": {"verify": made_cards.verify("small", 2)},
        "output a differs": {"prove": made_cards.prove("small", "different")},
        "1 fault undetected": {"faults": made_cards.faults("small", 1)},
    }
    for n, (reason, changed) in enumerate(cases.items()):
        text = index(tmp_path / str(n), {"small": changed})
        assert "✗ Failed" in text
        assert f"<li>small: {reason}" in text
    sampled = {"small": {"prove": made_cards.prove("small", "sampled")}}
    assert "✓ Passed" in index(tmp_path / "sampled", sampled)
    assert "small: output a is not proven" in index(tmp_path / "required", sampled, proof_required=True)


def test_banner_counts_points_and_leaves_the_rest_to_the_panels():
    result = banner([f"d{n}: x" for n in range(20)], 20, designs=15, points=7, absent=[])
    assert (result.state, result.text) == ("failed", "20 of 15 designs and 7 points of the scan failed.")
    assert (len(result.reasons), result.more) == (MOST_REASONS, 20 - MOST_REASONS)
    alone = banner([], 0, designs=0, points=1, absent=[])
    assert (alone.state, alone.text) == ("passed", "1 point of the scan. Every point of the scan is bit-exact.")
    assert banner(["a: x"], 1, designs=1, points=0, absent=["prove"]).state == "failed"


# ---------------------------------------------------------------- panels


def bars(design_panel: Panel) -> dict[str, tuple[float | None, ...]]:
    shown = {line.name: line.bar for line in design_panel.lines}
    return {name: (bar.filled, bar.limit, bar.low, bar.high) for name, bar in shown.items() if bar is not None}


def test_bars_end_at_the_larger_of_figure_and_budget(tmp_path):
    timing = made_cards.timing("small", cycles=9, fmax_mhz=312.5)
    interval = timing.fmax_mhz_interval
    assert interval is not None
    design_panel = panel(row(tmp_path, timing=timing), [], pages="", timing=timing)
    whole = interval.high_mhz
    expected = [round(100 * x / whole, 1) for x in (312.5, 400, interval.low_mhz, interval.high_mhz)]
    assert bars(design_panel) == {
        "LUTs": (90.0, 100.0, None, None),
        "Latency": (100.0, round(2000 / 22.5, 1), None, None),
        "Clock": tuple(expected),
    }


def test_lines_say_met_only_for_what_counts(tmp_path):
    timing = made_cards.timing("small", cycles=7, fmax_mhz=399.97)
    lines = panel_of(row(tmp_path, timing=timing), timing=timing)
    assert lines["LUTs"] == ("good", "met", "900 of 1,000")
    assert lines["Latency"] == ("bad", "missed", "17.5 of 20 ns"), "the clock is not reached"
    assert lines["Clock"] == ("bad", "missed", "399.9 MHz, at least 400"), "rounded down"
    assert lines["Others"][:2] == ("good", "met")
    notes = {x.name: x.notes for x in panel(row(tmp_path), [], pages="", timing=timing).lines}
    assert notes["Clock"] == [f"source: yosys-delay-model, an estimate: {timing.fmax_mhz_interval}"]
    without = panel(row(tmp_path), [], pages="")
    clock = next(line for line in without.lines if line.name == "Clock")
    assert clock.notes == ["source: yosys-delay-model, an estimate: interval not measured"]


def test_what_did_not_run_is_not_measured(tmp_path):
    design = row(tmp_path)
    budget = [line.model_copy(update={"measured": None, "met": False}) for line in design.budget]
    lines = panel_of(design.model_copy(update={"budget": budget}))
    for name in ("LUTs", "Latency", "Clock", "Proof", "Faults"):
        assert lines[name][:2] == ("", "not measured"), name
    assert "error not measured" in lines["Accuracy"][2]
    assert not bars(panel(design.model_copy(update={"budget": budget}), [], pages=""))
    nothing = made_cards.faults().model_copy(update={"kinds": {}, "detection_rate": None})
    assert panel_of(design, faults=nothing)["Faults"][1] == "not measured"
    nowhere = made_cards.prove().model_copy(update={"seconds_allowed": 0})
    text = index(
        tmp_path / "none", {"small": {"prove": nowhere, "faults": nothing.model_copy(update={"equivalent": []})}}
    )
    assert text.count('.html">not measured</a>') == 2, "in the table of stages"
    faults = panel_of(design, faults=made_cards.faults(undetected=1))["Faults"]
    assert faults == ("bad", "1 undetected", "37 of 38 that change the function")


def test_proofs_have_their_words(tmp_path):
    design = row(tmp_path)
    first = {
        status: panel_of(design, prove=made_cards.prove(status=status))["Proof"][:2]
        for status in ("proven", "sampled", "different")
    }
    assert first == {"proven": ("good", "proven"), "sampled": ("", "sampled"), "different": ("bad", "refuted")}
    proven = made_cards.prove()
    wrong = proven.model_copy(update={"control_caught": False})
    assert panel_of(design, prove=wrong)["Proof"][:2] == ("bad", "not shown")
    second = {
        status: panel_of(design, prove=proven.model_copy(update={"second": made_cards.second(status)}))["Second proof"]
        for status in ("agrees", "disagrees", "open", "not attempted")
    }
    assert [line[:2] for line in second.values()] == [
        ("good", "agrees"), ("bad", "disagrees"), ("", "not measured"), ("", "not measured"),
    ]  # fmt: skip
    assert panel_of(design, prove=proven.model_copy(update={"second": None}))["Second proof"][1] == "not measured"


def test_accuracy_stands_beside_its_baselines(tmp_path):
    quality = panel(row(tmp_path), [], pages="", physics=made_cards.physics()).lines[0]
    assert (quality.word, quality.text) == ("79.70 %", "(78.40 to 82.20 %)")
    assert quality.notes[0] == "Same network, float: 81.00 %; firmware −1.20 ± 0.20 points"
    fit = made_cards.regression("small")
    quality = panel(row(tmp_path, physics=fit), [], pages="", physics=fit).lines[0]
    assert (quality.name, quality.word, quality.text) == ("R²", "98.00 %", "(error not measured)")
    assert quality.notes[1] == "Boosted trees: 82.00 %; firmware +16.00 points (error not measured)"
    both = made_cards.two_heads("small")
    quality = panel(row(tmp_path, physics=both), [], pages="", physics=both).lines[0]
    error = 100 * both.scores.weighted_error
    assert (quality.name, quality.text) == ("Mean score", f"({84 - error:.2f} to {84 + error:.2f} %)")
    assert quality.notes[0].endswith("firmware \N{MINUS SIGN}1.20 ± 0.20 points")


# ---------------------------------------------------------------- the plot


def test_plot_names_every_design_inside_its_frame(tmp_path):
    names = [f"a_long_name_of_design_{n}" for n in range(6)]
    designs = {name: {"synth": made_cards.synth(name, 300 + 150 * n)} for n, name in enumerate(names)}
    card = read_card(Summary, written(tmp_path, designs) / "summary.json")
    errors = dict.fromkeys(names[1:], (0.78, 0.82))
    plot = quality_plot(card, {names[0]}, errors=errors, scan=None)
    assert [mark.passes for mark in plot.marks] == [False, *[True] * 5]
    assert [mark.error is None for mark in plot.marks] == [True, *[False] * 5]
    for mark, name in zip(plot.marks, names, strict=True):
        assert mark.label == "a_long_name_of_de…"
        assert f"{name}: 79.70 % with" in plot.described
        assert FRAME[0] < mark.x < FRAME[2]
        assert FRAME[1] < HEIGHT - mark.y < FRAME[3]
    assert [mark.x for mark in plot.marks] == sorted(mark.x for mark in plot.marks)


# ---------------------------------------------------------------- the page


def test_index_needs_no_network_and_its_headings_are_in_order(tmp_path):
    text = index(tmp_path, {"small": {}, "late": LATE})
    page = Parsed(text)
    assert page.outside == []
    assert not re.search(r"url\(|@import|@font-face", text)
    assert page.levels[:5] == [1, 2, 2, 3, 3]
    assert not passed_over(page.levels)
    assert {"main", "nav", "section", "article", "svg", "title", "desc"} <= set(page.tags)
    again = Parsed('<h1>a</h1><h3>b</h3><img src="https://example.org/a.png"><script src="//a.b/c.js"></script>')
    assert passed_over(again.levels)
    assert len(again.outside) == 2
    page_of_index(
        designs=[tmp_path / "small", tmp_path / "late"],
        stages=STAGES,
        data=tmp_path / "data/toy",
        output=tmp_path / "again.html",
        summary=tmp_path / "summary.json",
    )
    assert (tmp_path / "again.html").read_text() == text


def test_long_tables_sort_and_all_scroll_in_a_box(tmp_path):
    for count in (MOST_UNSORTED, MOST_UNSORTED + 1):
        table = Table("t", ["a", "b"], [[Cell(str(n), "text"), Cell(str(n))] for n in range(count)])
        write_page(Page("p", "", [table], {}), tmp_path / "p.html")
        text = (tmp_path / "p.html").read_text()
        sorts = count > MOST_UNSORTED
        assert text.count('<button type="button">') == 2 * sorts
        assert ("aria-sort" in text.split("</style>")[1]) == sorts
        assert text.count('<div class="wide" role="group" aria-labelledby="table-1" tabindex="0"><table>') == 1
        assert text.count('<th scope="row" class="text">') == count
    unnamed = Table("t", ["", "b"], table.rows)
    write_page(Page("p", "", [unnamed], {}), tmp_path / "p.html")
    assert (tmp_path / "p.html").read_text().count('<button type="button">') == 1, "a button has a name"


def colors(block: str) -> dict[str, str]:
    return dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block))


def contrast(a: str, b: str) -> float:
    """Ratio of luminances (WCAG 2.1)."""

    def luminance(color: str) -> float:
        digits = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
        parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_both_themes_have_contrast():
    light, dark = (colors(block) for block in re.findall(r":root \{([^}]*)\}", THEME.read_text()))
    assert light.keys() == dark.keys()
    assert contrast(light["page"], dark["page"]) > 10, "these are two themes"
    for theme in (light, dark):
        for behind in ("page", "panel"):
            for text in ("text", "soft", "link", "good", "bad"):
                assert contrast(theme[text], theme[behind]) >= 4.5, (text, behind)
            assert contrast(theme["edge"], theme[behind]) >= 3, "lines that carry a meaning"
        for fill in ("good", "text"):
            assert contrast(theme[fill], theme["line"]) >= 3, "bars on their ground"
    assert contrast("#fff", "#777777") < 4.5
    rest = THEME.read_text().replace("#fff", "").split("}", 1)[1]
    assert re.findall(r"#[0-9a-f]{3,6}\b", re.sub(r":root \{[^}]*\}", "", rest)) == [], "all colors are in the theme"
