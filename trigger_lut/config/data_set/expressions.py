"""A small arithmetic language over branches, parsed with Python's `ast` and never evaluated by Python.

Numbers, branch names, `+ - * / **`, comparisons, `& | ~` on truth values, and the functions below. A branch whose name
is not an identifier is written `branch("Jet.PT")`. All numbers are computed in 64-bit floating point.

A jagged branch (a list of numbers an entry) takes part element by element and is brought to one number an entry by
a reduction: `sum`, `num` or `count` (length of the list), `min`, `max`, and `nth(x, n)` (element n, from 0;
`nth(x, n, other)` gives `other` where the list is too short). `min`, `max` and `nth` of too short a list are NaN.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.errors import ConfigurationError, DataError, nearest

BINARY: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.power,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
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
LOGICAL = (np.logical_and, np.logical_or, np.logical_not)
LAST_POSITION = 999  # of nth, which pads every list to this length
INSTEAD = {ast.And: "&", ast.Or: "|", ast.Not: "~"}


def _where(condition: Any, yes: Any, no: Any) -> Any:
    import awkward as ak

    arrays = any(isinstance(x, ak.Array) for x in (condition, yes, no))
    return ak.where(condition, yes, no) if arrays else np.where(condition, yes, no)


def _clip(x: Any, lo: Any, hi: Any) -> Any:
    return np.minimum(np.maximum(x, lo), hi)


def _reduce(name: str) -> Callable[[Any], Any]:
    def reduce(x: Any) -> Any:
        import awkward as ak

        return ak.to_numpy(ak.fill_none(getattr(ak, name)(x, axis=1), np.nan))

    return reduce


def _nth(x: Any, n: Any, other: Any = np.nan) -> Any:
    import awkward as ak

    padded = ak.pad_none(x, int(n) + 1, axis=1, clip=True)[:, int(n)]
    return ak.to_numpy(ak.fill_none(padded, other))


@dataclass(frozen=True)
class _Function:
    call: Callable[..., Any]
    arguments: tuple[int, ...]
    reduces: bool = False


FUNCTIONS: dict[str, _Function] = {
    **{n: _Function(getattr(np, n), (1,)) for n in ("log", "log2", "log10", "log1p", "exp", "sqrt", "abs", "floor")},
    **{n: _Function(getattr(np, n), (1,)) for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{n: _Function(getattr(np, n), (2,)) for n in ("minimum", "maximum", "arctan2", "hypot")},
    "clip": _Function(_clip, (3,)),
    "where": _Function(_where, (3,)),
    **{n: _Function(_reduce(n), (1,), reduces=True) for n in ("sum", "min", "max", "num")},
    "count": _Function(_reduce("num"), (1,), reduces=True),
    "nth": _Function(_nth, (2, 3), reduces=True),
}


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `names` are the branches that it reads, in order of appearance."""

    text: str
    tree: ast.expr
    names: tuple[str, ...]

    def evaluate(self, branches: Mapping[str, Any]) -> Any:
        """One number or truth value an entry (NumPy, (N,)), or a list an entry (awkward) when it is not reduced.

        Raises DataError when a reduction meets a plain number, lists of different lengths are combined, or `& | ~`
        meet something that is not a truth value.
        """
        try:
            with np.errstate(all="ignore"):  # NaN and infinities are counted by the caller
                return _evaluate(self.tree, branches)
        except DataError as error:
            raise DataError(f"expression {self.text!r}: {error}") from error
        except (ValueError, TypeError) as error:  # awkward's refusal to broadcast
            reason = str(error).strip().splitlines()[0]
            raise DataError(f"expression {self.text!r}: branches do not fit together: {reason}") from error


def parse(text: str) -> Expression:
    """Parse and check an expression. Raises ConfigurationError that says what is not part of the language."""
    try:
        source = text.strip()
        tree = ast.parse(source, mode="eval").body
        _as_written(tree, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error)
        raise ConfigurationError(f"expression {text!r} cannot be parsed: {reason}{_reserved(text)}") from error
    names: dict[str, None] = {}
    try:
        _check(tree, names)
    except ConfigurationError as error:
        raise ConfigurationError(f"expression {text!r}: {error}") from error
    except RecursionError as error:
        raise ConfigurationError(f"expression of {len(text)} characters is nested too deeply") from error
    if not names:
        raise ConfigurationError(f"expression {text!r} names no branch")
    return Expression(text, tree, tuple(names))


def _as_written(tree: ast.expr, source: str) -> None:
    """Give names back the characters of the text: Python's parser replaces some by others that look alike (NFKC)."""
    if source.isascii():
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = ast.get_source_segment(source, node) or node.id


def _reserved(text: str) -> str:
    """Return a hint where words that Python reserves, such as class, are all that keeps a text from being parsed."""
    words = [word for word in re.findall(r"\w+", text) if keyword.iskeyword(word)]
    try:
        ast.parse(re.sub(r"\w+", lambda found: "x" if keyword.iskeyword(found[0]) else found[0], text).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return f'. For a branch of the name {words[0]!r} write branch("{words[0]}")' if words else ""


def branch(name: str) -> Expression:
    """The expression that is one branch, whatever characters its name has."""
    return Expression(name, ast.Name(name), (name,))


def _check(node: ast.expr, names: dict[str, None]) -> None:
    children: list[ast.expr] = []
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise ConfigurationError(f"expected a number, found {node.value!r}")
    elif isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            raise ConfigurationError(f'{node.id} is a function; for a branch of this name write branch("{node.id}")')
        names[node.id] = None
    elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        children = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and type(node.op) in UNARY:
        children = [node.operand]
    elif isinstance(node, ast.Compare) and all(type(op) in COMPARE for op in node.ops):
        children = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        children = _check_call(node, names)
    elif isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        word = type(node.op).__name__.lower()
        raise ConfigurationError(
            f"write {INSTEAD[type(node.op)]!r} instead of {word!r}, with brackets: (a > 1) & (b < 2)"
        )
    else:
        raise ConfigurationError(
            f"{ast.unparse(node)!r} is not part of the language (numbers, branches, + - * / **, comparisons, & | ~, "
            "functions)"
        )
    for child in children:
        _check(child, names)


def _check_call(node: ast.Call, names: dict[str, None]) -> list[ast.expr]:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if node.keywords:
        raise ConfigurationError(f"{name} takes no named arguments")
    if name == "branch":
        names[_quoted(node)] = None
        return []
    if name not in FUNCTIONS:
        raise ConfigurationError(f"no function {name!r}{nearest(name, [*FUNCTIONS, 'branch'])}")
    allowed = FUNCTIONS[name].arguments
    if len(node.args) not in allowed:
        expected = " or ".join(map(str, allowed))
        raise ConfigurationError(f"{name} takes {expected} argument{'s' * (allowed != (1,))}, found {len(node.args)}")
    if name == "nth" and not _is_position(node.args[1]):
        raise ConfigurationError(f"nth takes a whole number from 0 to {LAST_POSITION} as its second argument")
    return node.args


def _is_position(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value <= LAST_POSITION


def _quoted(node: ast.Call) -> str:
    if len(node.args) != 1 or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
        raise ConfigurationError('branch takes one name in quotes, such as branch("Jet.PT")')
    return node.args[0].value


def _evaluate(node: ast.expr, branches: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        try:
            return np.float64(node.value)
        except OverflowError:
            return np.float64(np.inf)
    if isinstance(node, ast.Name):
        return _as_float(branches[node.id])
    if isinstance(node, ast.BinOp):
        operands = [_evaluate(node.left, branches), _evaluate(node.right, branches)]
        return _apply(BINARY[type(node.op)], operands)
    if isinstance(node, ast.UnaryOp):
        return _apply(UNARY[type(node.op)], [_evaluate(node.operand, branches)])
    if isinstance(node, ast.Compare):
        values = [_evaluate(x, branches) for x in (node.left, *node.comparators)]
        result = COMPARE[type(node.ops[0])](values[0], values[1])
        for op, left, right in zip(node.ops[1:], values[1:], values[2:], strict=False):
            result = np.logical_and(result, COMPARE[type(op)](left, right))
        return result
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    if node.func.id == "branch":
        return _as_float(branches[_quoted(node)])
    function = FUNCTIONS[node.func.id]
    arguments = [_evaluate(a, branches) for a in node.args]
    if function.reduces and not is_jagged(arguments[0]):
        raise DataError(f"{ast.unparse(node)}: {node.func.id} takes a list an entry, found one number an entry")
    return function.call(*arguments)


def _apply(operation: Any, operands: list[Any]) -> Any:
    if operation in LOGICAL:
        if any(value_kind(x) != "b" for x in operands):
            raise DataError("& | ~ take truth values; put comparisons in brackets: (a > 1) & (b < 2)")
    else:  # arithmetic on truth values counts them
        operands = [x * np.float64(1) if value_kind(x) == "b" else x for x in operands]
    return operation(*operands)


def _as_float(array: Any) -> Any:
    """Numbers as float64, so that small integers cannot overflow; truth values as they are."""
    if value_kind(array) == "b":
        return array
    if isinstance(array, np.ndarray):
        return array.astype(np.float64)
    import awkward as ak

    return ak.values_astype(array, np.float64)


def is_jagged(array: Any) -> bool:
    """Whether an array holds a list an entry."""
    return bool(getattr(array, "ndim", 0) > 1)


def value_kind(array: Any) -> str:
    """NumPy's kind letter of the numbers in an array or list array: 'b', 'i', 'u' or 'f'; '?' for anything else."""
    dtype = getattr(array, "dtype", None)
    if dtype is not None:
        return str(dtype.kind)
    import awkward as ak

    layout = ak.to_layout(array)
    while getattr(layout, "is_list", False) or getattr(layout, "is_option", False) or layout.is_indexed:
        if layout.parameter("__array__") in ("string", "bytestring"):
            return "?"
        layout = layout.content
    return str(layout.dtype.kind) if layout.is_numpy else "?"
