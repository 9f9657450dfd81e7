"""Hand-written pages of the documentation, and the parts of them that the tests read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GENERATED = ROOT / "docs" / "reference" / "generated"
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
PAGES = [README, *(page for page in sorted((ROOT / "docs").rglob("*.md")) if GENERATED not in page.parents)]

FENCE = re.compile(r"^( *)(`{3,}|:{3,})([^\n]*)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
BANNED = re.compile(
    r"\b(stands?|held|goes on|at hand|besides?|look(?:s|ed|ing)? at|left out|none beats|all alike|in words)\b",
    re.IGNORECASE,
)
LONGEST = 25
"""Words of a sentence."""


def committed() -> list[Path]:
    """Return all Markdown files that git has."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / path for path in listed.splitlines() if (ROOT / path).is_file()]


class Block(NamedTuple):
    """A fenced block: its language ("" for commands) and its text without the indentation of the fence."""

    language: str
    text: str


def blocks(markdown: str) -> Iterator[Block]:
    """Yield the fenced blocks with code."""
    for indent, _, info, text in FENCE.findall(markdown):
        if not info.startswith("{"):
            yield Block(info.strip(), re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))


def prose(markdown: str) -> str:
    """Return the text that people read: without blocks, code and addresses."""
    text = FENCE.sub(lambda block: block[4] if block[3].startswith("{glossary") else "", markdown)
    text = INLINE.sub("code", text)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


def banned_words(markdown: str) -> list[str]:
    """Return the words of the ban list that a page has."""
    return [match[0] for match in BANNED.finditer(prose(markdown))]


def long_sentences(markdown: str, ends: str = ".!?:") -> list[str]:
    """Return the sentences with too many words. Cells of tables and items of lists are texts of their own."""
    texts = re.split(r"\n\s*\n|\n(?=\s*(?:[-*#:]|\d+\.)\s)|\s*\|\s*", prose(markdown))
    sentences = (sentence for text in texts for sentence in re.split(rf"(?<=[{ends}])\s+", " ".join(text.split())))
    return [s for s in sentences if len(re.findall(r"[A-Za-z0-9][\w'./%-]*", s)) > LONGEST]


def rule_names() -> set[str]:
    """Return the names of the rules of the workflow."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    return {name for file in files for name in re.findall(r"^ *rule (\w+):", file.read_text(), re.MULTILINE)}


def run_python(page: Path) -> dict[str, Any]:
    """Run the Python blocks of a page, one after another, and return the names that they define."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python":
            exec(compile(block.text, str(page), "exec"), names)
    return names


def command_lines(markdown: str, program: str) -> Iterator[str]:
    """Yield the command lines of a program in blocks, without comments."""
    for block in blocks(markdown):
        if block.language:
            continue
        for line in block.text.splitlines():
            for command in re.split(r"\s*&&\s*", re.sub(r"\s+#.*$", "", line.strip())):
                if command.split(" ")[0] == program:
                    yield command


def mentions(markdown: str, program: str) -> Iterator[str]:
    """Yield commands of a program within sentences."""
    for code in INLINE.findall(FENCE.sub("", markdown)):
        if code.split(" ")[0] == program:
            yield code
