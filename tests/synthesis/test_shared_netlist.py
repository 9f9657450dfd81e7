"""Netlists of firmware that uses its hardware in several cycles: their outputs, and their LUTs by part."""

import numpy as np
import pytest
from helpers.made_cards import spec
from helpers.networks import shared_network

from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.time_sharing import Cut, shareable
from trigger_lut.synthesis.netlist import cell_counts, resources
from trigger_lut.synthesis.shared_netlist import CONTROL, check_events, luts_by_part
from trigger_lut.synthesis.synthesizers import synthesizer_of

SPEC = spec("folded", latency_ns=1000)


def test_events_and_parts(tmp_path):
    network = shared_network(1)
    project = write_rtl(network, tmp_path / "rtl", spec=SPEC, cuts=(Cut(0, shareable(network)[0].layers, 2),))
    synthesizer = synthesizer_of(SPEC.target)

    def netlist(own):
        return synthesizer.synthesize(own, SPEC.target, bram18=0)

    module = netlist(project)
    assert check_events(network, module, project=project) > 500
    codes = np.random.default_rng(0).integers(0, 2, (300, len(network.inputs)))
    wrong = flipped(network, choose_flip(network, codes, seed=1))
    with pytest.raises(NotReproducibleError, match="not bit-exact"):
        check_events(wrong, module, project=project)

    luts = luts_by_part(network, module, project=project)
    assert sum(luts.values()) == resources(cell_counts(module)).luts
    alone = resources(cell_counts(netlist(project.parts[-1]))).luts
    assert list(luts.values())[-1] == pytest.approx(alone, rel=0.15)
    assert luts["first+second"] > 0
    assert luts[CONTROL] > 0
