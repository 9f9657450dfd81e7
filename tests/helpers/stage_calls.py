"""Call stages in tests with files in the order of their parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def in_order(run: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """Call a stage: the n-th value is its n-th parameter."""
    names = list(inspect.signature(run).parameters)
    return run(**dict(zip(names, values, strict=False)), **named)
