"""Back end of the hls4ml project and its compiled emulator."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.backend import Delivery, Design, Prediction
from trigger_lut.firmware.hls.cpp import rom_pattern
from trigger_lut.firmware.hls.project import predict_hls, recompile, require_compiler, write_hls
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.bit_flip import BitFlip
from trigger_lut.network.network import Network, TableLayer

FOLDER = "hls"


class Hls:
    """hls4ml project. It is made from the Keras model, so comparing it with the network compares two conversions."""

    title = "HLS"
    delivery: Delivery = "firmware"
    from_model = True
    sampled = False
    clocked = False

    def require(self) -> None:
        """Raise ToolMissingError without g++."""
        require_compiler()

    def write(self, design: Design, folder: Path) -> None:
        """Convert the model and compile its emulator; see `Backend.write`."""
        final = None if design.final_folder is None else design.final_folder / FOLDER
        write_hls(
            design.model,
            design.network,
            folder=folder / FOLDER,
            spec=design.spec,
            final_folder=final,
            version=design.version or 1,
        )

    def build(self, folder: Path) -> None:
        """Compile the emulator from its sources; see `Backend.build`."""
        recompile(folder / FOLDER, "check")

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Run the emulator; see `Backend.predict`."""
        return Prediction(predict_hls(folder / FOLDER, codes))

    def flip_bit(self, design: Design, flip: BitFlip, *, folder: Path, changed: Path) -> bool:
        """Flip the bit in the project's table; see `Backend.flip_bit`. Weights are not written as one number each."""
        if not isinstance(design.network.layers[flip.layer], TableLayer):
            return False
        flip_hls(folder / FOLDER, changed / FOLDER, network=design.network, flip=flip)
        return True


def flip_hls(source: Path, folder: Path, *, network: Network, flip: BitFlip) -> None:
    """Copy an hls4ml project, flip a bit in the copy's table and compile it.

    Parameters
    ----------
    source
        Folder of the project.
    folder
        Folder of the copy.
    network
        Integer network of the project.
    flip
        Bit of a table.

    Raises
    ------
    FirmwareError
        If the project has no such table or entry.
    """
    shutil.copytree(source, folder)
    path = folder / "firmware" / "parameters.h"
    text = path.read_text(encoding="utf-8")
    name = rom_pattern(network.layers[flip.layer].name, flip.channel, o=flip.output)
    line = re.search(rf"^(static const \S+ {name}\[\d+\] = {{)(.*)(}};)$", text, re.MULTILINE)
    entries = line[2].split(", ") if line else []
    if not line or flip.entry >= len(entries):
        raise FirmwareError(f"{path}: expected a table {name} with an entry {flip.entry}, found {len(entries)} entries")
    entries[flip.entry] = str(int(entries[flip.entry]) ^ (1 << flip.bit))
    path.write_text(text[: line.start(2)] + ", ".join(entries) + text[line.end(2) :], encoding="utf-8")
    recompile(folder, "control")
