"""Plots and pages from made cards: what they show, and that the same card gives the same bytes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import made_cards
import numpy as np
import pytest

from trigger_lut.cards.base import Measured, read_card, write_card
from trigger_lut.cards.physics import Interval68
from trigger_lut.cards.stage_cards import Summary
from trigger_lut.errors import CardError
from trigger_lut.report.pages.data import ingest_page, pages_of_data
from trigger_lut.report.pages.design import pages_of_design, synth_page, train_page, verify_page
from trigger_lut.report.pages.importance import importance_page, page_of_importance
from trigger_lut.report.pages.physics import physics_page
from trigger_lut.report.pages.rate import page_of_rate
from trigger_lut.report.pages.summary import pages_of_summary, summary_page
from trigger_lut.report.pages.teacher import page_of_teacher
from trigger_lut.report.pages.timing import timing_page
from trigger_lut.report.plots import anomaly, classification, data, drift, hardware, training
from trigger_lut.report.plots import importance as figure_of_importance
from trigger_lut.report.plots.style import BAD_COLOR, COLORS, GOOD_COLOR, canvas, save, styled
from trigger_lut.report.plots.summary import summary as summary_figure
from trigger_lut.report.plots.timeline import time_sharing
from trigger_lut.stages.summary import run as summary


@pytest.fixture
def designs(tmp_path) -> Summary:
    """The summary of a design that passes and one that does not."""
    write_card(made_cards.reference(), tmp_path / "reference.json")
    good = made_cards.write_design(tmp_path, "small")
    changed = {"synth": made_cards.synth("large", luts=1200), "verify": made_cards.verify("large", mismatches=3)}
    bad = made_cards.write_design(tmp_path, "large", **changed)
    summary(
        reference=tmp_path / "reference.json",
        folders=[good, bad],
        json=tmp_path / "summary.json",
        tsv=tmp_path / "summary.tsv",
    )
    return read_card(Summary, tmp_path / "summary.json")


FIGURES = {
    "crossings": lambda: anomaly.crossings(made_cards.check_crossings()),
    "scores": lambda: anomaly.scores(made_cards.teacher()),
    "masses": lambda: data.masses(made_cards.check_simulation()),
    "inputs": lambda: data.inputs(made_cards.ingest()),
    "codes": lambda: data.codes(made_cards.ingest()),
    "training": lambda: training.training(made_cards.train()),
    "widths": lambda: training.widths(made_cards.train()),
    "timeline": lambda: time_sharing(made_cards.shared_train().sharing),
    "roc": lambda: classification.roc(made_cards.physics()),
    "confusion": lambda: classification.confusion(made_cards.physics()),
    "importance": lambda: figure_of_importance.bits(made_cards.importance()),
    "slots": lambda: figure_of_importance.slots(made_cards.importance()),
    "verification": lambda: hardware.verification(made_cards.verify()),
    "resources": lambda: hardware.resources(made_cards.spec(), made_cards.synth()),
    "pipeline": lambda: hardware.pipeline(made_cards.timing()),
    "drift": lambda: drift.inputs(made_cards.drift()),
}
LABELS = {
    "crossings": {"pt of the first jet [GeV]", "Missing transverse momentum [GeV]", "Fraction of crossings / GeV"},
    "scores": {
        "Score: log2 of the mean squared error",
        "Fraction of test events / bin",
        "Epoch",
        "Mean squared error [standard deviations squared]",
    },
    "masses": {"mMDT jet mass [GeV]", "Fraction of jets / 2 GeV"},
    "codes": {"Codes", "Saturated events [%]"},
    "training": {"Accuracy [%]", "Loss", "LUTs", "Latency [cycles]", "Epoch"},
    "widths": {"Edges", "Address width [bits]", "Table output width [bits]"},
    "timeline": {"Clock cycle after the one with the event at the inputs"},
    "roc": {"Signal efficiency", "Background efficiency"},
    "confusion": {
        "Assigned class",
        "True class",
        "Fraction of the true class [%]",
        "Difference [percentage points]",
    },
    "importance": {
        "Accuracy lost, whole feature\n[percentage points]",
        "Bit, 1 is the most significant",
        "Accuracy lost, this bit\n[percentage points]",
    },
    "slots": {"jet: number of the slot", "Accuracy lost\n[percentage points]"},
    "resources": {"LUTs", "Cells"},
    "drift": {"Fraction of events / bin", "New / trained", *(f"feature_{n}   fixed<8,3>" for n in range(5))},
    "pipeline": {"Time after the first valid input [ns]; one box is a clock cycle of 2.5 ns"},
}


def draw(name: str):
    with styled():
        return FIGURES[name]()


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_card_gives_the_same_valid_svg(name, tmp_path):
    for copy in ("a", "b"):
        with styled():
            save(FIGURES[name](), tmp_path / f"{copy}.svg")
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<dc:date>" not in first
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.svg", "b.svg"]


@pytest.mark.parametrize("name", LABELS)
def test_axes_say_what_they_show_and_in_which_unit(name):
    axes = draw(name).axes
    assert {t for ax in axes for t in (ax.get_xlabel(), ax.get_ylabel())} - {""} == LABELS[name]


def test_a_drift_shows_both_distributions_and_their_ratio():
    card = made_cards.drift()
    axes = draw("drift").axes
    histogram = card.features[0].histogram
    above, below = axes[0], axes[2]
    np.testing.assert_allclose(above.patches[1].get_data().values, histogram.trained)
    points = above.containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), [x for x in histogram.new if x > 0])
    both = [(new / old) for old, new in zip(histogram.trained, histogram.new, strict=True) if old > 0 and new > 0]
    np.testing.assert_allclose(below.containers[0].lines[0].get_ydata(), [x for x in both if 0.4 < x < 1.6])
    beyond = {line.get_marker(): len(line.get_xdata()) for line in below.lines if line.get_marker() in "^v"}
    assert beyond == {"^": sum(x >= 1.6 for x in both), "v": sum(x <= 0.4 for x in both)}
    assert above.get_xlim() == below.get_xlim()


def test_curves_show_the_card_s_numbers():
    card = made_cards.train()
    top, losses, middle, bottom = draw("training").axes
    np.testing.assert_allclose(losses.lines[0].get_ydata(), [e.loss for e in card.history])
    np.testing.assert_allclose(losses.lines[1].get_ydata(), [e.loss_validation for e in card.history])
    np.testing.assert_allclose(top.lines[0].get_ydata(), [100 * e.score for e in card.history])
    np.testing.assert_allclose(middle.lines[0].get_ydata(), [e.luts_estimate for e in card.history])
    assert {tuple(x.get_ydata()) for x in middle.lines} >= {(1000, 1000)}, "the budget"
    assert set(bottom.lines[0].get_ydata()) == {10, 7}


def test_the_roc_curves_are_the_card_s():
    axes = draw("roc").axes
    card = made_cards.physics()
    assert [ax.get_title(loc="left") for ax in axes] == [f"{name} against the others" for name in card.classes]
    for n, method in enumerate(card.methods):
        line = axes[1].lines[n]
        np.testing.assert_allclose(line.get_xdata(), method.classes["q"].signal[1:])
        np.testing.assert_allclose(line.get_ydata(), method.classes["q"].background[1:])
    assert len({line.get_linestyle() for line in axes[1].lines[:3]}) == 3, "readable without colors"
    texts = [t.get_text() for t in axes[1].get_legend().get_texts()]
    assert texts[0] == "Same network, float   0.9290 ± 0.0040"
    assert texts[-1] == "Firmware   0.9200 ± 0.0040"


def test_confusion_of_firmware_is_drawn_with_its_difference():
    left, right = draw("confusion").axes[:2]
    assert [t.get_text() for t in left.texts[:2]] == ["80.0", "15.0"]
    assert [t.get_text() for t in right.texts[:2]] == ["-1.5", "+1.5"]


def test_a_difference_is_red():
    def colors(card) -> list[str]:
        from matplotlib.colors import to_hex

        with styled():
            return [to_hex(p.get_facecolor()) for p in hardware.verification(card).axes[0].patches]

    assert set(colors(made_cards.verify())) == {GOOD_COLOR}
    assert colors(made_cards.verify(mismatches=2)).count(BAD_COLOR) == 1
    blind = made_cards.verify()
    uncaught = [c.model_copy(update={"control_mismatches": 0}) for c in blind.comparisons]
    assert colors(blind.model_copy(update={"comparisons": uncaught})).count(BAD_COLOR) == 4


def test_the_pipeline_has_a_box_a_cycle_and_event():
    (ax,) = draw("pipeline").axes
    assert [len(c.get_paths()) for c in ax.collections] == [7, 7, 7]
    assert [line.get_xdata()[0] for line in ax.lines] == [20, 22.5, 25]


def test_what_was_not_measured_is_called_so():
    with styled():
        figure = hardware.resources(made_cards.spec(), made_cards.synth(luts=None))
        shown = {t.get_text() for t in figure.axes[0].texts}
        timing = made_cards.timing().model_copy(update={"latency_cycles": Measured(), "latency_ns": Measured()})
        (ax,) = hardware.pipeline(timing).axes
    assert "not measured" in shown
    assert [t.get_text() for t in ax.texts] == ["latency: not measured"]


def test_one_feature_and_very_many():
    with styled():
        assert len(data.inputs(made_cards.ingest(1)).axes) == 1
        many = made_cards.ingest(70)
        assert len(data.codes(many).axes[0].get_yticks()) == data.MOST_FEATURES
        assert "the first 64 of 70" in ingest_page(many).plots[0][2]


def test_colors_are_distinct_in_lightness_or_hue():
    assert len(set(COLORS)) == len(COLORS)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", c) for c in COLORS)


def test_styles_do_not_leak():
    import matplotlib as mpl

    before = mpl.rcParams["xtick.direction"]
    with styled():
        canvas()
        assert mpl.rcParams["xtick.direction"] == "in"
    assert mpl.rcParams["xtick.direction"] == before


class Tables(HTMLParser):
    """The cells of a page's tables, row by row, each as (text, class)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str]]] = []
        self.cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.cell = tag in ("td", "th")
        if self.cell:
            self.rows[-1].append(("", dict(attrs).get("class", "")))

    def handle_data(self, data):
        if self.cell:
            self.rows[-1][-1] = (self.rows[-1][-1][0] + data, self.rows[-1][-1][1])

    def handle_endtag(self, tag):
        self.cell = False


def rows_of(path: Path, *, step: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Rows of a written page by their first cell; of two equal ones the last, with step -1 the first."""
    return {row[0][0]: row[1:] for row in Tables(path.read_text()).rows[::step]}


def written(tmp_path, **changed) -> Path:
    """The folder with the pages of a design with changed cards."""
    folder = made_cards.write_design(tmp_path, "small", **changed)
    write_card(made_cards.reference(), tmp_path / "reference.json")
    stages = ("spec", "train", "physics", "verify", "synth", "timing")
    cards = {stage: folder / f"{stage}.json" for stage in stages}
    pages_of_design(reference=tmp_path / "reference.json", folder=folder / "pages", **cards)
    return folder / "pages"


def test_pages_of_a_design_say_what_its_cards_say(tmp_path):
    pages = written(tmp_path, synth=made_cards.synth(luts=1030), verify=made_cards.verify(mismatches=3))
    synth = rows_of(pages / "synth.html", step=-1)
    assert synth["LUTs"][:4] == [("1,030", ""), ("yosys", "text"), ("1,000", ""), ("missed", "bad")]
    assert synth["DSP"][3] == ("met", "good")
    verify = rows_of(pages / "verify.html")
    assert verify["rtl"][1:3] == [("3", "bad"), ("vector 17, output 2: expected 5, found 4", "text")]
    assert verify["keras"][1] == ("0", "good")
    assert "<h1>small: not bit-exact</h1>" in (pages / "verify.html").read_text()
    timing = rows_of(pages / "timing.html")
    assert timing["Latency [cycles]"][0] == ("7", "")
    assert timing["Latency [ns]"] == [("17.5", ""), ("rtl-simulation", "text"), ("20", ""), ("met", "good")]
    assert rows_of(pages / "physics.html")["Firmware"][0][0].startswith("79.70 +2.50")
    cells = rows_of(pages / "train.html")["LUTs"]
    assert cells == [("902", ""), ("yosys", "text"), ("950", ""), ("1,000", ""), ("met", "good")]


def test_a_page_carries_its_plots_and_provenance(tmp_path):
    pages = written(tmp_path)
    text = (pages / "train.html").read_text()
    assert text.count("data:image/svg+xml;base64,") == 2
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "trigger_lut 0.1.0" in text
    assert "a.json 000000000000" in text


def draw_data(root: Path, name: str, **cards: Path) -> None:
    """Draw the pages of a data set into a folder."""
    inputs = {key: root / f"{key}.json" for key in ("ingest", "reference")}
    pages_of_data(**inputs, **cards, folder=root / name)


def test_pages_of_data_with_and_without_simulation(tmp_path):
    for name, card in (
        ("sim", made_cards.check_simulation()),
        ("ingest", made_cards.ingest(3)),
        ("reference", made_cards.reference()),
    ):
        write_card(card, tmp_path / f"{name}.json")
    draw_data(tmp_path, "with", simulation=tmp_path / "sim.json")
    draw_data(tmp_path, "without")
    without = {"ingest.html", "inputs.svg", "codes.svg", "reference.html"}
    assert {p.name for p in (tmp_path / "without").iterdir()} == without
    assert {p.name for p in (tmp_path / "with").iterdir()} == without | {"simulate.html", "masses.svg"}
    assert rows_of(tmp_path / "with/simulate.html")["W"]
    assert rows_of(tmp_path / "without/ingest.html")["feature_1"][:3:2] == [
        ("fixed<8,3>", "text"),
        ("as given", "text"),
    ]


def test_the_summary_shows_designs_side_by_side(designs, tmp_path):
    pages_of_summary(summary=tmp_path / "summary.json", folder=tmp_path / "out")
    rows = rows_of(tmp_path / "out/summary.html")
    assert rows["Budget"] == [("met", "good"), ("missed", "bad")]
    assert rows["LUTs"] == [("900 of 1,000", ""), ("1,200 of 1,000", "")]
    assert rows["Bit-exact"] == [("yes", "good"), ("no, 3 mismatches", "bad")]
    with styled():
        figure = summary_figure(designs)
    assert {t.get_text() for t in figure.axes[0].texts} == {"small", "large"}


def test_a_control_that_was_not_caught_is_not_called_differences(designs, tmp_path):
    row = designs.designs[0].model_copy(update={"bit_exact": False, "mismatches": 0})
    write_card(designs.model_copy(update={"designs": [row]}), tmp_path / "summary.json")
    pages_of_summary(summary=tmp_path / "summary.json", folder=tmp_path)
    assert rows_of(tmp_path / "summary.html")["Bit-exact"] == [("not shown: a control was not caught", "bad")]


def test_names_cannot_break_a_page(tmp_path):
    card = made_cards.ingest(1)
    feature = card.features[0].model_copy(update={"name": r"<b>x</b> & $\no$"})
    write_card(card.model_copy(update={"features": [feature]}), tmp_path / "ingest.json")
    write_card(made_cards.reference(), tmp_path / "reference.json")
    draw_data(tmp_path, "out")
    text = (tmp_path / "out/ingest.html").read_text()
    assert "&lt;b&gt;x&lt;/b&gt; &amp; $\\no$" in text
    assert "<b>" not in text


def test_skipped_files_are_on_the_page(tmp_path):
    reasons = {"b.root": "truncated: 100 bytes according to its header, 40 found", "http://host/c.root": "<gone>"}
    card = made_cards.ingest()
    write_card(made_cards.reference(), tmp_path / "reference.json")
    for name, skipped in (("none", {}), ("two", reasons)):
        write_card(card.model_copy(update={"skipped_files": skipped}), tmp_path / "ingest.json")
        draw_data(tmp_path, name)
    text = (tmp_path / "two/ingest.html").read_text()
    assert "Skipped files, which could not be read: 2." in text
    rows = rows_of(tmp_path / "two/ingest.html")
    assert rows["b.root"] == [(reasons["b.root"], "text")]
    assert "&lt;gone&gt;" in text
    assert "Skipped files" not in (tmp_path / "none/ingest.html").read_text()


def test_ingest_page_shows_warnings_and_dropped_labels(tmp_path):
    card = made_cards.ingest()
    write_card(made_cards.reference(), tmp_path / "reference.json")
    changes = {"warnings": ["channel 'x': always <3>. Remove it"], "without_class": {"21": 5, "other values": 2}}
    for name, update in (("none", {}), ("both", changes)):
        write_card(card.model_copy(update=update), tmp_path / "ingest.json")
        draw_data(tmp_path, name)
    text = (tmp_path / "both/ingest.html").read_text()
    assert "7 entries have no class and are dropped." in text
    assert "always &lt;3&gt;. Remove it" in text
    assert "21" in rows_of(tmp_path / "both/ingest.html")
    plain = (tmp_path / "none/ingest.html").read_text()
    assert "Warnings" not in plain
    assert "without a class" not in plain


def test_a_missing_card_is_named_and_leaves_no_page(tmp_path):
    with pytest.raises(CardError, match=r"ingest\.json: cannot be read: No such file or directory$"):
        draw_data(tmp_path, "out")
    assert not (tmp_path / "out").exists()


def test_every_page_has_a_title_and_a_table(designs):
    pages = [
        ingest_page(made_cards.ingest()),
        train_page(made_cards.train()),
        physics_page(made_cards.physics(), made_cards.reference()),
        verify_page(made_cards.verify()),
        synth_page(made_cards.spec(), made_cards.synth()),
        timing_page(made_cards.spec(), made_cards.timing()),
        summary_page(designs),
    ]
    for page in pages:
        assert page.title
        assert page.lead
        for table in page.tables:
            assert table.rows
            assert {len(row) for row in table.rows} == {len(table.header)}, (page.title, table.title)


def test_page_of_an_imported_network_counts_float_rounding(tmp_path):
    trained = made_cards.train().model_copy(update={"epochs": 0, "history": [], "notes": ["input 'x' is coarse"]})
    verified = made_cards.verify()
    rounded = {"rounding_mismatches": 3, "largest_difference": 1.0}
    keras, *others = verified.comparisons
    verified = verified.model_copy(update={"comparisons": [keras.model_copy(update=rounded), *others]})
    with styled():
        (ax,) = training.training(trained).axes
        assert [text.get_text() for text in ax.texts] == ["A given network: nothing was trained."]
        drawn = [text.get_text() for text in hardware.verification(verified).axes[0].texts]
    assert not any("✗" in text for text in drawn)
    page = train_page(trained)
    assert page.lead.startswith("A given network, taken over as it is.")
    assert [cell.text for cell in page.tables[1].rows[0]] == ["input 'x' is coarse"]
    assert page.tables[0].title == "Budget, with the network as this stage synthesized it"
    assert "keras: 3 more outputs differ by float32 rounding alone, by up to 1 steps" in (
        verify_page(verified).tables[0].note
    )


def test_pages_of_rates_and_of_a_regression(tmp_path):
    write_card(made_cards.rate(), tmp_path / "rate.json")
    write_card(made_cards.decision(), tmp_path / "decision.json")
    page_of_rate(rate=tmp_path / "rate.json", decision=tmp_path / "decision.json", folder=tmp_path)
    text = (tmp_path / "rate.html").read_text()
    for expected in (
        "Decision bits in firmware",
        "never set",
        "no vector there",
        "57",
        "GHDL is not on PATH",
        "50,630",
    ):
        assert expected in text, expected
    assert "no threshold" in text
    assert "40.0 +4.0 \N{MINUS SIGN}4.0<" in text
    assert "10.00 +3.00 \N{MINUS SIGN}2.00" in text
    assert {p.name for p in tmp_path.glob("*.svg")} == {"rates.svg", "turnons.svg", "reliability.svg"}
    page = physics_page(made_cards.regression(), made_cards.reference())
    assert [name for name, _, _ in page.plots] == ["residuals.svg", "resolution.svg"]
    rows = page.tables[0].rows
    assert [row[1].text for row in rows] == ["Same network, float", "Boosted trees", "Trained network", "Firmware"]
    assert rows[0][3].text == "2 ± 0.05"


def test_page_of_two_heads_has_both_with_errors_and_their_mean():
    page = physics_page(made_cards.two_heads(), made_cards.reference())
    names = [name for name, _, _ in page.plots]
    assert names[:2] == ["roc.svg", "confusion.svg"]
    assert names[-2:] == ["residuals.svg", "resolution.svg"]
    titles = [table.title for table in page.tables]
    assert titles[:2] == ["Heads", "Accuracy"]
    assert titles[-2:] == ["Resolution", "Baselines"]
    rows = {(row[0].text, row[2].text): row for row in page.tables[0].rows if "minus" not in row[1].text}
    assert rows["class", "Firmware"][3].text.startswith("80.")
    assert " ± " in rows["angle", "Firmware"][3].text
    assert rows["all", "Firmware"][1].text == "Mean score"
    assert page.tables[0].rows[-1][-1].text == "\N{MINUS SIGN}1.20 ± 0.20"
    assert "Heads" not in [table.title for table in physics_page(made_cards.physics(), made_cards.reference()).tables]


def test_pages_of_paths(tmp_path):
    card, decided = made_cards.rate(), made_cards.decision()
    paths = {"two_b": "num(score[score >= threshold]) >= 2", "ht_b": "any(score >= threshold)"}
    points = {f"{path} at {khz}": methods for path in paths for khz, methods in card.points.items()}
    curves = [curve.model_copy(update={"path": path}) for path in paths for curve in card.curves]
    turnons = [turnon.model_copy(update={"path": path}) for path in paths for turnon in card.turnons]
    many = {"paths": paths, "points": points, "curves": curves, "turnons": turnons, "of_rows": True}
    write_card(card.model_copy(update=many), tmp_path / "rate.json")
    bits = [bit.model_copy(update={"path": "two_b"}) for bit in decided.bits]
    write_card(decided.model_copy(update={"bits": bits, "paths": paths}), tmp_path / "decision.json")
    page_of_rate(rate=tmp_path / "rate.json", decision=tmp_path / "decision.json", folder=tmp_path)
    text = (tmp_path / "rate.html").read_text()
    assert "num(score[score &gt;= threshold]) &gt;= 2" in text
    assert "An event has several rows" in text
    assert "two_b at 1<" in text
    assert "for the logic that collects the objects of an event" in text


def test_pages_of_an_anomaly_without_signal(tmp_path):
    card = made_cards.rate(single_score=True)
    shared = Interval68(value=0.625, low=0.6, high=0.65)
    points = {
        khz: [point.model_copy(update={"efficiency": {}, "shared_with_teacher": shared}) for point in methods]
        for khz, methods in card.points.items()
    }
    curves = [curve.model_copy(update={"efficiency": []}) for curve in card.curves]
    alone = {"signal": [], "background": ["data"], "events": {"data": 200}, "points": points, "curves": curves}
    write_card(card.model_copy(update=alone), tmp_path / "rate.json")
    write_card(made_cards.decision(), tmp_path / "decision.json")
    page_of_rate(rate=tmp_path / "rate.json", decision=tmp_path / "decision.json", folder=tmp_path)
    text = (tmp_path / "rate.html").read_text()
    assert "Signal: none, so the network is judged by rate and by its agreement with the teacher" in text
    assert "62.5 +2.5" in text
    assert "signal efficiency" not in text.lower()
    write_card(made_cards.teacher().model_copy(update={"auc": {}}), tmp_path / "teacher.json")
    page_of_teacher(teacher=tmp_path / "teacher.json", folder=tmp_path)
    assert "ROC" not in (tmp_path / "teacher.html").read_text()


def test_pages_of_an_anomaly(tmp_path):
    write_card(made_cards.rate(single_score=True), tmp_path / "rate.json")
    one = made_cards.decision().model_copy(update={"signal": ["anomaly"], "background": []})
    write_card(one, tmp_path / "decision.json")
    page_of_rate(rate=tmp_path / "rate.json", decision=tmp_path / "decision.json", folder=tmp_path)
    assert {p.name for p in tmp_path.glob("*.svg")} == {"rates.svg", "turnons.svg"}
    text = (tmp_path / "rate.html").read_text()
    assert "accepts an event if its output, as an integer, is at least this code" in text
    assert "A bit is 1 where output anomaly, in steps of 2^-4, is at least" in text
    assert "Teacher, unquantized" in text
    write_card(made_cards.teacher(), tmp_path / "teacher.json")
    page_of_teacher(teacher=tmp_path / "teacher.json", folder=tmp_path)
    text = (tmp_path / "teacher.html").read_text()
    assert "back to its 2 channels) was trained on 1000 of g, q" in text
    assert "0.870" in text
    write_card(made_cards.check_crossings(), tmp_path / "check.json")
    write_card(made_cards.ingest(), tmp_path / "ingest.json")
    write_card(made_cards.reference(), tmp_path / "reference.json")
    draw_data(tmp_path, "data", simulation=tmp_path / "check.json")
    text = (tmp_path / "data/simulate.html").read_text()
    assert "crossings with 60 collisions on average" in text
    assert "57.00\N{NO-BREAK SPACE}%" in text
    assert (tmp_path / "data/crossings.svg").is_file()


def test_importance_is_sorted_and_what_is_not_read_is_hatched():
    card = made_cards.importance()
    left, right = draw("importance").axes[:2]
    names = [text.get_text() for text in left.get_yticklabels()]
    assert names == ["feature_4", "feature_3", "feature_2", "feature_1", "feature_0"], "the pruned one comes last"
    assert [bar.get_width() for bar in left.patches] == pytest.approx([16, 12, 8, 4, 0])
    hatched = {(p.get_x() + 0.5, p.get_y() + 0.5) for p in right.patches if p.get_hatch()}
    unread = {
        (place, 4 - n)
        for n, feature in enumerate(card.features)
        for place, bit in enumerate(feature.bits)
        if not bit.read
    }
    assert hatched == unread
    assert [text.get_text() for text in right.texts[:5]] == ["12.0", "6.0", "3.0", "1.5", "0.8"]
    assert len(right.patches) == sum(len(feature.bits) for feature in card.features)


def test_slots_that_are_not_read_are_marked():
    card = made_cards.importance()
    first, second = card.slots
    none = second.model_copy(update={"bits_read": 0})
    other = first.model_copy(update={"objects": "muon"})
    with styled():
        jets, muons = figure_of_importance.slots(card.model_copy(update={"slots": [first, none, other]})).axes
    assert [line.get_xdata().tolist() for line in jets.lines if line.get_marker() == "x"] == [[1]]
    assert jets.get_legend() is not None
    assert muons.get_legend() is None
    assert [line.get_ydata().tolist() for line in muons.lines if line.get_marker() == "o"] == [pytest.approx([10.0])]


def test_the_page_of_importance_lists_what_was_pruned_first(tmp_path):
    write_card(made_cards.importance(), tmp_path / "importance.json")
    page_of_importance(importance=tmp_path / "importance.json", folder=tmp_path)
    text = (tmp_path / "importance.html").read_text()
    heads = ["Pruned inputs", "Features", "Accuracy lost by bit [percentage points]"]
    heads += ["Lost by class [percentage points]", "Slots of objects"]
    assert re.findall("<h2[^>]*>(.*)</h2>", text) == heads
    assert "pruned inputs: 1 of 5" in text
    card = made_cards.importance()
    assert [cell.text for cell in importance_page(card).tables[3].rows[0]] == [
        "feature_4",
        *("0.00 ± 0.60", "4.00 ± 0.60", "8.00 ± 0.60"),
    ]
    features = [feature.model_copy(update={"by_class": {}}) for feature in card.features]
    write_card(card.model_copy(update={"features": features}), tmp_path / "importance.json")
    page_of_importance(importance=tmp_path / "importance.json", folder=tmp_path)
    rows = rows_of(tmp_path / "importance.html")
    assert [cell for cell, _ in rows["feature_4"]] == ["12.0", "6.0", "3.0", "1.5", "0.8", "·", "·", ""]
    features = importance_page(made_cards.importance()).tables[1].rows[0]
    assert [cell.text for cell in features[1:]] == ["fixed<7,3>", "7", "5", "4", "20", "16.00 ± 0.30"]


def test_importance_page_without_and_with_many_pruned_inputs():
    card = made_cards.importance()
    none = importance_page(card.model_copy(update={"pruned": [], "slots": []}))
    assert [table.title for table in none.tables][1:] == [
        "Accuracy lost by bit [percentage points]",
        "Lost by class [percentage points]",
    ]
    assert "pruned inputs: none of 5" in none.lead
    with styled():
        many = importance_page(made_cards.importance(features=70))
        assert "The first 48 of 70 features" in many.plots[0][2]
        assert len(many.plots[0][1].axes[0].get_yticks()) == 48
    assert len(many.tables[1].rows) == 70
