"""Names of designs in generated code: one word, from which each kind of file derives its own."""

from __future__ import annotations

import re


def code_word(design: str) -> str:
    """Return a design's name as part of an identifier in Verilog, VHDL, C++ and Tcl: letters, digits and `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", design)


def rtl_prefix(design: str) -> str:
    """Return the name that all modules and entities of a design begin with."""
    return f"design_{code_word(design)}"


def hls_top(design: str) -> str:
    """Return the name of the top function, project and IP of a design's HLS project."""
    return f"lut_network_{code_word(design)}"


def hls_namespace(design: str) -> str:
    """Return the C++ namespace of a design's HLS project. It differs from every `hls_top`."""
    return f"hls_{code_word(design)}"
