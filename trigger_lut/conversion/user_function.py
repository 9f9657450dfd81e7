"""The user's own function that gives a network, by its name."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from trigger_lut.errors import ConfigurationError


def load_function(function: str) -> Any:
    """'module:name' as a Python function; the module is installed or lies in the working directory.

    Raises ConfigurationError when there is none.
    """
    module, name = function.split(":")
    if os.getcwd() not in sys.path:  # noqa: PTH109
        sys.path.append(os.getcwd())  # noqa: PTH109
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ConfigurationError(f"network.builder: {function}: {module} cannot be imported: {error}") from error
    if not callable(found):
        raise ConfigurationError(f"network.builder: {function}: {module} has no function {name!r}")
    return found
