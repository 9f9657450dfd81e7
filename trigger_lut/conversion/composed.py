"""Layers whose `call` is made of layers and operations that are converted: softmax, attention and recurrent layers.

The converter follows the call on symbolic tensors. A recurrent layer is unrolled: its cell is called once a step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from trigger_lut.errors import FirmwareError

FOLLOWED = ("QSoftmax", "QMultiHeadAttention", "QMultiHeadAttentionT", "QLinformerAttention", "QLinformerAttentionT")
RECURRENT = ("QGRU", "QSimpleRNN")
SPIKING = ("QSimpleSNN", "QLIF")
COMPOSED = (*FOLLOWED, *RECURRENT, *SPIKING)
PROBES = (-100.0, -1.0, -0.01, 0.0, 0.01, 1.0, 100.0)  # at which a spike function is evaluated
SPIKE_ERROR = 1e-3


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
        return lambda sequences, **options: _unrolled(op, op.cell.call, sequences, zeros=zeros, **options)
    if kind in SPIKING:
        _check_spikes(op)
        return lambda sequences, **options: _unrolled(op, partial(_spiking, op.cell), sequences, zeros=zeros, **options)
    return None


def _unrolled(
    op: Any,
    cell: Callable[[Any, list[Any]], tuple[Any, list[Any]]],
    sequences: Any,
    *,
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
            output, states = cell(sequences[:, step], states)
            outputs.append(output)
    finally:
        op.cell._invalidate_weight_cache()
    result = keras.ops.stack(outputs, axis=1) if op.return_sequences else outputs[-1]
    return [result, *states] if op.return_state else result


def _check_spikes(op: Any) -> None:
    """Refuse a spiking layer whose spike is no step, or whose outputs depend on each other."""
    spikes = keras.ops.convert_to_numpy(op.cell.spike_grad(keras.ops.convert_to_tensor(np.float32(PROBES))))
    if op.cell.inhibition or np.abs(spikes - (np.array(PROBES) > 0)).max() > SPIKE_ERROR:
        problem = "inhibition" if op.cell.inhibition else "a spike function that is no step at 0"
        raise FirmwareError(f"layer {op.name!r}: {problem}. Expected spikes that are 1 above the threshold, else 0")


def _spiking(cell: Any, x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
    """Return output and state of a spiking cell; its spikes are exactly 0 or 1.

    HGQ2 adds and subtracts the surrogate of the gradient, which leaves float rounding.
    """
    ops = keras.ops

    def times(tensor: Any, constant: Any) -> Any:  # Keras takes a product with a constant for a sparse tensor
        return ops.einsum("bi,i->bi", tensor, ops.broadcast_to(constant, (cell.units,)))

    (state,) = states
    state = times(state, cell.qlif_beta) if hasattr(cell, "qlif_beta") else state
    charge = ops.add(state, cell.iq(x) if cell.enable_iq else x)
    spike = ops.sign(ops.relu(ops.subtract(charge, cell.threshold)))
    output = times(spike, cell.qgraded_spikes_factor)
    if cell.reset_mechanism == "subtract":
        charge = ops.subtract(charge, times(spike, cell.threshold))
    elif cell.reset_mechanism == "zero":
        charge = ops.multiply(charge, ops.subtract(1.0, spike))
    charge = cell.sq(charge) if cell.enable_sq else charge
    return (cell.oq(output) if cell.enable_oq else output), [charge]
