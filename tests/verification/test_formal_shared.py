"""Proof of firmware that uses its hardware in several cycles, and the flaws that it must not prove."""

import re
from dataclasses import replace

import numpy as np
import pytest
from helpers.made_cards import spec
from helpers.networks import random_graph, shared_network

from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.time_sharing import Block, Cut, cut_network, fold_choices, shareable
from trigger_lut.verification.formal.prove_parts import prove_parts
from trigger_lut.verification.formal.sequential import prove_again
from trigger_lut.verification.formal.shared import composition_gaps, prove_block, series_problem, wrong_block

SPEC = spec("folded", latency_ns=1000)


def made_project(network, folder, instances, members=0, specification=SPEC):
    chosen = shareable(network)[members]
    project = write_rtl(network, folder, spec=specification, cuts=(Cut(0, chosen.layers, instances),))
    return project, cut_network(network, project.cuts)


def statuses(proof):
    return {output.status for output in proof.outputs}


@pytest.mark.parametrize(("seed", "instances"), [(0, 1), (3, 2)])
def test_proven_in_both_ways(tmp_path, seed, instances):
    network = shared_network(seed)
    project, _ = made_project(network, tmp_path / "rtl", instances)
    first = prove_parts(network, project, seconds=20, seed=1, folder=tmp_path)
    assert statuses(first) == {"proven"}, first
    assert (first.registers, first.control_caught) == (project.latency_cycles_planned, True)
    second = prove_again(network, project, seconds=60, seed=1)
    assert {output.status for output in second.outputs} == {"agrees"}, second
    assert second.control_caught


def test_windows_are_proven(tmp_path):
    network = random_graph(1)
    for members, shared in enumerate(shareable(network)):
        instances = fold_choices(shared.positions, 100)[0]
        project, parts = made_project(network, tmp_path / f"rtl{members}", instances, members)
        assert not any(composition_gaps(network, parts))
        assert series_problem(project) == ""
        for part, own in zip(parts, project.parts, strict=True):
            if isinstance(part, Block):
                assert prove_block(part, own, seconds=20, seed=1).problem == ""


def test_fast_clock_is_proven(tmp_path):
    network = shared_network(2, positions=6)
    fast = SPEC.model_copy(update={"target": SPEC.target.model_copy(update={"clock_mhz": 800.0})})
    project, parts = made_project(network, tmp_path / "rtl", 1, specification=fast)
    assert prove_block(parts[0], project.parts[0], seconds=20, seed=1).problem == ""
    assert prove_block(wrong_block(parts[0]), project.parts[0], seconds=20, seed=1).problem


FLAWS = {
    "an accumulator that loses its highest bit": (r"out0 <= (value0 .*);", r"out0 <= (\1) & ~(1 << 3);"),
    "the first word one cycle early": (r"first = started\[(\d+)\]", lambda m: f"first = started[{int(m[1]) - 1}]"),
    "the first word one cycle late": (r"first = started\[(\d+)\]", lambda m: f"first = started[{int(m[1]) + 1}]"),
    "a word that is used twice": (r": count \+", ": (count == 3'd2 ? count - 3'd1 : count) +"),
    "an event that is not dropped": (r"last = !valid_in && ", "last = "),
    "inputs that are not kept": (r"kept6 <= valid_in \? (.*) : kept6", r"kept6 <= \1"),
    "a value that is stored one cycle early": (r"<= started\[(\d+)\]", lambda m: f"<= started[{int(m[1]) - 1}]"),
    "a valid bit that comes early": (r"valid_out = done", "valid_out = computed"),
    "an output that depends on the past": (r"out0 <= (value0 .*);", r"out0 <= (\1) ^ (out0 & whole);"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_flaws_are_not_proven(tmp_path, flaw):
    network = shared_network(0)
    project, (block, _) = made_project(network, tmp_path / "rtl", 1)
    (own, _) = project.parts
    path = project.folder / f"{own.top}.v"
    pattern, replacement = FLAWS[flaw]
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count
    path.write_text(text)
    assert prove_block(block, own, seconds=20, seed=1).problem


def test_parts_that_are_not_the_network():
    network = shared_network(4)
    chosen = shareable(network)[0]
    cuts = (Cut(0, chosen.layers, 2),)
    parts = cut_network(network, cuts)
    assert not any(composition_gaps(network, parts))
    codes = np.random.default_rng(0).integers(0, 2, (50, len(network.inputs)))
    wrong = flipped(network, choose_flip(network, codes, seed=1))
    assert any(composition_gaps(wrong, parts))
    block = parts[0]
    assert any(composition_gaps(network, (replace(block, words=block.words[::-1].copy()), *parts[1:])))
    narrow = replace(block.collected[0], kif=block.collected[0].kif._replace(i=block.collected[0].kif.i - 3))
    changed = replace(block, collected=(narrow, *block.collected[1:]))
    assert any(composition_gaps(network, (changed, *parts[1:])))


def test_top_module_that_crosses_wires(tmp_path):
    network = shared_network(5)
    project, _ = made_project(network, tmp_path / "rtl", 1)
    assert series_problem(project) == ""
    path = project.folder / f"{project.top}.v"
    text = path.read_text()
    for before, after in (
        ("assign valid_out = valid2", "assign valid_out = valid1"),
        (".data_in(data1)", ".data_in(~data1)"),
        (".valid_in(valid1)", ".valid_in(valid_in)"),
    ):
        assert before in text
        path.write_text(text.replace(before, after))
        assert series_problem(project)
