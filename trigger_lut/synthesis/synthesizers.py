"""The registry of synthesizers: programs that turn Verilog into a netlist of the target's cells.

`targets.yaml` names the synthesizer of a target. To add one, see docs/how-to/extend_synthesizer.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trigger_lut.config.budget import Target
from trigger_lut.errors import ConfigurationError, nearest
from trigger_lut.synthesis.netlist import Netlist
from trigger_lut.synthesis.yosys import Yosys


class VerilogSources(Protocol):
    """Verilog files and the name of their top module, such as an `RtlProject`."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Verilog files, all that synthesis needs."""
        ...

    @property
    def top(self) -> str:
        """Name of the top module."""
        ...


@dataclass(frozen=True)
class Verilog:
    """Verilog files and the name of their top module."""

    files: tuple[Path, ...]
    top: str


class Synthesizer(Protocol):
    """A program that synthesizes Verilog out of context.

    Attributes
    ----------
    packages
        Distributions whose versions the cards record.
    """

    packages: tuple[str, ...]

    def require(self) -> None:
        """Raise ToolMissingError, with the way to install it, where the program is missing."""
        ...

    def synthesize(self, project: VerilogSources, target: Target, *, bram18: int = 0) -> Netlist:
        """Synthesize a project for a target.

        Parameters
        ----------
        project
            Verilog files and the name of their top module.
        target
            FPGA that the netlist is made for.
        bram18
            Granted block RAMs of 18 Kb; one of 36 Kb counts as two.

        Returns
        -------
        Netlist
            Flat netlist of the top module. Cells are those of `netlist.COUNTED`. No DSP slices, no LUTs as memory.

        Raises
        ------
        ToolMissingError
            Without the program.
        ToolFailedError
            With the program's message, when it fails.
        """
        ...


SYNTHESIZERS: dict[str, Synthesizer] = {"yosys": Yosys()}


def synthesizer_of(target: Target) -> Synthesizer:
    """Look up the synthesizer that a target names.

    Parameters
    ----------
    target
        Target of a design.

    Returns
    -------
    Synthesizer
        Row of the registry.

    Raises
    ------
    ConfigurationError
        For an unknown name.
    """
    if target.synthesizer not in SYNTHESIZERS:
        raise ConfigurationError(f"no synthesizer {target.synthesizer!r}{nearest(target.synthesizer, SYNTHESIZERS)}")
    return SYNTHESIZERS[target.synthesizer]
