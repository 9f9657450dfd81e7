"""The page of what is guaranteed, and the same text as Markdown."""

from __future__ import annotations

from pathlib import Path

import made_cards
import pytest
from documentation_pages import banned_words, long_sentences

from trigger_lut.cards.attack import AttackCard, AttackCount
from trigger_lut.cards.base import write_card
from trigger_lut.errors import CardError
from trigger_lut.report.guarantees import CLAIMS, guarantees_markdown
from trigger_lut.report.pages import guarantees
from trigger_lut.report.template import Cell


def test_guarantees_page_has_each_claim_and_passes_prose_rules():
    page = guarantees_markdown()
    assert [page.count(f"\n## {claim.word}\n") for claim in CLAIMS] == [1] * len(CLAIMS)
    assert banned_words(page) + long_sentences(page) == []


def test_claims_sentences_have_at_most_25_words():
    texts = [text for x in CLAIMS for text in (x.meaning, *x.checks, x.independence, x.assumptions, x.limits)]
    assert max(len(sentence.split()) for text in texts for sentence in text.split(". ")) <= 25


def write_attack(path: Path, wrong: int = 0) -> Path:
    count = AttackCount(mutants=4, different=2, equal=1, not_compiled=1, proven_wrongly=wrong, refused_equal=0)
    lists = {"proven_wrongly": ["a hole"] * wrong, "refused_equal": [], "crashes": [], "claims_refuted": []}
    card = AttackCard(
        seed=3,
        seconds_allowed=5,
        seconds=60,
        versions={"trigger_lut": "0"},
        inputs={},
        total=count,
        kinds={"clock": count},
        operators={},
        networks={},
        **lists,
    )
    write_card(card, path)
    return path


def test_guarantees_page_shows_designs_and_attack(tmp_path, monkeypatch):
    monkeypatch.setattr(guarantees, "ATTACK_CARD", write_attack(tmp_path / "attack.json", wrong=1))
    for name, status in (("good", "proven"), ("open", "sampled")):
        folder = tmp_path / name
        for card in (made_cards.verify(name), made_cards.prove(name, status), made_cards.timing(name)):
            write_card(card, folder / f"{card.stage}.json")
    guarantees.page_of_guarantees(designs=[tmp_path / "good", tmp_path / "open"], output=tmp_path / "guarantees.html")
    text = (tmp_path / "guarantees.html").read_text()
    tables = {table.title: table for table in guarantees.guarantees_page([tmp_path / "open"]).tables}
    assert [cell.kind for cell in tables["Designs of this run"].rows[0]] == ["text", "good", "text", "text", "good"]
    without = made_cards.prove("open", "sampled").model_copy(update={"seconds_allowed": 0})
    write_card(without, tmp_path / "open/prove.json")
    assert guarantees.guarantees_page([tmp_path / "open"]).tables[0].rows[0][2] == Cell("not measured", "text")
    assert "<code>verify</code> runs the same vectors" in text
    assert all(claim.word in tables for claim in CLAIMS)
    assert tables["Attack suite"].rows[-1][5] == Cell("1", "bad")
    assert "trigger-lut attack --mutants 4 --seed 3" in text
    assert "Designs of this run" in text


def test_guarantees_page_needs_the_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(guarantees, "ATTACK_CARD", write_attack(tmp_path / "attack.json"))
    with pytest.raises(CardError, match=r"verify\.json: cannot be read"):
        guarantees.page_of_guarantees(designs=[tmp_path], output=tmp_path / "guarantees.html")
    assert not (tmp_path / "guarantees.html").exists()
