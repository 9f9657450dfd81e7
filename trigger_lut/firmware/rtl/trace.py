"""A network as alkaid's combinational logic: the summation plan, table by table and adder by adder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trigger_lut.errors import FirmwareError, ToolFailedError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import limits
from trigger_lut.network.back_ends import LOWERING, PLANS
from trigger_lut.network.lowering import adder_graph as _adder_graph  # noqa: F401 (registers a lowering)
from trigger_lut.network.lowering import max_tree as _max_tree  # noqa: F401 (registers a lowering)
from trigger_lut.network.lowering.adder_tree import Summation
from trigger_lut.network.network import PADDING, IntegerLayer, Network, TableLayer

LARGEST_ENTRY = 1 << 23  # alkaid finds the lowest bit of an entry in float32


def trace(network: Network) -> Any:
    """Trace a network into alkaid's CombLogic: one input per channel, one output per network output, in real values.

    Parameters
    ----------
    network
        Integer network.

    Returns
    -------
    CombLogic
        alkaid's logic.

    Raises
    ------
    FirmwareError
        If a table entry is too large for alkaid.
    """
    from alkaid.trace import FVArrayInput
    from alkaid.trace import trace as alkaid_trace
    from alkaid.trace.passes import optimize

    for layer in network.layers:
        check_entries(layer)
    inputs = FVArrayInput(len(network.inputs))
    values: list[Any] = [inputs[i].quantize(*kif) for i, kif in enumerate(network.inputs)]
    conversions: dict[tuple[int, KIF, str, str], Any] = {}
    for layer, gather_index in zip(network.layers, network.gather_index, strict=True):
        plans = PLANS(layer, gather_index)
        layer_values: list[Any] = []
        for place, at_place in zip(gather_index, plans, strict=True):
            channels: list[Any] = []
            for i, value in enumerate(map(int, place)):
                kif, overflow = layer.inputs[i], layer.overflow[i]
                key = (value, kif, overflow, layer.rounding)
                if value == PADDING:
                    channels.append(0.0)
                    continue
                if key not in conversions:
                    conversions[key] = convert(values[value], kif, overflow=overflow, rounding=layer.rounding)
                channels.append(conversions[key])
            computed = LOWERING(layer, channels, plans=at_place, like=values[0])
            first = len(values) + len(layer_values)
            formats = network.ranges[first : first + layer.shape[1]].formats()
            layer_values += [within(y, kif, like=values[0]) for y, kif in zip(computed, formats, strict=True)]
        values += layer_values
    outputs = [values[v] for v in network.output_values]
    # alkaid 0.8.2 traces a second time to tighten bounds, and loses the scale of an inverted bit that turns out to be
    # constant then. It saves nothing here: the cost of 24 random networks of all kinds stayed the same.
    comb = alkaid_trace(inputs, outputs, optimize=False, keep_dead_inputs=True)
    return optimize(comb, keep_dead_inputs=True, retrace=False)


def check_entries(layer: IntegerLayer) -> None:
    """Raise FirmwareError when a table entry, a weight or a bias is too large for alkaid."""
    constants = layer.constants()
    largest = max((int(np.abs(values).max(initial=0)) for values in constants.values()), default=0)
    if largest >= LARGEST_ENTRY:
        raise FirmwareError(
            f"{layer.name}: a {' or '.join(constants)} of {largest} is too large for the RTL generator, "
            f"expected less than {LARGEST_ENTRY}"
        )


def convert(x: Any, kif: KIF, *, overflow: str, rounding: str) -> Any:
    """Convert a value to the format of a layer's channel: round it, then wrap or saturate it."""
    if rounding == "RND" and kif.f < -math.log2(x.step):
        x = x + kif.step / 2  # what remains is to drop low bits
    lo, hi = (math.floor(bound * 2.0**kif.f) for bound in (x.low, x.high))
    least, most = limits(kif, overflow)
    if overflow == "WRAP" or (lo >= least and hi <= most):
        return wrapped(x, kif)
    if x.low == x.high:
        return _constant(min(max(lo, least), most) * kif.step, x)
    # alkaid's own SAT subtracts each limit: a carry chain as wide as the sum. A table of the bits above the format
    # sees the same in one LUT level (measured: see build.py).
    k, i, _ = (int(part) for part in x.kif)
    above = x.quantize(k, i, -min(kif.i, i), "WRAP", "TRN")
    blocks = np.floor(_values(above) * 2.0**kif.f)
    too_high, too_low = blocks > kif.hi, blocks < kif.lo
    if least > kif.lo:  # SAT_SYM: the lowest code of the format is itself too low, which the bits above do not show
        return x.quantize(*kif, overflow, "TRN")
    outside = _lookup(above, (too_high | too_low).astype(np.float64))
    lowest, highest = kif.lo * kif.step, kif.hi * kif.step
    if too_high.any() and too_low.any():
        limit = _select(x.msb(), highest, lowest)
    else:
        limit = highest if too_high.any() else lowest
    reach = (max(lo, kif.lo) * kif.step, min(hi, kif.hi) * kif.step, kif.step)
    return outside.msb_mux(limit, x.quantize(*kif, "WRAP", "TRN"), reach)


def wrapped(x: Any, kif: KIF) -> Any:
    """Round a value down into a format, modulo 2**bits.

    alkaid 0.8.2 keeps one bit too many of a constant that is wrapped into an unsigned format.
    """
    if x.low == x.high:
        return _constant(((math.floor(x.low * 2.0**kif.f) - kif.lo) % (1 << kif.bits) + kif.lo) * kif.step, x)
    return x.quantize(*kif, "WRAP", "TRN")


def within(y: Any, kif: KIF, *, like: Any) -> Any:
    """Restrict an output of a layer, which may be a plain number, to its format.

    alkaid adds up the bounds of partial sums, which can be wider than the range of the complete sum.
    """
    return _constant(float(y), like) if isinstance(y, int | float) else y.quantize(*kif, "WRAP", "TRN")


@LOWERING.register(TableLayer)
def table_sums(layer: TableLayer, channels: list[Any], *, plans: list[Summation], like: Any) -> list[Any]:
    """Return all outputs of a layer of tables at one position."""
    return [table_sum(channels, layer, o=o, plan=plan, like=like) for o, plan in enumerate(plans)]


def table_sum(channels: list[Any], layer: TableLayer, *, o: int, plan: Summation, like: Any) -> Any:
    """One output: its tables looked up and added pairwise in the plan's order."""
    step = 2.0 ** -int(layer.fraction_bits[o])
    addends = [
        _reachable(channels[a.channel], layer.inputs[a.channel], int(layer.widths[a.channel, o]), a.values)
        for a in plan.addends
    ]
    # What a channel's reachable codes make constant is added to the widest of the other tables, not by an adder.
    constant = plan.constant + sum(int(values[0]) for _, values in addends if _is_constant(values))
    live = [n for n, (_, values) in enumerate(addends) if not _is_constant(values)]
    if not live:
        return _constant(constant * step, like)
    widest = max(live, key=lambda n: int(np.ptp(addends[n][1])))
    items: list[Any] = [None] * len(addends)
    for n in live:
        key, values = addends[n]
        items[n] = _lookup(key, (values + (constant if n == widest else 0)) * step)
    for a, b in plan.pairs:
        items.append(items[b] if items[a] is None else items[a] if items[b] is None else items[a] + items[b])
    return items[-1]


def _reachable(x: Any, kif: KIF, width: int, table: IntArray) -> tuple[Any, IntArray]:
    """Return the top `width` bits of a channel, and the table's entries for their possible values, in rising order."""
    key = wrapped(x, KIF(kif.k, kif.i, kif.f - (kif.bits - width)))
    codes = np.floor(_values(key) * 2.0**kif.f).astype(np.int64)
    return key, table[(codes - kif.lo) >> (kif.bits - width)]


def _lookup(key: Any, values: np.ndarray) -> Any:
    """Look up a table over the values that `key` can take."""
    if _is_constant(values):
        return _constant(float(values[0]), key)
    if len(values) > 2:
        return key.lookup(values)
    return _select(_upper(key), float(values[0]), float(values[1]))


def _select(bit: Any, low: float, high: float) -> Any:
    """`high` where the bit is set, else `low`; two different constants."""
    # alkaid multiplies the bit by one of them when the other is 0, with adders; here it is laid out as bits.
    if low == 0:
        return _times(bit, high)
    if high == 0:
        return _times(~bit, low)
    return bit.msb_mux(high, low)


def _upper(key: Any) -> Any:
    """One bit: whether a variable of two values has the upper one."""
    if key.low == 0:
        return key.msb()
    if key.high == 0:
        return ~key.msb()
    return (key - key.low).msb()


def _times(bit: Any, value: float) -> Any:
    """Multiply a bit by a value without an adder: the bits of the value, less one bit for a negative one."""
    mantissa, exponent = math.frexp(abs(value))
    integer = int(mantissa * 2**24)
    scale = 2.0 ** (exponent - 24)
    top = integer.bit_length()
    if value < 0 and integer & (integer - 1) == 0:
        return bit.quantize(1, 0, 0, "WRAP", "TRN") * abs(value)
    rest = integer if value > 0 else (1 << top) - integer
    places = [n for n in range(rest.bit_length()) if rest >> n & 1]
    total = bit * (scale * 2.0 ** places[0])
    for n in places[1:]:
        total = total + bit * (scale * 2.0**n)
    return total if value > 0 else total - bit * (scale * 2.0**top)


def _values(x: Any) -> np.ndarray:
    """All real values of a variable, in rising order."""
    values: np.ndarray = x.low + x.step * np.arange(round((x.high - x.low) / x.step) + 1)
    return values


def _is_constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


def _constant(value: float, like: Any) -> Any:
    from alkaid.trace.fixed_variable import FVariable

    return FVariable.from_const(value, hwconf=like.hwconf)


def interpret(comb: Any, network: Network, *, codes: IntArray) -> IntArray:
    """Evaluate logic with alkaid's integer interpreter.

    Parameters
    ----------
    comb
        alkaid's logic.
    network
        Integer network.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    IntArray of shape (N, C_out)
        Codes at `network.fractions`.

    Raises
    ------
    ToolFailedError
        If an output is not a code.
    """
    values = np.asarray(codes, dtype=np.float64) * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])
    outputs = comb.predict(np.ascontiguousarray(values), n_threads=1)
    scaled = outputs.reshape(len(values), -1) * 2.0 ** network.fractions.astype(np.float64)
    whole: IntArray = np.rint(scaled).astype(np.int64)
    if (whole != scaled).any():
        n, o = (int(v) for v in np.argwhere(whole != scaled)[0])
        raise ToolFailedError(f"alkaid: output {o} of vector {n}, {scaled[n, o]} steps, is off its integer grid")
    return whole
