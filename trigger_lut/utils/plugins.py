"""Import of all modules of a folder, so that they register what they add."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import all modules of a package, sorted by name; `code_hash` counts them as imports of the package.

    Parameters
    ----------
    package : str
        Dotted name of the package.
    path : iterable of str
        Its `__path__`.
    """
    for module in sorted(pkgutil.iter_modules(list(path)), key=lambda m: m.name):
        importlib.import_module(f"{package}.{module.name}")
