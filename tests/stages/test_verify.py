"""The firmware and verify stages: right networks are bit-exact, wrong ones are found in the form that is wrong."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from hgq.config import QuantizerConfigScope
from hgq.layers import QDense
from keras_twin import keras_twin
from networks import random_codes, random_network
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.firmware import FirmwareCard, VerifyCard
from trigger_lut.config.budget import Spec, load_budget, resolve
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.data.event_codes import TEST, TRAIN, EventCodes, save_codes
from trigger_lut.errors import CardError, NotReproducibleError
from trigger_lut.firmware.backend import Design, Prediction
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.hls.backend import flip_hls
from trigger_lut.firmware.hls.project import predict_hls
from trigger_lut.firmware.rtl.ghdl import GHDL_MISSING, has_ghdl
from trigger_lut.layers import LUTConv1D, LUTDense
from trigger_lut.network.bit_flip import BitFlip, choose_flip, flipped
from trigger_lut.network.network import TableLayer, load_network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages import verify as run
from trigger_lut.stages.firmware import run as build_firmware
from trigger_lut.stages.verify import run as verify
from trigger_lut.utils.files import sha256
from trigger_lut.verification import compare as comparison
from trigger_lut.verification.compare import ComparisonResult, compare
from trigger_lut.verification.keras_model import flip_keras, run_keras

CONFIG = Path(__file__).parents[2] / "config"
EVENTS = 400
VHDL = ["vhdl"] if has_ghdl() else []


def stage_files(folder: Path, seed: int = 6) -> dict[str, Path]:
    """Specification, model, network and codes of a small design."""
    budget, target = load_budget(CONFIG / "budget.yaml", CONFIG / "targets.yaml")
    spec = resolve(budget, target, design=next(iter(budget.designs)))
    network = random_network(seed)
    files = {name: folder / name for name in ("spec.json", "model.keras", "network.npz", "codes.npz")}
    write_card(spec, files["spec.json"])
    keras_twin(network).save(files["model.keras"])
    save_network(network, files["network.npz"])
    codes = random_codes(network, EVENTS).astype(np.int32)
    split = np.where(np.arange(EVENTS) % 4 == 0, TEST, TRAIN).astype(np.uint8)
    labels, ids = np.arange(EVENTS) % 3, np.arange(EVENTS, dtype=np.uint64)
    save_codes(
        EventCodes(codes, labels, split, ids, network.inputs, network.features, network.classes), files["codes.npz"]
    )
    return files


def build(files: dict[str, Path], folder: Path) -> Path:
    card = folder / "firmware.json"
    build_firmware(
        spec=files["spec.json"],
        model=files["model.keras"],
        network=files["network.npz"],
        folder=folder / "firmware",
        card=card,
    )
    return card


def check(files: dict[str, Path], firmware: Path, card: Path, rtl_vectors: int = 0) -> VerifyCard:
    names = ("spec.json", "model.keras", "network.npz", "codes.npz")
    in_order(verify, *(files[name] for name in names), firmware, card, rtl_vectors)
    return read_card(VerifyCard, card)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    files = stage_files(folder)
    return files, build(files, folder)


@pytest.fixture(scope="module")
def design(built):
    files, _ = built
    network, spec = load_network(files["network.npz"]), read_card(Spec, files["spec.json"])
    return Design(load_model(files["model.keras"]), network, spec)


def test_firmware_card_names_what_was_built(built):
    files, path = built
    card = read_card(FirmwareCard, path)
    assert card.hls_handlers == {"lut_dense_0": "TableHandler", "lut_dense_1": "TableHandler"}
    assert set(card.hls_result_types) >= {"lut_dense_0", "lut_dense_1"}
    assert (Path(card.hls_project) / "firmware" / f"lut_network_{card.design}_v1.cpp").is_file()
    assert card.rtl_top.endswith("_top")
    assert all(Path(name).is_file() for name in card.files)
    assert list(card.inputs) == [str(files[name]) for name in ("spec.json", "model.keras", "network.npz")]


def test_a_right_design_is_bit_exact(built, tmp_path):
    card = check(*built, tmp_path / "verify.json", rtl_vectors=300_000)
    assert card.verdict == "bit-exact"
    assert (card.bit_exact, card.mismatches, card.controls_caught) == (True, 0, True)
    assert card.vectors == sum(card.vector_sets.values()) >= 100_000
    assert card.vector_sets["test"] == EVENTS // 4
    assert [c.name for c in card.comparisons] == ["keras", "hls4ml", "alkaid", "rtl", *VHDL]
    assert card.not_run == ({} if VHDL else {"vhdl": GHDL_MISSING})
    assert all(c.mismatches == 0 and c.first is None for c in card.comparisons)
    counts = {c.name: c.vectors for c in card.comparisons}
    assert counts["keras"] == counts["hls4ml"] == counts["alkaid"] == card.vectors
    assert counts["rtl"] == 300_000
    assert counts.get("vhdl", comparison.SAMPLED_VECTORS) == comparison.SAMPLED_VECTORS
    entries = card.table_entries
    assert entries.entries == entries.covered + entries.unreachable + entries.uncovered
    assert entries.uncovered == 0
    # The same bit flipped in each form changes the same outputs.
    assert len({c.control_mismatches for c in card.comparisons if c.name != "vhdl"}) == 1
    assert all(c.control_mismatches > 0 for c in card.comparisons)
    assert card.comparisons[0].control_mismatches > 0
    firmware = read_card(FirmwareCard, built[1])
    assert card.latency_cycles_measured == firmware.rtl_latency_cycles_planned
    assert card.ii_measured == 1
    assert firmware.rtl_tmux_cycles == 54, "150 ns at 360 MHz"
    bench, top = Path(firmware.rtl_bench), firmware.rtl_top
    assert sorted(p.name for p in bench.iterdir()) == [f"{top}_tb.mem", f"{top}_tb.sv", f"{top}_tb.vhd"]
    for wrapper in (bench.parent / f"{top}_tmux.v", bench.parent / "vhdl" / f"{top}_tmux.vhd"):
        assert re.search(r"cycles(: positive :| )= 54\b", wrapper.read_text(), re.IGNORECASE)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """A hybrid: a convolution of tables and its sum, tables of their own a place, an arithmetic layer, tables."""
    folder = tmp_path_factory.mktemp("graph")
    keras.utils.set_random_seed(1)
    x = keras.Input((4, 2))
    h = LUTConv1D(3, 2, input_format="fixed<5,2>", seed=1)(x)
    own = keras.layers.Flatten()(LUTDense(1, input_format="fixed<5,2>", per_position_widths=True, seed=2)(x))
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        h = QDense(4, activation="relu")(keras.layers.Concatenate()([keras.ops.sum(h, axis=1), own]))
    model = keras.Model(x, LUTDense(3, seed=3)(h))
    network = integer_network(model, tuple(f"x{i}" for i in range(8)), classes=tuple("abc"))
    files = stage_files(folder)
    model.save(files["model.keras"])
    save_network(network, files["network.npz"])
    codes = random_codes(network, EVENTS).astype(np.int32)
    split = np.where(np.arange(EVENTS) % 4 == 0, TEST, TRAIN).astype(np.uint8)
    labels, ids = np.arange(EVENTS) % 3, np.arange(EVENTS, dtype=np.uint64)
    save_codes(
        EventCodes(codes, labels, split, ids, network.inputs, network.features, network.classes), files["codes.npz"]
    )
    return files, build(files, folder)


def test_a_hybrid_graph_is_bit_exact(graph, tmp_path):
    files, firmware = graph
    card_of_firmware = read_card(FirmwareCard, firmware)
    assert (
        card_of_firmware.hls_fallback_reason
        == "not layer by layer: hls4ml takes layers alone, the model holds operations: Sum"
    )
    card = check(files, firmware, tmp_path / "verify.json")
    assert (card.verdict, card.bit_exact, card.mismatches) == ("bit-exact", True, 0)
    assert [c.name for c in card.comparisons] == ["keras", "hls4ml", "alkaid", "rtl", *VHDL]
    assert len({c.control_mismatches for c in card.comparisons if c.name != "vhdl"}) == 1
    assert card.comparisons[0].control_mismatches > 0


def test_flips_in_every_layer_of_tables_reach_keras(graph):
    files, _ = graph
    network = load_network(files["network.npz"])
    codes = random_codes(network, 300)
    names = [layer.name for layer in network.layers]
    assert sum("_place" in name for name in names) == 4
    for n, layer in enumerate(network.layers):
        if not isinstance(layer, TableLayer) or not layer.edges():
            continue
        i, o = layer.edges()[0]
        flip = BitFlip(n, i, o, 0, 1)
        model = load_model(files["model.keras"])
        flip_keras(model, network, flip=flip)
        assert (run_keras(model, network, codes=codes) == evaluate(flipped(network, flip), codes)).all(), layer.name


@pytest.mark.parametrize("place", ["rtl", "firmware", "firmware/of_another_tool"])
def test_file_that_the_firmware_stage_did_not_write_is_refused(built, tmp_path, place):
    files, firmware = built
    rtl = Path(read_card(FirmwareCard, firmware).rtl_project)
    folder = rtl if place == "rtl" else rtl.parent / Path(place).relative_to("firmware")
    folder.mkdir(exist_ok=True)
    (folder / "more.v").write_text("")
    with pytest.raises(CardError, match=r"more\.v: not listed in .*Run the firmware stage again\."):
        check(files, firmware, tmp_path / "verify.json")
    (folder / "more.v").unlink()


def test_a_latency_that_was_not_planned_is_an_error(tmp_path, monkeypatch):
    files = stage_files(tmp_path, seed=3)
    firmware = build(files, tmp_path)
    monkeypatch.setattr(run, "compare", lambda *_, **__: ComparisonResult(None, [], {}, 9, 1))
    with pytest.raises(NotReproducibleError, match=r"rtl: another latency .* Expected 3 cycles, found 9\."):
        check(files, firmware, tmp_path / "verify.json")
    assert not (tmp_path / "verify.json").exists()


def test_a_model_that_is_not_the_network_is_found(tmp_path, monkeypatch):
    """One bit of the trained model differs from the integer network: Keras and hls4ml show it, the RTL is right."""
    files = stage_files(tmp_path, seed=3)
    network = load_network(files["network.npz"])
    codes = random_codes(network, 2000)
    flip = choose_flip(network, codes, seed=5)
    model = load_model(files["model.keras"])
    flip_keras(model, network, flip=flip)
    model.save(files["model.keras"])
    firmware = build(files, tmp_path)
    replace_back_ends(  # right, and slow to simulate
        monkeypatch, network, ("rtl", "vhdl"), rtl={"cycles": (3, 1)}, vhdl={"cycles": (3, 1)}
    )
    card = check(files, firmware, tmp_path / "verify.json")
    mismatches = {c.name: c.mismatches for c in card.comparisons}
    assert mismatches["keras"] == mismatches["hls4ml"] > 0
    assert (mismatches["alkaid"], mismatches["rtl"]) == (0, 0)
    assert (card.bit_exact, card.controls_caught, card.mismatches) == (False, True, 2 * mismatches["keras"])
    first = card.comparisons[0].first
    assert first is not None
    assert first.expected != first.found
    assert card.verdict == (
        f"not bit-exact: {card.mismatches} mismatches in keras, hls4ml; first at vector {first.vector}, "
        f"output {first.output}: expected {first.expected}, found {first.found}"
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_flip_in_keras_and_hls_gives_the_flipped_network(design, built, tmp_path, seed):
    codes = random_codes(design.network, 3000)
    flip = choose_flip(design.network, codes, seed=seed)
    expected = evaluate(flipped(design.network, flip), codes)
    model = load_model(built[0]["model.keras"])
    flip_keras(model, design.network, flip=flip)
    np.testing.assert_array_equal(run_keras(model, design.network, codes=codes), expected)
    if seed == 0:  # compiling takes seconds
        hls = Path(read_card(FirmwareCard, built[1]).hls_project)
        flip_hls(hls, tmp_path / "hls", network=design.network, flip=flip)
        np.testing.assert_array_equal(predict_hls(tmp_path / "hls", codes), expected)


def test_objects_over_several_cycles_are_compared(design, built):
    codes = random_codes(design.network, 300)
    folder = Path(read_card(FirmwareCard, built[1]).rtl_project).parent
    run = comparison._words_run(design, choose_flip(design.network, codes, seed=0), folder, 2, (codes, codes))
    compared = comparison._comparison(run, design.network)
    assert (compared.name, compared.vectors, compared.mismatches) == ("rtl_words", 300, 0)
    assert compared.control_mismatches > 0


class FakeBackend:
    """The reference model in place of a back end: off in one output where it is wrong, and in another when flipped."""

    def __init__(self, name, network, wrong=False, flips=True, cycles=(4, 1)):
        row = BACKENDS[name]
        self.title, self.delivery, self.from_model = row.title, row.delivery, row.from_model
        self.sampled, self.clocked = row.sampled, row.clocked
        self.network, self.wrong, self.flips, self.cycles = network, wrong, flips, cycles

    def require(self):
        pass

    def write(self, design, folder):
        pass

    def flip_bit(self, design, flip, folder, changed):
        (changed / "flipped").touch()
        return True

    def predict(self, folder, codes):
        outputs = evaluate(self.network, codes)
        if (folder / "flipped").exists():
            outputs[5, 0] += self.flips
        elif self.wrong:
            outputs[17, 1] -= 2
        latency, ii = self.cycles
        return Prediction(outputs, {"latency_cycles": latency, "ii": ii} if self.clocked else {})


def replace_back_ends(monkeypatch, network, rows=("hls4ml", "alkaid", "rtl", "vhdl"), **changes):
    """Replace rows of the registry; changes: arguments of `FakeBackend` by row."""
    for name in rows:
        monkeypatch.setitem(BACKENDS, name, FakeBackend(name, network, **changes.get(name, {})))


def replace_keras(monkeypatch, network, wrong=False):
    """Replace the Keras model by the reference model."""
    state = {"flipped": False}

    def run_fake(model, network, codes):
        outputs = evaluate(network, codes)
        if state["flipped"]:
            outputs[5, 0] += 1
        elif wrong:
            outputs[17, 1] -= 2
        return outputs

    monkeypatch.setattr(comparison, "run_keras", run_fake)
    monkeypatch.setattr(comparison, "flip_keras", lambda *_, **__: state.update(flipped=True))


@pytest.mark.parametrize("wrong", ["keras", "hls4ml", "alkaid", "rtl", "vhdl"])
def test_compare_wrong_implementation_is_found_alone(design, tmp_path, monkeypatch, wrong):
    network = design.network
    replace_back_ends(monkeypatch, network, **({} if wrong == "keras" else {wrong: {"wrong": True}}))
    replace_keras(monkeypatch, network, wrong == "keras")
    vectors = random_codes(network, 100)
    result = compare(design, tmp_path, vectors=vectors, seed=0)
    assert {c.name: c.mismatches for c in result.comparisons if c.mismatches} == {wrong: 1}
    assert all(c.control_mismatches == 1 for c in result.comparisons)
    first = next(c.first for c in result.comparisons if c.name == wrong)
    value = int(evaluate(network, vectors)[17, 1])
    assert (first.vector, first.output, first.expected, first.found) == (17, 1, value, value - 2)
    assert (result.latency_cycles, result.ii) == (4, 1)


def test_compare_control_without_effect_is_not_caught(design, tmp_path, monkeypatch):
    replace_back_ends(monkeypatch, design.network, hls4ml={"flips": False})
    replace_keras(monkeypatch, design.network)
    result = compare(design, tmp_path, vectors=random_codes(design.network, 100), seed=0)
    controls = {c.name: c.control_mismatches for c in result.comparisons}
    assert controls == {"keras": 1, "hls4ml": 0, "alkaid": 1, "rtl": 1, "vhdl": 1}


def test_compare_simulations_with_other_cycles_are_an_error(design, tmp_path, monkeypatch):
    replace_back_ends(monkeypatch, design.network, vhdl={"cycles": (5, 1)})
    replace_keras(monkeypatch, design.network)
    with pytest.raises(NotReproducibleError, match="latency and II in cycles differ between simulations"):
        compare(design, tmp_path, vectors=random_codes(design.network, 100), seed=0)


def test_firmware_of_another_network_is_refused(built, tmp_path):
    files, firmware = built
    other = tmp_path / "network.npz"
    save_network(random_network(7), other)
    with pytest.raises(CardError) as error:
        verify(
            spec=files["spec.json"],
            model=files["model.keras"],
            network=other,
            codes=files["codes.npz"],
            firmware_card=firmware,
            card=tmp_path / "verify.json",
        )
    assert str(error.value) == (
        f"{other}: changed since {firmware} was written. Expected sha256 {sha256(files['network.npz'])}, "
        f"found {sha256(other)}. Run the firmware stage again."
    )
    assert not (tmp_path / "verify.json").exists()


def test_codes_in_other_formats_are_refused(built, tmp_path):
    files, firmware = built
    (tmp_path / "other").mkdir()
    codes = stage_files(tmp_path / "other", seed=8)["codes.npz"]
    with pytest.raises(CardError, match=r"codes in other formats\. Expected the formats of the inputs of"):
        verify(
            spec=files["spec.json"],
            model=files["model.keras"],
            network=files["network.npz"],
            codes=codes,
            firmware_card=firmware,
            card=tmp_path / "v.json",
        )


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text(json.dumps({}))
    with pytest.raises(CardError, match=r"model\.keras: not a saved Keras model"):
        load_model(path)
