"""C++ of a small integer network for hls4ml, as text: its tables as ROMs, its sums, and the formats between them.

`nnet_lut_network.h` has the parts that are the same for all edges. The size of a table, its address bits and the width
of its entries differ from edge to edge. They are written out here, so that a synthesis tool sees constants.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)
from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.network.back_ends import HLS_CPP
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.utils.escape import comment

SUM_LIMIT = 1 << 31  # the emulator adds table entries in int
MODES = {"WRAP": "LUT_WRAP", "SAT": "LUT_SAT", "SAT_SYM": "LUT_SAT_SYM"}


def common_format(formats: Sequence[KIF]) -> KIF:
    """Find the narrowest format for all values of all formats: hls4ml has one type for a vector."""
    k, i, f = (max(part) for part in zip(*formats, strict=True))
    return KIF(k, max(i, 1 - f), f)


def output_formats(network: Network) -> list[KIF]:
    """Find the narrowest format of each output; one bit for an output that is PADDING, the constant 0."""
    known = network.ranges.formats()
    return [KIF(0, 1, 0) if v == PADDING else known[v] for v in map(int, network.output_values)]


def rom_pattern(layer: str, i: int, *, o: int) -> str:
    """Regular expression for the name of the ROM of edge (i, o) of a layer, in whichever node of hls4ml it is."""
    return rf"lut_\d+_{_word(layer)}_t{i}_{o}"


def _rom(index: int, layer: str, i: int, o: int) -> str:
    return f"lut_{index}_{_word(layer)}_t{i}_{o}"


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def entry_bits(entries: IntArray) -> int:
    """Width of a signed integer that holds every entry of a table."""
    return kif_for_range(min(int(entries.min()), -1), int(entries.max()), f=0).bits


def network_code(network: Network, index: int, *, sources: Sequence[tuple[int, KIF]]) -> str:
    """ROMs and `config<index>` with a function `evaluate(x0, x1, ..., y)`, for a node of hls4ml's model.

    index: number of the node. sources: size and type of each input vector, all together the network's inputs in order.
    Raises FirmwareError when a sum of table entries may exceed 32 bits.
    """
    tables = [layer for layer in network.layers if isinstance(layer, TableLayer)]
    for table_layer in tables:
        _check_sums(table_layer)
    roms = [(table_layer, i, o) for table_layer in tables for i, o in table_layer.edges()]
    bits = [_signed_bits(network, n) for n in range(len(network.layers))]
    lines = [_table_line(table_layer, index, i, o) for table_layer, i, o in roms]
    lines.append(f"struct config{index} {{")
    for n, layer in enumerate(network.layers):
        lines += _function(layer, n, index, bits[n])
    inputs = ", ".join(f"const T{k} x{k}[{size}]" for k, (size, _) in enumerate(sources))
    classes = ", ".join([*(f"class T{k}" for k in range(len(sources))), "class R"])
    lines += [
        f"    template <{classes}> static void evaluate({inputs}, R y[{len(network.output_values)}]) {{",
        "#pragma HLS INLINE",
        *_body(network, bits, sources),
        *_results(network, bits, sources),
        "    }",
        "};",
        "",
    ]
    return "\n".join(lines)


def _table_line(layer: TableLayer, index: int, i: int, o: int) -> str:
    entries = layer.table(i, o)
    values, name = ", ".join(str(int(v)) for v in entries), _rom(index, layer.name, i, o)
    return f"static const nnet::lut_entry<{entry_bits(entries)}>::type {name}[{len(entries)}] = {{{values}}};"


def _signed_bits(network: Network, n: int) -> int:
    """Return the width of signed integers for every output of layer n at all positions, and for compared operands."""
    ranges, layer = network.ranges[network.first_value[n] : network.first_value[n + 1]], network.layers[n]
    lo, hi = min(int(ranges.lo.min(initial=0)), -1), int(ranges.hi.max(initial=0))
    least, most = layer.operand_bounds()
    lo, hi = min(lo, least), max(hi, most)
    return kif_for_range(lo, hi, f=0).bits


def _channel_bits(layer: IntegerLayer) -> int:
    return max(kif.bits for kif in layer.inputs) + 1


def _channel_type(layer: IntegerLayer) -> str:
    return "unsigned" if layer.reads_addresses else f"ap_int<{_channel_bits(layer)}>"


def _function(layer: IntegerLayer, n: int, index: int, bits: int) -> list[str]:
    """Write one layer at one position: from the channels' codes to the outputs' codes."""
    c_in, c_out = layer.shape
    lines = [
        comment("    //", f"layer {layer.name}"),
        f"    static void layer{n}(const {_channel_type(layer)} c[{c_in}], ap_int<{bits}> z[{c_out}]) {{",
        "#pragma HLS INLINE",
    ]
    if isinstance(layer, TableLayer):
        names = [_rom(index, layer.name, i, o) for i, o in layer.edges()]
        lines += [f"#pragma HLS BIND_STORAGE variable={name} type=rom_1p impl=lutram" for name in names]
    for o in range(c_out):
        lines.append(f"        z[{o}] = {HLS_CPP(layer, index, o, bits)};")
    return [*lines, "    }"]


@HLS_CPP.register(TableLayer)
def _table_sum(layer: TableLayer, index: int, o: int, bits: int) -> str:
    terms = [
        f"{_rom(index, layer.name, i, o)}[c[{i}] >> {layer.inputs[i].bits - int(layer.widths[i, o])}]"
        for i in layer.entering(o)
    ]
    return _balanced([str(int(layer.bias[o])), *terms], "({} + {})")


@HLS_CPP.register(LinearLayer)
def _weighted_sum(layer: LinearLayer, index: int, o: int, bits: int) -> str:
    terms = [_product(int(layer.weights[i, o]), i) for i in layer.entering(o)]
    total = _balanced([_literal(int(layer.bias[o])), *terms], "({} + {})")
    return f"nnet::lut_relu<{bits}>({total})" if layer.relu else total


@HLS_CPP.register(MaxLayer)
def _maximum(layer: MaxLayer, index: int, o: int, bits: int) -> str:
    terms = [f"ap_int<{bits}>(ap_int<{bits}>(c[{i}]) << {layer.shift(i, o)})" for i in layer.entering(o)]
    return _balanced(terms, f"nnet::lut_larger<ap_int<{bits}>>({{}}, {{}})") if terms else "0"


def _product(weight: int, i: int) -> str:
    return f"c[{i}]" if weight == 1 else f"c[{i}] * {_literal(weight)}"


def _literal(value: int) -> str:
    return f"ap_int<{kif_for_range(min(value, -1), value, f=0).bits}>({value}{'LL' if abs(value) >= SUM_LIMIT else ''})"


def _balanced(terms: list[str], form: str) -> str:
    """Terms joined pairwise: ap_int grows a bit with every addition on the longest way only."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return form.format(_balanced(terms[:half], form), _balanced(terms[half:], form))


def _body(network: Network, bits: list[int], sources: Sequence[tuple[int, KIF]]) -> list[str]:
    """Write each layer at each of its positions: the codes of its channels, then its function."""
    known: list[tuple[str, int, int]] = []  # of each value: expression, bits as a signed integer, fractional bits
    for k, (size, kif) in enumerate(sources):
        bits_in = f"nnet::lut_bits<{kif.bits}, {'true' if kif.k else 'false'}>"
        known += [(f"{bits_in}(x{k}[{j}])", kif.bits + 1, kif.f) for j in range(size)]
    lines = []
    for n, layer in enumerate(network.layers):
        c_in, c_out = layer.shape
        read = set(map(int, layer.used_channels()))
        for p, place in enumerate(network.gather_index[n]):
            c, z = f"c{n}_{p}", f"z{n}_{p}"
            lines += [
                f"        {_channel_type(layer)} {c}[{c_in}];",
                f"        ap_int<{bits[n]}> {z}[{c_out}];",
                f"#pragma HLS ARRAY_PARTITION variable={c} complete",
                f"#pragma HLS ARRAY_PARTITION variable={z} complete",
            ]
            codes = [_code(layer, i, int(v), known) if i in read else "0" for i, v in enumerate(place)]
            lines += [f"        {c}[{i}] = {code};" for i, code in enumerate(codes)]
            lines.append(f"        layer{n}({c}, {z});")
            known += [(f"{z}[{o}]", bits[n], int(layer.fraction_bits[o])) for o in range(c_out)]
    return lines


def _code(layer: IntegerLayer, i: int, value: int, known: list[tuple[str, int, int]]) -> str:
    kif, tables = layer.inputs[i], layer.reads_addresses
    if value == PADDING:
        code = min(max(0, kif.lo), kif.hi)
        return str(code - kif.lo if tables else code)
    text, width, fraction = known[value]
    flags = f"{'true' if kif.k else 'false'}, {kif.bits}, nnet::{MODES[layer.overflow[i]]}"
    rounds = "true" if layer.rounding == "RND" else "false"
    what = "lut_code" if tables else "lut_fit"
    return f"nnet::{what}<{width}, {fraction - kif.f}, {flags}, {rounds}>({text})"


def _results(network: Network, bits: list[int], sources: Sequence[tuple[int, KIF]]) -> list[str]:
    lines, places = [], _places(network, sources)
    for o, v in enumerate(map(int, network.output_values)):
        if v == PADDING:
            lines.append(f"        y[{o}] = 0;")
        elif v < len(network.inputs):
            lines.append(f"        y[{o}] = {places[v]};")
        else:
            n = int(np.searchsorted(network.first_value, v, side="right")) - 1
            lines.append(f"        nnet::lut_result<{bits[n]}, {network.fraction_of(v)}>({places[v]}, y[{o}]);")
    return lines


def _places(network: Network, sources: Sequence[tuple[int, KIF]]) -> dict[int, str]:
    """Name each value in the code."""
    given = [f"x{k}[{j}]" for k, (size, _) in enumerate(sources) for j in range(size)]
    return dict(enumerate(given)) | {
        start + p * layer.shape[1] + o: f"z{n}_{p}[{o}]"
        for n, (layer, start) in enumerate(zip(network.layers, network.first_value, strict=False))
        for p in range(layer.n_positions)
        for o in range(layer.shape[1])
    }


def _check_sums(layer: TableLayer) -> None:
    largest = np.abs(layer.tables).max(axis=2, initial=0).sum(axis=0) + np.abs(layer.bias)
    if int(largest.max()) >= SUM_LIMIT:
        o = int(largest.argmax())
        raise FirmwareError(
            f"{layer.name}: output {o} may reach {int(largest[o])}; the hls4ml emulator adds within {SUM_LIMIT - 1}"
        )
