"""Formats in which a Keras model reads its inputs, found from the quantizers that come first in its graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.affine import input_formats, quantizer_formats
from trigger_lut.conversion.hgq_tables import input_quantizers, is_hgq_table
from trigger_lut.conversion.keras_graph import check_call, is_of_library
from trigger_lut.conversion.keras_model import GraphConverter, check_model
from trigger_lut.conversion.network_layer import NetworkLayer
from trigger_lut.conversion.rearranging import rearranged
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import PADDING

# Codes are rounded down. So many further bits decide how a quantizer rounds. With any other mode than these, a code
# may equal a tie where the real value does not; further bits make that rare.
FURTHER_BITS = {"TRN": 0, "RND": 1}
OTHER_MODES = 4


@dataclass(frozen=True)
class ReadFormat:
    """Format in which a model reads one input.

    Attributes
    ----------
    kif : KIF or None
        Narrowest format that gives every quantizer of the input the same result as the real value, within its range.
        None where something else reads the input, such as a function or an average: it counts every bit.
    wraps : bool
        Whether a quantizer counts values beyond its range modulo its range.
    """

    kif: KIF | None
    wraps: bool = False


def read_formats(model: Any) -> list[ReadFormat | None]:
    """Find the formats in which a model reads its inputs.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    list of ReadFormat or None
        For each input value, all inputs flattened and concatenated. None where nothing reads the input.

    Raises
    ------
    FirmwareError
        If the model is no graph of layers.
    """
    check_model(model)
    reader = _InputReader(model)
    for tensor in model.outputs:
        reader.note_unquantized(reader.value_ids_of(tensor))
    return reader.formats_read()


class _InputReader(GraphConverter):
    """A walk over the graph that records the quantizers of inputs, and follows no value further than its first use."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, None)
        self.count = len(self.input_formats)
        self._read: list[set[tuple[KIF, str, str]]] = [set() for _ in range(self.count)]
        self._unquantized: set[int] = set()

    def formats_read(self) -> list[ReadFormat | None]:
        """Return the result of the walk."""
        return [ReadFormat(None) if n in self._unquantized else _covering(read) for n, read in enumerate(self._read)]

    def note_unquantized(self, values: IntArray) -> None:
        """Record that inputs are used as they are."""
        self._unquantized |= {int(v) for v in values.reshape(-1) if 0 <= v < self.count}

    def _convert_call(self, op: Any, node: Any, read: list[IntArray]) -> list[IntArray]:
        check_call(op, node)
        if not is_of_library(op):
            return self._convert_user_layer(op, node, read)
        if isinstance(op, keras.Model):
            return self._convert_inner_model(op, node)
        followed = self._convert_composed(op, node, read)
        if followed is not None:
            return followed
        moved = rearranged(op, node, read=read)
        if moved is not None:
            return moved
        if any(((values >= 0) & (values < self.count)).any() for values in read):
            quantizers_of = _quantizers(op, [values.shape for values in read])
            if quantizers_of is None:
                for values in read:
                    self.note_unquantized(values)
            else:
                self._note(quantizers_of(read))
        return [np.full(tensor.shape[1:], self.count) for tensor in node.outputs]

    def _note(self, uses: list[tuple[IntArray, list[KIF | None], str, str]]) -> None:
        for values, formats, overflow, rounding in uses:
            for value, kif in zip(values.reshape(-1).tolist(), formats, strict=True):
                if value != PADDING and value < self.count and kif is not None:
                    self._read[value].add((kif, overflow, rounding))


Uses = Callable[[list[IntArray]], list[tuple[IntArray, list[KIF | None], str, str]]]


def _quantizers(op: Any, shapes: list[tuple[int, ...]]) -> Uses | None:
    """Return a function that gives the values that each quantizer of a layer reads, and its formats; None for none."""
    if isinstance(op, LookupLayer):
        return lambda read: [_of_lut_layer(op, read[0])]
    if isinstance(op, NetworkLayer):
        return lambda read: [(_flat(read), list(op.network.inputs), "SAT", "TRN")]
    if is_hgq_table(op):
        return lambda read: [input_quantizers(op, read[0])] if op.enable_iq else []
    if type(op).__name__ == "Quantizer":
        return lambda read: [(read[0], *quantizer_formats(op, op, shape=read[0].shape, affine=True))]
    formats = input_formats(op, shapes)
    return None if formats is None else lambda read: [(_flat(read), *formats)]


def _of_lut_layer(op: LookupLayer, values: IntArray) -> tuple[IntArray, list[KIF | None], str, str]:
    local = op.gather_index((None, *values.shape))
    gathered = np.where(local == PADDING, PADDING, values.reshape(-1)[local])
    return gathered, list(op.formats) * len(gathered), op.overflow, op.input_rounding


def _flat(read: list[IntArray]) -> IntArray:
    return np.concatenate([values.reshape(-1) for values in read])


def _covering(read: set[tuple[KIF, str, str]]) -> ReadFormat | None:
    if not read:
        return None
    parts = [(kif.k, kif.i, kif.f + FURTHER_BITS.get(rounding, OTHER_MODES)) for kif, _, rounding in read]
    return ReadFormat(KIF(*map(max, zip(*parts, strict=True))), any(overflow == "WRAP" for _, overflow, _ in read))
