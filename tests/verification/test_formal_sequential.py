"""The second proof: right designs agree, and no faulty one does, whatever the kind of fault."""

import re
from dataclasses import replace

import made_cards
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_codes, random_graph, random_network

from trigger_lut.cards.base import write_card
from trigger_lut.cards.proof import OutputProof, SecondProof
from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import Network, TableLayer
from trigger_lut.network.reference_model import evaluate
from trigger_lut.report.pages.proof import prove_page
from trigger_lut.verification.formal import sequential
from trigger_lut.verification.formal.gates import Gates, TooLargeError
from trigger_lut.verification.formal.network_gates import network_outputs
from trigger_lut.verification.formal.sequential import second_proof
from trigger_lut.verification.formal.sweep import Sweep
from trigger_lut.verification.fuzz.random_networks import draw_network
from trigger_lut.verification.judgement import unproven

# ---------------------------------------------------------------- gates


def all_values(gates: Gates, variables: dict[int, np.ndarray]) -> list[np.ndarray]:
    """Values of all nodes, for values of the variables by node."""
    values = [np.zeros(len(next(iter(variables.values()))), dtype=bool)]
    for node in range(1, len(gates)):
        a, b = gates.left[node], gates.right[node]
        if a < 0:
            values.append(variables[node])
        else:
            values.append((values[a >> 1] ^ bool(a & 1)) & (values[b >> 1] ^ bool(b & 1)))
    return values


def assert_gates_are(network: Network, codes: np.ndarray) -> None:
    gates = Gates(10**6)
    inputs = [gates.frees(kif.bits) for kif in network.inputs]
    numbers = network_outputs(gates, network, inputs=inputs)
    variables = {
        bit >> 1: (codes[:, i] >> n & 1).astype(bool) for i, bits in enumerate(inputs) for n, bit in enumerate(bits)
    }
    values, expected = all_values(gates, variables), evaluate(network, codes)
    for o, number in enumerate(numbers):
        columns = [(values[bit >> 1] ^ bool(bit & 1)).astype(np.int64) for bit in number.bits]
        codes_of_output = sum(c << n for n, c in enumerate(columns)) - (columns[-1] << len(columns))
        np.testing.assert_array_equal(codes_of_output, expected[:, o])
        assert (number.lo <= codes_of_output).all()
        assert (codes_of_output <= number.hi).all()


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_network_gates_random_network_equal_reference(seed):
    network = draw_network(np.random.default_rng(seed))
    assert_gates_are(network, random_codes(network, 300, seed))


def test_network_gates_graph_equal_reference():
    assert_gates_are(random_graph(1), random_codes(random_graph(1), 1000))


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_sweep_random_graph_says_what_all_values_say(seed):
    """Graphs with many equal nodes, so that merged nodes have other depths than their originals."""
    rng = np.random.default_rng(seed)
    gates = Gates(1000)
    literals = [0, *gates.frees(5)]
    for _ in range(60):
        a, b = (int(rng.choice(literals)) ^ int(rng.integers(2)) for _ in range(2))
        literals.append(gates.differ(a, b) if rng.integers(2) else gates.both(a, b))
    rows = np.arange(32)
    values = all_values(gates, {n + 1: (rows >> n & 1).astype(bool) for n in range(5)})
    pairs = [tuple(int(x) ^ int(rng.integers(2)) for x in rng.choice(literals, 2)) for _ in range(20)]
    sweep = Sweep(gates, seed, older=len(gates) // 2)
    for a, b in pairs:
        differs = (values[a >> 1] ^ bool(a & 1)) != (values[b >> 1] ^ bool(b & 1))
        answer = sweep.compare([(a, b)], 5)
        assert answer.verdict == ("different" if differs.any() else "equal")
        if answer.values is not None:
            assert differs[sum(answer.values[n + 1] << n for n in range(5))], "the counterexample is one"
    sweep.close()


# ---------------------------------------------------------------- right designs


@pytest.fixture(scope="module")
def network():
    kif, none = KIF(False, 5, 0), np.zeros(2, dtype=int)
    tables = np.random.default_rng(1).integers(-8, 8, (4, 2, 32))
    tables[0, 0, 3] = 0
    layer = TableLayer("t", (kif,) * 4, ("SAT",) * 4, np.full((4, 2), 5), tables, none, fraction_bits=none)
    return Network((kif,) * 4, (layer,))


@pytest.fixture(scope="module")
def project(network, tmp_path_factory):
    return write_rtl(network, tmp_path_factory.mktemp("second") / "rtl", spec=made_cards.spec())


def prove_again(network, project, seconds=20):
    """Return the first proof's outputs as judged, and the second proof; the first one says that all are proven."""
    first = [OutputProof(name=name, bits=1, status="proven", by="words") for name in network.output_names()]
    return second_proof(network, project, seconds=seconds, seed=1, first=first)


def statuses(proof: SecondProof) -> list[str]:
    return [x.status for x in proof.outputs]


@pytest.mark.parametrize("make_network", [random_network, lambda seed: draw_network(np.random.default_rng(seed))])
@pytest.mark.parametrize("seed", [3, 15])
def test_second_proof_right_design_agrees(tmp_path, make_network, seed):
    network = make_network(seed)
    judged, proof = prove_again(network, write_rtl(network, tmp_path / "rtl", spec=made_cards.spec()))
    assert set(statuses(proof)) == {"agrees"}, proof
    assert proof.outputs[-1].name == "valid_out"
    assert proof.control_caught is True
    assert {x.status for x in judged} == {"proven"}


def test_second_proof_flipped_bit_is_shown(network, project):
    """Both on the card: the first proof's claim, and the counterexample."""
    codes = random_codes(network, 9000)
    wrong = flipped(network, choose_flip(network, codes[:500], seed=1))
    changed = (evaluate(wrong, codes) != evaluate(network, codes)).any(0)
    judged, proof = prove_again(wrong, project)
    assert [status == "disagrees" for status in statuses(proof)] == [*changed.tolist(), False]
    assert [x.status == "different" for x in judged] == changed.tolist()
    for x in (x for x in judged if x.status == "different"):
        assert "the proofs disagree: proven by words" in x.detail
        expected, actual = re.search(r"expected (-?\d+), found (-?\d+) in simulation", x.detail).groups()
        assert expected != actual


def test_second_proof_without_time_is_open(tmp_path):
    network = random_graph(1)
    _, proof = prove_again(network, write_rtl(network, tmp_path / "rtl", spec=made_cards.spec()), 1)
    assert set(statuses(proof)) == {"open", "agrees"}
    assert all("time" in x.detail for x in proof.outputs if x.status == "open")


def test_second_proof_too_large_is_not_attempted(network, project, monkeypatch):
    monkeypatch.setattr(sequential, "MOST_GATES", 100)
    judged, proof = prove_again(network, project)
    assert set(statuses(proof)) == {"not attempted"}
    assert "more than 100 gates" in proof.outputs[0].detail
    assert {x.status for x in judged} == {"proven"}
    with pytest.raises(TooLargeError):
        Gates(3).frees(4)


def test_second_proof_not_asked_for_leaves_the_first(network, project):
    judged, proof = prove_again(network, project, 0)
    assert ({x.status for x in judged}, proof) == ({"proven"}, None)


# ---------------------------------------------------------------- faulty designs

LEAK = "reg [19:0] p; always @(posedge clk) p <= data_in; reg q; always @(posedge clk) q <= (p == 7) & (data_in == 9);"
SUM = r"assign data_out\[(\d+):0\] = ([^;]*);"


def late(text, width):
    early = text.replace("assign data_out[", "assign early[")
    register = f"wire [{width - 1}:0] early; reg [{width - 1}:0] r; always @(posedge clk) r <= early;"
    return early.replace("endmodule", register + "assign data_out = r; endmodule")


def leaking(text, width):
    leak = f"wire [{width - 1}:0] early; {LEAK} assign data_out = early ^ q; endmodule"
    return text.replace("assign data_out[", "assign early[").replace("endmodule", leak)


def turned(text, stated, bit):
    return re.sub(SUM, rf"{stated} assign data_out[\1:0] = \2 ^ {bit};", text)


def with_macro(text, word):
    stated = f"\n`ifdef {word}\nwire t = 1'b0;\n`else\nwire t = 1'b1;\n`endif\n"
    return turned(text, stated, "t")


COUNTER = "reg [15:0] n; initial n = 0; always @(posedge clk) n <= n + 1;"
RARE = (
    "wire [9:0] a = {9'b0, data_in[4:0] == 5'h1f}; wire [9:0] b = a + a; wire [9:0] c = b + b;"
    "wire [71:0] z = {c, 62'b0}; reg [9:0] d; always @(posedge clk) d <= {d[8:0], |z};"
)
OTHERS = {
    "negedge": lambda text, width: text.replace("posedge clk", "negedge clk", 1),
    "clocked by valid": lambda text, width: text.replace("posedge clk", "posedge valid_in"),
    "gated": lambda text, width: text.replace("posedge clk", "posedge g").replace(
        "(* sh", "wire g = clk & valid_in; (* sh"
    ),
    "clock as data": lambda text, width: turned(text, "", "(clk & ~clk)"),
    "latch": lambda text, width: turned(text, "reg h; always @* if (valid_in) h = data_in[0];", "h"),
    "asynchronous reset": lambda text, width: turned(
        text, "reg h; always @(posedge clk or posedge valid_in) if (valid_in) h <= 0; else h <= data_in[0];", "h"
    ),
    "loop": lambda text, width: turned(text, "wire w = ~(w & data_in[0]);", "w"),
}
READ_DIFFERENTLY = {
    "YOSYS": lambda text, width: with_macro(text, "YOSYS"),
    "SYNTHESIS": lambda text, width: with_macro(text, "SYNTHESIS"),
    "translate_off": lambda text, width: turned(
        text, "\n// synthesis translate_off\n", "1'b1\n// synthesis translate_on\n"
    ),
    "full case": lambda text, width: turned(
        text, "reg h; always @* begin h = 0; (* full_case *) case (data_in[1:0]) 2'd1: h = 0; endcase end", "h"
    ),
}
DIFFERENT = {
    "valid stuck": lambda text, width: text.replace("assign valid_out = ", "assign valid_out = 1'b1 | "),
    "valid early": lambda text, width: text.replace("assign valid_out = ", "assign valid_out = valid_in; wire v = "),
    "data late": late,
    "a counter": lambda text, width: turned(text, COUNTER, "(n == 0)"),
    "bit of a wide word": lambda text, width: turned(text, RARE, "d[1]"),
    "gaps change the data": lambda text, width: turned(text, "", "(valid_out ^ 1'b1)"),
    "cut off": lambda text, width: (
        re.sub(r"assign data_out\[[^;]*;", "", text)
        .replace("endmodule", "assign data_out = core_out;\nendmodule")
        .replace(f"output wire [{width - 1}:0] data_out", f"output wire [{width - 2}:0] data_out")
    ),
    "another port": lambda text, width: text.replace("input wire clk,", "input wire clk, input wire reset,"),
}


def faulty(project, folder, change, which=""):
    """Return a project with one changed file, the top-level module or the one whose name ends so."""
    files = [folder / path.name for path in project.files]
    for path, path_faulty in zip(project.files, files, strict=True):
        text = path.read_text()
        path_faulty.write_text(change(text) if path.stem.endswith(which or project.top) else text)
    assert any(a.read_text() != b.read_text() for a, b in zip(project.files, files, strict=True))
    return replace(project, folder=folder, files=tuple(files))


@pytest.fixture
def judged_top(network, project, tmp_path):
    """Return what is said of a changed top-level module."""
    width = sum(kif.bits for kif in network.output_formats())
    return lambda change: prove_again(network, faulty(project, tmp_path, lambda text: change(text, width)))


@pytest.fixture
def without_source_check(monkeypatch):
    """The netlist is checked too: texts with the same reading pass here."""
    monkeypatch.setattr(sequential, "source_refusal", lambda files: "")


@pytest.fixture
def without_simulation(monkeypatch):
    """To compile a simulation takes longer than the proof."""

    def fails(*_, **__):
        raise ToolFailedError("no simulation here")

    monkeypatch.setattr(sequential, "simulated", fails)


@pytest.mark.parametrize("change", READ_DIFFERENTLY.values(), ids=READ_DIFFERENTLY)
def test_second_proof_text_read_differently_is_refused(judged_top, change, monkeypatch):
    monkeypatch.delattr(sequential, "read_netlist")  # Yosys is not asked
    _, proof = judged_top(change)
    assert set(statuses(proof)) == {"not attempted"}, proof
    assert proof.outputs[0].detail


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_second_proof_other_circuit_is_not_attempted(judged_top, change, without_source_check):
    _, proof = judged_top(change)
    assert set(statuses(proof)) == {"not attempted"}, proof
    assert proof.outputs[0].detail


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_second_proof_faulty_design_disagrees(judged_top, change, without_source_check, without_simulation):
    judged, proof = judged_top(change)
    assert "disagrees" in statuses(proof), proof
    assert all(x.detail for x in proof.outputs if x.status == "disagrees")
    assert "different" in {x.status for x in judged}
    if proof.outputs[-1].status == "disagrees":
        assert {x.status for x in judged} == {"different"}, "no output comes as its valid bit says"


def test_second_proof_leak_is_shown_in_simulation(judged_top, without_source_check):
    """The other event is an input of the counterexample, in a cycle of its own."""
    _, proof = judged_top(leaking)
    assert proof.outputs[0].status == "disagrees"
    assert re.search(r"inputs \[[79], 0, 0, 0\].*: expected .* in simulation", proof.outputs[0].detail)


def test_second_proof_fewer_registers_disagree(network, project, tmp_path, without_source_check, without_simulation):
    """The first stage of the pipeline becomes wires."""

    def change(text):
        stage = r"always @\(posedge clk\) begin\s*(stage1_inp\S*) <= ([^;]*);"
        return re.sub(stage, r"always @* \1 = \2; always @(posedge clk) begin", text)

    judged, _ = prove_again(network, faulty(project, tmp_path, change, "_core"))
    assert {x.status for x in judged} == {"different"}


def test_second_proof_table_without_entries_disagrees(network, project, tmp_path, without_simulation):
    """A bit that Yosys calls undefined can have any value, and so not only the right one."""

    def change(text):
        return re.sub(r"\d+'h[0-9A-F]+: out = \d+'h0+;\n", "", text)

    judged, _ = prove_again(network, faulty(project, tmp_path, change, "_tables"))
    assert {x.status for x in judged} == {"different"}


# ---------------------------------------------------------------- card


def test_second_proof_missed_control_fails_the_verdict(tmp_path):
    card = made_cards.prove()
    write_card(card, tmp_path / "prove.json")
    assert unproven(tmp_path / "prove.json") == []
    missed = card.second.model_copy(update={"control_caught": False})
    write_card(card.model_copy(update={"second": missed}), tmp_path / "prove.json")
    assert unproven(tmp_path / "prove.json") == ["small: a flipped table bit was proven equal"]


def test_second_proof_is_shown_on_the_page():
    card = made_cards.prove()
    page = prove_page(card)
    assert "agrees on 3 of them" in page.lead
    other = card.model_copy(update={"second": made_cards.second("open")})
    assert "agrees on 0 of them" in prove_page(other).lead
    assert len(prove_page(card.model_copy(update={"second": None})).tables) == len(page.tables) - 1
