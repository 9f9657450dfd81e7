"""Small networks of every kind of layer, and their generated Verilog, which the attack changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.firmware.decision.combined import expected, flat
from trigger_lut.firmware.decision.module import write_decision
from trigger_lut.firmware.decision.pipeline import levels
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import PADDING, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.network.reference_model import evaluate

DECIDED = "decision"
"""The network whose Verilog has a decision behind it."""
Files = dict[str, str]
"""Text of each Verilog file by name, in the order in which tools read them."""

U3, U4, S4, S5 = KIF(0, 3, 0), KIF(0, 2, 2), KIF(1, 2, 1), KIF(1, 3, 1)


@dataclass(frozen=True)
class Design:
    """A network and its generated Verilog.

    Attributes
    ----------
    name
        Of the network.
    network
        In integers.
    project
        The network's Verilog.
    files
        All generated Verilog, the decision's too.
    decision
        A decision on the network's outputs; None: there is none.
    judged
        What the judge simulates: the project, or the decision as a module with the project's ports.
    wrapper
        Text of that module.
    """

    name: str
    network: Network
    project: RtlProject
    files: Files
    judged: RtlProject
    decision: DecisionProject | None = None
    wrapper: str = ""

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
        """Latency of the network in clock cycles."""
        return self.project.latency_cycles_planned

    def expected(self, codes: IntArray) -> IntArray:
        """Evaluate what the judge simulates.

        Parameters
        ----------
        codes : IntArray of shape (N, C_in)
            Input codes.

        Returns
        -------
        IntArray of shape (N, outputs)
            Output codes of the network; of a design with a decision, the codes with the bits of the decision.
        """
        outputs = evaluate(self.network, codes)
        return outputs if self.decision is None else expected(self.decision, outputs)


def designs(spec: Spec, folder: Path) -> list[Design]:
    """Write the Verilog of all networks in `NETWORKS`.

    Parameters
    ----------
    spec
        Design whose target the networks are built for.
    folder
        Folder that gets a subfolder for each network.

    Returns
    -------
    list of Design
        One entry per network.
    """
    return [_design(name, make(), folder / name, spec) for name, make in NETWORKS.items()]


def _design(name: str, network: Network, folder: Path, spec: Spec) -> Design:
    assert not network.validate(), (name, network.validate())
    project = write_rtl(network, folder, spec=spec)
    design = Design(name, network, project, _texts(project.files), project)
    return _with_decision(design, folder) if name == DECIDED else design


def _with_decision(design: Design, folder: Path) -> Design:
    """Add a decision on two working points: the thresholds are scores that some input has."""
    project, score = design.project, Score(design.project.outputs, (2,), (0, 1))
    codes = np.array(list(itertools.product(*(range(kif.lo, kif.hi + 1) for kif in project.inputs))))
    scores = np.sort(score.codes(evaluate(design.network, codes)))
    thresholds = [int(scores[len(scores) * part // 4]) for part in (3, 2)]
    decision = write_decision(
        project,
        score,
        names=(),
        rates_khz=(1.0, 2.0),
        thresholds=thresholds,
        cycles=levels(score),
        folder=folder / "decision",
    )
    judged = flat(decision, project, folder=folder / "flat")
    files = design.files | _texts([decision.verilog])
    return replace(
        design, files=files, judged=judged, decision=decision, wrapper=_texts(judged.files[-1:])[f"{judged.top}.v"]
    )


def _texts(files: Sequence[Path]) -> Files:
    return {path.name: path.read_text(encoding="utf-8") for path in files}


def _tables(
    name: str, inputs: tuple[KIF, ...], c_out: int, seed: int, gather_index: IntArray | None = None
) -> TableLayer:
    rng = np.random.default_rng(seed)
    bits = np.array([kif.bits for kif in inputs])
    widths = np.repeat(np.minimum(bits, 4)[:, None], c_out, axis=1)
    tables = rng.integers(-7, 8, (len(inputs), c_out, 1 << int(widths.max())))
    for i, o in np.ndindex(*widths.shape):
        tables[i, o, 1 << int(widths[i, o]) :] = 0
    bias, fraction = rng.integers(-3, 4, c_out), np.full(c_out, 1)
    return TableLayer(
        name,
        inputs,
        ("SAT",) * len(inputs),
        widths,
        tables,
        bias,
        fraction_bits=fraction,
        gather_index=gather_index,
        rounding="RND",
    )


def _linear(
    name: str, inputs: tuple[KIF, ...], *, c_out: int, seed: int, gather_index: IntArray, relu: bool
) -> LinearLayer:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-5, 6, (len(inputs), c_out)) | 1
    bias, fraction = rng.integers(-9, 10, c_out), np.full(c_out, max(kif.f for kif in inputs))
    return LinearLayer(
        name,
        inputs,
        ("SAT",) * len(inputs),
        weights,
        bias,
        fraction_bits=fraction,
        gather_index=gather_index,
        rounding="RND",
        relu=relu,
    )


def _dense() -> Network:
    return Network((S4, U3, S4), (_tables("first", (S4, U3, S4), 2, 1), _tables("second", (S4, U4), 2, 2)))


def _convolutional() -> Network:
    windows = np.array([[PADDING, 0], [0, 1], [1, 2]])
    first = _tables("windows", (S4, S4), 1, 3, windows)
    return Network((S4, S4, S4), (first, _tables("head", (S4, S4, S4), 2, 4)))


def _hybrid() -> Network:
    weighted = _linear("weighted", (S4, U3), c_out=2, seed=5, gather_index=np.array([[0, 1]]), relu=True)
    return Network(
        (S4, U3),
        (
            weighted,
            _tables("tables", (S4, U4), 2, 6),
            _linear("sum", (S5, S5), c_out=1, seed=7, gather_index=np.array([[4, 5]]), relu=False),
        ),
    )


def _arithmetic() -> Network:
    return Network(
        (S5, U3, S4),
        (_linear("weighted", (S5, U3, S4), c_out=2, seed=8, gather_index=np.array([[0, 1, 2]]), relu=False),),
    )


def _maximum() -> Network:
    tables = _tables("tables", (S4, U3), 3, 9)
    largest = MaxLayer(
        "largest",
        (S4, S4, S4),
        ("SAT",) * 3,
        np.array([0, 0, 1]),
        fraction_bits=np.array([1, 1]),
        gather_index=np.array([[2, 3, 4]]),
    )
    return Network((S4, U3), (tables, largest))


def _constants() -> Network:
    """Return a network with two outputs of a table layer, an output without an edge, and an input as output."""
    layer = _tables("tables", (U3, S4), 3, 10)
    widths, tables = layer.widths.copy(), layer.tables.copy()
    widths[:, 1], tables[:, 1] = 0, 0
    layer = TableLayer(
        "tables", layer.inputs, layer.overflow, widths, tables, np.array([1, -5, 2]), fraction_bits=layer.fraction_bits
    )
    return Network((U3, S4), (layer,), outputs=np.array([2, 3, 4, 1]))


def _decided() -> Network:
    return Network((S4, U3), (_tables("tables", (S4, U3), 3, 12),))


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
    DECIDED: _decided,
}
