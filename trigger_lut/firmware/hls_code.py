"""C++ of one LUTDense layer for hls4ml: its tables as ROMs and its sums, as text.

`nnet_lut_dense.h` holds what is the same in every layer. What differs from edge to edge - the size of a table, the
bits it is addressed with, the width of an entry - is written out here, so that a synthesis tool sees constants.
"""

from __future__ import annotations

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point import KIF, IntArray, kif_for_range
from trigger_lut.network import LUTDenseTables

SUM_LIMIT = 1 << 31  # the emulator adds in int


def common_format(formats: tuple[KIF, ...]) -> KIF:
    """The narrowest format that holds every value of all formats: hls4ml has one type for a whole vector."""
    k, i, f = (max(part) for part in zip(*formats, strict=True))
    return KIF(k, max(i, 1 - f), f)


def rom(index: int, i: int, o: int) -> str:
    """Name of the ROM of edge (i, o) in the hls4ml layer `index`."""
    return f"lut_dense_{index}_t{i}_{o}"


def entry_bits(entries: IntArray) -> int:
    """Width of a signed integer that holds every entry of a table."""
    return kif_for_range(min(int(entries.min()), -1), int(entries.max()), 0).bits


def table_line(layer: LUTDenseTables, index: int, i: int, o: int) -> str:
    """Definition of the ROM of one edge."""
    entries = layer.table(i, o)
    values = ", ".join(str(int(v)) for v in entries)
    return (
        f"static const nnet::lut_entry<{entry_bits(entries)}>::type {rom(index, i, o)}[{len(entries)}] = {{{values}}};"
    )


def layer_code(layer: LUTDenseTables, index: int, source: KIF, result: KIF) -> str:
    """ROMs and configuration of a layer whose input vector has type `source` and whose output has type `result`.

    index: number of the layer in the hls4ml model. Raises FirmwareError when a sum may exceed 32 bits.
    """
    _check_sums(layer)
    lines = [table_line(layer, index, i, o) for i, o in layer.edges()]
    lo, hi = layer.bounds()
    sum_bits = kif_for_range(min(int(lo.min()), -1), int(hi.max()), 0).bits
    c_in, c_out = layer.shape
    lines += [
        f"struct config{index} : nnet::lut_dense_config {{",
        f"    static const unsigned n_in = {c_in};",
        f"    static const unsigned n_out = {c_out};",
        f"    typedef ap_int<{sum_bits}> sum_t;",
        "    template <class data_T> static void evaluate(const data_T x[n_in], sum_t z[n_out]) {",
        "#pragma HLS INLINE",
    ]
    lines += [f"#pragma HLS BIND_STORAGE variable={rom(index, i, o)} type=rom_1p impl=lutram" for i, o in layer.edges()]
    lines += [_code_line(layer, int(i), source) for i in np.flatnonzero(layer.widths.max(axis=1, initial=0))]
    lines += [f"        z[{o}] = {_sum(layer, index, o)};" for o in range(c_out)]
    lines += [
        "    }",
        "    template <class res_T> static void write(const sum_t z[n_out], res_T y[n_out]) {",
        "#pragma HLS INLINE",
    ]
    lines += [
        f"        nnet::lut_result<{result.bits}, {result.f - int(f)}>(z[{o}], y[{o}]);"
        for o, f in enumerate(layer.fraction)
    ]
    return "\n".join([*lines, "    }", "};", ""])


def _code_line(layer: LUTDenseTables, i: int, source: KIF) -> str:
    kif = layer.inputs[i]
    signs = ["true" if flag else "false" for flag in (source.k, kif.k, layer.overflow[i] == "SAT")]
    arguments = f"{source.bits}, {signs[0]}, {source.f - kif.f}, {signs[1]}, {kif.bits}, {signs[2]}"
    return f"        const unsigned c{i} = nnet::lut_code<{arguments}>(x[{i}]);"


def _sum(layer: LUTDenseTables, index: int, o: int) -> str:
    terms = [
        f"{rom(index, i, o)}[c{i} >> {layer.inputs[i].bits - int(layer.widths[i, o])}]"
        for i in map(int, np.flatnonzero(layer.widths[:, o]))
    ]
    return _balanced([str(int(layer.bias[o])), *terms])


def _balanced(terms: list[str]) -> str:
    """Sum with balanced parentheses: ap_int grows a bit with every addition on the longest way only."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({_balanced(terms[:half])} + {_balanced(terms[half:])})"


def _check_sums(layer: LUTDenseTables) -> None:
    largest = np.abs(layer.tables).max(axis=2, initial=0).sum(axis=0) + np.abs(layer.bias)
    if int(largest.max()) >= SUM_LIMIT:
        o = int(largest.argmax())
        raise FirmwareError(
            f"{layer.name}: output {o} may reach {int(largest[o])}; the hls4ml emulator adds within {SUM_LIMIT - 1}"
        )
