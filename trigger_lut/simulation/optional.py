"""Import of the optional packages (extra `sim`), which no other part of the project needs."""

from __future__ import annotations

import importlib
from typing import Any

from trigger_lut.errors import ToolMissingError


def require(package: str) -> Any:
    """Import an optional package. Raises ToolMissingError with the command that installs it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ToolMissingError(
            f"simulation needs the Python package {package!r}, which is not installed; "
            "install it with: pip install -e '.[sim]'"
        ) from error
