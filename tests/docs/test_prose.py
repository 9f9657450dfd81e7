"""README and documentation: length, ban list, short sentences."""

import re

import pytest
from documentation_pages import PAGES, README, ROOT, TUTORIALS, banned_words, long_sentences

IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def test_readme_has_at_most_160_lines():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 160


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_page_has_no_banned_word(page):
    assert banned_words(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_page_has_no_long_sentence(page):
    assert long_sentences(page.read_text(encoding="utf-8")) == []


def test_pages_include_readme_and_tutorials():
    assert len(TUTORIALS) >= 4
    assert {README, *TUTORIALS} <= set(PAGES)


def test_banned_words_are_found_in_prose_but_not_in_code():
    text = "A layer stands here.\n\n- It is looked at.\n\n`held` is code.\n\n```\nleft out\n```\n"
    assert banned_words(text) == ["stands", "looked at"]


def test_long_sentences_are_found_in_paragraphs_lists_and_tables():
    long, short = " ".join(["word"] * 26), " ".join(["word"] * 25)
    page = f"{short}. {short}.\n{long}.\n\n- {long}\n\n| a | {long} |\n|---|---|\n\n```\n{long} {long}\n```\n"
    assert [sentence.count("word") for sentence in long_sentences(page)] == [26, 26, 26]


def test_glossary_is_sorted_and_has_the_terms_of_the_field():
    page = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(?!```)(\w[^\n]*)\n  ", page, re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    needed = "position,edge,table,address bits,fraction bits,mismatch,coverage,estimate,measurement,baseline"
    needed += ",reference model,EBOPs,L-LUT,KIF,initiation interval,format,code,target,synthesizer"
    assert set(needed.split(",")) <= set(terms)
