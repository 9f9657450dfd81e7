"""Names that users write, as text of other languages: one function for each language that a generator writes.

Names are checked where they enter (`validation.Text`). Files such as network.npz and releases come from elsewhere, so
that generators do not rely on that check.
"""

from __future__ import annotations

import re

from trigger_lut.errors import FirmwareError, visible

# What tools read in comments: Verilator, Yosys, Vivado, GHDL and others take a directive from the first word of one.
DIRECTIVE = re.compile(
    r"\s*(verilator|synopsys|synthesis|pragma|psl|xilinx|cadence|ambit|altera|exemplar|translate_o|rtl_|vhdl_|lint_)",
    re.IGNORECASE,
)


def ascii_line(text: str) -> str:
    """Return a text with printable ASCII characters alone.

    GHDL takes no other characters in comments. Nothing in the result can break a line or change the order of reading.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text, with every other character written as its code point, such as <U+0394>.
    """
    return "".join(c if c.isascii() and c.isprintable() else f"<U+{ord(c):04X}>" for c in text)


def comment(mark: str, text: str) -> str:
    """Return a line of comment in Verilog, VHDL, C++, Tcl or Python.

    Parameters
    ----------
    mark : str
        What begins a comment: `//`, `--` or `#`.
    text : str
        One line, with any characters.

    Returns
    -------
    str
        One line of printable ASCII. It is no directive of a tool, and does not join the next line.
    """
    line = ascii_line(text).rstrip()
    if DIRECTIVE.match(line):
        line = f'"{line}"'
    if line.endswith(("\\", "??/")):  # would join the next line to the comment in C++ and Tcl
        line += " ."
    return f"{mark} {line}".rstrip()


def one_line(text: str) -> str:
    """Return a text that is a value in a file of settings.

    Parameters
    ----------
    text : str
        The value, such as the name of a file.

    Returns
    -------
    str
        The same text.

    Raises
    ------
    FirmwareError
        If the text is empty, or has a character that would break the line.
    """
    if not text or not text.isprintable():
        raise FirmwareError(f"{text!r}: expected printable characters alone. Rename the file, or its folder")
    return text


def tcl(text: str) -> str:
    """Return a text as one word of Tcl, with nothing substituted in it.

    Parameters
    ----------
    text : str
        The text, such as the name of a file.

    Returns
    -------
    str
        The text in braces; with backslashes where it has braces or backslashes itself.

    Raises
    ------
    FirmwareError
        If the text is empty, or has a character that would break the line.
    """
    if not re.search(r"[{}\\]", one_line(text)):
        return f"{{{text}}}"
    return re.sub(r"[^A-Za-z0-9_./:=+-]", lambda match: "\\" + match[0] if match[0].isascii() else match[0], text)


def markdown(text: str) -> str:
    """Return a text that Markdown, and HTML in it, shows as it is.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        One line, which fits into one cell of a table.
    """
    escaped = re.sub(r"[\\`*{}\[\]#|~$]|(?<!\w)_|_(?!\w)", lambda match: "\\" + match[0], visible(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
