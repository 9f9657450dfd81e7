"""Interface of a back end: it writes a network in some language, evaluates it, and flips a bit of it.

`backends.BACKENDS` is the registry. To add a row, see docs/how-to/extend_back_end.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from trigger_lut.config.budget import Spec
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.bit_flip import BitFlip, flipped
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Cut

Delivery = Literal["firmware", "release", "never"]
"""Stage that delivers files of a back end: firmware, where verify checks them too, or release."""


@dataclass(frozen=True)
class Design:
    """A design, as back ends write it.

    Attributes
    ----------
    model
        Keras model.
    network
        Integer network of the model.
    spec
        Specification with target and budget.
    stages
        Pipeline stage of each operation, or of each operation of each pipeline; None: as the delay model plans them.
    cuts
        Blocks that use their hardware in several cycles; None: as the budget allows.
    final_folder
        Folder that the caller moves the firmware to; None: it stays.
    version
        Version of the design, part of all names. None: names in C++ have version 1, those in Verilog and VHDL none.
    """

    model: Any
    network: Network
    spec: Spec
    stages: Sequence[int] | Sequence[Sequence[int]] | None = None
    cuts: Sequence[Cut] | None = None
    final_folder: Path | None = None
    version: int | None = None


@dataclass(frozen=True)
class Prediction:
    """Result of a back end for some codes.

    Attributes
    ----------
    outputs : IntArray of shape (N, C_out)
        Output codes.
    figures
        Integers by name: latency_cycles and ii of a simulation of clock cycles.
    """

    outputs: IntArray
    figures: dict[str, int] = field(default_factory=dict)


class Backend(Protocol):
    """A back end. Its files are in a folder of their own below the firmware folder that each method takes.

    Attributes
    ----------
    title
        Name in messages and on pages.
    delivery
        Stage that delivers the files.
    from_model
        Whether it reads the Keras model instead of the integer network.
    sampled
        Whether it is optional and slow: it gets a sample of the vectors, and is skipped without its program.
    clocked
        Whether it simulates clock cycles: its predictions have the figures latency_cycles and ii.
    """

    title: str
    delivery: Delivery
    from_model: bool
    sampled: bool
    clocked: bool

    def require(self) -> None:
        """Raise ToolMissingError, with the way to install it, where a program is missing."""
        ...

    def write(self, design: Design, folder: Path) -> None:
        """Write a design into the firmware folder, ready to be evaluated.

        Parameters
        ----------
        design
            Design.
        folder
            Firmware folder.

        Raises
        ------
        FirmwareError
            If the network cannot be built.
        ToolMissingError, ToolFailedError
            For the programs.
        """
        ...

    def build(self, folder: Path) -> None:
        """Compile again what `predict` would read as a binary file, from the sources in the firmware folder."""
        ...

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Evaluate what `write` left in the firmware folder.

        Parameters
        ----------
        folder
            Firmware folder.
        codes : IntArray of shape (N, C_in)
            Input codes, at least one row.

        Returns
        -------
        Prediction
            Outputs, and the figures of a simulation.
        """
        ...

    def flip_bit(self, design: Design, flip: BitFlip, *, folder: Path, changed: Path) -> bool:
        """Write the design of a firmware folder with one flipped bit into another folder.

        Parameters
        ----------
        design
            Design without the flip.
        flip
            Bit of the network.
        folder
            Firmware folder of the design.
        changed
            Folder for the changed firmware.

        Returns
        -------
        bool
            False where the back end has no such bit, and wrote nothing.
        """
        ...


class NetworkBackend:
    """Base of back ends that write the integer network: a flipped bit is a flipped bit of the network."""

    from_model = False
    sampled = False
    clocked = False

    def require(self) -> None:
        """Need no program."""

    def write(self, design: Design, folder: Path) -> None:
        """Write a design; see `Backend.write`."""
        raise NotImplementedError

    def build(self, folder: Path) -> None:
        """Compile nothing: `predict` compiles what it needs."""

    def flip_bit(self, design: Design, flip: BitFlip, *, folder: Path, changed: Path) -> bool:
        """Write the network with the bit flipped; see `Backend.flip_bit`."""
        self.write(replace(design, network=flipped(design.network, flip), stages=None), changed)
        return True
