"""Faults in firmware that uses its hardware in several cycles: in the parts, and in what sharing adds."""

from collections import Counter
from functools import partial

from helpers.made_cards import spec
from helpers.networks import random_codes, shared_network

from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, shareable
from trigger_lut.verification.faults.instrument import texts_of
from trigger_lut.verification.faults.simulate import run_faults
from trigger_lut.verification.faults.sites import Fault, candidates

SPEC = spec("folded", latency_ns=1000)


def test_faults_of_control_and_accumulators(tmp_path):
    network = shared_network(3)
    project = write_rtl(network, tmp_path / "rtl", SPEC, cuts=(Cut(0, shareable(network)[0].layers, 2),))
    found = candidates(texts_of(project), project.top)
    block = project.parts[0].top
    stored = {fault.place for fault in found["register"] if fault.module == block}
    assert {"count", "started", "whole", "done", "out0", "word0"} <= stored
    faults = [
        *(
            Fault("register", block, name, 0, c)
            for name in ("count", "whole", "done")
            for c in ("stuck at 0", "stuck at 1")
        ),
        *(f for f in found["register"] if f.module == block and f.place in ("out0", "word0")),
    ]
    faults += found["table"][::300] + found["adder"][::150] + found["output"][::6]
    outcomes = run_faults(project, faults, random_codes(network, 500), partial(evaluate, network), 5)
    by_kind = Counter((x.fault.place, x.status) for x in outcomes if x.fault.module == block)
    assert {status for (place, status) in by_kind if place in ("count", "whole", "done")} == {"detected"}
    assert by_kind["out0", "detected"]
    assert by_kind["word0", "detected"]
    assert {x.status for x in outcomes} <= {"detected", "equivalent", "undecided"}
    proven = [x.fault for x in outcomes if x.status == "equivalent"]
    more = run_faults(project, proven, random_codes(network, 3000, 1), partial(evaluate, network), 0) if proven else []
    assert not [x for x in more if x.status == "detected"]
