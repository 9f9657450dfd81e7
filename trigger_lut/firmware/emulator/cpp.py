"""C++17 emulator of a network: integers alone, no dependency, with the arithmetic of `network/layers.py`.

Each table is a constant array of the smallest type for its entries. Each layer is one function over the codes of its
channels, called once a position.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigger_lut.firmware import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import fits
from trigger_lut.network.back_ends import EMULATOR_CPP
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.utils.escape import comment
from trigger_lut.utils.identifiers import code_word

TYPES = ((8, "std::int8_t"), (16, "std::int16_t"), (32, "std::int32_t"), (64, "std::int64_t"))
NARROW = 1 << 30  # what stays below is computed in 32 bits


def identifier(design: str) -> str:
    """Turn a design's name into a C++ name.

    Parameters
    ----------
    design
        Name.

    Returns
    -------
    str
        Identifier.
    """
    return f"trigger_lut_{code_word(design)}"


def header(network: Network, design: str, *, version: str) -> str:
    """Write the header: formats of inputs and outputs, and the functions."""
    name, guard = identifier(design), identifier(design).upper() + "_H"
    inputs, outputs = network.inputs, network.output_formats()
    return "\n".join(
        [
            comment("//", f"Bit-exact emulator of the firmware of design {design!r}. Generated. C++17, thread-safe."),
            "//",
            "// A code is an integer that stands for code * 2^-f, f being the fractional bits of its format.",
            "//",
            *_listed("in", inputs, network.features),
            "//",
            *_listed("out", outputs, network.classes),
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <cstddef>",
            "#include <cstdint>",
            "",
            f"namespace {name} {{",
            "",
            f'inline constexpr const char* version = "{version}";',
            f"inline constexpr std::size_t n_inputs = {len(inputs)};",
            f"inline constexpr std::size_t n_outputs = {len(outputs)};",
            f"using input_t = {_type_of(inputs)};",
            f"using output_t = {_type_of(outputs)};",
            "",
            "// Fractional bits, smallest and largest code of each input.",
            f"inline constexpr int input_fraction[n_inputs] = {{{_joined(kif.f for kif in inputs)}}};",
            f"inline constexpr input_t input_min[n_inputs] = {{{_joined(kif.lo for kif in inputs)}}};",
            f"inline constexpr input_t input_max[n_inputs] = {{{_joined(kif.hi for kif in inputs)}}};",
            "// Fractional bits of each output.",
            f"inline constexpr int output_fraction[n_outputs] = {{{_joined(network.fractions)}}};",
            "",
            "// Outputs of one event; every input code within its format.",
            "void evaluate(const input_t* in, output_t* out) noexcept;",
            "",
            "// The same for many events, one after the other in memory.",
            "void evaluate(const input_t* in, output_t* out, std::size_t events) noexcept;",
            "",
            "// The code of a real value: rounded down, saturated into the format of the input.",
            "input_t encode(double value, std::size_t input) noexcept;",
            "",
            "// The real value of an output's code.",
            "double decode(output_t code, std::size_t output) noexcept;",
            "",
            f"}}  // namespace {name}",
            "",
            f"#endif  // {guard}",
            "",
        ]
    )


def _listed(what: str, formats: Sequence[KIF], names: Sequence[str]) -> list[str]:
    return [
        comment("//", f"  {what}[{n}]  {kif}  {names[n] if n < len(names) else n}") for n, kif in enumerate(formats)
    ]


def _type_of(formats: Sequence[KIF]) -> str:
    return "std::int32_t" if all(kif.lo >= -(1 << 31) and kif.hi < 1 << 31 for kif in formats) else "std::int64_t"


def _joined(values: object) -> str:
    return ", ".join(str(int(v)) for v in values)  # type: ignore[attr-defined]


def source(network: Network, design: str) -> str:
    """Write the source file."""
    name = identifier(design)
    lines = [
        f'#include "{name}.h"',
        "",
        "#include <algorithm>",
        "#include <cmath>",
        "",
        f"namespace {name} {{",
        "namespace {",
        "",
        'static_assert((-3 >> 1) == -2, "right shifts of negative integers round down");',
        "",
    ]
    types = [_computed_in(network, n) for n in range(len(network.layers))]
    for n, layer in enumerate(network.layers):
        lines += [*_tables(layer, n), *_function(layer, n, types[n]), ""]
    body = _body(network, types)
    reads = "in" if any("in[" in line for line in body) else ""
    lines += [
        "}  // namespace",
        "",
        f"void evaluate(const input_t* {reads}, output_t* out) noexcept {{",
        *body,
        "}",
        "",
        *_CONVENIENCE,
        f"}}  // namespace {name}",
        "",
    ]
    return "\n".join(lines)


_CONVENIENCE = """\
void evaluate(const input_t* in, output_t* out, std::size_t events) noexcept {
    for (std::size_t event = 0; event < events; ++event) evaluate(in + event * n_inputs, out + event * n_outputs);
}

input_t encode(double value, std::size_t input) noexcept {
    const double code = std::floor(std::ldexp(value, input_fraction[input]));
    const double low = static_cast<double>(input_min[input]), high = static_cast<double>(input_max[input]);
    return static_cast<input_t>(std::min(std::max(code, low), high));
}

double decode(output_t code, std::size_t output) noexcept {
    return std::ldexp(static_cast<double>(code), -output_fraction[output]);
}
""".splitlines()


def _computed_in(network: Network, n: int) -> str:
    """Integer type in which layer n is computed: 32 bits where nothing on the way can need more."""
    layer, read = network.layers[n], network.input_ranges(n)
    ranges = network.ranges[network.first_value[n] : network.first_value[n + 1]]
    largest = int(max(np.abs(ranges.lo).max(initial=0), np.abs(ranges.hi).max(initial=0)))
    kif_f = np.array([kif.f for kif in layer.inputs], dtype=np.int64)
    gained = np.maximum(kif_f - read.f, 0)
    entered = np.maximum(np.abs(read.lo), np.abs(read.hi)) * 2.0**gained
    rounded = 2.0 ** np.maximum(read.f - kif_f, 0)
    largest = max(largest, int((entered + rounded).max(initial=0)))
    largest = max(largest, layer.largest_intermediate())
    return "std::int32_t" if largest < NARROW else "std::int64_t"


def _tables(layer: IntegerLayer, n: int) -> list[str]:
    if not isinstance(layer, TableLayer):
        return []
    lines = []
    for i, o in layer.edges():
        entries = layer.table(i, o)
        lines.append(f"constexpr {_entry_type(entries)} t{n}_{i}_{o}[{len(entries)}] = {{{_joined(entries)}}};")
    return lines


def _entry_type(entries: IntArray) -> str:
    bits = max(int(max(entries.max(), -entries.min() - 1)).bit_length() + 1, 1)
    return next(name for width, name in TYPES if bits <= width)


def _function(layer: IntegerLayer, n: int, kind: str) -> list[str]:
    """Write one layer at one position; codes that address tables are counted from the smallest code."""
    reads = "c" if layer.live_edges else ""
    lines = [
        comment("//", f"layer {layer.name}"),
        f"inline void layer{n}(const {kind}* {reads}, {kind}* z) noexcept {{",
    ]
    for o in range(layer.shape[1]):
        lines.append(f"    z[{o}] = {EMULATOR_CPP(layer, n, o, kind)};")
    return [*lines, "}"]


@EMULATOR_CPP.register(TableLayer)
def _table_sum(layer: TableLayer, n: int, o: int, kind: str) -> str:
    terms = [
        f"t{n}_{i}_{o}[{_down(f'c[{i}]', layer.inputs[i].bits - int(layer.widths[i, o]))}]" for i in layer.entering(o)
    ]
    return " + ".join([_number(int(layer.bias[o]), kind), *terms])


@EMULATOR_CPP.register(LinearLayer)
def _weighted_sum(layer: LinearLayer, n: int, o: int, kind: str) -> str:
    terms = [f"c[{i}] * {_number(int(layer.weights[i, o]), kind)}" for i in layer.entering(o)]
    total = " + ".join([_number(int(layer.bias[o]), kind), *terms])
    return f"std::max<{kind}>({total}, 0)" if layer.relu else total


@EMULATOR_CPP.register(MaxLayer)
def _maximum(layer: MaxLayer, n: int, o: int, kind: str) -> str:
    expression = ""
    for i in layer.entering(o):
        item = _up(f"c[{i}]", layer.shift(i, o), kind)
        expression = f"std::max<{kind}>({expression}, {item})" if expression else item
    return expression or "0"


def _number(value: int, kind: str) -> str:
    return f"{kind}{{{value}}}"


def _down(text: str, shift: int) -> str:
    return f"{text} >> {shift}" if shift else text


def _up(text: str, shift: int, kind: str) -> str:
    # A product, as shifting a negative number up is undefined in C++17.
    return f"{text} * {_number(1 << shift, kind)}" if shift else text


def _body(network: Network, types: list[str]) -> list[str]:
    given = _type_of(network.inputs)
    known = [(f"in[{i}]", given) for i in range(len(network.inputs))]
    lines: list[str] = []
    for n, layer in enumerate(network.layers):
        kind, read = types[n], set(map(int, layer.used_channels()))
        for p, place in enumerate(network.gather_index[n]):
            codes = [
                _code(network, layer, i=i, value=int(v), known=known, kind=kind) if i in read else "0"
                for i, v in enumerate(place)
            ]
            # C++ has no array without elements; a layer of constants reads none.
            lines.append(f"    const {kind} c{n}_{p}[] = {{{', '.join(codes) or '0'}}};")
            lines += [f"    {kind} z{n}_{p}[{layer.shape[1]}];", f"    layer{n}(c{n}_{p}, z{n}_{p});"]
            known += [(f"z{n}_{p}[{o}]", kind) for o in range(layer.shape[1])]
    wanted = _type_of(network.output_formats())
    for o, v in enumerate(map(int, network.output_values)):
        text, kind = known[v]
        lines.append(f"    out[{o}] = {text if kind == wanted else f'static_cast<output_t>({text})'};")
    return lines


def _code(network: Network, layer: IntegerLayer, *, i: int, value: int, known: list[tuple[str, str]], kind: str) -> str:
    """Write a value in the format of a channel."""
    kif, tables = layer.inputs[i], layer.reads_addresses
    if value == PADDING:
        code = min(max(0, kif.lo), kif.hi)
        return str(code - kif.lo if tables else code)
    text, known_kind = known[value]
    if known_kind != kind:
        text = f"static_cast<{kind}>({text})"
    gained = kif.f - network.fraction_of(value)
    if gained < 0 and layer.rounding == "RND":
        text = f"({text} + {_number(1 << (-gained - 1), kind)})"
    text = _up(text, gained, kind) if gained > 0 else f"({text} >> {-gained})" if gained < 0 else text
    if layer.overflow[i] == "WRAP":
        if not fits(*network.ranges.one(value), kif=kif, rounding=layer.rounding):
            mask = _number((1 << kif.bits) - 1, kind)
            text = f"((({text} - {_number(kif.lo, kind)}) & {mask}) + {_number(kif.lo, kind)})"
    else:
        low = -kif.hi if layer.overflow[i] == "SAT_SYM" and kif.k else kif.lo
        text = f"std::min<{kind}>(std::max<{kind}>({text}, {low}), {kif.hi})"
    if tables and kif.lo:
        text = f"{text} - {_number(kif.lo, kind)}"
    return text
