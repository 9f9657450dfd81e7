"""The network file: the same network gives the same bytes, and nothing damaged is read."""

from __future__ import annotations

import dataclasses
import json

import networks
import numpy as np
import pytest

from trigger_lut.errors import CardError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.fixed_point.ranges import fits
from trigger_lut.network.network import Network, TableLayer, load_network, save_network


def equal(a: Network, b: Network) -> bool:
    if (a.inputs, a.features, a.classes, len(a.layers)) != (b.inputs, b.features, b.classes, len(b.layers)):
        return False
    for x, y in zip(a.layers, b.layers, strict=True):
        for field in dataclasses.fields(TableLayer):
            if not np.array_equal(getattr(x, field.name), getattr(y, field.name)):
                return False
    return True


@pytest.mark.parametrize("seed", range(5))
def test_a_network_reads_back_as_it_was(seed, tmp_path):
    network = networks.random_network(seed)
    save_network(network, tmp_path / "a.npz")
    save_network(network, tmp_path / "b.npz")
    assert equal(load_network(tmp_path / "a.npz"), network)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_one_changed_entry_is_another_network(tmp_path):
    network = networks.random_network(0)
    tables = network.layers[0].tables.copy()
    i, o = network.layers[0].edges()[0]
    tables[i, o, 0] ^= 1
    other = Network(
        network.inputs,
        (dataclasses.replace(network.layers[0], tables=tables), *network.layers[1:]),
        network.features,
        network.classes,
    )
    save_network(other, tmp_path / "other.npz")
    assert not equal(load_network(tmp_path / "other.npz"), network)


def test_bounds_hold_and_are_reached():
    layer = networks.random_network(3).layers[0]
    lo, hi = layer.bounds()
    for o in range(layer.shape[1]):
        tables = [layer.table(i, q) for i, q in layer.edges() if q == o]
        assert lo[o] == layer.bias[o] + sum(int(t.min()) for t in tables)
        assert hi[o] == layer.bias[o] + sum(int(t.max()) for t in tables)
    for kif, low, high in zip(layer.output_formats(), lo, hi, strict=True):
        assert kif.lo <= low <= high <= kif.hi


def test_fits_is_about_codes_rounded_down():
    kif = KIF(1, 2, 1)
    assert fits(-8, 7, f=1, kif=kif)
    assert not fits(-9, 7, f=1, kif=kif)
    assert not fits(-8, 8, f=1, kif=kif)
    assert fits(-16, 15, f=2, kif=kif)
    assert not fits(-17, 15, f=2, kif=kif)


def _changed(network: Network, **changes) -> Network:
    layers = (dataclasses.replace(network.layers[0], **changes), *network.layers[1:])
    return Network(network.inputs, layers, network.features, network.classes)


def test_inconsistencies_are_found():
    network = networks.random_network(0)
    first = network.layers[0]
    assert network.validate() == []
    assert "bias (2,)" in _changed(network, bias=first.bias[:2]).validate()[0]
    assert "overflow 'CLIP'" in _changed(network, overflow=("CLIP", *first.overflow[1:])).validate()[0]
    widths = first.widths.copy()
    widths[0, 0] = -1
    assert "-1 address bits" in _changed(network, widths=widths).validate()[0]
    pruned = np.argwhere(first.widths == 0)[0]
    tables = first.tables.copy()
    tables[pruned[0], pruned[1], 0] = 1
    assert "entries beyond" in _changed(network, tables=tables).validate()[0]
    assert Network(network.inputs, ()).validate() == ["a network needs at least one layer"]
    assert Network(network.inputs[:2], network.layers).validate() == ["lut_dense_0: takes 4 channels, gets 2"]


def test_channels_that_may_wrap_are_named():
    network = networks.random_network(0)
    inputs = tuple(KIF(kif.k, kif.i + 1, kif.f) for kif in network.inputs)
    wide = Network(inputs, (dataclasses.replace(network.layers[0], overflow=("WRAP",) * 4),))
    assert len(wide.overflow_risks()) == 4
    assert "channel 0 may wrap" in wide.overflow_risks()[0]
    assert wide.validate() == []  # it says what happens then
    assert network.overflow_risks() == []


def test_an_inconsistent_network_is_not_written(tmp_path):
    network = networks.random_network(0)
    with pytest.raises(AssertionError):
        save_network(_changed(network, bias=network.layers[0].bias[:2]), tmp_path / "bad.npz")
    assert not (tmp_path / "bad.npz").exists()


def test_files_that_are_no_network(tmp_path):
    with pytest.raises(CardError, match=r"none\.npz: no such network file\."):
        load_network(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(CardError, match=r"text\.npz: not a network file"):
        load_network(tmp_path / "text.npz")
    path = tmp_path / "a.npz"
    save_network(networks.random_network(1), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CardError, match=r"a\.npz: not a network file"):
        load_network(path)


def _rewritten(path, **changes):
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(str(arrays["meta"]))
    for key, value in changes.items():
        if key in meta:
            meta[key] = value
        else:
            arrays[key] = value
    arrays["meta"] = np.array(json.dumps(meta))
    np.savez(path, **arrays)


def test_another_version_and_damaged_tables_are_refused(tmp_path):
    network = networks.random_network(2)
    path = tmp_path / "a.npz"
    save_network(network, path)
    _rewritten(path, schema_version=3)
    with pytest.raises(CardError, match=r"Expected schema_version 2, found 3\."):
        load_network(path)
    save_network(network, path)
    _rewritten(path, **{"0_widths": network.layers[0].widths + 20})
    with pytest.raises(CardError, match=r"a\.npz: inconsistent network: lut_dense_0"):
        load_network(path)
