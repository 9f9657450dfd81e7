"""The shipped result of the attack on the proof: of as many mutants as stated, none that differs is proven."""

from pathlib import Path

import pytest

import trigger_lut.verification.attack
from trigger_lut.cards.attack import AttackCard, AttackCount
from trigger_lut.cards.base import read_card
from trigger_lut.verification.attack.designs import NETWORKS
from trigger_lut.verification.attack.mutate import load_operators
from trigger_lut.verification.attack.run import LEAST_DIFFERENT

CARD = Path(trigger_lut.verification.attack.__file__).with_name("attack.json")


@pytest.fixture(scope="module")
def card() -> AttackCard:
    assert CARD.is_file(), f"{CARD}: missing. Write it with: trigger-lut attack --mutants 800 --output {CARD}"
    return read_card(AttackCard, CARD)


def test_enough_mutants_differ_and_none_of_them_is_proven(card):
    assert card.total.mutants >= 400
    assert card.total.different >= 300
    assert card.total.different >= LEAST_DIFFERENT * card.total.mutants
    assert (card.total.proven_wrongly, card.proven_wrongly) == (0, [])
    assert (card.crashes, card.claims_refuted) == ([], [])


def test_every_kind_is_attacked_and_every_operator_is_known(card):
    known = load_operators()
    assert set(card.kinds) == {registered.kind for registered in known.values()}
    assert set(card.networks) == set(NETWORKS)
    assert set(card.operators) <= set(known)
    assert all(count.different for kind, count in card.kinds.items() if kind not in ("attributes", "equal"))


def test_the_counts_of_the_card_agree(card):
    for groups in (card.kinds, card.operators, card.networks):
        for name in AttackCount.model_fields:
            assert sum(getattr(count, name) for count in groups.values()) == getattr(card.total, name), name
    total = card.total
    assert total.different + total.equal + total.not_compiled == total.mutants
    assert len(card.refused_equal) == total.refused_equal
