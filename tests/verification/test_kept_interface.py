"""The verdict on a design that was trained again: its interface must be the earlier one."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import made_cards
import pytest
from networks import random_codes, random_network

from trigger_lut.config.retrain import FrozenInterface
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.network import save_network
from trigger_lut.verification.consistency import Design
from trigger_lut.verification.judgement import other_interface

CYCLES = 7


@pytest.fixture
def kept(tmp_path):
    """Design whose tables differ from those of the earlier one in one bit."""
    network = random_network(6)
    (tmp_path / "former").mkdir()
    path = tmp_path / "former/network.npz"
    save_network(network, path)
    digest = sha256(path.read_bytes()).hexdigest()
    frozen = FrozenInterface(
        result=str(tmp_path / "former"),
        keep="structure",
        features=list(network.features),
        classes=list(network.classes),
        inputs=[(kif.k, kif.i, kif.f) for kif in network.inputs],
        outputs=[(kif.k, kif.i, kif.f) for kif in network.output_formats()],
        latency_cycles=CYCLES,
        ii=1,
        model_sha256="",
        network_sha256=digest,
        archive_sha256="",
    )
    codes = random_codes(network, 100)
    again = replace(flipped(network, choose_flip(network, codes, seed=0)), port_formats=network.output_formats())
    spec = made_cards.spec().model_copy(update={"frozen": frozen})
    return Design(tmp_path, spec, again, {"timing": made_cards.timing(cycles=CYCLES)})


def test_new_tables_alone_keep_interface_and_structure(kept):
    assert other_interface(kept) == []


def test_more_latency_fails(kept):
    late = replace(kept, cards={"timing": made_cards.timing(cycles=CYCLES + 1)})
    (reason,) = other_interface(late)
    assert f"latency_cycles: expected {CYCLES}, found {CYCLES + 1}" in reason


def test_other_output_format_fails(kept):
    wide = tuple(KIF(1, kif.i + 1, kif.f) for kif in kept.network.output_formats())
    (reason,) = other_interface(replace(kept, network=replace(kept.network, port_formats=wide)))
    assert "not kept: outputs: expected" in reason


def test_other_structure_fails(kept):
    layer = kept.network.layers[-1]
    gone = layer.edge_mask.copy()
    gone[1:] = False
    layers = (*kept.network.layers[:-1], layer.without_edges(gone))
    (reason,) = other_interface(replace(kept, network=replace(kept.network, layers=layers)))
    assert "not kept: structure" in reason


def test_replaced_earlier_network_fails(kept):
    (kept.folder / "former/network.npz").write_bytes(b"other")
    (reason,) = other_interface(kept)
    assert "expected the earlier network" in reason
