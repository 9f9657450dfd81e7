"""The attack on the proof: its mutants are real, its judge sees them, and no mutant that differs is proven."""

import sys
from collections import Counter
from dataclasses import replace

import made_cards
import numpy as np
import pytest
from stopping import needs_proc, stopped

from trigger_lut.cards.attack import AttackCard
from trigger_lut.cards.base import read_card
from trigger_lut.cli import main
from trigger_lut.verification.attack import run
from trigger_lut.verification.attack.designs import designs
from trigger_lut.verification.attack.judge import judge
from trigger_lut.verification.attack.mutate import Change, Mutant, change_is_real, draw_mutants, load_operators

MUTANTS, SEED = 60, 1


@pytest.fixture(scope="module")
def attacked_designs(tmp_path_factory):
    return designs(made_cards.spec(), tmp_path_factory.mktemp("designs"))


@pytest.fixture(scope="module")
def attacked():
    return run.attack(made_cards.spec(), MUTANTS, seed=SEED, jobs=2)


@pytest.mark.parametrize("seed", range(3))
def test_every_operator_changes_a_design(attacked_designs, seed):
    rng = np.random.default_rng(seed)
    for name, registered in load_operators().items():
        changes = [(design, registered.apply(design, rng)) for design in attacked_designs]
        assert any(change is not None for _, change in changes), f"{name} applies to no design"
        for design, change in changes:
            assert change is None or change_is_real(design, change), f"{name} leaves {design.name} as it is"


def test_a_seed_draws_different_mutants_of_every_kind(attacked_designs):
    first, again, other = (draw_mutants(attacked_designs, 400, seed=seed) for seed in (1, 1, 2))
    assert [m.files for m in first] == [m.files for m in again] != [m.files for m in other]
    assert len({(m.design.name, *m.files.items()) for m in first}) == 400
    assert {m.kind for m in first} == {registered.kind for registered in load_operators().values()}
    assert {m.design.name for m in first} == {design.name for design in attacked_designs}
    assert sum(m.change.equal for m in first) <= 400 // 7


def test_the_judge_sees_faults_in_time_and_of_readers(attacked_designs):
    (design,) = (design for design in attacked_designs if design.name == "one cycle")
    wrong = (
        "an event leaks into the next", "counter of 64 bits fires once a turn", "data out without its last bit",
        "valid_out always 1", "ifdef SYNTHESIS", "all clocked by valid_in", "data of a gap leak", "long gap",
        "state that holds itself", "all on falling edges", "second driver 0", "word of 72 bits",
    )  # fmt: skip
    right = ("values renamed", "valid starts at 1", "clock by way of a wire", "all in one file")
    mutants = []
    for n, name in enumerate([*wrong, *right]):
        change = load_operators()[name].apply(design, np.random.default_rng(n))
        files = design.files | change.files
        files = {file: files[file] for file in change.order or files}
        mutants.append(Mutant(n, design, name, "", change, files))
    for mutant, verdict in zip(mutants, judge(design, mutants, seed=1), strict=True):
        assert verdict.compiles, (mutant.operator, verdict.detail)
        assert verdict.differs == (mutant.operator in wrong), (mutant.operator, verdict.detail)


def test_mutants_of_the_decision_differ_and_are_not_proven(attacked_designs):
    (design,) = (design for design in attacked_designs if design.decision is not None)
    wrong = ("above, not at", "thresholds exchanged", "step a cycle late", "valid as data", "network without a clock")
    mutants = [Mutant(0, design, "unchanged", "", Change("", {}), design.files)]
    for n, name in enumerate(wrong, 1):
        change = load_operators()[f"decision: {name}"].apply(design, np.random.default_rng(n))
        mutants.append(Mutant(n, design, name, "", change, design.files | change.files))
    first, *others = map(run.Outcome, mutants, judge(design, mutants, seed=1), map(run.prove_mutant, mutants))
    assert (first.result, first.proof) == ("equal", (("proven",) * len(design.judged.outputs), ""))
    for outcome in others:
        assert outcome.result == "different", outcome.describe()
        assert set(outcome.proof[0]) == {"sampled"}, outcome.describe()


def test_no_mutant_that_differs_is_proven(attacked):
    outcomes, card = attacked
    assert not card.proven_wrongly
    assert not card.claims_refuted
    assert not card.crashes
    assert card.total.mutants == len(outcomes) == MUTANTS
    assert set(card.kinds) == {registered.kind for registered in load_operators().values()}
    assert card.total.different >= run.LEAST_DIFFERENT * MUTANTS
    assert card.total.not_compiled <= MUTANTS // 6
    assert Counter(o.result for o in outcomes)["equal"] == card.total.equal > 0
    assert run.table(card).splitlines()[-1].split()[:2] == ["all", str(MUTANTS)]


def test_a_proof_of_everything_fails_the_attack(attacked, monkeypatch, tmp_path, capsys):
    """Negative control: each mutant that differs counts."""
    outcomes, card = attacked
    trusted = [replace(o, proof=(("proven",) * len(o.mutant.design.judged.outputs), "")) for o in outcomes]
    holes = [o.describe() for o in trusted if o.hole]
    assert len(holes) >= card.total.different
    missed = card.model_copy(update={"proven_wrongly": holes})
    monkeypatch.setattr(run, "attack", lambda *_, **__: (trusted, missed))
    assert main(["attack", "--mutants", "60", "--output", str(tmp_path / "attack.json")]) == 1
    output = capsys.readouterr()
    assert f"attack: the proof accepts {len(holes)} mutants that a simulation" in output.err
    assert read_card(AttackCard, tmp_path / "attack.json") == missed
    monkeypatch.setattr(run, "attack", lambda *_, **__: (outcomes, card.model_copy(update={"proven_wrongly": []})))
    assert main(["attack", "--mutants", "60"]) == 0
    harmless = card.model_copy(update={"total": card.total.model_copy(update={"different": 3})})
    monkeypatch.setattr(run, "attack", lambda *_, **__: ([], harmless))
    assert main(["attack", "--mutants", "60"]) == 1
    assert "Expected at least 65%, found 3 of 60." in capsys.readouterr().err


@needs_proc
def test_sigterm_ends_the_attack_and_all_its_programs_at_once(tmp_path):
    temporary, card = tmp_path / "tmp", tmp_path / "attack.json"
    command = [sys.executable, "-m", "trigger_lut.cli", "attack", "--mutants", "60", "--jobs", "2", "--output"]
    ending = stopped([*command, str(card)], temporary, "verilator_bin", lambda process: process.terminate())
    assert ending == (143, "trigger-lut: stopped. Run the same command again to continue.\n")
    assert not card.exists()
