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
    """Return the reason why VHDL cannot have a design's name, and what to do.

    Parameters
    ----------
    name : str
        Name of the design.

    Returns
    -------
    str or None
        The message; None for a good name.
    """
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
    """Find designs that names of modules or files could not tell apart, such as a-b and a_b, or A and a.

    Parameters
    ----------
    names : iterable of str
        Names of designs.

    Yields
    ------
    tuple of str
        A name, and the earlier name that it equals in code.
    """
    names_by_word: dict[str, str] = {}
    for name in names:
        other = names_by_word.setdefault(code_word(name).lower(), name)
        if other != name:
            yield name, other


def code_word(design: str) -> str:
    """Return a design's name as part of an identifier in Verilog, VHDL, C++ and Tcl.

    Parameters
    ----------
    design : str
        Name of the design.

    Returns
    -------
    str
        The name, with `_` for all but ASCII letters and digits.
    """
    return re.sub(r"[^A-Za-z0-9_]", "_", design)


def rtl_prefix(design: str, version: int | None = None) -> str:
    """Return the start of the names of all modules, entities and packages of a design.

    Parameters
    ----------
    design : str
        Name of the design.
    version : int, optional
        Version of the design. Default: none in the name.

    Returns
    -------
    str
        `design_`, the name as `code_word` gives it, and the version if there is one.
    """
    return f"design_{code_word(design if version is None else versioned(design, version))}"


def versioned(design: str, version: int) -> str:
    """Return a design's name with its version, for names in code: `small-jets` and 2 give `small-jets_v2`.

    Parameters
    ----------
    design : str
        Name of the design.
    version : int
        Version of the design.

    Returns
    -------
    str
    """
    return f"{design}_v{version}"


def hls_top(design: str, version: int = 1) -> str:
    """Return the name of the top function, project and IP of a design's HLS project.

    Parameters
    ----------
    design : str
        Name of the design.
    version : int
        Version of the design.

    Returns
    -------
    str
        `lut_network_`, the name as `code_word` gives it, and the version.
    """
    return f"lut_network_{code_word(versioned(design, version))}"


def hls_namespace(design: str, version: int = 1) -> str:
    """Return the C++ namespace of a design's HLS project.

    Parameters
    ----------
    design : str
        Name of the design.
    version : int
        Version of the design.

    Returns
    -------
    str
        `hls_`, the name as `code_word` gives it, and the version. It differs from every `hls_top`.
    """
    return f"hls_{code_word(versioned(design, version))}"
