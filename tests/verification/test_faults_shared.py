"""Faults in firmware that uses its hardware in several cycles: in the parts, and in what sharing adds."""

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from aiger import UNDEFINED_AS_ZERO, yosys_graph
from helpers.made_cards import spec
from helpers.networks import random_codes, shared_network

from trigger_lut.errors import ToolLimitError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, cut_network, shareable
from trigger_lut.verification.faults import simulate
from trigger_lut.verification.faults.instrument import texts_of
from trigger_lut.verification.faults.simulate import run_faults
from trigger_lut.verification.faults.sites import Fault, candidates
from trigger_lut.verification.faults.unfold import moved, unfolded
from trigger_lut.verification.formal.module_graphs import module_graph
from trigger_lut.verification.formal.sat import equivalent

SPEC = spec("folded", latency_ns=1000)


def test_faults_of_control_and_accumulators(tmp_path):
    network = shared_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=SPEC, cuts=(Cut(0, shareable(network)[0].layers, 2),))
    faults_by_kind = candidates(texts_of(project), project.top)
    block = project.parts[0].top
    stored = {fault.place for fault in faults_by_kind["register"] if fault.module == block}
    assert {"count", "started", "whole", "done", "out0", "word0"} <= stored
    faults = [
        *(
            Fault("register", block, name, 0, c)
            for name in ("count", "whole", "done")
            for c in ("stuck at 0", "stuck at 1")
        ),
        *(f for f in faults_by_kind["register"] if f.module == block and f.place in ("out0", "word0")),
    ]
    faults += faults_by_kind["table"][::300] + faults_by_kind["adder"][::150] + faults_by_kind["output"][::6]
    run = partial(run_faults, project, reference=partial(evaluate, network), parts=cut_network(network, project.cuts))
    outcomes = run(faults, codes=random_codes(network, 500), seconds=5)
    by_kind = Counter((x.fault.place, x.status) for x in outcomes if x.fault.module == block)
    assert {status for (place, status) in by_kind if place in ("count", "whole", "done")} == {"detected"}
    assert by_kind["out0", "detected"]
    assert by_kind["word0", "detected"]
    assert {x.status for x in outcomes} <= {"detected", "equivalent", "solved"}
    proven = [x.fault for x in outcomes if x.status == "equivalent"]
    assert proven
    more = run(proven, codes=random_codes(network, 3000, 1), seconds=0)
    assert not [x for x in more if x.status == "detected"]


def test_the_graph_of_copies_is_that_of_the_flat_design(tmp_path, monkeypatch):
    """With faults in modules of several instances, and undefined entries. Where a limit is met, faults stay open."""
    network = shared_network(3)
    project = write_rtl(network, tmp_path / "rtl", spec=SPEC, cuts=(Cut(0, shareable(network)[0].layers, 2),))
    by_kind = candidates(texts_of(project), project.top)
    faults = [
        *by_kind["table"][::100],
        *by_kind["adder"][::50],
        Fault("output", project.top, "valid_out", 0, "stuck at 0"),
    ]
    parts = cut_network(network, project.cuts)
    pipeline, moved_ones = simulate._for_proofs(project, parts, faults, tmp_path)
    files: list = []

    def refused(texts, top):
        files.extend(texts)
        raise ToolLimitError("too large")

    monkeypatch.setattr(simulate, "module_graph", refused)
    results = simulate._changeless(pipeline, list(moved_ones.values()), tmp_path, 5)
    assert [x.verdict for x in results] == ["open"] * (len(faults) - 1) + ["different"]
    own = module_graph(files, "wrapped")
    yosys = yosys_graph(files, "wrapped", folder=tmp_path, undefined=UNDEFINED_AS_ZERO)
    assert equivalent(own, yosys, seconds=60).verdict == "proven"
    bits_in = sum(kif.bits for kif in project.inputs)
    healthy, faulty = (simulate._with_fault(graph, bits_in, n) for graph, n in ((own, 0), (yosys, len(faults))))
    assert equivalent(healthy, faulty, seconds=60).verdict == "proven", "valid_out is no output of the graph"
    different = [equivalent(healthy, simulate._with_fault(yosys, bits_in, n + 1), seconds=60) for n in range(3)]
    assert "different" in {x.verdict for x in different}


@pytest.mark.parametrize(("seed", "instances", "clock_mhz"), [(0, 1, 400.0), (2, 3, 400.0), (5, 1, 800.0)])
def test_the_unfolded_pipeline_is_the_network(tmp_path, seed, instances, clock_mhz):
    """Word by word: then a fault that changes nothing in it changes nothing in the firmware."""
    network = shared_network(seed, positions=6)
    fast = SPEC.model_copy(update={"target": SPEC.target.model_copy(update={"clock_mhz": clock_mhz})})
    project = write_rtl(network, tmp_path / "rtl", spec=fast, cuts=(Cut(0, shareable(network)[0].layers, instances),))
    pipeline = unfolded(project, cut_network(network, project.cuts), folder=tmp_path)
    codes = random_codes(network, 300)
    outputs, _, ii = simulate_rtl(replace(pipeline, latency_cycles_planned=1), codes)
    assert ii == 1
    assert np.array_equal(outputs, evaluate(network, codes))


def test_faults_of_another_kind_are_not_moved(tmp_path):
    network = shared_network(0)
    project = write_rtl(network, tmp_path / "rtl", spec=SPEC, cuts=(Cut(0, shareable(network)[0].layers, 1),))
    block, inner = project.parts[0].top, project.parts[1].top.replace("_top", "_core")
    assert moved(Fault("register", block, "count", 0, "stuck at 0"), project) is None
    assert moved(Fault("register", inner, "stage1_inp", 0, "a cycle late"), project) is None
    top = f"{project.top}_unfolded"
    fault = moved(Fault("register", block, "out18_1", 0, "stuck at 0"), project)
    assert (fault.module, fault.place) == (top, "b0_out18")
    assert moved(Fault("output", project.top, "data_out", 0, "stuck at 0"), project).module == top
