"""Maximum of several values as logic: a balanced tree of comparisons, each followed by a choice.

The RTL and the estimates of LUTs and latency take the same tree, so what is estimated is what is built.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from trigger_lut.fixed_point.formats import IntArray, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges, converted_range, fits
from trigger_lut.network.back_ends import LOWERING
from trigger_lut.network.layers import PADDING, MaxLayer

Item = tuple[int, int, int]
"""Range of one of the values: smallest code, largest code, fractional bits."""


@LOWERING.register(MaxLayer)
def outputs(layer: MaxLayer, channels: list[Any], *, plans: Any = None, like: Any = None) -> list[Any]:
    """Return the outputs at one position, in real values, as alkaid variables.

    Parameters
    ----------
    layer : MaxLayer
        Layer of maxima.
    channels : list of alkaid variables or floats
        Converted inputs; a number is a constant.
    plans, like
        Not used; every lowering has them.

    Returns
    -------
    list
        Outputs; an output that is constant is a number.
    """
    return [largest([channels[i] for i in layer.entering(o)]) for o in range(layer.shape[1])]


def largest(values: list[Any]) -> Any:
    """Return the maximum of alkaid variables and numbers.

    A value that another one is never less than does not take part.

    Parameters
    ----------
    values : list of alkaid variables or floats
        Operands.

    Returns
    -------
    alkaid variable or float
        0.0 without operands.
    """
    from alkaid.trace import FVariable

    if not values:
        return 0.0
    least = max(float(x.low) if isinstance(x, FVariable) else float(x) for x in values)
    items = list({id(x): x for x in values if isinstance(x, FVariable) and x.high > least}.values())
    if not items:
        return least
    while len(items) > 1:
        paired = [_larger(a, b) for a, b in zip(items[::2], items[1::2], strict=False)]
        items = paired + items[len(items) - len(items) % 2 :]
    return items[0] if items[0].low >= least else _at_least(items[0], least)


def _larger(a: Any, b: Any) -> Any:
    """Return the larger of two variables: the sign of their difference chooses."""
    if a.step > b.step:  # low bits that only the minuend has do not enter the difference
        a, b = b, a
    return (a - b).msb_mux(b, a, (max(a.low, b.low), max(a.high, b.high), min(a.step, b.step)))


def _at_least(x: Any, least: float) -> Any:
    from alkaid.trace import FVariable

    if least == 0:
        return x.relu()
    limit = FVariable.from_const(least, hwconf=x.hwconf)
    return (x - least).msb_mux(limit, x, (least, x.high, min(x.step, limit.step)))


def members(layer: MaxLayer, o: int, *, read: Ranges, place: IntArray) -> dict[int, Item]:
    """Return the channels of output o at one position; a value that is read twice counts once.

    Parameters
    ----------
    layer : MaxLayer
        Layer of maxima.
    o : int
        Number of the output.
    read : Ranges, shape (C_in,)
        Ranges of the values that the position reads.
    place : numpy.ndarray of int, shape (C_in,)
        Their numbers.

    Returns
    -------
    dict of int to tuple
        Range of each channel by its number.
    """
    items, keys = {}, set()
    for i in layer.entering(o):
        key = (int(place[i]), layer.inputs[i], layer.overflow[i])
        if key[0] == PADDING or key not in keys:
            keys.add(key)
            items[i] = _item(layer, i, read.one(i))
    return items


def _item(layer: MaxLayer, i: int, codes: tuple[int, int, int]) -> Item:
    kif = layer.inputs[i]
    lo, hi = converted_range(codes, kif, overflow=layer.overflow[i], rounding=layer.rounding)
    # A value of fewer fractional bits has zeros at its end; the largest code of a format that saturates has none.
    zeros = max(kif.f - codes[2], 0) if fits(*codes, kif=kif, rounding=layer.rounding) else 0
    return lo >> zeros, hi >> zeros, kif.f - zeros


@lru_cache(maxsize=4096)
def logic(items: tuple[Item, ...]) -> Any:
    """Return the logic of a maximum.

    Parameters
    ----------
    items : tuple of tuple
        Smallest code, largest code and fraction bits of each operand.

    Returns
    -------
    CombLogic of alkaid or None
        Its inputs are the operands in order. None when the maximum is constant.
    """
    from alkaid.trace import FVariable, FVArrayInput, trace

    ports, values = FVArrayInput(len(items)), []
    for n, (lo, hi, f) in enumerate(items):
        x, step = ports[n].quantize(*kif_for_range(lo, hi, f=f)), 2.0**-f
        value = (
            lo * step if lo == hi else FVariable(lo * step, hi * step, step, _from=(x,), opr="wrap", hwconf=x.hwconf)
        )
        values.append(value)
    maximum = largest(values)
    return trace(ports, [maximum], keep_dead_inputs=True) if isinstance(maximum, FVariable) else None
