"""Proof by SAT and injected faults: right designs are proven, wrong ones refuted, and what is missed is said."""

import tempfile
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import made_cards
import numpy as np
import pytest
from aiger import read_graph
from hypothesis import given
from hypothesis import strategies as st
from networks import random_codes, random_graph, random_network
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.proof import FaultCount, FaultsCard, OutputProof, ProveCard
from trigger_lut.data.event_codes import TEST, EventCodes, save_codes
from trigger_lut.errors import CardError, FirmwareError, ToolLimitError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF, codes_of_bits
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.lowering.adder_tree import Addend, plan_output
from trigger_lut.network.network import TableLayer, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.report.pages.proof import pages_of_proof
from trigger_lut.stages.firmware import run as build_firmware
from trigger_lut.stages.inject_faults import run as faults
from trigger_lut.stages.prove import run as prove
from trigger_lut.verification.faults import simulate as fault_run
from trigger_lut.verification.faults.instrument import probed, texts_of
from trigger_lut.verification.faults.simulate import run_faults
from trigger_lut.verification.faults.sites import KINDS, Fault, candidates, draw
from trigger_lut.verification.faults.word_level import WordLevelResult
from trigger_lut.verification.formal.prove import prove_outputs, reference_graph, rtl_graph
from trigger_lut.verification.formal.reference_verilog import check_plan
from trigger_lut.verification.formal.sat import (
    Graph,
    Result,
    constant,
    equivalent,
    with_constants,
    with_outputs,
    write_graph,
)
from trigger_lut.verification.judgement import unproven

# ---------------------------------------------------------------- graphs


def random_gates(seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    inputs, gates = 4, 12
    gate_inputs = [rng.integers(0, 2 * (inputs + n + 1), 2) for n in range(gates)]
    return Graph(inputs, tuple(int(x) for x in rng.integers(0, 2 * (inputs + gates + 1), 3)), np.array(gate_inputs))


def values(graph: Graph) -> np.ndarray:
    """All outputs for all inputs: (2**inputs, outputs)."""
    rows = np.arange(1 << graph.inputs)
    columns = [np.zeros(len(rows), dtype=int), *(rows >> i & 1 for i in range(graph.inputs))]
    for a, b in graph.gates.tolist():
        columns.append((columns[a >> 1] ^ (a & 1)) & (columns[b >> 1] ^ (b & 1)))
    return np.stack([columns[o >> 1] ^ (o & 1) for o in graph.outputs], axis=1)


@given(st.integers(0, 10_000))
def test_a_graph_is_read_as_it_was_written(seed):
    graph = random_gates(seed)
    with tempfile.TemporaryDirectory() as folder:
        write_graph(graph, Path(folder, "graph.aig"))
        again = read_graph(Path(folder, "graph.aig"))
    np.testing.assert_array_equal(values(again), values(graph))


@given(st.integers(0, 10_000), st.integers(0, 3), st.integers(0, 1))
def test_a_constant_stands_in_for_an_input(seed, i, value):
    graph = random_gates(seed)
    fixed = values(with_constants(graph, {i: value}))
    rows = np.arange(16)
    np.testing.assert_array_equal(fixed, values(graph)[rows & ~(1 << i) | value << i])


@pytest.mark.parametrize("seed", range(6))
def test_abc_says_what_all_inputs_say(seed):
    first, second = random_gates(seed), random_gates(seed + 100)
    assert equivalent(first, first, seconds=5).verdict == "proven"
    for o in range(3):
        a, b = with_outputs(first, [o]), with_outputs(second, [o])
        result, differs = equivalent(a, b, seconds=5), (values(a) != values(b))[:, 0]
        assert result.verdict == ("different" if differs.any() else "proven")
        if result.verdict == "different":
            assert differs[sum(bit << n for n, bit in enumerate(result.inputs))], "the counterexample is one"
    zero, first_alone = constant(4, [0]), with_outputs(first, [0])
    wanted = "different" if values(first)[:, 0].any() else "proven"
    assert equivalent(zero, first_alone, seconds=5).verdict == wanted


# ---------------------------------------------------------------- equivalence


@pytest.mark.parametrize("seed", range(3))
def test_networks_of_tables_are_proven(tmp_path, seed):
    network = random_network(seed)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    rtl, reference = rtl_graph(project), reference_graph(network, tmp_path)
    proofs = prove_outputs(network, project, reference=reference, rtl=rtl, seconds=60)
    assert [x.status for x in proofs] == ["proven"] * len(network.fractions)
    assert [x.bits for x in proofs] == [kif.bits for kif in network.output_formats()]


@pytest.mark.parametrize("seed", range(2))
def test_graphs_are_proven_or_said_to_be_open(tmp_path, seed):
    """Sums of weighted values in another order are hard for SAT: these may stay open, never different."""
    network = random_graph(seed)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    rtl, reference = rtl_graph(project), reference_graph(network, tmp_path)
    proofs = prove_outputs(network, project, reference=reference, rtl=rtl, seconds=4)
    assert {x.status for x in proofs} <= {"proven", "sampled"}
    assert all((x.status == "sampled") == bool(x.detail) for x in proofs)


def test_a_flipped_bit_is_refuted_with_inputs_that_show_it(tmp_path):
    network = random_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=made_cards.spec())
    flip = choose_flip(network, random_codes(network, 500), seed=1)
    wrong = flipped(network, flip)
    rtl = rtl_graph(project)
    proofs = prove_outputs(wrong, project, reference=reference_graph(wrong, tmp_path), rtl=rtl, seconds=60)
    changed = (evaluate(wrong, random_codes(network, 5000)) != evaluate(network, random_codes(network, 5000))).any(
        axis=0
    )
    assert [x.status == "different" for x in proofs] == changed.tolist()
    assert all("expected" in x.detail and "in simulation" in x.detail for x in proofs if x.status == "different")
    for x in (x for x in proofs if x.status == "different"):
        expected, actual = (int(part.split()[0].rstrip(",")) for part in x.detail.split("expected ")[1].split("found "))
        assert expected != actual


def test_codes_of_a_counterexample():
    network = random_network(3)
    codes = random_codes(network, 1)
    bits = [int(c) >> n & 1 for c, kif in zip(codes[0], network.inputs, strict=True) for n in range(kif.bits)]
    np.testing.assert_array_equal(codes_of_bits(tuple(bits), network.inputs), codes)


def test_a_plan_that_is_not_the_layer_is_refused():
    layer = next(layer for layer in random_network(3).layers if isinstance(layer, TableLayer))
    o = int(layer.widths.astype(bool).sum(axis=0).argmax())
    plan = plan_output(layer, o)
    check_plan(layer, o, plan=plan, padded=[])
    first, *others = plan.addends
    off = replace(plan, addends=(Addend(first.channel, first.values + 1), *others))
    with pytest.raises(FirmwareError, match=rf"output {o}: the plan is off by -1"):
        check_plan(layer, o, plan=off, padded=[])
    entry = first.values.copy()
    entry[0] += 1
    with pytest.raises(FirmwareError, match="the plan is not the layer's table"):
        check_plan(layer, o, plan=replace(plan, addends=(Addend(first.channel, entry), *others)), padded=[])
    with pytest.raises(FirmwareError, match="the plan lacks the table"):
        check_plan(layer, o, plan=replace(plan, addends=tuple(others)), padded=[])


# ---------------------------------------------------------------- faults


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_rtl(random_network(3), tmp_path_factory.mktemp("faults") / "rtl", spec=made_cards.spec())


def test_every_fault_is_noticed_or_changes_nothing(project):
    network = random_network(3)
    drawn = draw(candidates(texts_of(project), project.top), 200, seed=1)
    assert {fault.kind for fault in drawn} == set(KINDS)
    assert len(set(drawn)) == 200
    codes = random_codes(network, 20_000)
    outcomes = run_faults(project, drawn, codes=codes, reference=partial(evaluate, network), seconds=20)
    assert [x.fault for x in outcomes] == drawn
    assert not [x.fault.describe() for x in outcomes if x.status == "undetected"]
    assert sum(x.status == "detected" for x in outcomes) > 100


@pytest.fixture
def without_sums(monkeypatch):
    """SAT alone: the sums say nothing of any fault."""
    monkeypatch.setattr(
        fault_run,
        "prove_by_sums",
        lambda project, faults, seed: [WordLevelResult(False, random_codes(random_network(3), 0))] * len(faults),
    )


def test_sums_show_missed_faults_or_prove_them_equivalent(project, monkeypatch):
    network = random_network(3)
    drawn = draw(candidates(texts_of(project), project.top), 120, seed=2)
    many = random_codes(network, 20_000)
    monkeypatch.setattr(fault_run, "equivalent", lambda *_, **__: Result("open"))
    few = run_faults(project, drawn, codes=many[:1], reference=partial(evaluate, network), seconds=0)
    count = Counter(x.status for x in few)
    assert count["solved"] > 10
    assert count["equivalent"] > 0
    same = [x.fault for x in few if x.status == "equivalent"]
    assert not [
        x
        for x in run_faults(project, same, codes=many, reference=partial(evaluate, network), seconds=0)
        if x.status == "detected"
    ]
    for x in [x for x in few if x.status == "solved"][:6]:
        if not probed([x.fault]):
            (again,) = run_faults(
                project, [x.fault], codes=np.array([x.inputs]), reference=partial(evaluate, network), seconds=0
            )
            assert again.status == "detected", x.fault.describe()


def test_what_too_few_vectors_miss_is_shown_by_inputs_of_sat(project, monkeypatch, without_sums):
    """The proof does not wave through what the vectors miss."""
    network = random_network(3)
    drawn = draw(candidates(texts_of(project), project.top), 60, seed=2)
    many = random_codes(network, 20_000)
    good = run_faults(project, drawn, codes=many, reference=partial(evaluate, network), seconds=20)
    few = run_faults(project, drawn, codes=many[:1], reference=partial(evaluate, network), seconds=20)
    solved = [x for x in few if x.status == "solved"]
    assert len(solved) > 10
    alone = [x for x in solved if not probed([x.fault])]  # a bit that is early or late is another vector's
    assert len(alone) > 5
    for x in alone[:6]:  # each of them shows its own fault to a run that has no other vector
        (again,) = run_faults(
            project, [x.fault], codes=np.array([x.inputs]), reference=partial(evaluate, network), seconds=0
        )
        assert again.status == "detected", x.fault.describe()
    monkeypatch.setattr(fault_run, "equivalent", lambda *a, **k: replace(equivalent(*a, **k), inputs=None))
    without = run_faults(project, drawn, codes=many[:1], reference=partial(evaluate, network), seconds=20)
    assert [x.fault for x in without if x.status == "undetected"] == [
        x.fault for x in few if x.status in ("solved", "undetected")
    ]
    for a, b in zip(good, few, strict=True):
        assert (a.status == "equivalent") == (b.status == "equivalent"), a.fault.describe()


def test_fault_of_consecutive_events_is_shown_by_such_events(project, monkeypatch, without_sums):
    network = random_network(3)
    registers = candidates(texts_of(project), project.top)["register"]
    timed = probed(registers)[::19]
    assert {fault.change for fault in timed} == {"a cycle early", "a cycle late"}
    one = random_codes(network, 1)
    counts = Counter(
        x.status for x in run_faults(project, timed, codes=one, reference=partial(evaluate, network), seconds=20)
    )
    assert counts["solved"] > 2
    assert counts["undetected"] == counts["undecided"] == 0
    monkeypatch.setattr(fault_run, "TURNS", 0)  # negative control: SAT alone does not show them
    without = Counter(
        x.status for x in run_faults(project, timed, codes=one, reference=partial(evaluate, network), seconds=20)
    )
    assert without["undetected"] == counts["solved"]


def test_missed_faults_are_undecided_without_time_for_a_proof(project, monkeypatch, without_sums):
    network = random_network(3)
    drawn = draw(candidates(texts_of(project), project.top), 30, seed=2)
    codes = random_codes(network, 1)
    monkeypatch.setattr(fault_run, "equivalent", lambda *_, **__: Result("open"))
    outcomes = run_faults(project, drawn, codes=codes, reference=partial(evaluate, network), seconds=0)
    assert {x.status for x in outcomes if x.fault.place != "valid_out"} == {"detected", "undecided"}


CHAINED = {  # table b is read behind table a, which never gives 3
    "t_core_tables": """module t_table_a(input [1:0] in, output reg [1:0] out);
always @(*) case (in)
2'h0: out = 2'h0;
2'h1: out = 2'h1;
2'h2: out = 2'h2;
2'h3: out = 2'h2;
default: out = {2{1'bx}};
endcase
endmodule
module t_table_b(input [1:0] in, output reg [1:0] out);
always @(*) case (in)
2'h0: out = 2'h1;
2'h1: out = 2'h0;
2'h2: out = 2'h2;
default: out = @default@;
endcase
endmodule
""",
    "t_logic0": """module t_logic0 (
    input [1:0] model_inp,
    output [1:0] model_out
);
    wire [1:0] v1; t_table_a op_1 (model_inp, v1[1:0]);
    wire [1:0] v2; t_table_b op_2 (v1, v2[1:0]);
    assign model_out[1:0] = v2[1:0];
endmodule
""",
    "t_core": """module t_core (
    input clk,
    input wire [1:0] model_inp,
    output reg [1:0] model_out
);
    wire [1:0] INTERNAL_logic0_outp;
    t_logic0 _inst_logic0 (.model_inp(model_inp), .model_out(INTERNAL_logic0_outp));
    always @(posedge clk) begin
        model_out[1:0] <= INTERNAL_logic0_outp[1:0];
    end
endmodule
""",
    "t_top": """module t_top (
    input wire clk,
    input wire valid_in,
    input wire [1:0] data_in,
    output wire valid_out,
    output wire [1:0] data_out
);
    reg [0:0] valid;
    initial valid = 1'b0;
    always @(posedge clk) valid <= {valid_in};
    assign valid_out = valid[0];
    wire [1:0] core_in;
    wire [1:0] core_out;
    assign core_in[1:0] = data_in[1:0];
    assign data_out[1:0] = {core_out[1:0]};
    t_core core (.clk(clk), .model_inp(core_in), .model_out(core_out));
endmodule
""",
}


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("{2{1'bx}}", ["undecided", "undecided", "detected"]),
        ("2'hX;\n2'h3: out = 2'hX", ["undecided", "undecided", "detected"]),  # so alkaid writes an undefined entry
        ("2'h2", ["equivalent", "detected", "detected"]),  # negative controls: nothing is undefined
        ("2'h1", ["detected", "detected", "detected"]),
    ],
)
def test_fault_of_undefined_entries_is_neither_seen_nor_equal(tmp_path, default, expected):
    for name, text in CHAINED.items():
        (tmp_path / f"{name}.v").write_text(text.replace("@default@", default))
    kif = (KIF(False, 2, 0),)
    project = RtlProject(tmp_path, "t_top", tuple(tmp_path / f"{n}.v" for n in CHAINED), (), kif, kif, 1, 1.0)
    # Entries 2 and 1 of the first table become 3, where 2 and 0 are right; entry 0 becomes 1.
    drawn = [
        Fault("table", "t_table_a", "t_table_a", bit, "inverted", entry) for entry, bit in ((2, 0), (1, 1), (0, 0))
    ]
    codes = np.arange(4).repeat(50)[:, None]
    outcomes = run_faults(
        project, drawn, codes=codes, reference=lambda codes: np.array([1, 0, 2, 2])[codes], seconds=20
    )
    assert [x.status for x in outcomes] == expected


def test_fault_with_large_copies_stays_undecided_or_is_replayed(project, monkeypatch, without_sums):
    network = random_network(3)
    drawn = draw(candidates(texts_of(project), project.top), 60, seed=6)
    run = partial(run_faults, codes=random_codes(network, 1), reference=partial(evaluate, network), seconds=20)
    before = Counter(x.status for x in run(project, drawn))

    def too_large(*_, **__):
        raise ToolLimitError("too many gates")

    monkeypatch.setattr(fault_run, "copied", too_large)
    after = Counter(x.status for x in run(project, drawn))
    assert before["undetected"] == after["undetected"] == 0
    assert after["equivalent"] == before["equivalent"]
    assert after["undecided"] + after["solved"] == before["undecided"] + before["solved"]
    assert after["undecided"] > before["undecided"]


def test_verilog_that_is_wrong_without_a_fault_is_our_bug(project):
    network = random_network(3)
    codes, drawn = random_codes(network, 50), draw(candidates(texts_of(project), project.top), 3, seed=1)
    with pytest.raises(AssertionError, match="the Verilog without a fault differs at vector 0"):
        run_faults(project, drawn, codes=codes, reference=lambda codes: evaluate(network, codes) + 1, seconds=5)


def test_the_same_seed_draws_the_same_faults(project):
    by_kind = candidates(texts_of(project), project.top)
    assert draw(by_kind, 50, seed=1) == draw(by_kind, 50, seed=1) != draw(by_kind, 50, seed=2)
    everything = draw(by_kind, 10**6, seed=1)
    assert len(everything) == sum(map(len, by_kind.values()))


# ---------------------------------------------------------------- stages


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from keras_twin import keras_twin

    folder, network = tmp_path_factory.mktemp("design"), random_network(3)
    write_card(made_cards.spec(), folder / "spec.json")
    save_network(network, folder / "network.npz")
    keras_twin(network).save(folder / "model.keras")
    codes, ids = random_codes(network, 40).astype(np.int32), np.arange(40, dtype=np.uint64)
    split = np.full(40, TEST, dtype=np.uint8)
    events = EventCodes(codes, np.arange(40) % 3, split, ids, network.inputs, network.features, network.classes)
    save_codes(events, folder / "codes.npz")
    names = ("spec.json", "model.keras", "network.npz", "firmware", "firmware.json")
    in_order(build_firmware, *(folder / name for name in names))
    return folder


def test_both_stages_and_their_pages(files):
    common = (files / "spec.json", files / "network.npz")
    proven = in_order(prove, *common, files / "firmware.json", files / "prove.json", 60, 15)
    assert {x.status for x in proven.outputs} == {"proven"}
    assert proven.control_caught is True
    assert {x.status for x in proven.second.outputs} == {"agrees"}
    card = in_order(faults, *common, files / "codes.npz", files / "firmware.json", files / "faults.json", 40)
    assert sum(x.injected for x in card.kinds.values()) == 40
    assert (card.detection_rate, card.undetected) == (1.0, [])
    assert read_card(ProveCard, files / "prove.json") == proven
    assert read_card(FaultsCard, files / "faults.json") == card
    pages_of_proof(prove=files / "prove.json", faults=files / "faults.json", folder=files / "pages")
    assert "outputs proven" in (files / "pages/prove.html").read_text()
    assert "40 faults" in (files / "pages/faults.html").read_text()
    assert unproven(files / "prove.json") + unproven(files / "faults.json") == []


def test_firmware_of_another_network_is_refused(files, tmp_path):
    save_network(random_network(4), tmp_path / "network.npz")
    with pytest.raises(CardError, match=r"network\.npz: changed since .*firmware\.json was written"):
        prove(
            spec=files / "spec.json",
            network=tmp_path / "network.npz",
            firmware_card=files / "firmware.json",
            card=tmp_path / "prove.json",
            seconds=5,
        )
    with pytest.raises(CardError, match=r"network\.npz: changed since .*firmware\.json was written"):
        in_order(
            faults,
            *(files / "spec.json", tmp_path / "network.npz", files / "codes.npz", files / "firmware.json"),
            *(tmp_path / "faults.json", 5),
        )


def test_a_missed_fault_and_a_difference_fail_the_verdict(tmp_path):
    provenance = {"seconds": 1, "versions": {}, "inputs": {}}
    differs = OutputProof(name="a", bits=3, status="different", detail="inputs [1]")
    proofs = [differs, OutputProof(name="b", bits=3, status="proven")]
    card = ProveCard(
        design="d",
        outputs=proofs,
        method="",
        gates={},
        seconds_allowed=1,
        control="",
        control_caught=False,
        **provenance,
    )
    write_card(card, tmp_path / "prove.json")
    count = FaultCount(injected=2, detected=1, equivalent=0, undetected=1)
    missed = FaultsCard(
        design="d", vectors=1, kinds={"table": count}, detection_rate=0.5, median_vectors=1, equivalent=[],
        undetected=["core: bit 3"], **provenance,
    )  # fmt: skip
    write_card(missed, tmp_path / "faults.json")
    assert unproven(tmp_path / "prove.json") + unproven(tmp_path / "faults.json") == [
        "d: output a differs: inputs [1]",
        "d: a flipped table bit was proven equal",
        "d: 1 fault undetected, first: core: bit 3",
    ]
    assert fault_run.HARNESS.is_file()
