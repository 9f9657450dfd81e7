"""The documentation builds without a warning, and its generated pages cover the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import BROWSER, MISSING, inspect_pages

from trigger_lut import cli
from trigger_lut.cards.documentation import CARDS
from trigger_lut.config.budget import load_targets

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def build(source: Path, output: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", *options, source, output]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    folder = tmp_path_factory.mktemp("site")
    status, output = build(DOCS, folder)
    assert status == 0, output[-5000:]
    return folder


@pytest.fixture(scope="module")
def generate():
    sys.path.insert(0, str(DOCS))
    try:
        import generate
    finally:
        sys.path.remove(str(DOCS))
    return generate


def test_site_has_a_page_for_each_source_and_a_search_index(site):
    sources = [page.relative_to(DOCS) for page in DOCS.rglob("*.md")]
    assert len(sources) > 40
    assert [str(s) for s in sources if not (site / s.with_suffix(".html")).is_file()] == []
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert all(term in index for term in ("latency_n", "nanoaod", "pareto"))


def broken_links(site: Path) -> list[str]:
    """Return the links within a site that lead to no file or to no place in it."""
    texts = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    broken = []
    for page, text in texts.items():
        for target in set(re.findall(r'<a [^>]*href="(?!https?:|mailto:)([^"]*)"', text)):
            file, _, anchor = unquote(target).partition("#")
            path = (page.parent / file.partition("?")[0]).resolve() if file else page
            if not path.exists() or (anchor and path in texts and f'id="{anchor}"' not in texts[path]):
                broken.append(f"{page.relative_to(site)}: {target}")
    return broken


def test_site_links_and_anchors_lead_somewhere(site):
    assert broken_links(site) == []


def test_site_links_broken_ones_are_found(tmp_path):
    links = ["b.html", "#here", "#gone", "none.html", "b.html#there", "b.html#gone"]
    (tmp_path / "a.html").write_text('<p id="here">' + "".join(f'<a href="{link}">a</a>' for link in links))
    (tmp_path / "b.html").write_text('<p id="there">')
    assert sorted(broken_links(tmp_path)) == ["a.html: #gone", "a.html: b.html#gone", "a.html: none.html"]


@pytest.mark.skipif(BROWSER is None, reason=MISSING)
def test_site_pages_fit_a_phone(site):
    pages = ["index", "explanation/pipeline", "explanation/independence", "how-to/data_sets", "project/benchmarks"]
    pages += [f"reference/generated/{name}" for name in ("cards", "commands", "config_budget", "layers")]
    wide = site / "wide.html"
    wide.write_text('<html lang="en"><head></head><body><div style="width: 800px">wide</div></body></html>')
    try:
        inspected = inspect_pages(site, [*(f"{page}.html" for page in pages), wide.name], 390)
    finally:
        wide.unlink()
    assert {page for page, of in inspected.items() if of["too_wide"] > 0} == {wide.name}


def test_build_fails_for_broken_references(site, tmp_path):
    configuration = (DOCS / "conf.py").read_text(encoding="utf-8")
    kept = re.findall(r"^(?:nitpicky|nitpick_ignore_regex|myst_\w+) = .*$", configuration, re.MULTILINE)
    (tmp_path / "conf.py").write_text("\n".join(['extensions = ["myst_parser"]', *kept]))
    (tmp_path / "index.md").write_text("# Page\n\n[b](#page)\n")
    assert build(tmp_path, tmp_path / "good")[0] == 0
    wrong = "# Page\n\n[a](gone.md) [b](#lost) {term}`unknown`\n\n```{toctree}\nabsent\n```\n"
    (tmp_path / "index.md").write_text(wrong)
    status, output = build(tmp_path, tmp_path / "bad")
    assert status != 0
    assert [name for name in ("gone.md", "lost", "unknown", "absent") if name not in output] == []


def test_generated_pages_cover_commands_rules_targets_and_cards(generate):
    pages = generate.pages()
    commands = dict(generate.subcommands(cli.parser()))
    assert {"check-release", "stage train", "report event"} < set(commands)
    assert all(f"## {name}\n" in pages["commands"] for name in commands)
    for name, sub in commands.items():
        options = [option for a in sub._actions for option in a.option_strings if option.startswith("--")]
        section = pages["commands"].split(f"## {name}\n")[1].split("\n## ")[0]
        assert [option for option in options if option != "--help" and f"`{option}`" not in section] == []
    files = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    rules = [n for file in files for n in re.findall(r"^ *rule (\w+):", file.read_text(), re.MULTILINE)]
    assert len(rules) > 40
    assert [name for name in rules if f"| `{name}` |" not in pages["rules"]] == []
    assert all(f"## {name}\n" in pages["targets"] for name in load_targets(ROOT / "config" / "targets.yaml"))
    assert "| delay figures of the family | our own round numbers for 16 nm" in pages["targets"]
    assert all(f"## {path}\n" in pages["cards"] for path in CARDS)


def test_generated_pages_have_every_key_of_the_configuration(generate):
    from trigger_lut.config.documentation import documentation

    keys = set(re.findall(r"^\| (`[^`]+`) \|", documentation(), re.MULTILINE))
    written = "".join(text for name, text in generate.pages().items() if name.startswith("config_"))
    assert len(keys) > 200
    assert [key for key in keys if f"| {key} |" not in written] == []


def test_docstring_columns_become_a_list_with_continued_lines(generate):
    lines = ["Text of one line.", "", "units   number of", "        outputs", "seed    of the draw", "More text."]
    generate.columns_as_list(lines)
    expected = ["Text of one line.", "", "", "* ``units``: number of", "  outputs", "", "* ``seed``: of the draw"]
    assert lines == [*expected, "", "More text."]


def test_copied_page_has_no_relative_links(generate, tmp_path):
    (tmp_path / "A.md").write_text("# A\n\n[b](B.md), [c](https://c.org), [d](#a)\n")
    assert generate.copied(tmp_path / "A.md") == "# A\n\nb (`B.md`), [c](https://c.org), [d](#a)\n"
    assert "no file `NONE.md`" in generate.copied(tmp_path / "NONE.md")


def test_former_generated_pages_are_removed(generate, tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "pages", lambda: {"new": "# New\n"})
    (tmp_path / "old.md").write_text("# Old\n")
    generate.write_pages(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.md"]


def test_rules_without_docstring_are_refused(generate, tmp_path, monkeypatch):
    (tmp_path / "Snakefile").write_text("rule bare:\n    output:\n        'x',\n")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="rule bare: no docstring"):
        generate.workflow_rules()


def test_generated_pages_but_the_layers_need_no_tensorflow():
    code = (
        f"import sys; sys.path.insert(0, {str(DOCS)!r}); import generate; generate.light_pages(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"tensorflow", "keras", "hls4ml", "alkaid"} & set(done.stdout.split()) == set()
    assert "trigger_lut.config.budget" in done.stdout
