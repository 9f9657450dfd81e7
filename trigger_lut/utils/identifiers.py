"""Names of designs in generated code: one word, from which each kind of file derives its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Reserved words of VHDL-2008 (IEEE 1076-2008, section 15.10), which count in any case.
_WORDS = """
    abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body buffer
    bus case component configuration constant context cover default disconnect downto else elsif end entity exit
    fairness file for force function generate generic group guarded if impure in inertial inout is label library
    linkage literal loop map mod nand new next nor not null of on open or others out package parameter port postponed
    procedure process property protected pure range record register reject release rem report restrict
    restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong subtype then to
    transport type unaffected units until use variable vmode vprop vunit wait when while with xnor xor
    """
VHDL_WORDS = frozenset(_WORDS.split())


def design_mistake(name: str) -> str | None:
    """Return why a name of a design is not possible in VHDL, and what to do; None for a good name."""
    word = code_word(name)
    if name.lower() in VHDL_WORDS:
        problem = "is a reserved word of VHDL"
    elif word[:1].isdigit():
        problem = "begins with a digit"
    elif "__" in word:
        problem = "has two of '_' and '-' in a row"
    elif word.endswith("_"):
        problem = "ends with '_' or '-'"
    else:
        return None
    return f"expected a name that is possible in VHDL, found {name!r}, which {problem}. Rename the design"


def same_in_code(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, earlier name) of designs that modules or files could not tell apart: a-b and a_b, A and a."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(code_word(name).lower(), name)
        if other != name:
            yield name, other


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
