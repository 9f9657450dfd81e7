"""The decision's Verilog and VHDL give the reference's bits; the stage, and what makes it fail."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import made_cards
import networks
import numpy as np
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cards.physics import ThresholdsCard
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, save_codes
from trigger_lut.errors import CardError, NotReproducibleError
from trigger_lut.firmware.decision import module
from trigger_lut.firmware.decision.combined import expected, flat
from trigger_lut.firmware.decision.module import write_decision
from trigger_lut.firmware.decision.pipeline import levels
from trigger_lut.firmware.decision.project import DecisionProject, read_decision
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages import decision as run
from trigger_lut.stages.decision import run as decide
from trigger_lut.utils.files import sha256
from trigger_lut.verification.decision_proof import DecisionProof, prove_decision
from trigger_lut.verification.judgement import unproven

needs_ghdl = pytest.mark.skipif(not has_ghdl(), reason="GHDL is not installed")

VERILOG = """`timescale 1 ns / 1 ps
module net (input wire clk, input wire valid_in, input wire [{high}:0] data_in,
    output reg valid_out, output reg [{high}:0] data_out);
    initial valid_out = 0;
    always @(posedge clk) valid_out <= valid_in;
    always @(posedge clk) data_out <= data_in;
endmodule
"""
VHDL = """library ieee;
use ieee.std_logic_1164.all;
entity net is port (clk, valid_in: in std_logic; data_in: in std_logic_vector({high} downto 0);
    valid_out: out std_logic := '0'; data_out: out std_logic_vector({high} downto 0));
end entity;
architecture a of net is begin
    process(clk) begin
        if rising_edge(clk) then valid_out <= valid_in; data_out <= data_in; end if;
    end process;
end architecture;
"""


def wires(folder: Path, outputs: tuple[KIF, ...]) -> RtlProject:
    """In place of a network a register: any output code can be given."""
    high = sum(kif.bits for kif in outputs) - 1
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in (("v", VERILOG), ("vhd", VHDL)):
        (folder / f"net.{kind}").write_text(text.format(high=high))
    return RtlProject(folder, "net", (folder / "net.v",), (folder / "net.vhd",), outputs, outputs, 1, 0.0)


def written(rtl: RtlProject, score: Score, thresholds, cycles: int, folder: Path) -> DecisionProject:
    return write_decision(
        rtl,
        score,
        names=(),
        rates_khz=[float(n) for n in range(len(thresholds))],
        thresholds=thresholds,
        cycles=cycles,
        folder=folder,
    )


# signed and unsigned, one bit alone, fractions before and behind the point; one or more of each group
SMALL = [
    Score((KIF(1, 1, 2), KIF(0, 3, 0), KIF(1, 2, 1)), (0,), (1, 2)),
    Score((KIF(0, 1, 0), KIF(1, -3, 3), KIF(1, 3, -2), KIF(0, -1, 4)), (3, 0, 1), (2,)),
    Score((KIF(0, 2, 2), KIF(0, 2, 2)), (1,), (0,)),
    Score((KIF(1, 3, 2),), (0,), ()),  # one score, as of anomaly detection
    Score((KIF(0, 3, -1), KIF(1, 1, 3)), (0, 1), ()),
]


@pytest.mark.parametrize("score", SMALL)
def test_every_output_code_and_every_cycle_count(tmp_path, score):
    """All codes that the network's outputs can have: nothing is left to sampling."""
    every = np.array(list(itertools.product(*(range(kif.lo, kif.hi + 1) for kif in score.outputs))))
    values = np.unique(score.codes(every))
    thresholds = [score.lo, int(values[len(values) // 2]), None, score.hi]
    rtl = wires(tmp_path / "net", score.outputs)
    for cycles in range(1, levels(score) + 1):
        decision = written(rtl, score, thresholds, cycles, tmp_path / f"d{cycles}")
        outputs, latency, ii = simulate_rtl(flat(decision, rtl, folder=tmp_path / f"f{cycles}"), every)
        assert np.array_equal(outputs, expected(decision, every))
        assert (latency, ii) == (1 + cycles, 1)
        assert outputs[:, -4].all(), "all scores are at least the smallest"
        assert not outputs[:, -2].any(), "no threshold, no event"
        if has_ghdl():
            outputs, latency, _ = simulate_vhdl(flat(decision, rtl, folder=tmp_path / f"f{cycles}"), every)
            assert np.array_equal(outputs, expected(decision, every))
            assert latency == 1 + cycles
        assert prove_decision(decision, rtl, seconds=20) == DecisionProof("proven", True)


def random_score(seed: int) -> tuple[Score, list[int | None]]:
    rng = np.random.default_rng(seed)
    outputs = []
    for _ in range(int(rng.integers(2, 8))):
        k, bits, f = int(rng.integers(2)), int(rng.integers(1, 14)), int(rng.integers(-5, 9))
        outputs.append(KIF(k, bits - k - f, f))
    order, cut = rng.permutation(len(outputs)).tolist(), int(rng.integers(1, len(outputs)))
    score = Score(tuple(outputs), tuple(order[:cut]), tuple(order[cut:]))
    return score, [int(rng.integers(score.lo, score.hi + 1)), None, int(rng.integers(score.lo, score.hi + 1))]


@pytest.mark.parametrize("seed", range(6))
def test_any_formats(tmp_path, seed):
    score, thresholds = random_score(seed)
    rtl, rng = wires(tmp_path / "net", score.outputs), np.random.default_rng(seed)
    codes = np.stack([rng.integers(kif.lo, kif.hi + 1, 3000) for kif in score.outputs], axis=1)
    ends = np.array(list(itertools.product(*((kif.lo, kif.hi) for kif in score.outputs))))
    codes = np.concatenate([ends, codes])
    decision = written(rtl, score, thresholds, 1 + seed % levels(score), tmp_path / "d")
    outputs, latency, _ = simulate_rtl(flat(decision, rtl, folder=tmp_path / "f"), codes)
    assert np.array_equal(outputs, expected(decision, codes))
    assert latency == decision.latency_cycles
    assert prove_decision(decision, rtl, seconds=20).status == "proven"


@needs_ghdl
@pytest.mark.parametrize("seed", range(6))
def test_any_formats_in_vhdl(tmp_path, seed):
    score, thresholds = random_score(seed)
    rtl, rng = wires(tmp_path / "net", score.outputs), np.random.default_rng(seed)
    codes = np.stack([rng.integers(kif.lo, kif.hi + 1, 300) for kif in score.outputs], axis=1)
    decision = written(rtl, score, thresholds, 1 + seed % levels(score), tmp_path / "d")
    outputs, latency, _ = simulate_vhdl(flat(decision, rtl, folder=tmp_path / "f"), codes)
    assert np.array_equal(outputs, expected(decision, codes))
    assert latency == decision.latency_cycles


def test_sat_finds_a_threshold_that_is_off_by_one_code(tmp_path):
    score = SMALL[0]
    rtl = wires(tmp_path / "net", score.outputs)
    decision = written(rtl, score, [3, None], 2, tmp_path / "d")
    assert prove_decision(decision, rtl, seconds=20) == DecisionProof("proven", True)
    for thresholds in ((4, None), (3, 3)):
        assert (
            prove_decision(dataclasses.replace(decision, thresholds=thresholds), rtl, seconds=20).status == "different"
        )
    other = dataclasses.replace(score, signal=(1,), background=(0, 2))
    assert prove_decision(dataclasses.replace(decision, score=other), rtl, seconds=20).status == "different"


LOAD = "always @(posedge clk) delayed <= {delayed[10:0], data_in};"
SCORE = "reg [6:0] score;\n    always @(posedge clk) score <= "
LOGIC = "module net_decide_logic #(\n    parameter [6:0] THRESHOLD_0 = 7'h"
BEHIND = ".valid_in(valid), .data_in(outputs)"
REFUSED = {
    # text that tools read differently
    "directive": ("module net_decide_logic", "`define A\nmodule net_decide_logic", "the directive"),
    "translate_off": (LOAD, f"// synthesis translate_off\n{LOAD}\n// synthesis translate_on", "which tools obey"),
    "attribute": ('shreg_extract = "no" *) reg [2 - 1:0]', "keep *) reg [2 - 1:0]", "the attribute"),
    "falling edge": ("always @(posedge clk) begin", "always @(negedge clk) begin", "'negedge' is not allowed"),
    "clock of data": ("always @(posedge clk) begin", "always @(posedge data_in[0]) begin", "'[' is not allowed"),
    "enable": (LOAD, LOAD.replace("delayed <=", "if (valid_in) delayed <="), "'if' is not allowed"),
    "parameter that is cut": ("THRESHOLD_0 = 7'h3", "THRESHOLD_0 = 8'h83", "of another width than its value"),
    "second network": (
        "module net_decide_logic",
        "module net(input clk); endmodule\nmodule net_decide_logic",
        "a second",
    ),
    # drivers
    "second driver": (LOAD, f"{LOAD}\n    assign decision[0] = 1'b0;", "Drivers conflicting with a constant"),
    "driver by another name": (
        "    net_decide_logic #(",
        "    wire s; assign outputs[0] = s;\n    net_decide_logic #(",
        "module net_decide: outputs[0] has several drivers",
    ),
    "no driver": ("assign valid_out = valid[2 - 1];", "", "used but has no driver"),
    # registers
    "inverted clock": (LOAD, f"wire n; assign n = ~clk; {LOAD.replace('clk', 'n')}", "rising edge of the port clk"),
    "stage skipped": (
        SCORE,
        "wire [6:0] score;\n    assign score = ",
        "decision[0]: 2 registers from data_in, 3 planned",
    ),
    "data_out early": ("delayed[2 * 11 - 1:2 * 11 - 11]", "delayed[10:0]", "data_out[0]: 2 registers from data_in"),
    "valid late": (
        "always @(posedge clk) valid <= {valid[0:0], valid_in}",
        "reg v; always @(posedge clk) v <= valid_in; always @(posedge clk) valid <= {valid[0:0], v}",
        "valid_out: 4 registers from valid_in, 3 planned",
    ),
    "valid early": ("assign valid_out = valid[2 - 1]", "assign valid_out = valid[0]", "valid_out: 2 registers"),
    "feedback": ("score >= {~T", "decision[0] | score >= {~T", "depends on itself"),
    # valid, and the network's nets
    "valid as data": ("decision[0] <= score", "decision[0] <= valid[0] & score", "decision[0]: depends on valid_in"),
    "data as valid": ("valid_in};\n", "valid_in | data_in[0]};\n", "valid_out: expected valid_in behind registers"),
    "valid around the network": (BEHIND, ".valid_in(valid_in), .data_in(outputs)", "valid_out: 2 registers"),
    "data around the network": (BEHIND, ".valid_in(valid), .data_in(data_in)", "data_out[0]: 2 registers"),
    "inputs inverted": (".data_in(data_in), .valid_out(valid)", ".data_in(~data_in), .valid_out(valid)", "other nets"),
    "network twice": (
        "    net_decide_logic #(",
        "    net more (.clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(), .data_out());\n"
        "    net_decide_logic #(",
        "",
    ),
}
OTHERS = {
    "threshold of the combined module": ("THRESHOLD_0 = 7'h3", "THRESHOLD_0 = 7'h4"),
    "threshold of the logic": (f"{LOGIC}3", f"{LOGIC}4"),
    "thresholds exchanged": (".THRESHOLD_0(THRESHOLD_0)", ".THRESHOLD_0(THRESHOLD_1)"),
    "above, not at": ("decision[0] <= score >=", "decision[0] <= score >"),
    "bit of data_out inverted": ("assign data_out = ", "assign data_out = 1'b1 ^ "),
    "outputs inverted": (BEHIND, ".valid_in(valid), .data_in(~outputs)"),
}


def edited_decision(folder: Path, old: str, new: str) -> tuple[DecisionProject, RtlProject]:
    rtl = wires(folder / "net", SMALL[0].outputs)
    decision = written(rtl, SMALL[0], [3, None], 2, folder / "d")
    text = decision.verilog.read_text()
    assert old in text
    decision.verilog.write_text(text.replace(old, new, 1))
    return decision, rtl


@pytest.mark.parametrize("what", REFUSED)
def test_verilog_that_is_not_plain_or_no_pipeline_is_not_proven(tmp_path, what):
    old, new, reason = REFUSED[what]
    proof = prove_decision(*edited_decision(tmp_path, old, new), seconds=20)
    assert (proof.status, proof.control) == ("open", None)
    assert reason in proof.detail


@pytest.mark.parametrize("what", OTHERS)
def test_sat_finds_differences_of_combined_module_and_logic(tmp_path, what):
    proof = prove_decision(*edited_decision(tmp_path, *OTHERS[what]), seconds=20)
    assert proof == DecisionProof("different", None, "another function by SAT")


# ---------------------------------------------------------------- the stage

CLASSES = ("g", "q", "W")
COUNT = 4000


def made_stage(folder: Path, seed: int = 5) -> dict[str, Path]:
    """Inputs of the stage: a random network, its firmware, events, and thresholds that are scores of events."""
    network = dataclasses.replace(networks.random_network(seed), classes=CLASSES)
    paths = {
        name: folder / name for name in ("spec.json", "network.npz", "codes.npz", "firmware.json", "thresholds.json")
    }
    write_card(made_cards.spec(), paths["spec.json"])
    save_network(network, paths["network.npz"])
    rng = np.random.default_rng(seed)
    codes = networks.random_codes(network, COUNT).astype(np.int32)
    split = rng.choice([VALIDATION, TEST], COUNT).astype(np.uint8)
    ids, labels = np.arange(COUNT, dtype=np.uint64), np.arange(COUNT) % 3
    events = EventCodes(codes, labels, split, ids, network.inputs, network.features, CLASSES)
    save_codes(events, paths["codes.npz"])
    rtl = write_rtl(network, folder / "firmware/rtl", spec=made_cards.spec())
    firmware = made_cards.firmware_of(rtl, paths["spec.json"], paths["network.npz"])
    write_card(firmware, paths["firmware.json"])
    score = Score(rtl.outputs, (2,), (0, 1))
    values = np.sort(score.codes(evaluate(network, codes[split == VALIDATION])))
    thresholds = [int(values[int(0.9 * len(values))]), int(values[len(values) // 2]), None]
    card = made_cards.thresholds()
    points = {
        str(n + 1): card.points["1"].model_copy(update={"code": code, "threshold": code})
        for n, code in enumerate(thresholds)
    }
    inputs = {"network.npz": sha256(paths["network.npz"])}
    update = {"signal": ["W"], "background": ["g", "q"], "points": points, "inputs": inputs}
    write_card(card.model_copy(update=update), paths["thresholds.json"])
    return paths


def run_stage(paths: dict[str, Path], seconds: int = 20) -> DecisionCard:
    folder = paths["spec.json"].parent
    return in_order(decide, *paths.values(), seconds, folder / "decision", folder / "decision.json")


def test_the_stage(tmp_path):
    paths = made_stage(tmp_path)
    card = run_stage(paths)
    assert read_card(DecisionCard, tmp_path / "decision.json") == card
    decision = read_decision(tmp_path / "decision")
    assert (card.differences, card.bit_exact, card.verdict) == (0, True, "bit-exact")
    assert (card.proof, card.proof_control) == ("proven", True)
    assert [bit.code for bit in card.bits] == list(decision.thresholds)
    rtl = read_card(FirmwareCard, paths["firmware.json"])
    assert card.latency_cycles.value == rtl.rtl_latency_cycles_planned + decision.cycles
    assert card.luts.source == "yosys"
    assert card.luts.value > 0
    assert card.ff.value > sum(kif.bits for kif in decision.score.outputs)
    assert {form.name for form in card.forms} == ({"rtl", "vhdl"} if has_ghdl() else {"rtl"})
    for bit in card.bits[:2]:
        assert bit.vectors["equal"] > 0
        assert bit.control["up"] > 0
        assert (bit.control["down"] is None) == (bit.vectors["below"] == 0)
    assert (card.bits[2].vectors, card.bits[2].control) == ({}, {})
    assert set(card.files) == {path.name for path in (tmp_path / "decision").iterdir()}
    assert unproven(tmp_path / "decision.json") == []


def test_without_time_for_sat_nothing_is_proven(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "has_ghdl", lambda: False)
    card = run_stage(made_stage(tmp_path), seconds=0)
    assert (card.proof, card.proof_detail, card.proof_control) == ("sampled", "not asked for", None)
    assert card.bit_exact
    assert "GHDL" in card.not_run["vhdl"]


@pytest.mark.parametrize("wrong", ["decision[0] <= score > ", "decision[0] <= !(score >= "])
def test_firmware_that_decides_otherwise_fails_stage_and_verdict(tmp_path, monkeypatch, wrong):
    right = module._verilog

    def edited(project: DecisionProject) -> dict[str, str]:
        texts = right(project)
        first, *others = texts["comparisons"].splitlines()
        changed = first.replace("decision[0] <= score >= ", wrong)
        assert changed != first
        changed = changed.replace(";", ");") if wrong.endswith(" >= ") else changed
        return {**texts, "comparisons": "\n".join([changed, *others])}

    monkeypatch.setattr(module, "_verilog", edited)
    monkeypatch.setattr(run, "has_ghdl", lambda: False)
    with pytest.raises(
        NotReproducibleError, match=r"_decide: not bit-exact: rtl: [\d,]+ mismatches .* proven to be another"
    ):
        run_stage(made_stage(tmp_path))
    card = read_card(DecisionCard, tmp_path / "decision.json")
    assert card.differences > 0
    assert card.forms[0].first.output == len(CLASSES)
    assert unproven(tmp_path / "decision.json")[0].startswith("small: decision in firmware: not bit-exact: rtl: ")


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    paths = made_stage(tmp_path)
    card = read_card(ThresholdsCard, paths["thresholds.json"])
    write_card(card.model_copy(update={"inputs": {"network.npz": "0" * 64}}), paths["thresholds.json"])
    with pytest.raises(CardError, match=r"thresholds\.json: made from another file than .*network\.npz\. Run"):
        run_stage(paths)
    write_card(card, paths["thresholds.json"])
    verilog = next((tmp_path / "firmware/rtl").glob("*_top.v"))
    verilog.write_text(verilog.read_text() + "// edited\n")
    with pytest.raises(CardError, match=r"_top\.v: changed since .*firmware\.json was written"):
        run_stage(paths)
    assert not (tmp_path / "decision.json").exists()
