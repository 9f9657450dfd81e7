"""Back end of alkaid's integer interpreter, which evaluates the logic that becomes Verilog."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.firmware.backend import Delivery, Design, NetworkBackend, Prediction
from trigger_lut.firmware.rtl.trace import interpret, trace
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network, load_network, save_network

FILE = "alkaid/network.npz"


class Alkaid(NetworkBackend):
    """Traced logic of a network; it is not delivered."""

    title = "alkaid"
    delivery: Delivery = "never"

    def write(self, design: Design, folder: Path) -> None:
        """Write the integer network; see `Backend.write`."""
        (folder / FILE).parent.mkdir(parents=True, exist_ok=True)
        save_network(design.network, folder / FILE)

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Trace the network and interpret it; see `Backend.predict`."""
        return Prediction(predict_alkaid(load_network(folder / FILE), codes))


def predict_alkaid(network: Network, codes: IntArray) -> IntArray:
    """Trace a network and evaluate it with alkaid's interpreter.

    Parameters
    ----------
    network
        Integer network.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    IntArray of shape (N, C_out)
        Output codes.
    """
    return interpret(trace(network), network, codes=codes)
