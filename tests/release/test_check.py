"""A release holds all forms of a design; its check passes, and fails on whatever is changed."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import made_cards
import numpy as np
import pytest
from keras_twin import keras_twin
from networks import random_codes, random_graph, random_network
from stage_calls import in_order

from trigger_lut.cards.base import Measured, read_card, write_card
from trigger_lut.cards.decision import DecisionBit, DecisionCard
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cards.provenance import files_in
from trigger_lut.cli import main
from trigger_lut.config.release import BoardWrappers
from trigger_lut.data.event_codes import TEST, EventCodes, save_codes
from trigger_lut.errors import CardError, DataError, NotReproducibleError, ToolFailedError
from trigger_lut.firmware.decision.module import literal, write_decision
from trigger_lut.firmware.decision.project import read_decision
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.firmware.emulator.compile import STRICT
from trigger_lut.firmware.emulator.cpp import header, identifier, source
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.firmware.hls.project import recompile
from trigger_lut.firmware.rtl.ghdl import has_ghdl
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.network.network import Network, load_network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release import check as checking
from trigger_lut.release import check_decision, forms
from trigger_lut.release.check import check_release
from trigger_lut.release.contents import Sources, files_of
from trigger_lut.release.sandbox import run_form
from trigger_lut.stages.firmware import run as build_firmware
from trigger_lut.stages.release import run as release
from trigger_lut.stages.timing import run as timing
from trigger_lut.synthesis.yosys import Yosys
from trigger_lut.utils.files import sha256
from trigger_lut.utils.programs import cxx_compiler, run_program

EVENTS = 300


def inputs_of(folder: Path) -> list[Path]:
    """Inputs of the release stage, for a small design with made-up figures."""
    network = random_network(6)
    paths = {name: folder / name for name in ("spec.json", "network.npz", "codes.npz", "model.keras")}
    write_card(made_cards.spec(), paths["spec.json"])
    save_network(network, paths["network.npz"])
    keras.utils.clear_session()  # names of layers that were not given one count up in a process
    keras_twin(network).save(paths["model.keras"])
    codes = random_codes(network, EVENTS).astype(np.int32)
    split, ids = np.full(EVENTS, TEST, dtype=np.uint8), np.arange(EVENTS, dtype=np.uint64)
    events = EventCodes(codes, np.arange(EVENTS) % 3, split, ids, network.inputs, network.features, network.classes)
    save_codes(events, paths["codes.npz"])
    firmware = folder / "firmware.json"
    build_firmware(
        spec=paths["spec.json"],
        model=paths["model.keras"],
        network=paths["network.npz"],
        folder=folder / "firmware",
        card=firmware,
    )
    cycles = read_card(FirmwareCard, firmware).rtl_latency_cycles_planned
    cards = [folder / f"{name}.json" for name in ("verify", "synth", "timing")]
    write_card(made_cards.verify().model_copy(update={"latency_cycles_measured": cycles}), cards[0])
    write_card(made_cards.synth().model_copy(update={"path_ns_estimate": 1.5}), cards[1])
    in_order(timing, paths["spec.json"], *cards)
    decided_of(folder, network)
    return [
        paths["spec.json"],
        paths["network.npz"],
        paths["codes.npz"],
        firmware,
        *cards,
    ]


def decided_of(folder: Path, network: Network) -> None:
    """The decision in firmware, and its card with made-up figures: at the middle score, and a bit that is never set."""
    firmware = read_card(FirmwareCard, folder / "firmware.json")
    rtl = read_project(Path(firmware.rtl_project))
    score = Score(rtl.outputs, (2,), (0, 1))
    middle = int(np.median(score.codes(evaluate(network, random_codes(network, EVENTS)))))
    thresholds = {1.0: middle, 5.0: None}
    project = write_decision(
        rtl,
        score,
        names=network.classes,
        rates_khz=[*thresholds],
        thresholds=[*thresholds.values()],
        cycles=2,
        folder=folder / "decision",
    )
    card = made_cards.decision().model_copy(
        update={
            "folder": str(folder / "decision"),
            "top": project.top,
            "files": {path.name: sha256(path) for path in (folder / "decision").iterdir()},
            "bits": [
                DecisionBit(rate_khz=khz, code=code, threshold=code, vectors={}, control={})
                for khz, code in thresholds.items()
            ],
            "fraction": score.fraction,
            "latency_cycles": Measured(value=project.latency_cycles, source="rtl-simulation"),
            "inputs": {"firmware.json": sha256(folder / "firmware.json")},
        }
    )
    write_card(card, folder / "decision.json")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    inputs = inputs_of(folder)
    outputs = (folder / "release", folder / "release.zip", folder / "release.json")
    card = in_order(release, *inputs, *outputs, folder / "decision.json")
    return folder, inputs, card


def changed(released, tmp_path, path, edit):
    """A copy of the release with one of its files edited."""
    copy = tmp_path / "release"
    shutil.copytree(released[0] / "release", copy)
    (copy / path).write_bytes(edit((copy / path).read_bytes()))
    return copy


def status(lines):
    return {line.name: line.status for line in lines}


def fast(monkeypatch, *kept):
    """Skip the checks that run code of the release, apart from some back ends and checks of the decision."""
    checked = checking._back_end
    monkeypatch.setattr(checking, "_back_end", lambda name, *rest: checked(name, *rest) if name in kept else "skipped")
    for name in ("_cpp", "_python", "_verilog", "_vhdl"):
        if f"decision{name}" not in kept:
            monkeypatch.setattr(check_decision, name, lambda *_, **__: "skipped")


def test_a_release_is_checked_when_it_is_made(released):
    folder, _, card = released
    names = ("manifest", "figures", "budget", "reference", "C++ emulator", "Python emulator", "Verilog", "HLS")
    names += (
        "CMSSW library",
        "sources",
        "formats",
        "vectors",
        "fresh vectors",
        "patterns",
        "decision, reference",
        "decision, C++",
        "decision, Python",
        "decision, Verilog",
    )
    expected = dict.fromkeys(names, "ok") | dict.fromkeys(("origin", "sandbox", "stated"), "not checked")
    expected["VHDL"] = expected["decision, VHDL"] = "ok" if has_ghdl() else "not checked"
    assert status(card.checks) == expected
    assert card.emulator_events_per_second > 0
    assert card.archive_sha256 == sha256(folder / "release.zip")
    tops = {path.split("/")[0] for path in card.files}
    assert tops == {
        "rtl",
        "hls",
        "vendor",
        "emulator",
        "cmssw",
        "vectors",
        "patterns",
        "decision",
        "cards",
        "README.md",
        "manifest.json",
    }


def test_the_same_inputs_give_the_same_zip_wherever_it_is_made(released, tmp_path):
    again = inputs_of(tmp_path)
    hls = Path(read_card(FirmwareCard, again[3]).hls_project)
    recompile(hls, "12345678")  # a stamp by which YAML's quotes show: one in forty is of digits
    config = hls / "hls4ml_config.yml"
    config.write_text(re.sub(r"(?m)^Stamp: .*$", "Stamp: '12345678'", config.read_text()))
    firmware = read_card(FirmwareCard, again[3])
    write_card(firmware.model_copy(update={"files": files_in(tmp_path / "firmware")}), again[3])
    decided_of(tmp_path, load_network(again[1]))
    outputs = (tmp_path / "release", tmp_path / "other.zip", tmp_path / "release.json")
    in_order(release, *again, *outputs, tmp_path / "decision.json")
    assert (tmp_path / "other.zip").read_bytes() == (released[0] / "release.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "other.zip") as zip_file:
        for name in zip_file.namelist():
            assert str(tmp_path).encode() not in zip_file.read(name), name


def test_chosen_wrappers_for_boards_are_made_and_checked(released, tmp_path):
    boards = BoardWrappers.model_validate({"axi_stream": {}, "emp": {}})
    outputs = (tmp_path / "release", tmp_path / "r.zip", tmp_path / "release.json", released[0] / "decision.json")
    card = in_order(release, *released[1], *outputs, boards=boards)
    statuses = status(card.checks)
    assert (statuses["board"], statuses["AXI4-Stream"]) == ("ok", "ok")
    assert statuses["EMP payload"] == ("ok" if has_ghdl() else "not checked")
    assert set(card.files) - set(released[2].files) >= {"board/board.json", "board/axi_stream/package_ip.tcl"}
    assert "| board | `axi_stream`" in (tmp_path / "release/README.md").read_text()
    assert "board" in json.loads((tmp_path / "release/manifest.json").read_text())["licences"]


def test_without_a_trigger_there_is_no_decision(released):
    folder, inputs, _ = released
    card = read_card(FirmwareCard, inputs[3])
    of = Sources("small", "1", load_network(inputs[1]), Path(card.rtl_project).parent)
    codes = random_codes(of.network, 20)
    without, beside = files_of(of, codes), files_of(dataclasses.replace(of, decision=folder / "decision"), codes)
    assert set(beside) - set(without) == {
        *(f"decision/design_small_top_decide.{kind}" for kind in ("v", "vhd")),
        "decision/project.json",
        "vectors/decisions.txt",
        "emulator/cpp/decide.cpp",
        "emulator/cpp/trigger_lut_small_v1_decision.h",
        "emulator/python/decide.py",
        "cmssw/TriggerLutSmall_v1/NN/trigger_lut_TriggerLutSmall_v1_decision.h",
    }
    changed = {path for path, content in without.items() if beside[path] != content}
    assert changed == {"cmssw/README.md", "cmssw/TriggerLutSmall_v1/TriggerLutSmall_emulator_v1.cpp"}


def test_the_zip_is_the_folder(released):
    folder, _, card = released
    with zipfile.ZipFile(folder / "release.zip") as zip_file:
        assert sorted(zip_file.namelist()) == sorted(card.files)
        assert all(zip_file.read(name) == (folder / "release" / name).read_bytes() for name in zip_file.namelist())


PLACES = [
    "README.md",
    "rtl/project.json",
    "emulator/cpp/example.cpp",
    "vectors/inputs.txt",
    "hls/firmware/parameters.h",
]


@pytest.mark.parametrize("path", PLACES)
def test_one_changed_byte_fails(released, tmp_path, monkeypatch, path):
    fast(monkeypatch)
    copy = changed(released, tmp_path, path, lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:])
    (line,) = [line for line in check_release(copy) if line.name == "manifest"]
    assert (line.status, line.detail) == ("failed", f"{path} was changed")
    assert main(["check-release", str(copy)]) == 1


def test_a_byte_of_the_zip_fails(released, tmp_path, capsys):
    whole = (released[0] / "release.zip").read_bytes()
    for at in range(40, len(whole), len(whole) // 7):
        (tmp_path / "bad.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        assert main(["check-release", str(tmp_path / "bad.zip")]) == 1, at


def test_a_file_too_many_or_too_few_fails(released, tmp_path, monkeypatch):
    fast(monkeypatch)
    copy = changed(released, tmp_path, "README.md", lambda b: b)
    assert status(check_release(copy))["manifest"] == "ok"
    (copy / "extra").write_text("")
    (copy / "README.md").unlink()
    line = check_release(copy)[0]
    assert (line.status, line.detail) == ("failed", "README.md is missing; extra is not in the manifest")


def fixed_up(copy, path):
    """The manifest says that the changed file is right."""
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"][path] = {"sha256": sha256(copy / path), "bytes": (copy / path).stat().st_size}
    (copy / "manifest.json").write_text(json.dumps(manifest))


def bump(text, mark):
    """The first number after the last mark, one bit flipped."""
    at = text.rindex(mark) + len(mark)
    end = at + next(n for n, c in enumerate(text[at:] + b" ") if not chr(c).isdigit() and chr(c) != "-")
    return text[:at] + str(int(text[at:end]) ^ 1).encode() + text[end:]


@pytest.mark.parametrize(
    ("form", "path", "mark", "only"),
    [
        ("Python emulator", "emulator/python/network.json", b'"bias":[', "python"),
        ("C++ emulator", "emulator/cpp/trigger_lut_small_v1.cpp", b"z[0] = std::int32_t{", "cpp"),
        ("HLS", "hls/firmware/parameters.h", b"z[0] = (", "hls4ml"),
        (
            "CMSSW library",
            "cmssw/TriggerLutSmall_v1/NN/trigger_lut_TriggerLutSmall_v1.cpp",
            b"z[0] = std::int32_t{",
            "cmssw",
        ),
    ],
)
def test_changed_form_is_found_despite_a_matching_manifest(released, tmp_path, monkeypatch, form, path, mark, only):
    fast(monkeypatch, only)
    copy = changed(released, tmp_path, path, lambda b: b)
    files = {p.name for p in (copy / path).parent.iterdir()}
    assert Path(path).name in files, files
    content = (copy / path).read_bytes()
    if form == "HLS":
        mark = next(line for line in content.splitlines() if b"z[0] = " in line).split(b"= ")[0] + b"= ("
        content = content.replace(mark, mark[:-1] + b"(1 + ", 1)
        (copy / path).write_bytes(content)
    else:
        (copy / path).write_bytes(bump(content, mark))
    fixed_up(copy, path)
    lines = {line.name: line for line in check_release(copy)}
    assert lines["manifest"].status == "ok"
    assert lines[form].status == "failed"
    assert "mismatches in" in lines[form].detail
    assert "-check.so" not in Path("/proc/self/maps").read_text()  # loaded by another process


def test_verilog_wrong_off_the_shipped_vectors_is_found(released, tmp_path, monkeypatch):
    """Two channels at codes that no shipped vector has together: checksums agree, and fresh vectors find it."""
    fast(monkeypatch, "rtl")
    vectors = np.loadtxt(released[0] / "release/vectors/inputs.txt", dtype=np.int64)
    formats = read_project(released[0] / "release/rtl").inputs
    wide = [kif.bits for kif in formats]
    two = next(n for n in range(3) if 9 <= wide[n] + wide[n + 1] <= 10)
    low, bits = sum(wide[:two]), wide[two] + wide[two + 1]
    mask = np.array([(1 << wide[n]) - 1 for n in (two, two + 1)])
    masked = vectors[:, two : two + 2] & mask
    codes = masked[:, 0] | masked[:, 1] << wide[two]
    code = next(c for c in range(1 << bits) if c not in codes)
    (path,) = (p for p in (released[0] / "release/rtl").glob("*_top.v"))
    old = f"assign core_in[{wide[0] - 1}:0] = data_in[{wide[0] - 1}:0];"
    new = old.replace(" = ", f" = {{{wide[0]}{{data_in[{low + bits - 1}:{low}] == {bits}'d{code}}}}} ^ ")
    copy = changed(released, tmp_path, f"rtl/{path.name}", lambda b: b.replace(old.encode(), new.encode()))
    assert new in (copy / "rtl" / path.name).read_text()
    fixed_up(copy, f"rtl/{path.name}")
    lines = {line.name: line for line in check_release(copy, checking.CheckOptions(seed=5))}
    assert [name for name, line in lines.items() if line.status == "failed"] == ["Verilog"]
    assert re.search(
        r"mismatch(es)? in [\d,]+ fresh vectors?, first at .*; its inputs: [-\d ]+$", lines["Verilog"].detail
    )
    assert lines["fresh vectors"].detail.endswith("drawn with --seed 5")


def test_a_form_changes_no_file_that_another_one_reads(released, tmp_path):
    script = b"import pathlib, sys\nfor p in pathlib.Path(sys.argv[0]).parents[2].rglob('*.v'): p.unlink()\n"
    copy = changed(released, tmp_path, "emulator/python/emulator.py", lambda b: b.replace(b"import sys\n", script))
    before = files_in(copy)
    codes = np.loadtxt(copy / "vectors/inputs.txt", dtype=np.int64)[:5]
    ran = run_form("python", copy, codes=codes, sandboxed=True)
    assert ran.outputs.tolist() == np.loadtxt(copy / "vectors/outputs.txt", dtype=np.int64)[:5].tolist()
    assert files_in(copy) == before
    (copy / "emulator/python/emulator.py").write_text("import sys\nsys.exit('no outputs')\n")
    with pytest.raises(ToolFailedError, match="no outputs"):
        run_form("python", copy, codes=codes, sandboxed=True)


@pytest.mark.parametrize("trusted", [False, True])
def test_programs_of_others_do_not_come_from_the_users_cache(tmp_path, monkeypatch, trusted):
    (tmp_path / "release").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", "of the user")
    places = []

    def stopped(command, env, **_):
        places.append(env["XDG_CACHE_HOME"])
        return subprocess.CompletedProcess(command, 1, "", "stopped")

    monkeypatch.setattr(subprocess, "run", stopped)
    with pytest.raises(ToolFailedError, match="stopped"):
        run_form("python", tmp_path / "release", codes=np.zeros((1, 1), np.int64), sandboxed=False, trusted=trusted)
    assert (places == ["of the user"]) is trusted


def test_synthesis_is_granted_the_block_rams_of_the_budget(released, tmp_path, monkeypatch):
    granted = []
    monkeypatch.setattr(Yosys, "synthesize", lambda *_, bram18, **__: granted.append(bram18) or {"cells": {}})
    manifest = manifest_of(released[0])
    manifest["budget"]["bram18"] = 7
    copy = changed(released, tmp_path, "manifest.json", lambda _: json.dumps(manifest).encode())
    forms.FORMS["synthesis"](copy, np.zeros((0, 1), dtype=np.int64))
    assert granted == [7]


def decided(lines):
    return next(line for line in lines if line.name == "decision, Verilog")


def test_bits_of_the_decision_are_those_of_the_outputs(released):
    folder = released[0] / "release"
    outputs, bits = (np.loadtxt(folder / f"vectors/{name}.txt", dtype=np.int64) for name in ("outputs", "decisions"))
    project = read_decision(folder / "decision")
    real = outputs * 2.0 ** -np.array([float(kif.f) for kif in project.score.outputs])
    step = 2.0**-project.score.fraction
    assert bits[:, 0].tolist() == (real[:, 2] - real[:, :2].max(axis=1) >= project.thresholds[0] * step).tolist()
    assert 0 < bits[:, 0].sum() < len(bits)
    assert not bits[:, 1].any()
    text = (folder / "README.md").read_text()
    assert f"| decision[0] | 1 kHz | {project.thresholds[0]} |" in text
    assert "| decision[1] | 5 kHz | never | no threshold keeps to it |" in text


@pytest.mark.parametrize("change", ["threshold", "comparison", "bits"])
def test_changed_decision_is_found_despite_a_matching_manifest(released, tmp_path, monkeypatch, change):
    fast(monkeypatch, "decision_verilog")
    project = read_decision(released[0] / "decision")
    path = f"decision/{project.top}.v"
    bits, code = project.score.bits, project.thresholds[0]
    edits = {
        "threshold": (path, *(literal(n, bits).replace("sh", "h") for n in (code, code + 1))),
        "comparison": (path, "decision[0] <= score >= ", "decision[0] <= score > "),
        "bits": ("vectors/decisions.txt", "1 0\n", "1 1\n"),
    }
    where, old, new = edits[change]
    assert (released[0] / "release" / where).read_text().count(old) > 0
    copy = changed(released, tmp_path, where, lambda b: b.replace(old.encode(), new.encode()))
    fixed_up(copy, where)
    lines = check_release(copy)
    assert status(lines)["manifest"] == "ok"
    assert decided(lines).status == "failed", decided(lines)
    assert "mismatches in" in decided(lines).detail


@pytest.mark.parametrize(
    ("form", "path", "compared"),
    [
        ("decision, C++", "emulator/cpp/trigger_lut_small_v1_decision.h", b"score(out) >="),
        ("decision, Python", "emulator/python/decide.py", b"score >="),
    ],
)
def test_a_decision_emulated_otherwise_is_found(released, tmp_path, monkeypatch, form, path, compared):
    fast(monkeypatch, "decision_cpp" if form == "decision, C++" else "decision_python")
    copy = changed(released, tmp_path, path, lambda b: b.replace(compared, compared[:-1]))
    assert (copy / path).read_bytes() != (released[0] / "release" / path).read_bytes()
    fixed_up(copy, path)
    (line,) = [line for line in check_release(copy) if line.name == form]
    assert (line.status, "mismatches in" in line.detail) == ("failed", True), line


def test_a_decision_of_other_firmware_is_refused(released, tmp_path):
    folder, inputs, _ = released
    card = read_card(DecisionCard, folder / "decision.json")
    outputs = (tmp_path / "release", tmp_path / "release.zip", tmp_path / "release.json")
    write_card(card.model_copy(update={"inputs": {}}), tmp_path / "decision.json")
    with pytest.raises(
        CardError, match=r"decision\.json: made from another file than .*firmware\.json\. Run its stage again\."
    ):
        in_order(release, *inputs, *outputs, tmp_path / "decision.json")
    files = dict.fromkeys(card.files, "0" * 64)
    write_card(card.model_copy(update={"files": files}), tmp_path / "decision.json")
    with pytest.raises(CardError, match=r"changed since .*decision\.json was written\."):
        in_order(release, *inputs, *outputs, tmp_path / "decision.json")
    assert not (tmp_path / "release").exists()


def manifest_of(folder):
    return json.loads((folder / "release/manifest.json").read_text())


FIGURES = [
    ("figures", "luts", "value", 1),
    ("figures", "latency_cycles", "value", 1),
    ("figures", "ii", "source", "estimate"),
    ("budget", "luts", 9000),
    ("target", "clock_mhz", 300),
    ("verification", "bit_exact", False),
    ("verification", "forms", "rtl", "vectors", 10**9),
    ("decision", "bits", 0, "code", 0),
    ("decision", "latency_cycles", "value", 1),
    ("vectors", 4000),
    ("rtl_top", "other"),
    ("more", 1),
]


@pytest.mark.parametrize("change", FIGURES, ids=lambda change: "_".join(map(str, change)))
def test_check_release_figures_that_do_not_follow_fail(released, tmp_path, change):
    """Each figure of the manifest is recomputed, and nothing is run when one does not follow."""
    manifest = manifest_of(released[0])
    *place, key, value = change
    content = manifest
    for part in place:
        content = content[part]
    content[key] = value
    copy = changed(released, tmp_path, "manifest.json", lambda _: json.dumps(manifest).encode())
    lines = check_release(copy)
    assert status(lines) == {"manifest": "ok", "origin": "not checked", "figures": "failed", "forms": "not checked"}
    assert ".".join(map(str, place[:1] or [key])) in lines[2].detail
    assert "found" in lines[2].detail


def test_check_release_fewer_vectors_than_stated_fail(released, tmp_path):
    copy = changed(released, tmp_path, "vectors/inputs.txt", lambda b: b"".join(b.splitlines(keepends=True)[:5]))
    outputs = (copy / "vectors/outputs.txt").read_bytes().splitlines(keepends=True)[:5]
    (copy / "vectors/outputs.txt").write_bytes(b"".join(outputs))
    for path in ("vectors/inputs.txt", "vectors/outputs.txt"):
        fixed_up(copy, path)
    line = check_release(copy)[2]
    assert (line.name, line.status) == ("figures", "failed")
    assert "manifest.json: vectors: does not agree with the other files. Expected 5" in line.detail
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "vectors": 5}))
    lines = {line.name: line for line in check_release(copy, checking.CheckOptions(run=False))}
    assert lines["vectors"].status == "failed"
    assert "too few vectors to judge a release by. Expected at least 1000 different ones" in lines["vectors"].detail


@pytest.mark.parametrize("name", ["/etc/passwd", "../vectors/inputs.txt", "sub/../../x.v"])
def test_check_release_verilog_outside_fails(released, tmp_path, name):
    def edit(content):
        project = json.loads(content)
        return json.dumps({**project, "files": [*project["files"][:-1], name]}).encode()

    copy = changed(released, tmp_path, "rtl/project.json", edit)
    fixed_up(copy, "rtl/project.json")
    line = check_release(copy)[2]
    assert (line.name, line.status) == ("figures", "failed")
    assert "not a file in this folder" in line.detail


def test_check_release_without_running_uses_our_reference(released, tmp_path, monkeypatch):
    """Code of the release is replaced by code that leaves a mark; the network in it is evaluated all the same."""
    ran = tmp_path / "ran"
    copy = changed(released, tmp_path, "emulator/python/emulator.py", lambda _: f"open({str(ran)!r}, 'w')".encode())
    fixed_up(copy, "emulator/python/emulator.py")
    assert main(["check-release", "--no-run", str(copy)]) == 0
    lines = {line.name: line for line in check_release(copy, checking.CheckOptions(run=False))}
    assert lines["reference"].detail == f"0 mismatches in {manifest_of(released[0])['vectors']:,} vectors"
    assert lines["forms"].detail == "not asked for (--no-run): no code of the release was run"
    assert "latency" in lines["stated"].detail
    assert not ran.exists()
    path = "emulator/python/network.json"
    (copy / path).write_bytes(bump((copy / path).read_bytes(), b'"bias":['))
    fixed_up(copy, path)
    assert status(check_release(copy, checking.CheckOptions(run=False)))["reference"] == "failed"


def test_patterns_that_are_off_fail(released, tmp_path, monkeypatch):
    fast(monkeypatch)
    copy = changed(released, tmp_path, "patterns/output.txt", lambda b: b.replace(b"0001 0", b"0001 1", 1))
    fixed_up(copy, "patterns/output.txt")
    assert status(check_release(copy))["patterns"] == "failed"


def test_what_is_no_release_is_refused(tmp_path):
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(DataError, match=r"a\.zip: no zip of a release"):
        check_release(tmp_path / "a.zip")
    with pytest.raises(DataError, match="no such release"):
        check_release(tmp_path / "none.zip")
    (tmp_path / "empty").mkdir()
    assert status(check_release(tmp_path / "empty"))["manifest"] == "failed"


def test_firmware_of_another_network_is_refused(released, tmp_path):
    _, inputs, _ = released
    save_network(random_network(7), tmp_path / "network.npz")
    with pytest.raises(CardError, match=r"network\.npz: changed since .*firmware\.json was written"):
        in_order(
            release, inputs[0], tmp_path / "network.npz", *inputs[2:], *(tmp_path / n for n in ("r", "r.zip", "r.json"))
        )
    assert not (tmp_path / "r.zip").exists()


def test_a_release_that_fails_its_check_is_an_error(released, tmp_path, monkeypatch):
    fast(monkeypatch)

    def broken(*_, **__):
        raise NotReproducibleError("3 differences")

    monkeypatch.setattr(checking, "_back_end", broken)
    with pytest.raises(NotReproducibleError, match="Python emulator: 3 differences"):
        in_order(release, *released[1], *(tmp_path / n for n in ("r", "r.zip", "r.json")))
    assert not (tmp_path / "r.json").exists()


# ---------------------------------------------------------------- emulators of every kind of network

NETWORKS = [*(random_network(seed) for seed in range(3)), *(random_graph(seed) for seed in range(5))]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """All networks in one program: compiling takes the time."""
    folder = tmp_path_factory.mktemp("emulators")
    lines = ["#include <cstdlib>", "#include <iostream>"]
    for n, network in enumerate(NETWORKS):
        name = identifier(f"n{n}")
        (folder / f"{name}.h").write_text(header(network, f"n{n}", version="1"))
        (folder / f"{name}.cpp").write_text(source(network, f"n{n}"))
        lines.append(f'#include "{name}.h"')
    lines += ["int main(int, char** argv) {", "    const int which = std::atoi(argv[1]);"]
    for n in range(len(NETWORKS)):
        name = identifier(f"n{n}")
        lines += [
            f"    if (which == {n}) {{",
            f"        {name}::input_t in[{name}::n_inputs];",
            f"        {name}::output_t out[{name}::n_outputs];",
            "        for (;;) {",
            "            for (auto& x : in) if (!(std::cin >> x)) return 0;",
            f"            {name}::evaluate(in, out);",
            "            for (auto y : out) std::cout << y << ' ';",
            "        }",
            "    }",
        ]
    (folder / "main.cpp").write_text("\n".join([*lines, "}", ""]))
    run_program([cxx_compiler(), *STRICT, "-O1", "-o", folder / "all", *sorted(folder.glob("*.cpp"))])
    return folder / "all"


@pytest.mark.parametrize("n", range(len(NETWORKS)))
def test_both_emulators_are_the_network(compiled, tmp_path, n):
    network = NETWORKS[n]
    codes = random_codes(network, 500)
    expected = evaluate(network, codes)
    text = "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist())
    done = subprocess.run([str(compiled), str(n)], input=text, capture_output=True, text=True, check=True)
    assert (np.array(done.stdout.split(), dtype=np.int64).reshape(expected.shape) != expected).sum() == 0
    (tmp_path / "network.json").write_text(network_json(network, "n"))
    (tmp_path / "inputs.txt").write_text(text)
    script = Path(emulator.__file__)
    command = [sys.executable, "-I", str(script), str(tmp_path / "network.json"), str(tmp_path / "inputs.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (np.array(done.stdout.split(), dtype=np.int64).reshape(expected.shape) != expected).sum() == 0
