"""The trigger's decision, as the firmware forms it of a network's outputs. Needs NumPy alone.

    python decide.py project.json outputs.txt > decisions.txt

project.json is that of the decision in firmware. outputs.txt has one event a line: the outputs' codes. What is printed
has the bits, the first working point first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def decide(decision: dict[str, Any], outputs: Any) -> np.ndarray:
    """Bits (N, working points) of output codes (N, C_out); decision: what project.json holds."""
    codes = np.asarray(outputs, dtype=np.int64)

    def largest(group: list[int]) -> Any:
        up = [1 << (decision["fraction"] - decision["outputs"][o][2]) for o in group]
        return (codes[:, group] * np.array(up, dtype=np.int64)).max(axis=1)

    score = largest(decision["signal"])
    if decision["background"]:
        score = score - largest(decision["background"])
    never = np.zeros(len(score), dtype=np.bool_)
    return np.stack([never if t is None else score >= t for t in decision["thresholds"]], axis=1).astype(np.int64)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    decision = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    outputs = np.loadtxt(sys.argv[2], dtype=np.int64, ndmin=2)
    np.savetxt(sys.stdout, decide(decision, outputs), fmt="%d")


if __name__ == "__main__":
    main()
