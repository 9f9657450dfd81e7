"""The C++ header of the hls4ml layers on its own."""

from __future__ import annotations

from pathlib import Path

import hls4ml
import pytest

from trigger_lut.firmware.hls.hls4ml_plugin import HEADER
from trigger_lut.utils.programs import cxx_compiler, run_program

TEMPLATES = Path(hls4ml.__file__).parent / "templates" / "vivado"
PROGRAM = """\
#include <iostream>
#include "{header}"
int main() {{
    for (int code = {least}; code <= {most}; ++code) {{
        ap_{sign}fixed<{width}, {integer}, {rounding}, AP_SAT> result;
        nnet::lut_result<{bits}, {fraction}>(ap_int<{bits}>(code), result);
        std::cout << result.to_double() << "\\n";
    }}
}}
"""


@pytest.mark.parametrize(
    ("bits", "fraction", "signed", "width", "integer", "rounding"),
    [
        (1, 6, False, 1, 0, "AP_RND"),  # rounded far above a code of one bit
        (4, 9, False, 3, 2, "AP_RND"),
        (4, 9, True, 3, 2, "AP_RND"),
        (5, 2, True, 4, 3, "AP_RND"),
        (5, 2, True, 3, 3, "AP_TRN"),
        (5, -2, True, 9, 8, "AP_TRN"),
    ],
)
def test_a_result_in_a_type_that_rounds_and_saturates(tmp_path, bits, fraction, signed, width, integer, rounding):
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    source, binary = tmp_path / "program.cpp", tmp_path / "program"
    source.write_text(
        PROGRAM.format(
            header=HEADER,
            least=least,
            most=most,
            sign="" if signed else "u",
            width=width,
            integer=integer,
            rounding=rounding,
            bits=bits,
            fraction=fraction,
        )
    )
    includes = ["-I", TEMPLATES / "ap_types", "-I", TEMPLATES / "nnet_utils"]
    run_program([cxx_compiler(), "-std=c++17", *includes, "-o", binary, source])
    printed = [float(text) for text in run_program([binary]).split()]
    step = 2.0 ** (integer - width)
    low = -(2.0 ** (width - 1)) if signed else 0
    high = 2.0 ** (width - signed) - 1
    half = 0.5 if rounding == "AP_RND" else 0.0
    codes = range(least, most + 1)
    expected = [min(max((code * 2.0**-fraction / step + half) // 1, low), high) * step for code in codes]
    assert printed == expected
