"""Keras without the packages that no stage uses through it."""

from __future__ import annotations

import subprocess
import sys

SHOWN = """
import sys
from trigger_lut.stages.registry import registry
{before}
registry()["train"].function()
print(*[name for name in ("keras", "jax", "matplotlib", "pandas", "sklearn") if name in sys.modules])
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
"""


def loaded(before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SHOWN.format(before=before)], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.split()


def test_stage_loads_keras_without_other_importable_packages() -> None:
    assert loaded() == ["keras"]


def test_package_that_was_imported_before_stays() -> None:
    assert "matplotlib" in loaded("import matplotlib")
