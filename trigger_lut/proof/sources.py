"""Verilog texts that all tools read alike: no conditional text, and no comment or attribute that changes a circuit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

KNOWN_DIRECTIVES = {"timescale", "default_nettype", "resetall"}
# Strings and escaped names can contain what looks like the begin of a comment.
PIECES = re.compile(r'(?P<text>"(?:\\.|[^"\\\n])*"|\\\S+)|(?P<comment>//[^\n]*|/\*.*?\*/)', re.DOTALL)
IN_COMMENTS = re.compile(r"translate_o|synthesis_o|full_case|parallel_case", re.IGNORECASE)
IN_CODE = re.compile(r"\b(full_case|parallel_case|unique|unique0|priority|blackbox|whitebox)\b")


def read_differently(files: Sequence[Path]) -> str:
    """Return the first text that tools may read in different ways, and where; empty when there is none."""
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for piece in PIECES.finditer(text):
            if piece["comment"] and (found := IN_COMMENTS.search(piece["comment"])):
                return f"{path.name}: a comment with {found[0]!r} changes what some tools read"
        code = PIECES.sub(lambda piece: " " if piece["comment"] else piece[0], text)
        for directive in re.findall(r"`\s*(\w*)", code):
            if directive not in KNOWN_DIRECTIVES:
                return f"{path.name}: the directive `{directive} changes what some tools read"
        if found := IN_CODE.search(code):
            return f"{path.name}: the word {found[0]!r} changes what some tools read"
    return ""
