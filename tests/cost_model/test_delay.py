"""The delay model, and the number of cycles that it promises for a network."""

from __future__ import annotations

import dataclasses

import networks
import numpy as np
import pytest

from trigger_lut.cost_model import delay as delay_model
from trigger_lut.cost_model import latency
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer

LONG = DelayModel(120.0, "xcup")  # a stage in which all fits


def test_wider_is_never_faster():
    for family in delay_model.FAMILIES:
        delays = delay_model.delays(family)
        tables = [delays.table(m) for m in range(13)]
        adders = [delays.adder(b) for b in range(30)]
        assert tables == sorted(tables)
        assert adders == sorted(adders)
        assert tables[0] == tables[1] == adders[0] == 0
        assert tables[2] == tables[6] == delays.lut_and_wire < tables[7]


def test_newer_families_are_faster():
    newest, middle, oldest = (delay_model.delays(family) for family in ("xcup", "xcu", "xc7"))
    assert newest.table(8) < middle.table(8) < oldest.table(8)
    assert newest.adder(8) < middle.adder(8) < oldest.adder(8)


def test_a_stage_at_360_mhz_holds_a_table_and_two_adders():
    model = DelayModel(1000 / 360, "xcup")
    assert model.delays.table(6) + 2 * model.delays.adder(10) <= model.stage_ns < 3 * model.delays.adder(8)


def cycles_of(path: list[float], stage: float) -> int:
    """Cycles of one chain of operators with these delays in ns."""
    time = 0.0
    for delay in path:
        time = delay_model.finish(time, delay, stage=stage)
    return delay_model.cycles(time, stage)


@pytest.mark.parametrize(
    ("path", "cycles"),
    [
        ([], 1),
        ([0.0], 1),
        ([1.0, 1.0], 1),
        ([1.5, 1.0, 1.0], 2),
        ([1.5, 1.5], 2),
        ([1.5, 1.5, 0.5, 0.5], 3),
        ([1.5, 0.5, 0.5], 2),
        ([9.0], 1),
        ([0.1, 9.0, 0.1], 3),
    ],
)
def test_an_operator_is_never_cut(path, cycles):
    """Stages of 2 ns: what does not fit waits for the next; what never fits has one to itself."""
    assert cycles_of(path, 2.0) == cycles


def test_cycles_of_a_sum_are_a_lower_bound():
    rng = np.random.default_rng(0)
    for _ in range(300):
        path = list(rng.uniform(0, 1.9, rng.integers(1, 12)))
        assert delay_model.cycles(sum(path), 2.0) <= cycles_of(path, 2.0)


def test_fmax_leaves_nothing_over():
    assert delay_model.fmax_mhz(4.0 - delay_model.FAMILIES["xcu"].register, "xcu") == pytest.approx(250)
    assert delay_model.fmax_mhz(DelayModel(4.0, "xcu").stage_ns, "xcu") > 250


def test_refuses_what_it_does_not_know():
    with pytest.raises(ConfigurationError) as caught:
        _ = DelayModel(4.0, "xc9").delays
    assert str(caught.value) == "no delays for family 'xc9'; nearest: 'xcu', 'xc7', 'xcup'"
    with pytest.raises(ConfigurationError) as caught:
        _ = DelayModel(0.5, "xc7").stage_ns
    assert str(caught.value) == ("a clock period of 0.5 ns leaves no room for logic on xc7: expected at most 678 MHz")


def one_layer(tables: list[list[int]], kif: KIF) -> Network:
    """A network of one output that adds these tables."""
    values = np.array(tables, dtype=np.int64)[:, None, :]
    width = values.shape[2].bit_length() - 1
    layer = TableLayer(
        name="layer",
        inputs=(kif,) * len(tables),
        overflow=("WRAP",) * len(tables),
        widths=np.full((len(tables), 1), width),
        tables=values,
        bias=np.array([0]),
        fraction_bits=np.array([0]),
    )
    return Network(layer.inputs, (layer,))


def test_time_of_a_small_tree():
    table, adder = LONG.delays.table(2), LONG.delays.adder
    network = one_layer([[0, 3, 1, 2]] * 4, KIF(0, 2, 0))
    time = latency.value_times(network, LONG)[-1]
    # 0..3 + 0..3 needs 3 bits, 0..6 + 0..6 needs 4; what offsets do to the signs may cost one bit more
    assert table + adder(3) + adder(4) <= time <= table + adder(4) + adder(5)


def test_one_bit_tables_are_wiring():
    network = one_layer([[0, 4]], KIF(0, 1, 0))
    assert latency.value_times(network, LONG)[-1:] == [0.0]


def test_adders_of_bits_side_by_side_are_wiring():
    assert latency.adder_bits((0, 0, 3), (2, -8, 4)) == 0
    assert latency.adder_bits((0, -1, 3), (2, -8, 4)) > 0
    assert latency.adder_bits((0, 0, 4), (2, -8, 4)) > 0


def test_saturation_takes_time():
    network = networks.random_network(2)
    assert "SAT" in network.layers[1].overflow
    layer = network.layers[1]
    wide = tuple(KIF(1, 20, kif.f) for kif in layer.inputs)
    roomy = dataclasses.replace(layer, inputs=wide, overflow=("WRAP",) * len(wide))
    network_wide = Network(network.inputs, (network.layers[0], roomy))
    assert max(latency.value_times(network, LONG)) > max(latency.value_times(network_wide, LONG))


def test_faster_clocks_take_more_cycles():
    network = networks.random_network(0, (16, 20, 5))
    cycles = [latency.network_cycles(network, DelayModel(1000 / mhz, "xcup")) for mhz in (40, 160, 360, 480, 700)]
    assert cycles == sorted(cycles)
    assert cycles[0] == 1 < cycles[2] < cycles[4]


def test_a_pruned_network_takes_one_cycle():
    assert latency.network_cycles(networks.random_network(0, prune=1.0), DelayModel(1000 / 360, "xcup")) == 1
