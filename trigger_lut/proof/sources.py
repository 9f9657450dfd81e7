"""Verilog texts that all tools read alike: no conditional text, and no comment or attribute that changes a circuit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

KNOWN_DIRECTIVES = {"timescale", "default_nettype", "resetall"}
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
IN_COMMENTS = re.compile(r"\b(translate_off|translate_on|synthesis_off|synthesis_on|full_case|parallel_case)\b")
IN_CODE = re.compile(
    r"\b(full_case|parallel_case|unique|unique0|priority|initial_x|blackbox|whitebox|keep_hierarchy)\b"
)


def read_differently(files: Sequence[Path]) -> str:
    """Return the first text that tools may read in different ways, and where; empty when there is none."""
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for comment in COMMENT.findall(text):
            if found := IN_COMMENTS.search(comment):
                return f"{path.name}: the comment {found[0]!r} changes what some tools read"
        code = COMMENT.sub(" ", text)
        for directive in re.findall(r"`\s*(\w+)", code):
            if directive not in KNOWN_DIRECTIVES:
                return f"{path.name}: the directive `{directive} changes what some tools read"
        if found := IN_CODE.search(code):
            return f"{path.name}: the word {found[0]!r} changes what some tools read"
    return ""
