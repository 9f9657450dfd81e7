"""The Verilog and VHDL in a release, read as text: nothing in them that a simulator and synthesis read differently.

A simulation says nothing of firmware whose text holds parts for synthesis alone, and system tasks run programs.
"""

from __future__ import annotations

import re
from pathlib import Path

from trigger_lut.errors import FirmwareError
from trigger_lut.utils.escape import DIRECTIVE

TOKEN = {
    ".v": re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL),
    ".vhd": re.compile(r'"[^"\n]*"|--[^\n]*|/\*.*?\*/', re.DOTALL),
}
LINT = re.compile(r"\s*verilator lint_(on|off) (DECLFILENAME|UNUSEDSIGNAL|WIDTHTRUNC|WIDTHEXPAND)\s*")
KNOWN = '(* shreg_extract = "no" *)'
REFUSED = {
    ".v": re.compile(
        r"\\|\(\*[^;]{0,40}|`(?!timescale\b)\w*|\$(?!signed\b|unsigned\b)\w*|\b(?:import|export|bind|force)\b"
    ),
    ".vhd": re.compile(r"\\|`\w*|\b(?:foreign|file|use\s+std\s*\.\s*(?:textio|env))\b", re.IGNORECASE),
}


def require_plain(folder: Path) -> str:
    """Read the Verilog and VHDL of a release but its test benches; return how many files.

    Raises
    ------
    FirmwareError
        For a directive, a system task, or an attribute that no generated file holds.
    """
    files = [
        path
        for part in ("rtl", "decision", "board")
        for path in sorted((folder / part).rglob("*"))
        if path.suffix in TOKEN and "bench" not in path.relative_to(folder).parts
    ]
    for path in files:
        refused = found_in(path.read_text(encoding="utf-8"), path.suffix)
        if refused is not None:
            raise FirmwareError(
                f"{path.relative_to(folder)}: {refused!r} is not in generated firmware; simulation and synthesis may "
                "read it differently. Expected a release as the release stage writes it. Do not use this firmware."
            )
    return f"{len(files)} files without directives and system tasks"


def found_in(text: str, suffix: str) -> str | None:
    """Return the first text in Verilog (`.v`) or VHDL (`.vhd`) that must not be there; None where there is none."""
    comments = [word for word in TOKEN[suffix].findall(text) if not word.startswith('"')]
    for comment in comments:
        comment_text = comment[2:].removesuffix("*/") if comment.startswith("/*") else comment[2:]
        if DIRECTIVE.match(comment_text) and not (suffix == ".v" and LINT.fullmatch(comment_text)):
            return str(comment[:60])
    code = TOKEN[suffix].sub(lambda match: match[0] if match[0].startswith('"') else " ", text)
    if suffix == ".v":
        code = code.replace(KNOWN, " ").replace("@(*)", " ")  # else `(*` begins an attribute
    refused = REFUSED[suffix].search(TOKEN[suffix].sub(" ", code))
    return str(refused[0]) if refused else None
