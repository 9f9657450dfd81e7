"""A small arithmetic language over branches, parsed with Python's `ast` and never evaluated by Python.

Numbers, branch names, `+ - * / % **`, comparisons, `& | ~` on truth values, `& | << >>` on the bits of integers, and
the functions of `functions`. A branch whose name is not an identifier is written `branch("Jet.PT")`. A branch of text
is compared with text in quotes. Numbers are computed in 64-bit floating point. Comparisons of integers, and an integer
modulo a constant, are exact; all else refuses integers beyond 2**53.

A branch with a list per entry takes part element by element. A reduction (`sum`, `mean`, `min`, `max`, `num`, `any`,
`all`, `nth`) of the innermost list brings it to one number. `nth(x, n)` is element n from 0 on, and `nth(x, n, other)`
gives `other` where the list is too short. Without it, `nth`, `min`, `max` and `mean` give NaN there. `x[condition]`
keeps some elements, `x[:, 3]` takes element 3 of each entry, `x[:, :, 3]` that of each inner list, `x[..., 3]` that of
the innermost list.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.config.data_set.functions import (
    ARITHMETIC,
    BITS,
    BRACKETS,
    COMPARE,
    FUNCTIONS,
    SYNONYMS,
    UNARY,
    as_float,
    as_integers,
    as_lists,
    bit_operation,
    is_jagged,
    pick,
    plain,
    require_as_long,
    value_kind,
)
from trigger_lut.errors import ConfigurationError, DataError, nearest

LAST_POSITION = 999  # of nth, which pads every list to this length
INSTEAD = {ast.And: "&", ast.Or: "|", ast.Not: "~"}


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    names  the branches that it reads, in order of appearance
    texts  those of them that are compared with text
    """

    text: str
    tree: ast.expr
    names: tuple[str, ...]
    texts: frozenset[str] = frozenset()

    @property
    def is_branch(self) -> bool:
        """True for one branch and nothing else."""
        return isinstance(self.tree, ast.Name) or _is_branch_call(self.tree)

    def evaluate(self, branches: Mapping[str, Any]) -> Any:
        """Compute the expression.

        Parameters
        ----------
        branches : mapping of str to numpy.ndarray or awkward.Array
            Each of (N,) entries.

        Returns
        -------
        numpy.ndarray (N,) or awkward.Array
            One number or truth value per entry, or a list per entry where it is not reduced.

        Raises
        ------
        DataError
            If a reduction meets a plain number, or lists of different lengths are combined.
            If `& | ~` meet something that is neither a truth value nor an integer.
        """
        try:
            with np.errstate(all="ignore"):  # NaN and infinities are counted by the caller
                return as_float(_evaluate(self.tree, branches))
        except DataError as error:
            raise DataError(f"expression {self.text!r}: {error}") from error
        except (ValueError, TypeError, IndexError) as error:  # awkward's refusal to broadcast
            reason = str(error).strip().splitlines()[0]
            raise DataError(f"expression {self.text!r}: branches do not fit together: {reason}") from error


def parse(text: str) -> Expression:
    """Parse and check an expression.

    Parameters
    ----------
    text : str

    Returns
    -------
    Expression

    Raises
    ------
    ConfigurationError
        If the text is not part of the language; the message says what is not.
    """
    try:
        source = text.strip()
        tree = ast.parse(source, mode="eval").body
        _as_written(tree, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error)
        raise ConfigurationError(f"expression {text!r} cannot be parsed: {reason}{_reserved(text)}") from error
    checked = _Checked(source)
    try:
        checked.add(tree)
    except ConfigurationError as error:
        raise ConfigurationError(f"expression {text!r}: {error}") from error
    except RecursionError as error:
        raise ConfigurationError(f"expression of {len(text)} characters is nested too deeply") from error
    if not checked.names:
        raise ConfigurationError(f"expression {text!r} names no branch")
    return Expression(text, tree, tuple(checked.names), frozenset(checked.texts))


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
        ast.parse(re.sub(r"\w+", lambda match: "x" if keyword.iskeyword(match[0]) else match[0], text).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return f'. For a branch of the name {words[0]!r} write branch("{words[0]}")' if words else ""


def branch(name: str) -> Expression:
    """Return the expression that is one branch, whatever characters its name has."""
    return Expression(name, ast.Name(name), (name,))


class _Checked:
    """Walk a tree, refuse what is not part of the language, and collect the branches."""

    def __init__(self, source: str) -> None:
        self.lines = [line.encode() for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", source)]
        self.names: dict[str, None] = {}
        self.texts: set[str] = set()

    def add(self, node: ast.expr) -> None:
        for child in self._children(node):
            self.add(child)

    def _children(self, node: ast.expr) -> list[ast.expr]:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool) or not isinstance(node.value, int | float):
                raise ConfigurationError(f"expected a number, found {node.value!r}")
            return []
        if isinstance(node, ast.Name):
            if node.id in FUNCTIONS:
                raise ConfigurationError(
                    f'{node.id} is a function; for a branch of this name write branch("{node.id}")'
                )
            self.names[node.id] = None
            return []
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            return [node.left, node.right]
        if isinstance(node, ast.BinOp) and type(node.op) in BITS:
            if isinstance(node.op, ast.LShift | ast.RShift) and not _is_position(node.right, 63):
                raise ConfigurationError("<< and >> take an integer from 0 to 63 on their right")
            return [node.left, node.right]
        if isinstance(node, ast.UnaryOp) and type(node.op) in UNARY:
            return [node.operand]
        if isinstance(node, ast.Compare) and all(type(op) in COMPARE for op in node.ops):
            return self._operands(node)
        if isinstance(node, ast.Subscript):
            return [node.value, *_check_index(node)]
        if isinstance(node, ast.Call):
            return self._arguments(node)
        if isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            word = type(node.op).__name__.lower()
            raise ConfigurationError(
                f"write {INSTEAD[type(node.op)]!r} instead of {word!r}, with brackets: (a > 1) & (b < 2)"
            )
        power = "; a power is written x ** 2" if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor) else ""
        raise ConfigurationError(
            f"{ast.unparse(node)!r} is not part of the language (numbers, branches, + - * / % **, comparisons, & | ~, "
            f"functions){power}"
        )

    def _operands(self, node: ast.Compare) -> list[ast.expr]:
        """Check what is compared: text only with a branch, bits only in brackets."""
        operands = [node.left, *node.comparators]
        for operand in operands:
            if isinstance(operand, ast.BinOp) and type(operand.op) in BITS and not self._in_brackets(operand):
                raise ConfigurationError(
                    f"put comparisons in brackets, as in (a > 1) & (b < 2), or bits, as in (flags & 4) > 0: found "
                    f"{ast.unparse(operand)!r} within a comparison"
                )
        checked = []
        for op, *pair in zip(node.ops, operands, operands[1:], strict=False):
            texts = [_text(operand) is not None for operand in pair]
            if any(texts):
                branches = [_name_of(operand) for operand in pair if _text(operand) is None]
                if not isinstance(op, ast.Eq | ast.NotEq) or not branches or branches[0] is None:
                    raise ConfigurationError("text is compared with one branch, as in process == 'ttbar'")
                self.texts.add(branches[0])
            checked += [operand for operand, text in zip(pair, texts, strict=True) if not (text or _is_truth(operand))]
        return checked

    def _in_brackets(self, node: ast.expr) -> bool:
        """Return whether the text of a node is between brackets of its own."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        before = b"".join(self.lines[: node.lineno - 1]) + self.lines[node.lineno - 1][: node.col_offset]
        after = self.lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(self.lines[node.end_lineno :])
        return before.rstrip().endswith(b"(") and after.lstrip().startswith(b")")

    def _arguments(self, node: ast.Call) -> list[ast.expr]:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if node.keywords:
            raise ConfigurationError(f"{name} takes no named arguments")
        if name == "branch":
            self.names[_quoted(node)] = None
            return []
        if name not in FUNCTIONS:
            raise ConfigurationError(f"no function {name!r}{_nearest_function(name)}")
        allowed = FUNCTIONS[name].arguments
        if len(node.args) not in allowed:
            expected = " or ".join(map(str, allowed))
            plural = "s" * (allowed != (1,))
            raise ConfigurationError(f"{name} takes {expected} argument{plural}, found {len(node.args)}")
        if name == "nth" and not _is_position(node.args[1]):
            raise ConfigurationError(f"nth takes an integer from 0 to {LAST_POSITION} as its second argument")
        return node.args


def _nearest_function(name: str) -> str:
    word = name.rsplit("::", 1)[-1].rsplit(".", 1)[-1].lower().rstrip("$")
    if word in SYNONYMS:
        return f"; write {SYNONYMS[word]}"
    same = [known for known in FUNCTIONS if known.lower() == word.replace("_", "")]
    return f"; write {same[0]}" if same else nearest(name, [*FUNCTIONS, "branch"])


def _check_index(node: ast.Subscript) -> list[ast.expr]:
    """Return the condition of `x[condition]`, nothing for positions. Raises ConfigurationError for anything else."""
    first, *further = _index(node)
    if not (isinstance(first, ast.Slice) or _is_ellipsis(first)):
        if further or _is_position(first):
            name = ast.unparse(node.value)
            raise ConfigurationError(f"the first index is over entries: write {name}[:, 0] for element 0 of each entry")
        return [first]
    if _is_ellipsis(first) and len(further) != 1:
        raise ConfigurationError("expected one index behind '...', as in x[..., 3]")
    if not further or (isinstance(first, ast.Slice) and not _is_all(first)):
        raise ConfigurationError("expected ':' and at least one index behind it, as in x[:, 3] or x[:, :, 3]")
    for part in further:
        bounds = [part.lower, part.upper] if isinstance(part, ast.Slice) else [part]
        step = isinstance(part, ast.Slice) and part.step is not None
        if step or not all(bound is None or _is_position(bound) for bound in bounds):
            raise ConfigurationError(
                f"expected integers from 0 to {LAST_POSITION} or ranges as indices, as in x[:, 3] or x[:, 0:4]"
            )
    return []


def _index(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts or [node.slice] if isinstance(node.slice, ast.Tuple) else [node.slice]


def _is_all(node: ast.Slice) -> bool:
    return node.lower is None and node.upper is None and node.step is None


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_truth(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_position(node: ast.expr, last: int = LAST_POSITION) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value <= last


def _is_branch_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "branch"


def _name_of(node: ast.expr) -> str | None:
    """Return the branch that a node is; None where it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    return _quoted(node) if isinstance(node, ast.Call) and _is_branch_call(node) else None


def _quoted(node: ast.Call) -> str:
    if len(node.args) != 1 or (name := _text(node.args[0])) is None:
        raise ConfigurationError('branch takes one name in quotes, such as branch("Jet.PT")')
    return name


def _evaluate(node: ast.expr, branches: Mapping[str, Any]) -> Any:
    """Compute a node: integers of a branch and of bits as they are, all else in float64."""
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if (name := _name_of(node)) is not None:
        return as_lists(branches[name])
    if isinstance(node, ast.BinOp) and type(node.op) in BITS:
        left, right = (_bits(operand, branches) for operand in (node.left, node.right))
        return bit_operation(BITS[type(node.op)], left, right=right)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mod) and isinstance(node.right, ast.Constant) and node.right.value:
            integers = as_integers(_bits(node.left, branches), _bits(node.right, branches))
            if integers is not None:
                return np.mod(*integers)
        operands = (_number(node.left, branches), _number(node.right, branches))
        return ARITHMETIC[type(node.op)](*operands)
    if isinstance(node, ast.UnaryOp):
        return _unary(node, branches)
    if isinstance(node, ast.Compare):
        return _compare(node, branches)
    if isinstance(node, ast.Subscript):
        return _subscript(node, branches)
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    function = FUNCTIONS[node.func.id]
    arguments = [as_float(_evaluate(argument, branches)) for argument in node.args]
    if function.lists and not is_jagged(arguments[0]):
        raise DataError(f"{ast.unparse(node)}: {node.func.id} takes a list per entry, found one number per entry")
    if function.truth and value_kind(arguments[0]) != "b":
        raise DataError(f"{ast.unparse(node)}: {node.func.id} takes truth values; compare, as in {node.func.id}(x > 0)")
    return function.call(*arguments)


def _constant(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return np.bool_(value)
    try:
        return np.float64(value)
    except OverflowError:
        return np.float64(np.inf)


def _bits(node: ast.expr, branches: Mapping[str, Any]) -> Any:
    """Compute an operand; an integer constant keeps all its 64 bits."""
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value < 1 << 64:
        return (np.int64 if node.value < 1 << 63 else np.uint64)(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = _bits(node.operand, branches)
        return -value if value_kind(value) == "i" else _evaluate(node, branches)
    return _evaluate(node, branches)


def _number(node: ast.expr, branches: Mapping[str, Any]) -> Any:
    """Compute an operand of arithmetic, which counts truth values."""
    value = as_float(_evaluate(node, branches))
    return value * np.float64(1) if value_kind(value) == "b" else value


def _unary(node: ast.UnaryOp, branches: Mapping[str, Any]) -> Any:
    if not isinstance(node.op, ast.Invert):
        return UNARY[type(node.op)](_number(node.operand, branches))
    value = _evaluate(node.operand, branches)
    if value_kind(value) != "b":
        raise DataError(BRACKETS)
    return np.logical_not(value)


def _compare(node: ast.Compare, branches: Mapping[str, Any]) -> Any:
    values = [_bits(operand, branches) for operand in (node.left, *node.comparators)]
    result = None
    for op, left, right in zip(node.ops, values, values[1:], strict=False):
        texts = [isinstance(x, str) or value_kind(x) == "U" for x in (left, right)]
        if any(texts) and not all(texts):
            raise DataError(f"{ast.unparse(node)}: text is compared with numbers")
        pair = (left, right) if any(texts) else _comparable(left, right)
        one = plain(COMPARE[type(op)](*pair))
        result = one if result is None else np.logical_and(result, one)
    return result


def _comparable(left: Any, right: Any) -> tuple[Any, ...]:
    """Return two operands of a comparison: integers as they are, all else in float64."""
    pair = tuple(np.asarray(x) if np.isscalar(x) else x for x in (left, right))
    return pair if all(value_kind(x) in "iu" for x in pair) else tuple(as_float(x) for x in pair)


def _subscript(node: ast.Subscript, branches: Mapping[str, Any]) -> Any:
    """Take elements by position, or those for which a condition is true."""
    value, (first, *further) = _evaluate(node.value, branches), _index(node)
    text = ast.unparse(node)
    if not is_jagged(value):
        raise DataError(f"{text}: expected a list per entry, found one number per entry")
    if not (isinstance(first, ast.Slice) or _is_ellipsis(first)):
        condition = _evaluate(first, branches)
        if value_kind(condition) != "b" or not is_jagged(condition):
            raise DataError(f"{text}: expected a truth value for each element, as in x[x > 0]")
        require_as_long(condition, value, text=text)
        return value[condition]
    if len(further) >= value.ndim:
        raise DataError(f"{text}: {len(further) + 1} indices, but the branch has {value.ndim} axes, entries included")
    name = _name_of(node.value)
    sizes = _fixed_sizes(None if name is None else branches[name], value.ndim)
    axis = value.ndim - 1 if _is_ellipsis(first) else 1
    for part in further:
        size = sizes.pop(0) if not _is_ellipsis(first) else sizes[-1]
        if isinstance(part, ast.Slice):
            start, stop = (None if bound is None else bound.value for bound in (part.lower, part.upper))  # type: ignore[attr-defined]
            value = value[(*(slice(None),) * axis, slice(start, stop))]
            axis += 1
            continue
        assert isinstance(part, ast.Constant)
        assert isinstance(part.value, int)
        if size is not None and part.value >= size:
            raise DataError(f"{text}: index {part.value}, expected 0 to {size - 1}")
        value = pick(value, axis, position=part.value)
    return value


def _fixed_sizes(array: Any, ndim: int) -> list[int | None]:
    """Return the size of each axis behind that of entries; None for lists of variable length."""
    import awkward as ak

    if isinstance(array, np.ndarray):
        return list(array.shape[1:])
    if not isinstance(array, ak.Array):
        return [None] * (ndim - 1)
    sizes: list[int | None] = []
    layout = array.layout
    while layout.is_option or layout.is_indexed or layout.is_list:
        if layout.is_list:
            sizes.append(layout.size if layout.is_regular else None)
        layout = layout.content
    if array.layout.is_numpy:
        sizes = list(array.layout.inner_shape)
    return (sizes + [None] * ndim)[: ndim - 1]
