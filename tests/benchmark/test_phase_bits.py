"""LUTs of table layers whose outputs share tables by phase bits: `pytest -m benchmark -s`.

A table of an output has m address bits. With log2(fold) phase bits more, one table and one adder tree serve `fold`
outputs in as many cycles. Each layer is synthesized as it is and folded.
`TRIGGER_LUT_NETWORKS` names the trained networks: a glob of `network.npz` files, by default those in `results/`.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from helpers.made_cards import spec
from numpy.typing import NDArray

from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer, load_network
from trigger_lut.synthesis.netlist import cell_counts, resources
from trigger_lut.synthesis.synthesizers import synthesizer_of

pytestmark = pytest.mark.benchmark

FOLDS = (2, 4)
Groups = list[list[int]]


def grouped(widths: NDArray[np.int64], fold: int) -> Groups:
    """Return groups of at most `fold` outputs, with like address bits in a group: greedy, pair by pair."""
    groups: Groups = [[o] for o in range(widths.shape[1])]
    for _ in range(fold.bit_length() - 1):
        pairs = sorted(combinations(range(len(groups)), 2), key=lambda pair: _cost(widths, groups, pair))
        taken: dict[int, int] = {}
        for a, b in pairs:
            if a not in taken and b not in taken:
                taken |= {a: b, b: a}
        groups = [g + groups[taken[n]] if n in taken else g for n, g in enumerate(groups) if taken.get(n, n) >= n]
    return groups


def _cost(widths: NDArray[np.int64], groups: Groups, pair: tuple[int, int]) -> float:
    members = widths[:, groups[pair[0]] + groups[pair[1]]]
    most = members.max(axis=1)
    return float((2.0**most * (most > 0)).sum())


def folded(layer: TableLayer, fold: int) -> Network:
    """Return a network with one output per group. Its inputs are the addresses of the layer, below the phase."""
    phase_bits = fold.bit_length() - 1
    address_bits = layer.widths.max(axis=1)
    groups = grouped(layer.widths, fold)
    shared = np.stack([layer.widths[:, members].max(axis=1) for members in groups], axis=1)
    widths = np.where(shared > 0, shared + phase_bits, 0)
    tables = np.zeros((*widths.shape, 1 << int(widths.max())), np.int64)
    for g, members in enumerate(groups):
        for phase, o in enumerate(members):
            for i in np.flatnonzero(shared[:, g]):
                size, own = 1 << int(shared[i, g]), int(layer.widths[i, o])
                if own:
                    entries = np.repeat(layer.table(i, o), size >> own)
                    tables[i, g, phase * size : (phase + 1) * size] = entries
            live = np.flatnonzero(shared[:, g])
            if len(live):  # the bias differs by phase, so a table adds it
                size = 1 << int(shared[live[0], g])
                tables[live[0], g, phase * size : (phase + 1) * size] += layer.bias[o]
    inputs = tuple(KIF(0, int(bits) + phase_bits, 0) if bits else KIF(0, 1, 0) for bits in address_bits)
    zeros = np.zeros(len(groups), np.int64)
    changed = replace(
        layer, inputs=inputs, widths=widths, tables=tables, bias=zeros, fraction_bits=zeros, gather_index=None
    )
    return Network(inputs, (changed,))


def test_folded_tables_hold_those_of_all_outputs() -> None:
    rng = np.random.default_rng(0)
    widths = rng.integers(0, 4, (3, 5))
    widths[0] = 3
    tables = np.where(np.arange(8) < (1 << widths)[..., None], rng.integers(-9, 9, (3, 5, 8)), 0)
    tables[widths == 0] = 0
    formats = (KIF(0, 3, 0),) * 3
    layer = TableLayer("l", formats, widths=widths, tables=tables, bias=rng.integers(-9, 9, 5), **_plain(3, 5))
    groups = grouped(widths, 4)
    assert sorted(o for members in groups for o in members) == list(range(5))
    network = folded(layer, 4)
    codes = rng.integers(0, 8, (50, 3))
    for g, members in enumerate(groups):
        for phase, o in enumerate(members):
            wanted = layer.bias[o] + sum(layer.term(i, o, codes=codes[:, i]) for i in range(3) if widths[i, o])
            read = [
                (phase << int(most)) + (codes[:, i] >> (3 - int(most))) for i, most in enumerate(widths.max(axis=1))
            ]
            inner = network.layers[0]
            got = sum(inner.term(i, g, codes=read[i]) for i in range(3) if inner.widths[i, g])
            assert (got == wanted).all()


def _plain(c_in: int, c_out: int) -> dict[str, object]:
    return {
        "rounding": "TRN",
        "overflow": ("SAT",) * c_in,
        "fraction_bits": np.zeros(c_out, np.int64),
        "gather_index": None,
    }


def luts(network: Network, folder: Path) -> int:
    """Return the LUTs of a network by Yosys, cut for the target's clock by the delay model alone."""
    design = spec()
    project = write_rtl(network, folder, spec=design, cuts=())
    return resources(cell_counts(synthesizer_of(design.target).synthesize(project, design.target))).luts


def test_phase_bits_of_trained_networks(tmp_path: Path) -> None:
    files = sorted(map(str, Path().glob(os.environ.get("TRIGGER_LUT_NETWORKS", "results/*/network.npz"))))
    assert files, "no trained networks"
    saved: dict[int, list[float]] = {fold: [] for fold in FOLDS}
    print(f"\n{'network':<60} {'II = 1':>7}" + "".join(f" {'fold ' + str(fold):>7} {'saved':>6}" for fold in FOLDS))
    for n, file in enumerate(files):
        layers = [layer for layer in load_network(file).layers if isinstance(layer, TableLayer)]
        layers = [layer for layer in layers if layer.n_positions == 1 and (layer.widths > 0).any()]
        plain = 0
        cost = dict.fromkeys(FOLDS, 0)
        for m, layer in enumerate(layers):
            alone = replace(layer, gather_index=None)
            plain += luts(Network(layer.inputs, (alone,)), tmp_path / f"{n}_{m}_1")
            for fold in FOLDS:
                control = fold.bit_length() - 1 + fold  # counter, and an enable for the registers of each phase
                cost[fold] += luts(folded(layer, fold), tmp_path / f"{n}_{m}_{fold}") + control
        line = f"{file[-60:]:<60} {plain:7}"
        for fold in FOLDS:
            saved[fold].append(1 - cost[fold] / plain)
            line += f" {cost[fold]:7} {100 * saved[fold][-1]:5.0f}%"
        print(line, flush=True)
    for fold in FOLDS:
        print(f"fold {fold}: median {100 * statistics.median(saved[fold]):.0f} % saved, {len(files)} networks")
