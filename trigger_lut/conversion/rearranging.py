"""Conversion of operations that only rearrange values: Keras moves the numbers of the values.

Only Keras interprets shapes, axes, `data_format` and keys. A batch of three events reveals operations that mix events.
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
    step = 2 + max(int(values.max(initial=0)) for values in read)
    assert step * EVENTS < 1 << 31, "numbers beyond int32"
    event = np.arange(EVENTS) * step
    tensors = {}
    for tensor, values in zip(node.input_tensors, read, strict=True):
        codes = np.where(values == PADDING, 0, values + 1 + event.reshape(-1, *[1] * values.ndim))
        tensors[id(tensor)] = keras.ops.convert_to_tensor(codes.astype(np.int32))
    arguments, options = node.arguments.fill_in(tensors)
    try:
        results = keras.tree.flatten(op.call(*arguments, **options))
        return [_of_first(op, keras.ops.convert_to_numpy(result).astype(np.int64), step) for result in results]
    except FirmwareError:
        raise
    except Exception as error:  # whatever Keras and TensorFlow have against it
        message = (str(error).splitlines() or [""])[0]
        raise FirmwareError(
            f"layer {op.name!r}: {_described(op)} cannot be followed ({type(error).__name__}: {message}). Expected "
            "axes, keys and shapes that leave the batch's axis as it is"
        ) from error


def _of_first(op: Any, codes: IntArray, step: int) -> IntArray:
    """Numbers in the first event; refuse an operation whose other events differ."""
    if len(codes) == EVENTS:
        first = codes[0]
        own = [np.where(first > 0, first + n * step, 0) for n in range(EVENTS)]
        if (first < step).all() and all(np.array_equal(a, b) for a, b in zip(codes, own, strict=True)):
            return first - 1
    raise FirmwareError(f"layer {op.name!r}: {_described(op)} over the batch; expected other axes")


def _described(op: Any) -> str:
    format_of = getattr(op, "data_format", None)
    return f"a {type(op).__name__}" + (f" of data_format {format_of!r}" if format_of else "")
