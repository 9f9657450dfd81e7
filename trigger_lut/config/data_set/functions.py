"""Functions and operators of the expression language, on NumPy and awkward arrays with one element per entry.

An array has one axis of entries. Lists add axes: Jet_pt has one, the hits of the tracks of an entry have two.
Reductions work on the innermost list. All lists are of variable length here; `as_lists` converts arrays of fixed size.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.errors import DataError

ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
BITS: dict[type[ast.operator], Any] = {
    ast.BitAnd: np.bitwise_and,
    ast.BitOr: np.bitwise_or,
    ast.LShift: np.left_shift,
    ast.RShift: np.right_shift,
}
UNARY: dict[type[ast.unaryop], Any] = {ast.USub: np.negative, ast.UAdd: np.positive, ast.Invert: np.logical_not}
COMPARE: dict[type[ast.cmpop], Any] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
EXACT = 2.0**53  # float64 has every integer up to here
BRACKETS = "& | ~ take truth values; put comparisons in brackets: (a > 1) & (b < 2)"


@dataclass(frozen=True)
class Function:
    """A function of the language.

    call       Takes arrays with one element per entry.
    arguments  Permitted numbers of arguments.
    lists      Whether its first argument must be a list per entry.
    truth      Whether its first argument must have truth values.
    keeps      Whether its value is a list again.
    """

    call: Callable[..., Any]
    arguments: tuple[int, ...]
    lists: bool = False
    truth: bool = False
    keeps: bool = False

    @property
    def reduces(self) -> bool:
        """True if it turns a list into one number."""
        return self.lists and not self.keeps


def is_jagged(array: Any) -> bool:
    """Return whether an array has a list per entry.

    Parameters
    ----------
    array : numpy.ndarray or awkward.Array

    Returns
    -------
    bool
    """
    return bool(getattr(array, "ndim", 0) > 1)


def value_kind(array: Any) -> str:
    """Return NumPy's kind letter of the elements of an array or list array.

    Parameters
    ----------
    array : numpy.ndarray or awkward.Array

    Returns
    -------
    str
        'b', 'i', 'u' or 'f' for numbers, 'U' for text, '?' for anything else.
    """
    dtype = getattr(array, "dtype", None)
    if dtype is not None:
        return str(dtype.kind)
    import awkward as ak

    layout = ak.to_layout(array)
    while getattr(layout, "is_list", False) or getattr(layout, "is_option", False) or layout.is_indexed:
        if layout.parameter("__array__") in ("string", "bytestring"):
            return "U"
        layout = layout.content
    return str(layout.dtype.kind) if layout.is_numpy else "?"


def as_lists(array: Any) -> Any:
    """Return an array whose lists all have variable length, so that awkward aligns axes from the entry on.

    Parameters
    ----------
    array : numpy.ndarray or awkward.Array

    Returns
    -------
    numpy.ndarray or awkward.Array
    """
    if not is_jagged(array):
        return array
    import awkward as ak

    return ak.from_regular(array if isinstance(array, ak.Array) else ak.from_numpy(array, regulararray=True), axis=None)


def as_float(array: Any) -> Any:
    """Return numbers as float64, so that small integers cannot overflow; truth values as they are.

    Raises
    ------
    DataError
        If the array holds text, or an integer that float64 would round.
    """
    kind = value_kind(array)
    if kind == "b":
        return array
    if kind == "U":
        raise DataError("text where a number is expected; compare it, as in process == 'ttbar'")
    if kind in "iu" and np.any((array > EXACT) | (array < -EXACT)):
        raise DataError(
            "an integer beyond 2**53, which 64-bit floating point would round. Expected bits of it, as in "
            "(event & 7) == 0 or id >> 20, a comparison with an integer, or event % 10"
        )
    if isinstance(array, np.ndarray | np.generic):
        return array.astype(np.float64)
    import awkward as ak

    return ak.values_astype(array, np.float64)


def as_integers(*arrays: Any) -> tuple[Any, ...] | None:
    """Return arrays of integers in 64 bits, all unsigned or all signed; None where that is not possible.

    Parameters
    ----------
    *arrays : numpy.ndarray, awkward.Array or number

    Returns
    -------
    tuple of arrays or None
        None too where an array has other values, or one is unsigned and another has negative values.
    """
    kinds = {value_kind(array) for array in arrays}
    if not kinds <= {"i", "u"}:
        return None
    if "u" not in kinds:
        return tuple(_cast(array, np.int64) for array in arrays)
    if any(np.any(array < 0) for array in arrays):
        return None
    return tuple(_cast(array, np.uint64) for array in arrays)


def plain(array: Any) -> Any:
    """Return a NumPy array where there is one element per entry.

    Parameters
    ----------
    array : awkward.Array or numpy.ndarray

    Returns
    -------
    numpy.ndarray or awkward.Array
    """
    import awkward as ak

    return ak.to_numpy(array) if isinstance(array, ak.Array) and array.ndim == 1 else array


def bit_operation(operation: Any, left: Any, *, right: Any) -> Any:
    """Apply `& | << >>` to truth values, or to the bits of integers in 64 bits.

    Raises
    ------
    DataError
        If truth values meet numbers, or a number is not an integer.
    """
    both = {value_kind(left) == "b", value_kind(right) == "b"}
    if both == {True} and operation in (np.bitwise_and, np.bitwise_or):
        return operation(left, right)
    if True in both:
        raise DataError(BRACKETS)
    left, right = _integers(left), _integers(right)
    if "u" in (value_kind(left), value_kind(right)):
        left, right = _cast(left, np.uint64), _cast(right, np.uint64)
    return operation(left, right)


def _integers(array: Any) -> Any:
    """Return integers of 64 bits, unsigned where they were."""
    kind = value_kind(array)
    if kind in "iu":
        return _cast(array, np.uint64 if kind == "u" else np.int64)
    if not np.all((array == np.floor(array)) & (abs(array) <= EXACT)):
        raise DataError("& | << >> take truth values or integers, found numbers that are not integers")
    return _cast(array, np.int64)


def _cast(array: Any, dtype: type[Any]) -> Any:
    import awkward as ak

    return ak.values_astype(array, dtype) if isinstance(array, ak.Array) else np.asarray(array).astype(dtype)[()]


def pick(array: Any, axis: int, *, position: int) -> Any:
    """Return element `position` of the lists of one axis; NaN or an empty list where a list is too short."""
    import awkward as ak

    before = (slice(None),) * axis
    chosen = ak.pad_none(array, position + 1, axis=axis, clip=True)[(*before, position)]
    # an axis is gone; the lists of the next one are now at its place
    return plain(ak.fill_none(chosen, [] if chosen.ndim > axis else np.nan, axis=axis - 1))


def _where(condition: Any, yes: Any, no: Any) -> Any:
    import awkward as ak

    arrays = any(isinstance(x, ak.Array) for x in (condition, yes, no))
    return ak.where(condition, yes, no) if arrays else np.where(condition, yes, no)


def _clip(x: Any, lo: Any, hi: Any) -> Any:
    return np.minimum(np.maximum(x, lo), hi)


def _deltaphi(a: Any, b: Any) -> Any:
    """Return a - b, brought into [-pi, pi)."""
    return (a - b + np.pi) % (2 * np.pi) - np.pi


def _deltar(eta_a: Any, phi_a: Any, eta_b: Any, phi_b: Any) -> Any:
    return np.hypot(eta_a - eta_b, _deltaphi(phi_a, phi_b))


def _reduce(name: str) -> Callable[[Any], Any]:
    def reduce(x: Any) -> Any:
        import awkward as ak

        return plain(ak.fill_none(getattr(ak, name)(x, axis=-1), np.nan))

    return reduce


def _nth(x: Any, n: Any, other: Any = np.nan) -> Any:
    import awkward as ak

    position = int(n)
    chosen = ak.pad_none(x, position + 1, axis=-1, clip=True)[(..., position)]
    if np.ndim(other) == 0:
        return plain(ak.fill_none(chosen, other))
    return plain(ak.where(ak.is_none(chosen, axis=-1), other, ak.fill_none(chosen, np.nan)))


def require_as_long(other: Any, values: Any, *, text: str) -> None:
    """Refuse lists that are not as long as those of the values they belong to.

    awkward takes a condition or an order that is too short for that of the first elements.

    Parameters
    ----------
    other : numpy.ndarray or awkward.Array
        Condition or key of each element, or of each list of them.
    values : awkward.Array
        Lists.
    text : str
        Expression for the message.

    Raises
    ------
    DataError
        If the lists differ in length, or one number per entry was given.
    """
    import awkward as ak

    axes = np.ndim(other) if isinstance(other, np.ndarray) or np.isscalar(other) else other.ndim
    if not 2 <= axes <= values.ndim:
        raise DataError(f"{text}: expected lists with 2 to {values.ndim} axes, entries included, found {axes}")
    for axis in range(1, axes):
        sizes = [ak.to_numpy(ak.flatten(ak.num(array, axis=axis), axis=None)) for array in (values, other)]
        if len(differ := np.flatnonzero(sizes[0] != sizes[1])):
            wanted, length = (size[differ[0]] for size in sizes)
            raise DataError(
                f"{text}: lists differ in length. Expected {wanted} elements, found {length}. "
                "Use branches of the same objects"
            )


def _sort(x: Any, key: Any = None) -> Any:
    import awkward as ak

    if key is not None:
        require_as_long(key, x, text="sort")
    key = as_float(x if key is None else key)
    order = ak.argsort(ak.where(np.isnan(key), -np.inf, key), axis=-1, ascending=False, stable=True)
    return x[order]


FUNCTIONS: dict[str, Function] = {
    **{n: Function(getattr(np, n), (1,)) for n in ("log", "log2", "log10", "log1p", "exp", "sqrt", "abs", "floor")},
    **{n: Function(getattr(np, n), (1,)) for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{n: Function(getattr(np, n), (2,)) for n in ("minimum", "maximum", "arctan2", "hypot")},
    **{n: Function(getattr(np, n), (1,)) for n in ("isnan", "isfinite")},
    "clip": Function(_clip, (3,)),
    "where": Function(_where, (3,)),
    "deltaphi": Function(_deltaphi, (2,)),
    "deltaR": Function(_deltar, (4,)),
    **{n: Function(_reduce(n), (1,), lists=True) for n in ("sum", "mean", "min", "max", "num")},
    **{n: Function(_reduce(n), (1,), lists=True, truth=True) for n in ("any", "all")},
    "count": Function(_reduce("num"), (1,), lists=True),
    "nth": Function(_nth, (2, 3), lists=True),
    "sort": Function(_sort, (1, 2), lists=True, keeps=True),
}
# What other languages call them
SYNONYMS = {
    "fabs": "abs",
    "len": "num",
    "length": "num",
    "size": "num",
    "avg": "mean",
    "average": "mean",
    "pow": "**, as in x ** 2",
    "power": "**, as in x ** 2",
    "fmod": "%, as in x % 2",
    "mod": "%, as in x % 2",
    "atan2": "arctan2",
    "ln": "log",
    "dr": "deltaR",
    "delta_r": "deltaR",
    "dphi": "deltaphi",
    "delta_phi": "deltaphi",
    "first": "nth, as in nth(x, 0)",
    "if": "where",
    "argsort": "sort, as in sort(x, key)",
    "isinf": "~isfinite",
}
