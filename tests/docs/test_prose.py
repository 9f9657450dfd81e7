"""All Markdown of the repository: length, ban list, short sentences; the terms of the glossary."""

import re

import pytest
from documentation_pages import ROOT, TUTORIALS, banned_words, committed, long_sentences

COMMITTED = [str(page.relative_to(ROOT)) for page in committed()]
LONGEST = {"README.md": 160, "CONTRIBUTING.md": 40}
"""Lines of a file."""
TOGETHER = [["II", "initiation interval"]]
"""Terms of the glossary that have one definition on purpose."""


def text_of(page):
    """Return the text of a page without the marks that a generator replaces."""
    return re.sub(r"@[A-Z_]+@", "", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", LONGEST)
def test_page_has_few_lines(page):
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= LONGEST[page]


@pytest.mark.parametrize("page", COMMITTED)
def test_page_has_no_banned_word(page):
    assert banned_words(text_of(page)) == []


@pytest.mark.parametrize("page", COMMITTED)
def test_page_has_no_long_sentence(page):
    assert long_sentences(text_of(page)) == []


def test_committed_pages_include_those_outside_of_the_site():
    assert len(TUTORIALS) >= 4
    expected = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "THIRD_PARTY.md", "workflow/profiles/README.md"}
    assert expected | {str(page.relative_to(ROOT)) for page in TUTORIALS} <= set(COMMITTED)


def test_banned_words_are_found_in_prose_but_not_in_code():
    text = "A layer stands here.\n\n- It is looked at.\n\n`held` is code.\n\n```\nleft out\n```\n"
    assert banned_words(text) == ["stands", "looked at"]


def test_long_sentences_are_found_in_paragraphs_lists_and_tables():
    long, short = " ".join(["word"] * 26), " ".join(["word"] * 25)
    page = f"{short}. {short}.\n{long}.\n\n- {long}\n\n| a | {long} |\n|---|---|\n\n```\n{long} {long}\n```\n"
    assert [sentence.count("word") for sentence in long_sentences(page)] == [26, 26, 26]


def definitions(page):
    """Return the terms of each definition of a glossary."""
    entries = page.split("```{glossary}\n")[1].split("```")[0].split("\n\n")
    return [[line for line in entry.splitlines() if line and line[0] != " "] for entry in entries]


def test_definitions_terms_that_share_one_are_found():
    page = "# G\n\n```{glossary}\na\n  First.\n\nb\nc\n  Second.\n  More.\n```\n"
    assert definitions(page) == [["a"], ["b", "c"]]


def test_glossary_is_sorted_and_has_the_terms_of_the_field():
    entries = definitions((ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8"))
    terms = [entry[-1] for entry in entries]
    assert terms == sorted(terms, key=str.lower)
    assert len(set(terms)) == len(terms)
    assert [entry for entry in entries if len(entry) > 1] == TOGETHER
    needed = "position,edge,table,address bits,fraction bits,mismatch,coverage,estimate,measurement,baseline"
    needed += ",reference model,head,EBOPs,L-LUT,KIF,initiation interval,format,code,target,synthesizer"
    assert set(needed.split(",")) <= set(terms)
