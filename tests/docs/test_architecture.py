"""The table of levels in the page on the architecture is the order of the imports."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trigger_lut"
PAGE = (ROOT / "docs" / "project" / "architecture.md").read_text(encoding="utf-8")
LEVELS = {name: int(level) for level, name in re.findall(r"^\| (\d+) \| `(\w+)(?:/|\.py)` \|", PAGE, re.MULTILINE)}


def imported(text, modules):
    """Return the top-level parts of the package that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("trigger_lut.")} & modules


def against_levels(part, text):
    """Return the parts that a module may not import."""
    return sorted(other for other in imported(text, set(LEVELS)) - {part} if LEVELS[other] >= LEVELS[part])


def test_architecture_lists_every_part_of_the_package():
    parts = {p.stem for p in PACKAGE.iterdir() if (p.is_dir() or p.suffix == ".py") and not p.name.startswith("__")}
    assert set(LEVELS) == parts


def test_architecture_imports_lead_to_lower_levels():
    wrong = {}
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part != "__init__" and (upwards := against_levels(part, path.read_text(encoding="utf-8"))):
            wrong[str(path.relative_to(ROOT))] = upwards
    assert wrong == {}


def test_architecture_wrong_imports_are_found():
    text = "def f():\n    from trigger_lut.stages.train import train\n    from trigger_lut import errors, report\n"
    assert against_levels("cards", text) == ["report", "stages"]
    assert against_levels("cli", text) == []
