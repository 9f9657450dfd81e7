"""The delay model, and the number of cycles that it promises for a network."""

from __future__ import annotations

import dataclasses
from functools import partial

import networks
import numpy as np
import pytest

from trigger_lut.cost_model import delay as delay_model
from trigger_lut.cost_model import latency
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer


def test_wider_is_never_faster():
    for family in delay_model.FAMILIES:
        tables = [delay_model.table_delay(m, family) for m in range(13)]
        adders = [delay_model.adder_delay(b, family) for b in range(30)]
        assert tables == sorted(tables)
        assert adders == sorted(adders)
        assert tables[0] == tables[1] == adders[0] == 0
        assert tables[2] == tables[6] == delay_model.lut_delay(family) < tables[7]


def test_newer_families_are_faster():
    for delay in (delay_model.table_delay, delay_model.adder_delay):
        assert delay(8, "xcup") < delay(8, "xcu") < delay(8, "xc7")


def test_a_stage_at_360_mhz_holds_a_table_and_two_adders():
    stage = delay_model.stage_ns(1000 / 360, "xcup")
    assert (
        delay_model.table_delay(6, "xcup") + 2 * delay_model.adder_delay(10, "xcup")
        <= stage
        < 3 * delay_model.adder_delay(8, "xcup")
    )


def cycles_of(path: list[float], stage: float) -> int:
    """Cycles of one chain of operators with these delays in ns."""
    time = 0.0
    for delay in path:
        time = delay_model.finish(time, delay, stage)
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
    assert delay_model.fmax_mhz(delay_model.stage_ns(4.0, "xcu"), "xcu") > 250


def test_refuses_what_it_does_not_know():
    with pytest.raises(ConfigurationError) as caught:
        delay_model.lut_delay("xc9")
    assert str(caught.value) == "no delays for family 'xc9'; nearest: 'xcu', 'xc7', 'xcup'"
    with pytest.raises(ConfigurationError) as caught:
        delay_model.stage_ns(0.5, "xc7")
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
    table, adder = delay_model.table_delay(2, "xcup"), partial(delay_model.adder_delay, family="xcup")
    network = one_layer([[0, 3, 1, 2]] * 4, KIF(0, 2, 0))
    time = latency.value_times(network, 100.0, "xcup")[-1]
    # 0..3 + 0..3 needs 3 bits, 0..6 + 0..6 needs 4; what offsets do to the signs may cost one bit more
    assert table + adder(3) + adder(4) <= time <= table + adder(4) + adder(5)


def test_one_bit_tables_are_wiring():
    network = one_layer([[0, 4]], KIF(0, 1, 0))
    assert latency.value_times(network, 100.0, "xcup")[-1:] == [0.0]


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
    assert max(latency.value_times(network, 100.0, "xcup")) > max(latency.value_times(network_wide, 100.0, "xcup"))


def test_faster_clocks_take_more_cycles():
    network = networks.random_network(0, (16, 20, 5))
    cycles = [latency.network_cycles(network, 1000 / mhz, "xcup") for mhz in (40, 160, 360, 480, 700)]
    assert cycles == sorted(cycles)
    assert cycles[0] == 1 < cycles[2] < cycles[4]


def test_a_pruned_network_takes_one_cycle():
    assert latency.network_cycles(networks.random_network(0, prune=1.0), 1000 / 360, "xcup") == 1
