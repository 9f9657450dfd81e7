"""The least that a network takes: met by the smallest networks there are, and refused below."""

import made_cards
import numpy as np
import pytest

from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.cost_model.lower_bounds import impossible, least_cycles, least_luts, table_layers
from trigger_lut.cost_model.luts import estimate
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer


def chain(layers: int, scores: int = 1) -> Network:
    """One exclusive-or per layer; in the last, `scores` of them."""
    kif, stages = KIF(0, 2, 0), []
    for n in range(layers):
        outputs = scores if n == layers - 1 else 1
        tables = np.tile(np.array([0, 1, 1, 0]) * (2 if n < layers - 1 else 1), (1, outputs, 1))
        zero = np.zeros(outputs, dtype=np.int64)
        stages.append(TableLayer(str(n), (kif,), ("WRAP",), np.full((1, outputs), 2), tables, zero, fraction_bits=zero))
    return Network((kif,), tuple(stages))


@pytest.mark.parametrize(("classes", "luts"), [(2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)])
def test_least_luts_is_one_a_bit_that_tells_the_classes_apart(classes, luts):
    assert least_luts(classes) == luts
    assert 2 ** (luts - 1) < classes <= 2**luts


@pytest.mark.parametrize("layers", [1, 2, 5, 9])
@pytest.mark.parametrize("clock_mhz", [100, 360, 600])
def test_least_cycles_are_those_of_a_chain_of_single_tables(layers, clock_mhz):
    assert chain(layers).validate() == []
    assert least_cycles(layers, DelayModel(1000 / clock_mhz, "xcup")) == network_cycles(
        chain(layers), DelayModel(1000 / clock_mhz, "xcup")
    )


def test_a_chain_costs_no_less_than_the_least():
    assert estimate(chain(1), DelayModel(2.5, "xcup")).luts >= least_luts(2)


def spec(luts=100, latency_ns=20.0, units=(6, 3), clock_mhz=400.0):
    target = {**made_cards.TARGET, "clock_mhz": clock_mhz}
    return made_cards.spec("tiny", luts, latency_ns, network={"units": list(units)}, target=target)


LUTS = "luts: 1 is below the minimum of 2 for 3 classes (one LUT per output bit that is not a copy of an input bit)"
LATENCY = "latency_ns: 3 is 1 cycles at 400 MHz, less than 7 table layers take: at least 2 cycles, 5 ns"


@pytest.mark.parametrize(
    ("changes", "classes", "expected"),
    [
        ({"luts": 1}, 3, [LUTS]),
        ({"latency_ns": 3, "units": [6] * 6 + [3]}, 3, [LATENCY]),
        ({"luts": 1, "latency_ns": 3, "units": [6] * 6 + [3]}, 3, [LUTS, LATENCY]),
        ({"luts": 2}, 3, []),
        ({"luts": 1}, 2, []),
        ({"latency_ns": 5, "units": [6] * 6 + [3]}, 3, []),
        ({"latency_ns": 3}, 3, []),
    ],
)
def test_what_no_network_can_meet_is_named_with_what_it_takes(changes, classes, expected):
    assert impossible(spec(**changes), classes) == expected


def test_clock_without_room_for_logic_is_a_target_mistake():
    with pytest.raises(ConfigurationError, match="leaves no room for logic"):
        least_cycles(2, DelayModel(0.5, "xcup"))


def test_only_layers_of_tables_are_counted():
    shape = {"layers": [{"lut_dense": {"units": 4}}, {"flatten": {}}, {"lut_dense": {"units": 3}}]}
    assert table_layers(made_cards.spec(network=shape).network) == 2
    assert table_layers(made_cards.spec(network={"units": [5, 4, 3]}).network) == 3
