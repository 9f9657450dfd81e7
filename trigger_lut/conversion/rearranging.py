"""Conversion of operations that only rearrange values: Keras moves the numbers of the values.

Only Keras interprets shapes, axes, `data_format` and keys. A batch of three events reveals operations that mix events,
and a permutation of the numbers those that compute, such as interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import PADDING

IDENTITIES = (
    *(
        "InputLayer",
        "Identity",
        "Dropout",
        "AlphaDropout",
        "GaussianDropout",
        "GaussianNoise",
        "ActivityRegularization",
    ),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
)
REARRANGING = {
    *("Flatten", "Reshape", "Permute", "RepeatVector", "Concatenate", "UpSampling1D", "UpSampling2D", "UpSampling3D"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D"),
    *(
        "Transpose",
        "GetItem",
        "ExpandDims",
        "Squeeze",
        "Moveaxis",
        "Swapaxes",
        "Flip",
        "Roll",
        "Stack",
        "Take",
        "Split",
    ),
}
EVENTS = 3


def rearranged(op: Any, node: Any, *, read: Sequence[IntArray]) -> list[IntArray] | None:
    """Apply an operation of Keras to the numbers of values.

    Parameters
    ----------
    op, node
        The operation and its call.
    read : sequence of int arrays
        Numbers of the values of each input tensor, without the batch axis.

    Returns
    -------
    list of int arrays or None
        Numbers of the values of each output tensor; PADDING where Keras inserts 0. None for other operations.

    Raises
    ------
    FirmwareError
        If the operation reads other events, or Keras cannot apply it.
    """
    kind = type(op).__name__
    if kind in IDENTITIES or (kind == "Activation" and op.activation is keras.activations.linear):
        return list(read)
    return _moved(op, node, read) if kind in REARRANGING else None


def _moved(op: Any, node: Any, read: Sequence[IntArray]) -> list[IntArray]:
    numbers = np.unique(np.concatenate([values.reshape(-1) for values in read]))
    numbers = numbers[numbers != PADDING] if (numbers != PADDING).any() else np.zeros(1, dtype=np.int64)
    order = np.random.default_rng(0).permutation(EVENTS * len(numbers))
    # The second call has other codes at the same places: an operation that computes with them gives itself away.
    first, second = (
        _called(op, node, [_codes(values, numbers, codes) for values in read])
        for codes in (np.arange(len(order)), order)
    )
    return [_of_first(op, a, b, numbers=numbers, order=order) for a, b in zip(first, second, strict=True)]


def _codes(values: IntArray, numbers: IntArray, codes: IntArray) -> IntArray:
    """Return a batch of codes, one for each number in each event; 0 for PADDING."""
    new_codes = codes.reshape(EVENTS, -1)[:, np.searchsorted(numbers, values)] + 1
    return np.where(values == PADDING, 0, new_codes)


def _called(op: Any, node: Any, read: list[IntArray]) -> list[np.ndarray]:
    tensors = {
        id(tensor): keras.ops.convert_to_tensor(codes.astype(np.int32))
        for tensor, codes in zip(node.input_tensors, read, strict=True)
    }
    arguments, options = node.arguments.fill_in(tensors)
    try:
        results = keras.tree.flatten(op.call(*arguments, **options))
        return [keras.ops.convert_to_numpy(result) for result in results]
    except Exception as error:  # whatever Keras and TensorFlow have against it
        message = (str(error).splitlines() or [""])[0]
        raise FirmwareError(
            f"layer {op.name!r}: {_described(op)} cannot be followed ({type(error).__name__}: {message}). Expected "
            "axes, keys and shapes that leave the batch's axis as it is"
        ) from error


def _of_first(op: Any, codes: np.ndarray, others: np.ndarray, *, numbers: IntArray, order: IntArray) -> IntArray:
    """Numbers in the first event; refuse an operation that computes with the values, or whose other events differ."""
    if len(codes) != EVENTS:
        raise FirmwareError(f"layer {op.name!r}: {_described(op)} over the batch. Expected other axes")
    places = codes.astype(np.int64) - 1
    inside = (codes == places + 1).all() and (places >= PADDING).all() and (places < len(order)).all()
    if not inside or not np.array_equal(np.append(order, PADDING)[places] + 1, others):
        raise FirmwareError(
            f"layer {op.name!r}: {_described(op)} computes with its values. Expected one that only moves them, such as "
            "interpolation='nearest'"
        )
    event = np.arange(EVENTS).reshape(-1, *[1] * (places.ndim - 1))
    if not np.array_equal(places, np.where(places[:1] == PADDING, PADDING, places[:1] + event * len(numbers))):
        raise FirmwareError(f"layer {op.name!r}: {_described(op)} over the batch. Expected other axes")
    return np.append(numbers, PADDING)[places[0]]


def _described(op: Any) -> str:
    format_of = getattr(op, "data_format", None)
    return f"a {type(op).__name__}" + (f" of data_format {format_of!r}" if format_of else "")
