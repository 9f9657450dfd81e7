"""What all layers of an integer network have in common: the channels that they read."""

from __future__ import annotations

from typing import Literal, Protocol

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import ROUNDINGS

PADDING = -1
Kind = Literal["tables", "arithmetic", "selection"]


class Channels(Protocol):
    """The fields that a layer has for its channels; see `layers.TableLayer`."""

    @property
    def inputs(self) -> tuple[KIF, ...]: ...
    @property
    def overflow(self) -> tuple[str, ...]: ...
    @property
    def gather_index(self) -> IntArray | None: ...
    @property
    def rounding(self) -> str: ...


def channel_problems(layer: Channels, c_in: int) -> list[str]:
    """List the faults of the formats, overflow modes, gather index and rounding of a layer of `c_in` channels."""
    found = []
    if len(layer.inputs) != c_in or len(layer.overflow) != c_in:
        found.append(f"{c_in} channels, {len(layer.inputs)} formats, {len(layer.overflow)} overflow modes")
    if layer.gather_index is not None and (layer.gather_index.ndim != 2 or layer.gather_index.shape[1] != c_in):
        found.append(f"{c_in} channels, gather_index of shape {layer.gather_index.shape}")
    if layer.rounding not in ROUNDINGS:
        found.append(f"rounding {layer.rounding!r}")
    return found
