"""C++17 of the way from branches to input codes: a struct of the branches, and a function that encodes it.

Each expression becomes C++ in the order of the description. Lists are loops over elements, reductions are numbers that
are computed before. It shares no code with the evaluation in `config.data_set`, with which it is compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.front_end.channels_cpp import channel_table, literal
from trigger_lut.utils.escape import comment
from trigger_lut.utils.identifiers import code_word

_WORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const constexpr
    continue decltype default delete do double else enum explicit export extern false float for friend goto if inline
    int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
    requires return short signed sizeof static struct switch template this throw true try typedef typeid typename union
    unsigned using virtual void volatile wchar_t while xor xor_eq
    """
KEYWORDS = frozenset(_WORDS.split())
TYPES = {"f": "double", "i": "std::int64_t", "u": "std::uint64_t", "b": "bool"}
ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
BITS = {ast.BitAnd: "&", ast.BitOr: "|", ast.LShift: "<<", ast.RShift: ">>"}
_INEXACT = "log log2 log10 log1p exp sin cos tan sinh cosh tanh hypot"
ONE = {name: name for name in (*_INEXACT.split(), "sqrt", "floor", "isnan", "isfinite", "abs")} | {"arctan2": "atan2"}
ROUNDED = frozenset((*_INEXACT.split(), "arctan2", "deltaR"))
"""Functions whose last bit depends on the library of mathematics."""


@dataclass(frozen=True)
class Value:
    """C++ of a value.

    Attributes
    ----------
    text
        Expression; of a list that of its element `i`.
    kind
        Letter of `TYPES`.
    size
        Expression of the length; None for a number.
    """

    text: str
    kind: str
    size: str | None = None


@dataclass
class Body:
    """Statements of a function, and how branches are called in it."""

    branches: Mapping[str, Value]
    lines: list[str] = field(default_factory=list)
    names: int = 0
    rounded: set[str] = field(default_factory=set)

    def name(self, start: str) -> str:
        """Return a name that no statement has."""
        self.names += 1
        return f"{start}{self.names}"

    def same_size(self, *values: Value) -> str | None:
        """Return the length of lists, and add a statement that compares them; None for numbers."""
        sizes = list(dict.fromkeys(value.size for value in values if value.size is not None))
        for other in sizes[1:]:
            self.lines.append(f"if ({other} != {sizes[0]}) return false;")
        return sizes[0] if sizes else None

    def loop(self, size: str, statement: str) -> None:
        """Add a statement for each element `i`."""
        self.lines.append(f"for (std::size_t i = 0; i < {size}; ++i) {statement}")

    def stored(self, value: Value, start: str) -> Value:
        """Store a list or number under a name."""
        name = self.name(start)
        if value.size is None:
            self.lines.append(f"const {TYPES[value.kind]} {name} = {value.text};")
            return replace(value, text=name)
        self.lines.append(f"std::vector<{TYPES[value.kind]}> {name};")
        self.loop(value.size, f"{name}.push_back({value.text});")
        return Value(f"{name}[i]", value.kind, f"{name}.size()")


def member_names(branches: Mapping[str, Any]) -> dict[str, str]:
    """Name the members of the struct: each branch's name where C++ can have it.

    Parameters
    ----------
    branches
        Branches.

    Returns
    -------
    dict
        Member by branch.
    """
    names: dict[str, str] = {}
    for name in branches:
        word = re.sub("_+", "_", code_word(name))  # names with two of them are reserved
        if word in KEYWORDS or not word[0].isalpha():
            word = f"b_{word.lstrip('_')}"
        while word in names.values():
            word = f"b_{word}"
        names[name] = word
    return names


def inputs_header(described: Mapping[str, Any], name: str) -> str:
    """Write the header: the struct of an event, and the function.

    Parameters
    ----------
    described
        Result of `description.front_end`.
    name
        Namespace of the emulator.

    Returns
    -------
    str
        Text.
    """
    members = member_names(described["branches"])
    guard = f"{name.upper()}_INPUTS_H"
    lines = [
        "// From physics objects to the input codes of the network. Generated. C++17, thread-safe.",
        "//",
        "// Objects are selected, sorted, cut off at the number of slots, and padded. Values are computed in 64 bits,",
        "// rounded to 32, then scaled, rounded and saturated.",
        comment("//", f"Ties: {described['ties']}."),
        *(
            comment("//", f"  {objects['name']}: {objects['count']} slots, {_order(objects)}")
            for objects in described["objects"]
        ),
        "// Compile without contraction of floating point: -ffp-contract=off.",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <cstdint>",
        "#include <vector>",
        "",
        f'#include "{name}.h"',
        "",
        f"namespace {name} {{",
        "",
        "struct Event {",
    ]
    for branch, kind in described["branches"].items():
        cpp_type = TYPES[kind["kind"]]
        cpp_type = f"std::vector<{cpp_type}>" if kind["list"] else cpp_type
        start = "" if kind["list"] else " = {}"
        lines.append(f"    {cpp_type} {members[branch]}{start};  {comment('//', branch)}")
    lines += [
        "};",
        "",
        "// Input codes of an event. False, and no codes, where a value is NaN or infinite and has no replacement, or",
        "// lists of the same objects have different lengths.",
        "bool encode_event(const Event& event, input_t* codes);",
        "",
        f"}}  // namespace {name}",
        "",
        f"#endif  // {guard}",
        "",
    ]
    return "\n".join(lines)


def _order(objects: Mapping[str, Any]) -> str:
    selected = f"where {objects['select']}, " if objects["select"] else ""
    return selected + (f"by falling {objects['sort_by']}" if objects["sort_by"] else "in the order of the list")


def inputs_source(described: Mapping[str, Any], name: str) -> str:
    """Write the source file.

    Parameters
    ----------
    described
        Result of `description.front_end`.
    name
        Namespace of the emulator.

    Returns
    -------
    str
        Text.

    Raises
    ------
    FirmwareError
        For an expression that has no form in C++.
    """
    members = member_names(described["branches"])
    branches = {
        branch: Value(f"event.{member}" + ("[i]" if kind["list"] else ""), kind["kind"], f"event.{member}.size()")
        if (kind := described["branches"][branch])["list"]
        else Value(f"event.{member}", kind["kind"])
        for branch, member in members.items()
    }
    body = Body(branches)
    body.lines.append("std::size_t n = 0;")
    for text in described["features"]:
        value = _number(_expression(body, text))
        if value.size is not None:
            raise FirmwareError(
                f"expression {text!r}: expected one number per event, found a list. Reduce it with sum, "
                "num, min, max or nth."
            )
        body.lines.append(f"values[n++] = {value.text};")
    for objects in described["objects"]:
        _objects(body, objects)
    channels = described["channels"]
    rounded = f"// The last bit of {', '.join(sorted(body.rounded))} depends on the library of mathematics."
    return "\n".join(
        [
            f'#include "{name}_inputs.h"',
            "",
            *(f"#include <{header}>" for header in ("algorithm", "cmath", "cstddef", "limits", "numeric")),
            "",
            *([rounded, ""] if body.rounded else []),
            f"namespace {name} {{",
            "namespace {",
            "",
            *_HELPERS,
            *channel_table(channels),
            "",
            "}  // namespace",
            "",
            f"bool encode_event({'const Event& event' if branches else 'const Event&'}, input_t* codes) {{",
            "    double values[n_inputs];",
            *(f"    {line}" for line in body.lines),
            "    for (n = 0; n < n_inputs; ++n) {",
            "        if (!encoded(channels[n], values[n], codes[n])) return false;",
            "    }",
            "    return true;",
            "}",
            "",
            f"}}  // namespace {name}",
            "",
        ]
    )


_HELPERS = """\
[[maybe_unused]] constexpr double nan = std::numeric_limits<double>::quiet_NaN();
[[maybe_unused]] constexpr double infinity = std::numeric_limits<double>::infinity();
[[maybe_unused]] constexpr double pi = 3.141592653589793;

[[maybe_unused]] double minimum(double a, double b) { return std::isnan(a) || a < b ? a : b; }
[[maybe_unused]] double maximum(double a, double b) { return std::isnan(a) || a > b ? a : b; }

// Remainder with the sign of the divisor.
[[maybe_unused]] double modulo(double a, double b) {
    const double rest = std::fmod(a, b);
    if (rest == 0) return std::copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

[[maybe_unused]] double delta_phi(double a, double b) { return modulo(a - b + pi, 2 * pi) - pi; }

// Places of a list in falling order of a key. Equal keys keep their order, NaN comes last.
[[maybe_unused]] void sort_places(std::vector<std::size_t>& places, std::vector<double> key) {
    for (double& one : key) {
        if (std::isnan(one)) one = -infinity;
    }
    std::stable_sort(places.begin(), places.end(), [&key](std::size_t a, std::size_t b) { return key[a] > key[b]; });
}
""".splitlines()


def _objects(body: Body, objects: Mapping[str, Any]) -> None:
    """Add the statements of some objects: select, sort, cut off, pad."""
    where = f"objects {objects['name']!r}"
    columns = [_number(_expression(body, text)) for text in objects["features"]]
    select = _expression(body, objects["select"]) if objects["select"] is not None else None
    key = _number(_expression(body, objects["sort_by"])) if objects["sort_by"] is not None else None
    every = [*columns, *(value for value in (select, key) if value is not None)]
    if any(value.size is None for value in every):
        raise FirmwareError(
            f"{where}: expected a list per event for each expression, found a number. Use a branch of lists."
        )
    if select is not None and select.kind != "b":
        raise FirmwareError(f"{where}: select: expected truth values, found numbers. Compare, as in x > 0.")
    size = body.same_size(*every)
    places = body.name("places")
    body.lines.append(f"std::vector<std::size_t> {places};")
    assert size is not None
    body.loop(size, f"{f'if ({select.text}) ' if select else ''}{places}.push_back(i);")
    if key is not None:
        stored = body.stored(key, "key")
        body.lines.append(f"sort_places({places}, {stored.text.removesuffix('[i]')});")
    pad = literal(objects["pad"])
    body.lines.append(f"for (std::size_t slot = 0; slot < {objects['count']}; ++slot) {{")
    body.lines.append(f"    const bool filled = slot < {places}.size();")
    body.lines.append(f"    [[maybe_unused]] const std::size_t i = filled ? {places}[slot] : 0;")
    body.lines += [f"    values[n++] = filled ? {value.text} : {pad};" for value in columns]
    body.lines += ["    values[n++] = filled ? 1.0 : 0.0;"] if objects["mask"] else []
    body.lines.append("}")


def _expression(body: Body, text: str) -> Value:
    try:
        return _floating(_value(body, ast.parse(text.strip(), mode="eval").body))
    except FirmwareError as error:
        raise FirmwareError(f"expression {text!r}: {error}") from error


def _floating(value: Value) -> Value:
    """Integers as 64-bit floating point; truth values as they are."""
    return replace(value, text=f"static_cast<double>({value.text})", kind="f") if value.kind in "iu" else value


def _number(value: Value) -> Value:
    """Numbers as 64-bit floating point; truth values count."""
    return replace(value, text=f"({value.text} ? 1.0 : 0.0)", kind="f") if value.kind == "b" else _floating(value)


def _value(body: Body, node: ast.expr) -> Value:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return body.branches[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in BITS:
        return _bits(body, node)
    if isinstance(node, ast.BinOp):
        return _arithmetic(body, node)
    if isinstance(node, ast.UnaryOp):
        value = _value(body, node.operand)
        if isinstance(node.op, ast.Invert):
            return replace(value, text=f"!({value.text})")
        value = _number(value)
        return replace(value, text=f"-({value.text})") if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Compare):
        values = [_floating(_value(body, one)) for one in (node.left, *node.comparators)]
        pairs = [
            (_number(a).text, COMPARE[type(op)], _number(b).text)
            for op, a, b in zip(node.ops, values, values[1:], strict=False)
        ]
        return Value(" && ".join(f"({a} {sign} {b})" for a, sign, b in pairs), "b", body.same_size(*values))
    if isinstance(node, ast.Subscript):
        return _subscript(body, node)
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    if node.func.id == "branch":
        (quoted,) = node.args
        assert isinstance(quoted, ast.Constant)
        return body.branches[str(quoted.value)]
    return _call(body, node.func.id, [_floating(_value(body, argument)) for argument in node.args])


def _constant(value: Any) -> Value:
    if isinstance(value, bool):
        return Value("true" if value else "false", "b")
    if isinstance(value, str):
        raise FirmwareError("the emulator does not read text. Expected numbers, found text. Store it as integers.")
    try:
        return Value(literal(float(value)), "f")
    except OverflowError:
        return Value("infinity", "f")


def _arithmetic(body: Body, node: ast.BinOp) -> Value:
    left, right = _number(_value(body, node.left)), _number(_value(body, node.right))
    size = body.same_size(left, right)
    if isinstance(node.op, ast.Mod):
        return Value(f"modulo({left.text}, {right.text})", "f", size)
    if isinstance(node.op, ast.Pow):
        if isinstance(node.right, ast.Constant) and node.right.value == 2:
            return Value(f"(({left.text}) * ({left.text}))", "f", size)
        body.rounded.add("**")
        return Value(f"std::pow({left.text}, {right.text})", "f", size)
    return Value(f"({left.text} {ARITHMETIC[type(node.op)]} {right.text})", "f", size)


def _bits(body: Body, node: ast.BinOp) -> Value:
    values = []
    for one in (node.left, node.right):
        if isinstance(one, ast.Constant) and type(one.value) is int:
            values.append(
                Value(f"{one.value}ULL" if one.value >> 63 else f"{one.value}LL", "u" if one.value >> 63 else "i")
            )
        else:
            values.append(_value(body, one))
    left, right = values
    size, sign = body.same_size(left, right), BITS[type(node.op)]
    if left.kind == right.kind == "b":
        return Value(f"({left.text} {sign * 2} {right.text})", "b", size)
    if "f" in (left.kind, right.kind):
        raise FirmwareError(
            "& | << >> need integers in the emulator. Expected a branch of integers, found real numbers. Store it as "
            "integers."
        )
    kind = "u" if "u" in (left.kind, right.kind) else "i"
    first_operand, other = (f"static_cast<{TYPES[kind]}>({value.text})" for value in (left, right))
    if sign == "<<" and kind == "i":  # to shift a negative number up is undefined in C++17
        return Value(f"static_cast<std::int64_t>(static_cast<std::uint64_t>({left.text}) << {other})", kind, size)
    return Value(f"({first_operand} {sign} {other})", kind, size)


def _subscript(body: Body, node: ast.Subscript) -> Value:
    value = _value(body, node.value)
    if value.size is None:
        raise FirmwareError(f"{ast.unparse(node)}: expected a list, found a number. Use a branch of lists.")
    if not isinstance(node.slice, ast.Tuple):
        condition = _value(body, node.slice)
        body.same_size(value, condition)
        name = body.name("kept")
        body.lines.append(f"std::vector<{TYPES[value.kind]}> {name};")
        body.loop(value.size, f"{{ if ({condition.text}) {name}.push_back({value.text}); }}")
        return Value(f"{name}[i]", value.kind, f"{name}.size()")
    if len(node.slice.elts) != 2:
        raise FirmwareError(
            f"{ast.unparse(node)}: the emulator does not read lists of lists. Expected one index, found "
            f"{len(node.slice.elts) - 1}. Store the inner values as branches of their own."
        )
    place = node.slice.elts[1]
    if isinstance(place, ast.Slice):
        # of unsigned numbers `i >= 0` is always true and `i < 0` never: compilers warn of both
        tests = [f"i >= {place.lower.value!r}"] if isinstance(place.lower, ast.Constant) and place.lower.value else []
        if isinstance(place.upper, ast.Constant):
            tests.append(f"i < {place.upper.value!r}" if place.upper.value else "false")
        name = body.name("part")
        body.lines.append(f"std::vector<{TYPES[value.kind]}> {name};")
        body.loop(value.size, f"{{ if ({' && '.join(tests) or 'true'}) {name}.push_back({value.text}); }}")
        return Value(f"{name}[i]", value.kind, f"{name}.size()")
    assert isinstance(place, ast.Constant)
    return _element(body, value, str(place.value), "nan")


def _element(body: Body, value: Value, place: str, other: str) -> Value:
    name, value = body.name("element"), _number(value)
    body.lines.append(f"double {name} = {other};")
    body.lines.append(f"if ({place} < {value.size}) {{")
    body.lines.append(f"    const std::size_t i = {place};")
    body.lines.append(f"    {name} = {value.text};")
    body.lines.append("}")
    return Value(name, "f")


def _call(body: Body, function: str, arguments: list[Value]) -> Value:
    """Return the C++ of a call of the language."""
    if function in ROUNDED:
        body.rounded.add(function)
    if function in REDUCTIONS or function in ("nth", "sort"):
        return _of_list(body, function, arguments)
    size = body.same_size(*arguments)
    if function == "where":
        condition, yes, no = arguments
        if yes.kind != no.kind:
            yes, no = _number(yes), _number(no)
        test = condition.text if condition.kind == "b" else f"({condition.text} != 0)"
        return Value(f"({test} ? {yes.text} : {no.text})", yes.kind, size)
    texts = [_number(argument).text for argument in arguments]
    if function in ONE:
        return Value(f"std::{ONE[function]}({', '.join(texts)})", "b" if function.startswith("is") else "f", size)
    if function in ("minimum", "maximum"):
        return Value(f"{function}({', '.join(texts)})", "f", size)
    if function == "clip":
        x, low, high = texts
        return Value(f"minimum(maximum({x}, {low}), {high})", "f", size)
    if function == "deltaphi":
        return Value(f"delta_phi({', '.join(texts)})", "f", size)
    if function == "deltaR":
        eta, phi, other_eta, other_phi = texts
        return Value(f"std::hypot({eta} - {other_eta}, delta_phi({phi}, {other_phi}))", "f", size)
    raise FirmwareError(
        f"the emulator does not know the function {function}. Use another one, or store its result as a branch."
    )


REDUCTIONS = {
    "sum": ("double", "0.0", "{name} += {x};"),
    "mean": ("double", "0.0", "{name} += {x};"),
    "min": ("double", "infinity", "{{ if ({x} < {name}) {name} = {x}; }}"),
    "max": ("double", "-infinity", "{{ if ({x} > {name}) {name} = {x}; }}"),
    "any": ("bool", "false", "{name} = {name} || {x};"),
    "all": ("bool", "true", "{name} = {name} && {x};"),
    "num": ("", "", ""),
    "count": ("", "", ""),
}
"""Type, value of an empty list and statement for each element, by function."""


def _of_list(body: Body, function: str, arguments: list[Value]) -> Value:
    first = arguments[0]
    if first.size is None:
        raise FirmwareError(f"{function}: expected a list, found a number. Use a branch of lists.")
    if function in ("num", "count"):
        return Value(f"static_cast<std::int64_t>({first.size})", "i")
    if function == "nth":
        other = _number(arguments[2]).text if len(arguments) > 2 else "nan"
        place = int(float.fromhex(arguments[1].text) if "0x" in arguments[1].text else float(arguments[1].text))
        return _element(body, first, str(place), other)
    if function == "sort":
        key = body.stored(_number(arguments[-1]), "key")
        body.same_size(first, key)
        places, name = body.name("order"), body.name("sorted")
        body.lines.append(f"std::vector<std::size_t> {places}({first.size});")
        body.lines.append(f"std::iota({places}.begin(), {places}.end(), std::size_t{{0}});")
        body.lines.append(f"sort_places({places}, {key.text.removesuffix('[i]')});")
        body.lines.append(f"std::vector<{TYPES[first.kind]}> {name};")
        body.lines.append(f"for (const std::size_t i : {places}) {name}.push_back({first.text});")
        return Value(f"{name}[i]", first.kind, f"{name}.size()")
    element_type, start, statement = REDUCTIONS[function]
    name = body.name(function)
    element = first.text if element_type == "bool" else _number(first).text
    body.lines.append(f"{element_type} {name} = {start};")
    body.loop(first.size, statement.format(name=name, x=element))
    if function == "mean":
        return Value(f"({name} / static_cast<double>({first.size}))", "f")
    if function in ("min", "max"):
        return Value(f"({first.size} == 0 ? nan : {name})", "f")
    return Value(name, "b" if element_type == "bool" else "f")
