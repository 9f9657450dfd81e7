"""Training inside the interface of an earlier design: its widths, its output formats and, if asked, its structure.

Outputs must fit the formats of the earlier ports. After each round, training scales the functions behind the edges of
an output whose range is too large. All outputs of a classification are scaled alike, so that their order stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.config.retrain import FrozenInterface
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.kept_interface import in_structure_of, with_port_formats
from trigger_lut.network.network import Network, TableLayer, load_network
from trigger_lut.training.edge_widths import NO_EDGE

TRIES = 20  # of scaling, as rounded tables can be slightly larger than planned
ROOM = 0.995  # of a limit, to which a range that is too large is scaled

Limits = dict[str, tuple[np.ndarray, np.ndarray]]
"""Smallest and largest real value of each output, by layer of the network."""


@dataclass(frozen=True)
class KeptInterface:
    """Interface of an earlier design, for training.

    Attributes
    ----------
    former : Network
        Integer network of the earlier design.
    structure : bool
        True if its structure is kept too.
    limits : Limits
        Largest ranges of the outputs of layers.
    """

    former: Network
    structure: bool
    limits: Limits

    @classmethod
    def of(cls, frozen: FrozenInterface) -> KeptInterface:
        """Read the network of the earlier design."""
        former = load_network(Path(frozen.files.network))
        structure = frozen.keep == "structure"
        return cls(former, structure, limits_of(former, structure))

    def hold(self, layers: list[LookupLayer]) -> None:
        """Give outputs no finer entries than the earlier network, and if its structure is kept, edges its address bits.

        Without the structure this holds for the layers of the network's outputs alone.
        """
        tables = {layer.name: layer for layer in self.former.layers if isinstance(layer, TableLayer)}
        final = _names_at(self.former, self.former.output_values)
        for layer in layers:
            names = _names(layer)
            if not self.structure and not (set(names) & set(final) and set(names) <= tables.keys()):
                continue
            own = [tables[name] for name in names]
            before, fraction = np.asarray(layer.input_width), np.asarray(layer.output_fraction)
            shape = before.shape
            finest = np.stack([np.broadcast_to(table.fraction_bits, table.shape) for table in own]).reshape(shape)
            layer.output_fraction.assign(np.minimum(fraction, finest))
            if not self.structure:
                continue
            widths = np.stack([table.widths for table in own]).reshape(shape)
            gone = np.where(before <= NO_EDGE, before, NO_EDGE - np.maximum(before, 0.0))
            layer.input_width.assign(np.where(widths > 0, widths, gone))

    def fitted(self, layers: list[LookupLayer], convert: Callable[[], Network]) -> Network:
        """Scale layers until their outputs are within the limits, and return the network in the earlier formats.

        Parameters
        ----------
        layers : list of LookupLayer
            Layers of the model.
        convert : callable
            Converts the present model, with its tables computed anew.

        Returns
        -------
        Network
        """
        self.hold(layers)  # regrowth refines entries too
        network = convert()
        for _ in range(TRIES):
            if not list(self._scaled(layers, network)):
                break
            network = convert()
        return self.finished(network)

    def finished(self, network: Network) -> Network:
        """Return a network of the model in the earlier formats, or in the earlier structure."""
        if self.structure:
            matched = in_structure_of(network, self.former)
            return Network(
                matched.inputs, matched.layers, network.features, network.classes, matched.outputs, matched.port_formats
            )
        return with_port_formats(network, self.former.output_formats())

    def _scaled(self, layers: list[LookupLayer], network: Network) -> Iterator[str]:
        """Scale each layer that has outputs beyond their limits; yields its name."""
        ranges = {}
        for n, layer in enumerate(network.layers):
            part = network.ranges[network.first_value[n] : network.first_value[n + 1]]
            step = 2.0 ** -layer.fraction_bits.astype(float)
            lo, hi = (np.reshape(codes, (-1, len(step))) * step for codes in (part.lo, part.hi))
            ranges[layer.name] = lo.min(axis=0), hi.max(axis=0)
        final = set(_names_at(network, network.output_values))
        for layer in layers:
            names = [name for name in _names(layer) if name in self.limits and name in ranges]
            if not names:
                continue
            lo, hi, least, most = (
                np.stack([limits[name][end] for name in names]) for limits in (ranges, self.limits) for end in (0, 1)
            )
            gain, shift = _projection(lo.min(axis=0), hi.max(axis=0), least=least.max(axis=0), most=most.min(axis=0))
            if (gain == 1.0).all() and (shift == 0.0).all():
                continue
            if final & set(names) and (shift == 0.0).all():
                gain = np.full_like(gain, gain.min())
            _scale(layer, gain, shift=shift)
            yield layer.name


def limits_of(former: Network, structure: bool) -> Limits:
    """Return the largest ranges of outputs of table layers with which formats, and the structure, stay.

    Parameters
    ----------
    former : Network
        The earlier network.
    structure : bool
        True: channels that never overflowed must not overflow.

    Returns
    -------
    Limits
        Infinite where nothing limits an output.
    """
    count = former.first_value[-1]
    step = 2.0 ** -np.array([former.fraction_of(v) for v in range(count)], dtype=float)
    own_lo, own_hi = former.ranges.lo * step, former.ranges.hi * step
    lo, hi = np.full(count, -np.inf), np.full(count, np.inf)

    def limit(value: int, *, least: float, most: float) -> None:
        lo[value] = max(lo[value], min(least, own_lo[value]))
        hi[value] = min(hi[value], max(most, own_hi[value]))

    for value, kif in zip(former.output_values.tolist(), former.output_formats(), strict=True):
        limit(value, least=kif.lo * kif.step, most=kif.hi * kif.step)
    for n in reversed(range(len(former.layers))):
        layer = former.layers[n]
        outputs = slice(former.first_value[n], former.first_value[n + 1])
        limited = structure or bool(np.isfinite(lo[outputs]).any() or np.isfinite(hi[outputs]).any())
        for p, i in np.argwhere(former.gather_index[n] >= 0):
            value, kif = int(former.gather_index[n][p, i]), layer.inputs[i]
            if not isinstance(layer, TableLayer):  # what it makes of larger values is not known here
                if limited:
                    limit(value, least=own_lo[value], most=own_hi[value])
            elif structure and layer.overflow[i] == "WRAP":
                limit(value, least=kif.lo * kif.step, most=kif.hi * kif.step)
    limits = {}
    for n, layer in enumerate(former.layers):
        outputs = slice(former.first_value[n], former.first_value[n + 1])
        if isinstance(layer, TableLayer):
            shape = (-1, layer.shape[1])
            limits[layer.name] = lo[outputs].reshape(shape).max(axis=0), hi[outputs].reshape(shape).min(axis=0)
    return limits


def _projection(
    lo: np.ndarray, hi: np.ndarray, *, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return factor and offset for each output with which lo..hi is within least..most; 1 and 0 where it is."""
    gain, shift = np.ones_like(lo), np.zeros_like(lo)
    for o in np.flatnonzero((lo < least) | (hi > most)):
        if least[o] < 0.0 < most[o]:
            needed = [
                1.0,
                *([least[o] / lo[o]] if lo[o] < least[o] else []),
                *([most[o] / hi[o]] if hi[o] > most[o] else []),
            ]
            gain[o] = ROOM * min(needed)
            continue
        span = max(hi[o] - lo[o], 1e-30)
        gain[o] = min(1.0, ROOM * (most[o] - least[o]) / span)
        shift[o] = max(least[o] - gain[o] * lo[o], 0.0) + min(most[o] - gain[o] * hi[o], 0.0)
    return gain, shift


def _scale(layer: LookupLayer, gain: np.ndarray, *, shift: np.ndarray) -> None:
    """Multiply the outputs of a layer, up to rounding, and add an offset where it has a bias."""
    factor = layer.gamma if layer.batch_norm else layer.w2
    by_output = gain if layer.batch_norm else gain[:, None]
    factor.assign(np.asarray(factor) * by_output)
    if layer.bias is not None:
        layer.bias.assign(np.asarray(layer.bias) * gain + shift)


def _names(layer: LookupLayer) -> list[str]:
    """Return the names of the layers of the integer network that a layer becomes."""
    if not layer.per_position_widths:
        return [layer.name]
    return [f"{layer.name}_place{p}" for p in range(len(layer.input_width))]


def _names_at(network: Network, values: np.ndarray) -> list[str]:
    """Return the names of the layers that make some values."""
    starts = np.array(network.first_value)
    numbers = np.searchsorted(starts, values, side="right") - 1
    return [network.layers[n].name for n in numbers.tolist() if 0 <= n < len(network.layers)]
