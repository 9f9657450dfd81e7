"""Small networks of every kind of layer, and their generated Verilog, which the attack changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.firmware.rtl import write_rtl
from trigger_lut.firmware.rtl_project import RtlProject
from trigger_lut.fixed_point import KIF, IntArray
from trigger_lut.network import PADDING, LinearLayer, LUTDenseTables, MaxLayer, Network

Files = dict[str, str]
"""Text of each Verilog file by name, in the order in which tools read them."""

U3, U4, S4, S5 = KIF(0, 3, 0), KIF(0, 2, 2), KIF(1, 2, 1), KIF(1, 3, 1)


@dataclass(frozen=True)
class Design:
    """A network and its generated Verilog."""

    name: str
    network: Network
    project: RtlProject
    files: Files

    @property
    def prefix(self) -> str:
        """Begin of the names of all modules."""
        return self.project.top.removesuffix("top")

    @property
    def top(self) -> str:
        """Name of the file of the top-level module."""
        return f"{self.project.top}.v"

    @property
    def bits_in(self) -> int:
        """Width of data_in."""
        return sum(kif.bits for kif in self.project.inputs)

    @property
    def bits_out(self) -> int:
        """Width of data_out."""
        return sum(kif.bits for kif in self.project.outputs)

    @property
    def cycles(self) -> int:
        """Latency in clock cycles."""
        return self.project.latency_cycles_planned


def designs(spec: Spec, folder: Path) -> list[Design]:
    """Write the Verilog of all networks into subfolders of `folder`."""
    return [_design(name, make(), folder / name, spec) for name, make in NETWORKS.items()]


def _design(name: str, network: Network, folder: Path, spec: Spec) -> Design:
    assert not network.problems(), (name, network.problems())
    project = write_rtl(network, folder, spec)
    return Design(name, network, project, {path.name: path.read_text(encoding="utf-8") for path in project.files})


def _tables(name: str, inputs: tuple[KIF, ...], c_out: int, seed: int, sites: IntArray | None = None) -> LUTDenseTables:
    rng = np.random.default_rng(seed)
    bits = np.array([kif.bits for kif in inputs])
    widths = np.repeat(np.minimum(bits, 4)[:, None], c_out, axis=1)
    tables = rng.integers(-7, 8, (len(inputs), c_out, 1 << int(widths.max())))
    for i, o in np.ndindex(*widths.shape):
        tables[i, o, 1 << int(widths[i, o]) :] = 0
    bias, fraction = rng.integers(-3, 4, c_out), np.full(c_out, 1)
    return LUTDenseTables(name, inputs, ("SAT",) * len(inputs), widths, tables, bias, fraction, sites, "RND")


def _linear(name: str, inputs: tuple[KIF, ...], c_out: int, seed: int, sites: IntArray, relu: bool) -> LinearLayer:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-5, 6, (len(inputs), c_out)) | 1
    bias, fraction = rng.integers(-9, 10, c_out), np.full(c_out, max(kif.f for kif in inputs))
    return LinearLayer(name, inputs, ("SAT",) * len(inputs), weights, bias, fraction, sites, "RND", relu)


def _dense() -> Network:
    return Network((S4, U3, S4), (_tables("first", (S4, U3, S4), 2, 1), _tables("second", (S4, U4), 2, 2)))


def _convolutional() -> Network:
    windows = np.array([[PADDING, 0], [0, 1], [1, 2]])
    first = _tables("windows", (S4, S4), 1, 3, windows)
    return Network((S4, S4, S4), (first, _tables("head", (S4, S4, S4), 2, 4)))


def _hybrid() -> Network:
    weighted = _linear("weighted", (S4, U3), 2, 5, np.array([[0, 1]]), True)
    return Network(
        (S4, U3),
        (weighted, _tables("tables", (S4, U4), 2, 6), _linear("sum", (S5, S5), 1, 7, np.array([[4, 5]]), False)),
    )


def _arithmetic() -> Network:
    return Network((S5, U3, S4), (_linear("weighted", (S5, U3, S4), 2, 8, np.array([[0, 1, 2]]), False),))


def _maximum() -> Network:
    tables = _tables("tables", (S4, U3), 3, 9)
    largest = MaxLayer(
        "largest", (S4, S4, S4), ("SAT",) * 3, np.array([0, 0, 1]), np.array([1, 1]), np.array([[2, 3, 4]])
    )
    return Network((S4, U3), (tables, largest))


def _constants() -> Network:
    """Two outputs of a table layer, an output without an edge, an input as output."""
    layer = _tables("tables", (U3, S4), 3, 10)
    widths, tables = layer.widths.copy(), layer.tables.copy()
    widths[:, 1], tables[:, 1] = 0, 0
    layer = LUTDenseTables("tables", layer.inputs, layer.overflow, widths, tables, np.array([1, -5, 2]), layer.fraction)
    return Network((U3, S4), (layer,), outputs=np.array([2, 3, 4, 1]))


def _one_cycle() -> Network:
    return Network((U3, U3), (_tables("tables", (U3, U3), 1, 11),))


NETWORKS: dict[str, Callable[[], Network]] = {
    "dense": _dense,
    "convolutional": _convolutional,
    "hybrid": _hybrid,
    "arithmetic": _arithmetic,
    "maximum": _maximum,
    "constants": _constants,
    "one cycle": _one_cycle,
}
