"""Layers whose `call` is made of layers and operations that are converted: softmax, attention and recurrent layers.

The converter follows the call on symbolic tensors. A recurrent layer is unrolled: its cell is called once a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from trigger_lut.errors import FirmwareError

FOLLOWED = ("QSoftmax", "QMultiHeadAttention", "QMultiHeadAttentionT", "QLinformerAttention", "QLinformerAttentionT")
RECURRENT = ("QGRU", "QSimpleRNN")
COMPOSED = (*FOLLOWED, *RECURRENT)


def composed_call(op: Any, zeros: Callable[[int], Any]) -> Callable[..., Any] | None:
    """Return the call of a composed layer, for symbolic tensors.

    Parameters
    ----------
    op
        The operation.
    zeros : callable
        Returns a tensor of shape (None, n) whose values are 0.

    Returns
    -------
    callable or None
        None for any other operation.
    """
    kind = type(op).__name__
    if kind in FOLLOWED:
        return op.call  # type: ignore[no-any-return]
    if kind in RECURRENT:
        return lambda sequences, **options: _unrolled(op, sequences, zeros, **options)
    return None


def _unrolled(
    op: Any,
    sequences: Any,
    zeros: Callable[[int], Any],
    initial_state: Any = None,
    mask: Any = None,
    training: Any = None,
) -> Any:
    """Call the cell of a recurrent layer once a step."""
    if op.stateful or mask is not None:
        raise FirmwareError(
            f"layer {op.name!r}: a recurrent layer with {'states between events' if op.stateful else 'a mask'}. "
            "Expected one that starts anew for each event and reads all steps"
        )
    sizes = keras.tree.flatten(op.cell.state_size)
    states = [zeros(int(size)) for size in sizes] if initial_state is None else keras.tree.flatten(initial_state)
    steps = range(sequences.shape[1])
    outputs = []
    op.cell._set_weight_cache()
    try:
        for step in reversed(steps) if op.go_backwards else steps:
            output, states = op.cell.call(sequences[:, step], states)
            outputs.append(output)
    finally:
        op.cell._invalidate_weight_cache()
    result = keras.ops.stack(outputs, axis=1) if op.return_sequences else outputs[-1]
    return [result, *states] if op.return_state else result
