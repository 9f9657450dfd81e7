"""The verdict trusts no card: files, checksums and figures must agree before a design is judged."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import made_cards
import made_results
import pytest
from made_results import cards_beside, cover_up, edit

from trigger_lut.cards.base import write_card
from trigger_lut.cards.proof import OutputProof, ProveCard
from trigger_lut.cards.stage_cards import VerdictCard
from trigger_lut.errors import BudgetMissedError, CardError
from trigger_lut.stages import check_budgets
from trigger_lut.utils.files import sha256
from trigger_lut.verification.consistency import differs

DESIGNS = ("small", "medium")


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> Path:
    return made_results.finished(tmp_path_factory.mktemp("verdict"), *DESIGNS, points=("point",))


@pytest.fixture
def results(once) -> Path:
    """The same folder for all tests, as cards hold paths; all files are put back after each test."""
    kept = {path: path.read_bytes() for path in once.parent.rglob("*") if path.is_file()}
    yield once
    for path, content in kept.items():
        path.write_bytes(content)


def judge(results: Path) -> VerdictCard:
    return check_budgets.run(
        summary=results / "summary.json",
        scan=results / "scan.json",
        output=results / "verdict.json",
        cards=cards_beside(results, *DESIGNS),
    )


def refusal(results: Path) -> str:
    """The message with which a verdict is refused."""
    (results / "verdict.json").write_text("an earlier verdict")
    with pytest.raises((CardError, BudgetMissedError)) as caught:
        judge(results)
    assert not (results / "verdict.json").exists()
    return str(caught.value)


def test_verdict_on_files_that_agree_says_what_was_shown(results):
    card = judge(results)
    assert card.designs == ["small", "medium"]
    small, _, point = card.details
    assert (small.name, point.name) == ("small", "point")
    assert small.network_sha256 == sha256(results / "small/network.npz")
    assert {form.name: form.vectors for form in small.forms} == dict.fromkeys(
        ("keras", "hls4ml", "alkaid", "rtl"), 100_600
    )
    assert (small.proven, small.sampled) == (["class0", "class1", "class2"], [])
    assert "luts: 900 (yosys), at most 1000: met" in small.statements
    assert "decision: not asked for" in small.statements
    assert "proof: not asked for; the outputs are sampled: compared on vectors alone" in point.statements
    assert str(results / "data/toy/codes.npz") in json.loads((results / "small/train.json").read_text())["inputs"]
    assert (card.files > 20, card.removed_files) == (True, [])


FILES = [
    "small/network.npz",
    "small/model.keras",
    "small/predictions.npz",
    "small/spec.json",
    "small/firmware/rtl/top.v",
    "small/firmware/rtl/project.json",
    "small/firmware/hls/project.json",
    "small/release.zip",
    "small/train.json",
    "point/synth.json",
    "data/toy/codes.npz",
    "data/toy/data_set.json",
    "data/toy/reference.json",
    "../ntuples/a.root",
]


@pytest.mark.parametrize("name", FILES)
def test_verdict_on_a_changed_file_names_it(results, name):
    path = Path(os.path.normpath(results / name))
    path.write_bytes(path.read_bytes() + b" ")
    message = refusal(results)
    assert f"{path}" in message
    assert "Expected " in message
    assert "found " in message


@pytest.mark.parametrize(
    "name", ["small/network.npz", "small/firmware/rtl/top.v", "data/toy/codes.npz", "small/prove.json"]
)
def test_verdict_on_a_missing_file_names_it(results, name):
    (results / name).unlink()
    assert str(results / name) in refusal(results)


def test_verdict_without_a_card_asks_for_its_stage(results):
    (results / "small/prove.json").unlink()
    message = refusal(results)
    assert "the results do not agree: 1 problem." in message
    assert f"{results / 'small/prove.json'}: missing. Expected a card, found none. Run its stage again." in message


def test_differs_names_the_entry_and_the_source():
    rows = [{"quantity": "luts", "found": 1}, {"quantity": "ii", "found": 1}]
    changed = [rows[0], rows[1] | {"found": 2}]
    assert list(
        differs(Path("a.json"), "", expected={"budget": rows}, actual={"budget": changed}, source="the budget file")
    ) == ["a.json: budget.1.found: does not agree with the budget file. Expected 1, found 2."]
    assert list(differs(Path("a.json"), "budget", expected=rows, actual=rows[:1]))
    assert not list(differs(Path("a.json"), "budget", expected=rows, actual=list(rows)))


def test_verdict_without_the_data_says_so(results):
    (results.parent / "ntuples/a.root").unlink()
    assert judge(results).removed_files == [str(results.parent / "ntuples/a.root")]


def test_verdict_on_cards_of_another_design_is_refused(results):
    shutil.copy(results / "medium/verify.json", results / "small/verify.json")
    assert "small/verify.json: changed since" in refusal(results)
    for stage in ("prove", "faults"):
        shutil.copy(results / f"medium/{stage}.json", results / f"small/{stage}.json")
    edit(results / "small/verify.json", lambda card: card.update(design="small"))
    cover_up(results)
    message = refusal(results)
    assert (
        f"{results}/small/prove.json: design: does not agree with the other files. Expected small, found medium."
        in message
    )
    for stage in ("prove", "faults"):
        edit(results / f"small/{stage}.json", lambda card: card.update(design="small"))
    cover_up(results)
    assert f"Expected {results}/small/network.npz, found no such path" in refusal(results)


def leaves(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all numbers, truth values and texts of a JSON document."""
    if isinstance(content, dict | list):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        return [leaf for key, value in pairs for leaf in leaves(value, (*at, key))]
    return [at]


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x" if isinstance(value, str) else 1


def put(content: Any, at: tuple[Any, ...], value: Any) -> None:
    for key in at[:-1]:
        content = content[key]
    content[at[-1]] = value


CARDS = ["train", "firmware", "verify", "synth", "timing", "physics", "prove", "faults", "release"]


@pytest.mark.parametrize("path", [*(f"small/{card}.json" for card in CARDS), "summary.json", "scan.json"])
def test_verdict_on_any_edited_leaf_is_refused(results, path):
    """Every field counts: a card that was edited by hand has another digest or checksum than was written."""
    text = (results / path).read_text()
    for at in leaves(json.loads(text))[:: 1 if len(text) < 2000 else 20]:
        content = json.loads(text)
        value = content
        for key in at:
            value = value[key]
        put(content, at, changed(value))
        (results / path).write_text(json.dumps(content))
        with pytest.raises(CardError):
            judge(results)


FORGED = {
    "mismatches": ("verify", {"mismatches": 7}, "mismatches: not the sum over the comparisons. Expected 0, found 7"),
    "no comparisons": ("verify", {"comparisons": []}, "Expected keras, found none"),
    "no vectors": ("verify", {"vectors": 0}, "vectors: nothing was measured. Expected at least 1, found 0"),
    "outputs": ("verify", {"outputs": 2}, "outputs: does not agree with the other files. Expected 3, found 2"),
    "latency": ("verify", {"latency_cycles_measured": 3}, "latency_cycles_measured"),
    "not exact": ("verify", {"bit_exact": False}, "bit_exact: not what mismatches and controls say"),
    "second proof": ("prove", {"second": made_cards.second().model_dump()}, "second.cycles: does not agree"),
    "negative": ("synth", {"luts": {"value": -5, "source": "yosys"}}, "cannot be negative, found -5"),
    "fewer LUTs": (
        "synth",
        {"luts": {"value": 5, "source": "yosys"}},
        "luts, by the cells of the netlist: does not agree with the other files. Expected 900",
    ),
    "estimate as measurement": (
        "synth",
        {"luts": {"value": 900, "source": "estimate"}},
        "luts.source: does not agree with the other files. Expected yosys, found estimate",
    ),
    "other tool": ("synth", {"ff": {"value": 100, "source": "vivado"}}, "ff.source: does not agree"),
    "fewer cycles": ("timing", {"latency_cycles": {"value": 1, "source": "rtl-simulation"}}, "latency_cycles.value"),
    "met": ("timing", {"latency_met": False}, "latency_met: does not agree"),
    "proven without registers": ("prove", {"registers": None}, "registers: does not agree with the other files"),
    "proven in no time": ("prove", {"seconds_allowed": 0}, "seconds_allowed: expected the time of the proof, found 0"),
    "no outputs": ("prove", {"outputs": []}, "outputs"),
    "hidden faults": ("faults", {"undetected": ["a"]}, "undetected: not as many as kinds says. Expected 0, found 1"),
    "rate": ("faults", {"detection_rate": 0.5}, "detection_rate: not what the counts say. Expected 1.0, found 0.5"),
    "budget": ("train", {"luts_budget": 9000}, "luts_budget: does not agree with the other files. Expected 1000"),
    "clock": (
        "firmware",
        {"clock_period_ns": 9.0},
        "clock_period_ns: does not agree with the other files. Expected 2.5",
    ),
    "archive": ("release", {"archive_bytes": 1}, "bytes: does not agree with the other files. Expected 1"),
    "score": ("physics", {"score": 1.5}, "score"),
}


@pytest.mark.parametrize("what", FORGED)
def test_verdict_on_forged_figures_is_refused(results, what):
    """The forger writes fitting checksums into all cards: what is left is that figures agree."""
    stage, change, expected = FORGED[what]
    edit(results / f"small/{stage}.json", lambda card: card.update(change))
    cover_up(results)
    message = refusal(results)
    assert f"{stage}.json" in message or "release.zip" in message
    assert expected in message


def test_verdict_on_a_forged_table_is_refused(results):
    edit(results / "summary.json", lambda card: card["designs"][0].update(luts=10, mismatches=3))
    message = refusal(results)
    assert "summary.json: small.luts: does not agree with the other files. Expected 900, found 10." in message
    assert "summary.json: small.mismatches: does not agree with the other files. Expected 0, found 3." in message


def test_verdict_without_one_design_is_refused(results):
    edit(results / "summary.json", lambda card: card["designs"].pop())
    assert "designs: does not agree with the other files. Expected ['small', 'medium'], found ['small']" in refusal(
        results
    )


def test_verdict_on_a_proof_of_no_design_is_refused(tmp_path):
    """The card says nothing, of nothing, made from a file that is not there."""
    common = {"method": "", "gates": {}, "seconds_allowed": 0, "control": "", "control_caught": None}
    provenance = {"seconds": 0, "versions": {}, "inputs": {"a/file/that/is/not/there.v": "0" * 64}}
    write_card(ProveCard(design="none", outputs=[], **common, **provenance), tmp_path / "prove.json")
    with pytest.raises(CardError, match=r"there\.v: missing"):
        check_budgets.run(output=tmp_path / "verdict.json", cards=[tmp_path / "prove.json"])


def sampled(results: Path, **budget: Any) -> tuple[Path, Path]:
    """Let one output of small be sampled; write a budget file and targets that the results agree with."""

    def change(card: dict[str, Any]) -> None:
        card["outputs"][1] = OutputProof(
            name="class1", bits=card["outputs"][1]["bits"], status="sampled", detail="open"
        )
        card["outputs"][1] = card["outputs"][1].model_dump()

    edit(results / "small/prove.json", change)
    paths = results.parent / "budget.yaml", results.parent / "targets.yaml"
    content = {
        "data_set": "toy",
        "target": "level-1",
        "network": {"units": [6, 3]},
        "verification": {"rtl_vectors": 100_000, **budget},
        "designs": {name: {"luts": 1000, "latency_ns": 20} for name in DESIGNS},
    }
    paths[0].write_text(json.dumps(content))
    paths[1].write_text(json.dumps({"level-1": made_cards.TARGET}))
    return paths


def with_budget(results: Path, asked: tuple[Path, Path]) -> VerdictCard:
    return check_budgets.run(
        summary=results / "summary.json",
        output=results / "verdict.json",
        cards=cards_beside(results, *DESIGNS),
        budget=asked[0],
        targets=asked[1],
    )


def test_verdict_on_a_sampled_output_says_so(results):
    asked = sampled(results)
    details = with_budget(results, asked).details[0]
    assert details.sampled == ["class1"]
    assert "proof: 2 of 3 outputs proven for all inputs: class0, class2" in details.statements
    assert "proof: output class1 is sampled: compared on vectors alone (open)" in details.statements


def test_verdict_fails_a_sampled_output_if_asked_to(results):
    with pytest.raises(
        BudgetMissedError, match=r"small: output class1 is not proven \(open\); verification.require_proof asks"
    ):
        with_budget(results, sampled(results, require_proof=True))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("targets.yaml", '"clock_mhz": 400', '"clock_mhz": 300', "target.clock_mhz: does not agree"),
        (
            "budget.yaml",
            '"luts": 1000',
            '"luts": 900',
            "budget.luts: does not agree with the budget and target files. Expected 900",
        ),
        (
            "budget.yaml",
            '"rtl_vectors": 100000',
            '"rtl_vectors": 200000',
            "expected at least 200000 (verification.rtl_vectors)",
        ),
        ("budget.yaml", '"medium"', '"huge"', "designs: does not agree"),
    ],
)
def test_verdict_on_another_budget_is_refused(results, file, old, new, expected):
    asked = sampled(results)
    (results.parent / file).write_text((results.parent / file).read_text().replace(old, new))
    with pytest.raises(CardError) as caught:
        with_budget(results, asked)
    assert expected in str(caught.value)
