"""The decision's arithmetic against fractions, its pipeline, its edges, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import made_cards
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.errors import CardError, FirmwareError, NotReproducibleError
from trigger_lut.firmware.decision.combined import expected, flat
from trigger_lut.firmware.decision.module import write_decision
from trigger_lut.firmware.decision.pipeline import levels, steps
from trigger_lut.firmware.decision.project import read_decision
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.emulator.decide import decide
from trigger_lut.firmware.emulator.decision_cpp import decision_header
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.metrics.trigger_rates import trigger_score
from trigger_lut.stages.decision import score_of
from trigger_lut.verification import decision
from trigger_lut.verification.decision import Vectors, at_edges, compared, some_at_edges
from trigger_lut.verification.judgement import unproven


@st.composite
def formats(draw: st.DrawFn) -> KIF:
    k, bits, f = draw(st.integers(0, 1)), draw(st.integers(1, 12)), draw(st.integers(-8, 12))
    return KIF(k, bits - k - f, f)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """Any formats, any number of classes, any of them signal; without background where all are."""
    outputs = draw(st.lists(formats(), min_size=1, max_size=9))
    order = draw(st.permutations(range(len(outputs))))
    cut = draw(st.integers(1, len(outputs)))
    return Score(tuple(outputs), tuple(order[:cut]), tuple(order[cut:]))


@st.composite
def events(draw: st.DrawFn) -> tuple[Score, list[list[int]]]:
    """A score, and output codes, ends of the formats among them."""
    score = draw(scores())
    one = [st.one_of(st.sampled_from([kif.lo, kif.hi]), st.integers(kif.lo, kif.hi)) for kif in score.outputs]
    return score, draw(st.lists(st.tuples(*one).map(list), min_size=1, max_size=5))


def exact(score: Score, codes: list[int]) -> Fraction:
    """The score as a real number."""
    real = [code * Fraction(2) ** -kif.f for code, kif in zip(codes, score.outputs, strict=True)]
    return max(real[o] for o in score.signal) - max([real[o] for o in score.background] or [Fraction(0)])


@given(events(), st.lists(st.one_of(st.none(), st.integers(-(2**24), 2**24)), min_size=1, max_size=4))
def test_the_decision_is_that_of_fractions(
    score_and_codes: tuple[Score, list[list[int]]], thresholds: list[int | None]
) -> None:
    score, codes = score_and_codes
    step = Fraction(2) ** -score.fraction
    real = [exact(score, row) for row in codes]
    array = np.array(codes, dtype=np.int64)
    assert score.codes(array).tolist() == [x / step for x in real]
    assert score.decided(array, thresholds).tolist() == [
        [int(t is not None and x >= t * step) for t in thresholds] for x in real
    ]


@given(events())
def test_it_is_the_score_of_the_rate_stage(score_and_codes: tuple[Score, list[list[int]]]) -> None:
    score, codes = score_and_codes
    assume(score.background)
    real = np.array(codes) * 2.0 ** -np.array([float(kif.f) for kif in score.outputs])
    trigger_scores = trigger_score(real, score.signal, background=score.background)
    assert (score.codes(np.array(codes)) * 2.0**-score.fraction).tolist() == trigger_scores.tolist()


@given(events())
def test_an_edge_is_one_code_wide(score_and_codes: tuple[Score, list[list[int]]]) -> None:
    """Negative control: a threshold a code higher decides otherwise, of each event that has just this score."""
    score, codes = score_and_codes
    array = np.array(codes, dtype=np.int64)
    for n, value in enumerate(score.codes(array).tolist()):
        assert score.decided(array[n : n + 1], [value - 1, value, value + 1]).tolist() == [[1, 1, 0]]


@given(scores())
def test_widths_hold_all_and_no_bit_is_too_many(score: Score) -> None:
    ends = [(kif.lo << score.shift(o), kif.hi << score.shift(o)) for o, kif in enumerate(score.outputs)]

    def holds(bits: int, values: list[int]) -> bool:
        return all(-(1 << (bits - 1)) <= value < 1 << (bits - 1) for value in values)

    wide = [value for pair in ends for value in pair]
    assert holds(score.operand_bits, wide)
    assert score.operand_bits == 1 or not holds(score.operand_bits - 1, wide) or min(wide) == 0
    beyond = [score.lo - 1, score.lo, score.hi, score.never]
    assert holds(score.bits, beyond)
    assert score.bits == score.operand_bits + 1 or not holds(score.bits - 1, beyond)
    lowest = np.array([[kif.hi if o in score.background else kif.lo for o, kif in enumerate(score.outputs)]])
    highest = np.array([[kif.lo if o in score.background else kif.hi for o, kif in enumerate(score.outputs)]])
    assert score.codes(lowest).tolist() == [score.lo]
    assert score.codes(highest).tolist() == [score.hi]
    assert score.decided(highest, [score.hi, None]).tolist() == [[1, 0]]


@given(events(), st.data())
def test_the_pipeline_is_the_score_and_all_its_paths_are_as_long(
    score_and_codes: tuple[Score, list[list[int]]], data: st.DataObject
) -> None:
    score, (codes, *_) = score_and_codes
    cycles = data.draw(st.integers(1, levels(score)))
    values = {"zero": 0} | {f"out{o}": codes[o] << score.shift(o) for o in range(len(codes))}
    late = dict.fromkeys(values, 0)
    for step in steps(score, cycles):
        read = [values[name] for name in step.operands]
        (at,) = {late[name] for name in step.operands}
        values[step.name] = read[0] - read[1] if step.what == "difference" else max(read)
        late[step.name] = at + step.registered
    assert values["score"] == score.codes(np.array([codes]))[0]
    assert late["score"] == cycles - 1, "the last register is behind the comparison"


OUTPUTS = (KIF(1, 3, 2), KIF(0, 4, 0), KIF(1, 2, 3))
SCORE = Score(OUTPUTS, (2,), (0, 1))


def network(folder: Path) -> RtlProject:
    return RtlProject(folder, "net", (), (), OUTPUTS, OUTPUTS, 3, 0.0)


def made_decision(folder: Path, thresholds: list[int | None], cycles: int = 2, paths: tuple[str, ...] = ()):
    rates = [float(n + 1) for n in range(len(thresholds))]
    return write_decision(
        network(folder),
        SCORE,
        names=("g", "q", "W"),
        rates_khz=rates,
        thresholds=thresholds,
        cycles=cycles,
        folder=folder / "decision",
        paths=paths,
    )


def test_bits_of_paths_say_whose_they_are(tmp_path: Path) -> None:
    project = made_decision(tmp_path, [-7, None], paths=("two_b", "ht_b"))
    assert read_decision(project.folder) == project
    assert project.wanted == ["two_b at 1 kHz", "ht_b at 2 kHz"]
    assert "decision[0]  two_b at 1 kHz: score >= -7" in project.verilog.read_text()
    assert "bit 1: ht_b at 2 kHz, which no threshold keeps to" in decision_header(project, "tiny")
    assert "paths" not in (made_decision(tmp_path / "plain", [-7]).folder / "project.json").read_text()


def test_what_is_written_reads_back_and_says_what_it_is(tmp_path: Path) -> None:
    project = made_decision(tmp_path, [-7, None])
    assert read_decision(project.folder) == project
    assert (project.top, project.logic, project.latency_cycles) == ("net_decide", "net_decide_logic", 5)
    for path, mark in ((project.verilog, "//"), (project.vhdl, "--")):
        text = path.read_text()
        assert "@" not in text.replace("always @(posedge clk)", "")
        assert f"{mark} score = the largest of (W) minus the largest of (g, q)," in text
        assert f"{mark}   decision[0]  1 kHz: score >= -7 (-0.875)" in text
        assert f"{mark}   decision[1]  2 kHz: no threshold keeps to it, the bit is 0" in text
        assert f"{mark} latency_cycles = 5:" in text


def test_thresholds_are_parameters_in_two_s_complement(tmp_path: Path) -> None:
    project = made_decision(tmp_path, [-7, SCORE.hi, None])
    bits = SCORE.bits
    values = [-7, SCORE.hi, SCORE.never]
    verilog, vhdl = project.verilog.read_text(), project.vhdl.read_text()
    for n, value in enumerate(values):
        assert f"THRESHOLD_{n} = {bits}'h{value % (1 << bits):x}" in verilog
        assert f'threshold_{n}: signed({bits - 1} downto 0) := "{value % (1 << bits):0{bits}b}"' in vhdl


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    for code in (SCORE.lo - 1, SCORE.hi + 1):
        with pytest.raises(FirmwareError, match=rf"^net: 1 kHz: expected a threshold of -\d+ to \d+, found {code}$"):
            made_decision(tmp_path, [code])
    with pytest.raises(FirmwareError, match=r"^net: expected a threshold per working point, found 0$"):
        made_decision(tmp_path, [])
    with pytest.raises(FirmwareError, match=r"each output once, found \[0, 0\]$"):
        Score(OUTPUTS, (0,), (0,))
    with pytest.raises(FirmwareError, match=r"each output once, found \[0\]$"):
        Score(OUTPUTS, (), (0,))
    with pytest.raises(FirmwareError, match=r"^score: expected outputs below 3, found \[0, 3\]$"):
        Score(OUTPUTS, (0,), (3,))
    with pytest.raises(FirmwareError, match=r"^score: expected at most 53 bits, found 73\."):
        Score((KIF(1, 2, 40), KIF(1, 31, -20)), (0,), (1,))
    other = Score((*OUTPUTS, KIF(0, 1, 0)), (2,), (0, 1, 3))
    with pytest.raises(FirmwareError, match=r"^net: other outputs than the score reads\."):
        write_decision(
            network(tmp_path), other, names=(), rates_khz=[1.0], thresholds=[0], cycles=1, folder=tmp_path / "decision"
        )
    assert not (tmp_path / "decision").exists()


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"none: no decision in firmware\. Expected project\.json"):
        read_decision(tmp_path / "none")
    project = made_decision(tmp_path, [3])
    project.vhdl.unlink()
    with pytest.raises(CardError, match=r"incomplete decision\. Expected net_decide\.vhd,"):
        read_decision(project.folder)
    path = project.folder / "project.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "signal": [7]}))
    with pytest.raises(CardError, match=r"project\.json: not a description of a decision \(FirmwareError: "):
        read_decision(project.folder)


# ---------------------------------------------------------------- edges and the negative control


def vectors(count: int = 3000) -> Vectors:
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(kif.lo, kif.hi + 1, count) for kif in OUTPUTS], axis=1)
    return Vectors(codes, codes)


def test_edges_are_found_and_taken_first(tmp_path: Path) -> None:
    project, drawn = made_decision(tmp_path, [-7, None]), vectors()
    values = SCORE.codes(drawn.outputs)
    edges, none = at_edges(project, drawn.outputs)
    assert none == {}
    assert {name: set(values[numbers].tolist()) for name, numbers in edges.items()} == {
        "below": {-8},
        "equal": {-7},
        "above": {-6},
    }
    chosen = some_at_edges(project, drawn.outputs, count=30, rng=np.random.default_rng(0))
    assert len(set(chosen.tolist())) == len(chosen) == 30
    assert {name: sum(n in set(numbers.tolist()) for n in chosen) >= 5 for name, numbers in edges.items()} == {
        "below": True,
        "equal": True,
        "above": True,
    }
    everything = some_at_edges(project, drawn.outputs, count=10_000, rng=np.random.default_rng(0))
    assert everything.tolist() == list(range(len(drawn.outputs)))


class Simulator:
    """A firmware in Python: it reads the thresholds that the flattened module is given."""

    def __init__(self, project, wrong: int = 0, deaf: bool = False, late: int = 0) -> None:
        self.project, self.wrong, self.deaf, self.late = project, wrong, deaf, late

    def __call__(self, rtl: RtlProject, codes):
        moved = {"given": 0, "up": 1, "down": -1}[rtl.folder.name]
        by = self.wrong + (0 if self.deaf else moved)
        thresholds = [None if t is None else t + by for t in self.project.thresholds]
        outputs = np.concatenate([codes, SCORE.decided(codes, thresholds)], axis=1)
        return outputs, rtl.latency_cycles_planned + self.late, 1


def test_good_firmware_has_no_differences_and_a_noticed_control(tmp_path: Path) -> None:
    project, drawn = made_decision(tmp_path, [-7, None]), vectors()
    comparison = compared("rtl", project, rtl=network(tmp_path), vectors=drawn, some=drawn, simulate=Simulator(project))
    values = SCORE.codes(drawn.outputs)
    assert (comparison.form.differences, comparison.form.first, comparison.form.control_missed) == (0, None, 0)
    assert comparison.noticed == [{"up": int((values == -7).sum()), "down": int((values == -8).sum())}, {}]


def test_a_threshold_that_is_off_by_one_code_is_found(tmp_path: Path) -> None:
    project, drawn = made_decision(tmp_path, [-7, None]), vectors()
    form = compared(
        "rtl", project, rtl=network(tmp_path), vectors=drawn, some=drawn, simulate=Simulator(project, wrong=1)
    ).form
    assert form.differences == int((SCORE.codes(drawn.outputs) == -7).sum()) > 0
    assert form.first is not None
    assert (form.first.output, form.first.expected, form.first.found) == (len(OUTPUTS), 1, 0)


def test_firmware_that_does_not_follow_its_threshold_is_found(tmp_path: Path) -> None:
    project, drawn = made_decision(tmp_path, [-7, None]), vectors()
    form = compared(
        "rtl", project, rtl=network(tmp_path), vectors=drawn, some=drawn, simulate=Simulator(project, deaf=True)
    ).form
    assert (form.differences, form.control_missed) == (0, 2)


def test_where_no_vector_is_at_an_edge_the_control_says_so(tmp_path: Path) -> None:
    project, drawn = made_decision(tmp_path, [-7]), vectors()
    away = drawn.chosen(np.flatnonzero(SCORE.codes(drawn.outputs) != -7))
    comparison = compared("rtl", project, rtl=network(tmp_path), vectors=away, some=away, simulate=Simulator(project))
    assert comparison.form.control_missed == 0
    assert comparison.noticed[0]["up"] is None
    assert comparison.noticed[0]["down"]


def test_another_latency_is_refused(tmp_path: Path) -> None:
    project, drawn = made_decision(tmp_path, [-7]), vectors()
    with pytest.raises(NotReproducibleError, match=r"^net_decide_flat: latency 6 cycles, II 1; expected 5 and 1$"):
        compared("rtl", project, rtl=network(tmp_path), vectors=drawn, some=drawn, simulate=Simulator(project, late=1))


def test_blocks_of_vectors_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, drawn = made_decision(tmp_path, [-7]), vectors()
    monkeypatch.setattr(decision, "BLOCK", 700)
    form = compared("rtl", project, rtl=network(tmp_path), vectors=drawn, some=drawn, simulate=Simulator(project)).form
    assert (form.vectors, form.differences, form.control_missed) == (3000, 0, 0)


def test_the_flattened_module_gives_bits_above_the_outputs(tmp_path: Path) -> None:
    project = made_decision(tmp_path, [-7, None])
    for moved, name in ((0, "given"), (1, "up")):
        rtl = flat(project, network(tmp_path), folder=tmp_path / name, moved=moved)
        assert rtl.outputs == (*OUTPUTS, KIF(0, 1, 0), KIF(0, 1, 0))
        text = (tmp_path / name / "net_decide_flat.v").read_text()
        assert ("THRESHOLD_0" in text) is bool(moved)
        assert "THRESHOLD_1" not in text, "the bit that is never set is tested as it is delivered"
    drawn = vectors(5)
    assert expected(project, drawn.outputs).shape == (5, 5)


def test_a_score_reads_no_output_but_those_of_classes() -> None:
    """A regression output with finer steps and larger values changes nothing."""
    classes, target = (KIF(1, 3, 2), KIF(1, 3, 1)), KIF(1, 12, 9)
    plain, both = Score(classes, (1,), (0,)), Score((*classes, target), (1,), (0,))
    assert (both.fraction, both.lo, both.hi, both.bits) == (plain.fraction, plain.lo, plain.hi, plain.bits)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(kif.lo, kif.hi + 1, 200) for kif in (*classes, target)], axis=1)
    decision = {"fraction": both.fraction, "outputs": list(both.outputs), "signal": [1], "background": [0]}
    for value in (codes[:, 2], np.full(200, target.hi), np.full(200, target.lo)):
        codes[:, 2] = value
        decided = plain.decided(codes[:, :2], [0, 3])
        np.testing.assert_array_equal(both.decided(codes, [0, 3]), decided)
        np.testing.assert_array_equal(decide(decision | {"thresholds": [0, 3]}, codes), decided)


# ---------------------------------------------------------------- cards


def test_a_score_of_other_classes_is_refused(tmp_path: Path) -> None:
    from networks import random_network

    network = random_network(1)
    with pytest.raises(CardError, match=r"thresholds\.json: other classes than the network\. Expected"):
        score_of(network, made_cards.thresholds(), path=tmp_path / "thresholds.json", classes=network.classes)


def test_differences_fail_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "decision.json"
    write_card(made_cards.decision(), path)
    assert read_card(DecisionCard, path).bit_exact
    assert unproven(path) == []
    write_card(made_cards.decision(differences=3), path)
    (reason,) = unproven(path)
    assert reason.startswith("small: decision in firmware: not bit-exact: rtl: 3 mismatches in")
