"""Reasons for which a design fails: proofs that a budget requires."""

import made_cards

from trigger_lut.cards.base import write_card
from trigger_lut.verification.judgement import reasons_to_fail


def test_sampled_decision_fails_only_if_proofs_are_required(tmp_path):
    path = tmp_path / "decision.json"
    open_one = {"proof": "sampled", "proof_detail": "open after 60 s", "proof_control": None}
    write_card(made_cards.decision().model_copy(update=open_one), path)
    assert reasons_to_fail([], [], cards=[path]) == []
    assert reasons_to_fail([], [], cards=[path], proofs={}) == [
        "small: decision in firmware is not proven (open after 60 s); verification.require_proof asks for it"
    ]


def test_proven_decision_passes_where_proofs_are_required(tmp_path):
    write_card(made_cards.decision(), tmp_path / "decision.json")
    assert reasons_to_fail([], [], cards=[tmp_path / "decision.json"], proofs={}) == []
