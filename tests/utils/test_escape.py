"""Names that users write, in every generator: the code around them stays what it is with a plain name."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import made_cards
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trigger_lut.cards.base import Card
from trigger_lut.data.scaffold import write_yaml
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.decision.module import write_decision
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.emulator.files import emulator_files
from trigger_lut.firmware.hls.cpp import network_code
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.testbench import write_bench_of
from trigger_lut.firmware.rtl.time_multiplexing import write_wrapper
from trigger_lut.firmware.rtl.verilog_top import top_module
from trigger_lut.firmware.rtl.vhdl_top import top_entity
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer
from trigger_lut.release.pattern_files import board_data, pattern_text, read_pattern
from trigger_lut.release.readme import _bus
from trigger_lut.report.pages.dashboard import Banner, Bar, Line, Panel
from trigger_lut.report.pages.quality_plot import Mark, QualityPlot
from trigger_lut.report.plots import anomaly, classification, data, drift, importance, rates, regression
from trigger_lut.report.plots.style import canvas, save, styled
from trigger_lut.report.plots.style import plain as plain_label
from trigger_lut.report.template import Cell, Page, Table, write_page
from trigger_lut.synthesis.vivado.scripts import hls_scripts, vivado_scripts
from trigger_lut.utils.escape import ascii_line, comment, markdown, tcl

BREAKS = ["\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00", "\x7f", "\x9b"]
FRAGMENTS = [
    *BREAKS,
    *("\\", "\\ ", "??/", "*/", "/*", "//", "--", '"', "'", "`", "$(id)", "${x}", "$[x]", "[exit]", "{", "}", "{x}"),
    *("%s", "<script>alert(1)</script>", "]]>", "&amp;", "|", "\u202e", "\u2066", "\ufeff", "\u0394\u03b7", "\udcff"),
    *("translate_off", "synopsys translate_off", "verilator lint_off", 'static int run = std::system("id");', "@top@"),
    *("a", " ", "_", "#include", "x" * 300),
]
hostile = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=6).map("".join)
PLAIN = "plain"


def network(name: str) -> Network:
    """Two inputs and two outputs, all of one name, and a layer of that name."""
    kif, none = KIF(False, 2, 0), np.zeros(2, dtype=int)
    tables = np.arange(16).reshape(2, 2, 4) % 4
    layer = TableLayer(name, (kif, kif), ("SAT", "SAT"), np.full((2, 2), 2), tables, none, fraction_bits=none)
    return Network((kif, kif), (layer,), (name, name), (name, name))


def hls(name: str) -> str:
    # Names of ROMs are made of the layer's name; the code around them is compared.
    text = network_code(network(name), 2, sources=[(2, KIF(False, 2, 0))])
    word = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
    return text.replace(f"lut_2_{word}_t", "lut_2_layer_t")


def decision(name: str, folder: Path) -> tuple[str, str]:
    kif = KIF(False, 2, 0)
    rtl = RtlProject(folder, "design_d_top", (), (), (kif, kif), (kif, kif), 2, 1.0)
    project = write_decision(
        rtl,
        Score((kif, kif), (0,), (1,)),
        names=[name, name],
        rates_khz=[1.0, 2.0],
        thresholds=[1, None],
        cycles=1,
        folder=folder,
    )
    return project.verilog.read_text(), project.vhdl.read_text()


GENERATORS: dict[str, tuple[str, Callable[[str], str]]] = {
    "verilog": (
        "//",
        lambda name: top_module(
            network(name), "d_top", core="d_core", fsm=None, live=[], constants={0: 1, 1: 2}, cycles=1
        ),
    ),
    "vhdl": (
        "--",
        lambda name: top_entity(
            network(name), "d_top", core="d_core", fsm=None, live=[], constants={0: 1, 1: 2}, cycles=1
        ),
    ),
    "header": ("//", lambda name: emulator_files(network(name), "d", version="0")["emulator/cpp/trigger_lut_d.h"]),
    "source": ("//", lambda name: emulator_files(network(name), "d", version="0")["emulator/cpp/trigger_lut_d.cpp"]),
    "hls": ("//", hls),
}


def code_of(text: str, mark: str) -> list[str]:
    """Lines that are no comment. Fails for a comment that a tool may read as something else."""
    assert text.isascii()
    assert text.splitlines() == text.removesuffix("\n").split("\n")
    lines = text.split("\n")
    for line in lines:
        before, separator, remark = line.partition(mark)
        if separator:
            assert remark.isprintable()
            assert not remark.rstrip().endswith(("\\", "??/"))
            if not before.strip() and "UNUSEDSIGNAL" not in remark:  # which the generator writes itself
                assert not remark.strip().startswith(("translate_o", "synopsys", "verilator lint"))
    return [line for line in lines if not line.strip().startswith(mark)]


@pytest.mark.parametrize("kind", GENERATORS)
def test_generated_code_is_that_of_a_plain_name(kind: str) -> None:
    mark, generate = GENERATORS[kind]
    plain = code_of(generate(PLAIN), mark)

    @settings(max_examples=60)
    @given(hostile)
    @example("a\nstatic int run = 1;")
    @example("a\\")
    @example("a??/")
    @example("translate_off")
    def compared(name: str) -> None:
        assert code_of(generate(name), mark) == plain

    compared()


def test_code_of_unescaped_names_differs() -> None:
    """Negative control: the comparison above finds a line break that is written as it is."""
    text = f"// {PLAIN}\nint x;\n"
    assert code_of(text.replace(PLAIN, "a\nint y;"), "//") != code_of(text, "//")
    for wrong in ("a\u2028b", "a\x85b", "a\x0bb", "a\\", "a??/", "synopsys translate_off"):
        with pytest.raises(AssertionError):
            code_of(text.replace(PLAIN, wrong), "//")


def test_decision_code_is_that_of_a_plain_name(tmp_path: Path) -> None:
    plain = decision(PLAIN, tmp_path)
    for name in FRAGMENTS:
        for text, right, mark in zip(decision(f"a{name}", tmp_path), plain, ("//", "--"), strict=True):
            assert code_of(text, mark) == code_of(right, mark)


def around(top: str, folder: Path) -> dict[str, str]:
    """The test benches, the time-multiplexing wrapper and the patterns of a top-level module, by name of the file."""
    kif = KIF(False, 2, 0)
    project = RtlProject(folder, top, (), (), (kif, kif), (kif, kif), 2, 1.0)
    write_wrapper(project, 1, cycles=2)
    write_bench_of(project, np.zeros((3, 2), dtype=int), outputs=np.zeros((3, 2), dtype=int), clock_period_ns=2.5)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_module_names_are_words_in_benches_and_wrappers(tmp_path: Path) -> None:
    plain = around(f"design_{PLAIN}_top", tmp_path / PLAIN)
    assert {Path(name).suffix for name in plain} == {".v", ".vhd", ".sv", ".mem"}
    accepted = 0
    for n, name in enumerate([*FRAGMENTS, "ok"]):
        folder, top = tmp_path / str(n), f"design_{name}_top"
        if len(top) < 200 and re.fullmatch(r"\w+", top, re.ASCII):
            accepted += 1
            modules = {
                key.replace(top, f"design_{PLAIN}_top"): text.replace(top, f"design_{PLAIN}_top")
                for key, text in around(top, folder).items()
            }
            assert modules == plain
            continue
        with pytest.raises(FirmwareError, match="no name of a module"):
            around(top, folder)
        assert not folder.exists()
    assert accepted > 3


def test_pattern_file_keeps_its_lines() -> None:
    words, valid = np.zeros((2, 1), dtype=np.uint64), np.array([True, False])
    plain = pattern_text(board_data(PLAIN, words, valid=valid))
    for name in FRAGMENTS:
        text = pattern_text(board_data(name, words, valid=valid))
        assert text.splitlines()[1:] == plain.splitlines()[1:]
        assert text.isascii()
        assert read_pattern(text).valid[:, 0].tolist() == valid.tolist()


def test_network_json_holds_the_name() -> None:
    for name in FRAGMENTS:
        content = json.loads(emulator_files(network(name), "d", version="0")["emulator/python/network.json"])
        assert {entry["name"] for entry in (*content["inputs"], *content["outputs"])} == {name}


@given(hostile)
def test_comment_is_one_line_of_ascii(name: str) -> None:
    for mark in ("//", "--", "#"):
        code_of(comment(mark, f"{name}") + "\n", mark)
    assert ascii_line(PLAIN) == PLAIN


@given(hostile)
def test_markdown_row_keeps_its_cells(name: str) -> None:
    (_, _, row, _) = _bus("data_in", (KIF(False, 2, 0),), (name,))
    assert len(row.splitlines()) == 1
    assert row.isprintable()
    assert "<" not in row.replace("ufixed<2,2>", "")
    plain = row.replace("\\\\", "").replace("\\|", "").replace("\\`", "")
    assert plain.count("|") == 5
    assert "`" not in plain
    assert "`a`" not in markdown("`a`")


@given(hostile)
def test_tcl_word_substitutes_nothing(name: str) -> None:
    if not name.isprintable():
        with pytest.raises(FirmwareError, match="expected printable characters alone"):
            tcl(name)
        return
    word = tcl(name)
    if word.startswith("{") and word.endswith("}") and "\\" not in word:
        assert word[1:-1] == name
        assert not set("{}") & set(word[1:-1])
        return
    taken, at = "", 0
    while at < len(word):
        escaped = word[at] == "\\"
        assert escaped or word[at] not in '\\ \t;"$[]{}#'
        taken += word[at + escaped]
        at += 1 + escaped
    assert taken == name


def test_scripts_quote_their_files() -> None:
    spec = made_cards.spec()
    for name in ("/a b/{c.v", "/a[exit]/$x.v", '/a"b.v', "/a\\b.v"):
        texts = vivado_scripts(spec, "t", verilog=[name]) | hls_scripts(spec, "t", sources=[name])
        assert tcl(name) in texts["vivado.tcl"]
        assert tcl(name) in texts["vitis_hls.tcl"]
        assert f"syn.file={name}\n" in texts["hls_config.cfg"]
    with pytest.raises(FirmwareError):
        hls_scripts(spec, "t", sources=["a\nsyn.top=other"])


FIGURES: dict[str, tuple[Callable[..., Any], Card]] = {
    "scores": (anomaly.scores, made_cards.teacher()),
    "inputs": (data.inputs, made_cards.ingest()),
    "codes": (data.codes, made_cards.ingest()),
    "roc": (classification.roc, made_cards.physics()),
    "confusion": (classification.confusion, made_cards.physics()),
    "residuals": (regression.residuals, made_cards.regression()),
    "by true value": (regression.resolution_by_true, made_cards.regression()),
    "bits": (importance.bits, made_cards.importance()),
    "slots": (importance.slots, made_cards.importance()),
    "rates": (rates.rates, made_cards.rate()),
    "turnons": (rates.turnons, made_cards.rate()),
    "reliability": (rates.reliability, made_cards.rate()),
    "drift": (drift.inputs, made_cards.drift()),
}
HOSTILE = "$a_{b$$ <script> --> ]]> &amp; \\"
NAMED = ("name", "classes", "method", "variable", "sample", "unit", "data_set", "drift", "objects", "outputs", "signal")


def names_in(content: Any, key: str = "") -> set[str]:
    """Names that users give, in the values of a card."""
    if isinstance(content, dict):
        return {name for at, value in content.items() for name in names_in(value, at)}
    if isinstance(content, list):
        return {name for value in content for name in names_in(value, key)}
    return {content} if isinstance(content, str) and content and key in NAMED else set()


def renamed(content: Any, names: set[str], more: str) -> Any:
    """The same values with a text behind each of these names, keys of dictionaries too."""
    if isinstance(content, dict):
        return {renamed(key, names, more): renamed(value, names, more) for key, value in content.items()}
    if isinstance(content, list):
        return [renamed(value, names, more) for value in content]
    return content + more if isinstance(content, str) and content in names else content


@pytest.mark.parametrize("kind", FIGURES)
def test_figure_is_well_formed_with_any_names(kind: str, tmp_path: Path) -> None:
    function, card = FIGURES[kind]
    content = card.model_dump(mode="json")
    names = names_in(content)
    assert names
    tags = {}
    for case, more in {"plain": "", "hostile": HOSTILE}.items():
        with styled():
            save(function(type(card).model_validate(renamed(content, names, more))), tmp_path / "a.svg")
        tags[case] = {element.tag for element in ElementTree.parse(tmp_path / "a.svg").iter()}
    assert tags["plain"] >= tags["hostile"]


def test_label_has_no_character_that_xml_lacks(tmp_path: Path) -> None:
    for name in ("".join(BREAKS), "\u202e\ufeff", "\udcff", HOSTILE):
        with styled():
            figure, (ax,) = canvas()
            ax.set_title(plain_label(f"a{name}"))
            save(figure, tmp_path / "a.svg")
        ElementTree.parse(tmp_path / "a.svg")
    with styled():
        figure, (ax,) = canvas()
        ax.set_title("a\x01")  # negative control: a name as it is
        save(figure, tmp_path / "a.svg")
    with pytest.raises(ElementTree.ParseError):
        ElementTree.parse(tmp_path / "a.svg")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


def test_page_has_the_tags_of_a_plain_name(tmp_path: Path) -> None:
    def tags(name: str) -> list[object]:
        table = Table(name, [name], [[Cell(name, "text", name, name)]], name)
        write_page(Page(name, name, [table], {name: made_cards.ingest()}), tmp_path / "page.html")
        return Tags((tmp_path / "page.html").read_text(encoding="utf-8")).found

    plain = tags(PLAIN)
    for name in FRAGMENTS:
        if "\udcff" not in name:  # no text file holds half of a character, and entry refuses it
            assert tags(f'{name}"') == plain


def test_dashboard_has_the_tags_of_a_plain_name(tmp_path: Path) -> None:
    def tags(name: str) -> list[object]:
        line = Line(name, "prove", "bad", name, name, [name], Bar(50.0, 100.0, 40.0, 60.0))
        mark = Mark(1.0, 2.0, passes=True, label=name)
        more = {
            "banner": Banner("failed", name, [name], 1),
            "judged": True,
            "stages": ["prove"],
            "panels": [Panel(name, passes=False, reasons=[name], lines=[line], pages=name)],
            "plot": QualityPlot(name, name, name, [(1.0, name)], [(1.0, name)], [(1.0, 1.0, name)], [mark]),
        }
        page = Page(name, name, [], {}, template="dashboard.html", more=more)
        write_page(page, tmp_path / "page.html")
        return Tags((tmp_path / "page.html").read_text(encoding="utf-8")).found

    plain = tags(PLAIN)
    assert {"article", "svg", "desc"} <= set(plain)
    for name in FRAGMENTS:
        if "\udcff" not in name:
            assert tags(f'{name}"') == plain


@given(hostile)
def test_proposed_yaml_keeps_its_lines(name: str) -> None:
    import yaml

    if "\udcff" in name:
        return
    assert yaml.safe_load(write_yaml._text(name)) == name
    assert len(write_yaml._comment(name).splitlines()) == 1
    assert write_yaml._comment(name).isprintable()
