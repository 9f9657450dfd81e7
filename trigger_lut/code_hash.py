"""A hash of the code that a stage runs, so that an edit to the package reruns the stages it concerns.

Imports are followed from the stage's module through the package, also those inside functions. Comments, docstrings
and layout do not count. The package is read as text: nothing is imported.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import re
from pathlib import Path
from types import CodeType

PACKAGE = Path(__file__).parent
# What only carries messages and records between stages. A stage's configuration reaches it through spec.json and
# data_set.json, which are compared as values, so the code that reads configuration is skipped as well.
PLUMBING = (
    "cli",
    "errors",
    "cards",
    "utils.files",
    "utils.scratch",
    "config.verification",
    "config.budget",
    "config.network",
    "config.shapes",
)

_IMPORT = re.compile(r"^\s*import (\w+(?:\.\w+)+)", re.MULTILINE)
_FROM = re.compile(r"^\s*from (\w+(?:\.\w+)*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def fingerprint(*modules: str, without: tuple[str, ...] = ()) -> str:
    """Hash modules and all that they import from the package.

    Files that are not Python (templates, C++ headers) count if they lie in the folder of a package that is reached.

    Parameters
    ----------
    *modules : str
        Dotted names, without the package's name.
    without : tuple of str
        Modules not to follow, in addition to PLUMBING.

    Returns
    -------
    str
        The first 16 hexadecimal digits of the hash.

    Raises
    ------
    ValueError
        If there is no such module.
    """
    skipped = {(PACKAGE / name.replace(".", "/")).with_suffix(".py") for name in (*PLUMBING, *without)}
    skipped |= {path for name in PLUMBING for path in (PACKAGE / name).glob("*.py")}
    if missing := [name for name in modules if not _files(name)]:
        raise ValueError(f"fingerprint: no module {PACKAGE.name}.{missing[0]}")
    sources: set[Path] = set()
    waiting = [path for name in modules for path in _files(name)]
    while waiting:
        path = waiting.pop()
        if path in sources or path in skipped:
            continue
        sources.add(path)
        waiting += _imports(path) if path.suffix == ".py" else []
        if path.name == "__init__.py" and path.parent != PACKAGE:
            waiting += _others(path.parent)
    lines = [f"{path.relative_to(PACKAGE).as_posix()} {_digest(path)}" for path in sorted(sources)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@functools.cache
def _others(folder: Path) -> list[Path]:
    """Files in a folder that are not Python."""
    return [path for path in folder.rglob("*") if not _is_left_out(path) and path.is_file()]


def _is_left_out(path: Path) -> bool:
    """Python files are followed by their imports; caches (Python's and Numba's) and half-written files do not count."""
    return path.suffix in (".py", ".part") or "__pycache__" in path.parts


@functools.cache
def _files(name: str) -> list[Path]:
    """Return the file of a module and the __init__.py of each package around it; empty without such a module."""
    base = PACKAGE / name.replace(".", "/")
    module = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not module.is_file():
        return []
    around = [p / "__init__.py" for p in module.parents if p.is_relative_to(PACKAGE) and p != PACKAGE]
    return [module, *(p for p in around if p.is_file())]


@functools.cache
def _imports(path: Path) -> list[Path]:
    """Files of the package that a file imports. What looks like an import inside a text counts as well: no harm."""
    text = path.read_text(encoding="utf-8")
    wanted = _IMPORT.findall(text)
    for module, names in _FROM.findall(text):
        wanted += [module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))]
    prefix = PACKAGE.name + "."
    added = path.parent.glob("*.py") if "import_modules(" in text and path.name == "__init__.py" else ()
    return [*added, *(file for w in wanted if w.startswith(prefix) for file in _files(w.removeprefix(prefix)))]


@functools.cache
def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".py":
        # Compiled at level 2, code has neither comments, layout nor docstrings (nor assertions).
        content = marshal.dumps(_without_lines(compile(content, "", "exec", dont_inherit=True, optimize=2)), 2)
    return hashlib.sha256(content).hexdigest()


def _without_lines(code: CodeType) -> CodeType:
    constants = tuple(_without_lines(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=constants, co_firstlineno=1, co_linetable=b"")
