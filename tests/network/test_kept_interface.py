"""Networks in the output formats and in the structure of an earlier one: the same function, or an error."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.kept_interface import in_structure_of, same_structure, with_port_formats
from trigger_lut.network.network import Network, load_network, save_network, with_layer
from trigger_lut.network.reference_model import evaluate


def values(network: Network, codes: np.ndarray) -> np.ndarray:
    return evaluate(network, codes) * 2.0**-network.fractions


def wider(network: Network, integer: int = 2, fraction: int = 1) -> tuple[KIF, ...]:
    return tuple(KIF(1, kif.i + integer, kif.f + fraction) for kif in network.output_formats())


def lost(network: Network) -> Network:
    """The network without the lowest address bit of one edge, and without another edge."""
    layer = network.layers[-1]
    (i, o), (k, m) = layer.edges()[:2]
    gone = np.zeros(layer.shape, dtype=bool)
    gone[k, m] = True
    layer = layer.without_edges(gone)
    tables, widths = layer.tables.copy(), layer.widths.copy()
    entries = tables[i, o, : 1 << int(widths[i, o]) : 2]
    tables[i, o], widths[i, o] = 0, widths[i, o] - 1
    tables[i, o, : len(entries)] = entries
    tables = tables[:, :, : 1 << int(widths.max())]
    return with_layer(network, len(network.layers) - 1, tables=tables, widths=widths)


def test_wider_ports_keep_the_function_and_are_saved(tmp_path):
    network = random_network(6)
    formats = wider(network)
    widened, codes = with_port_formats(network, formats), random_codes(network, 300)
    assert widened.output_formats() == formats
    assert widened.validate() == []
    assert np.array_equal(values(widened, codes), values(network, codes))
    save_network(widened, tmp_path / "network.npz")
    assert load_network(tmp_path / "network.npz").output_formats() == formats


def test_outputs_that_do_not_fit_keep_their_own_format():
    network = random_network(6)
    own = network.output_formats()
    small = (KIF(own[0].k, own[0].i - 1, own[0].f), *own[1:])
    assert with_port_formats(network, small).output_formats() == own
    wrong = dataclasses.replace(network, port_formats=small)
    assert "do not fit its port" in wrong.validate()[0]


def test_structure_is_that_of_the_earlier_network():
    former = random_network(6)
    again, codes = lost(former), random_codes(former, 300)
    assert not same_structure(again, former)
    matched = in_structure_of(again, former)
    assert same_structure(matched, former)
    assert np.array_equal(values(matched, codes), values(again, codes))
    assert (evaluate(matched, codes) != evaluate(former, codes)).any()


def test_more_than_the_structure_holds_is_refused():
    former = random_network(6)
    with pytest.raises(FirmwareError, match="found more"):
        in_structure_of(former, lost(former))
    with pytest.raises(FirmwareError, match="expected 1 layers"):
        in_structure_of(former, dataclasses.replace(former, layers=former.layers[:1]))
