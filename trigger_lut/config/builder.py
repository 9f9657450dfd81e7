"""Checks of `network.builder` without running the user's code: its module exists and defines the function."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

from trigger_lut.errors import nearest


def source_of(builder: str) -> Path | None:
    """Return the file of a function's module.

    Parameters
    ----------
    builder : str
        `module:name`.

    Returns
    -------
    Path or None
        None where the module is not in the working directory.
    """
    base = Path(*builder.split(":")[0].split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def mistakes(builder: str) -> list[str]:
    """List problems that would stop the import of a function.

    Parameters
    ----------
    builder : str
        `module:name`. Of an installed module only the package is looked for: to find the rest would run it.

    Returns
    -------
    list of str
        At most one problem.
    """
    module, name = builder.split(":")
    path = source_of(builder)
    if path is None:
        package = module.split(".")[0]
        if Path(package).is_dir() or importlib.util.find_spec(package) is None:
            return [f"{builder}: no module {module!r}. Expected {Path(*module.split('.'))}.py or an installed module"]
        return []
    try:
        names = _names(ast.parse(path.read_bytes()))
    except (SyntaxError, ValueError) as error:
        return [f"{path}: Python cannot read it: {error}"]
    if names is None or name in names:
        return []
    return [f"{path}: no function {name!r}{nearest(name, names)}"]


def _names(module: ast.Module) -> set[str] | None:
    """Return the names that a module may define, at any depth; None where it imports all names of another."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if any(alias.name == "*" for alias in node.names):
                return None
            names |= {alias.asname or alias.name for alias in node.names}
    return names
