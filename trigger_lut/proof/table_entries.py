"""The entries of a table's Verilog module: its case statement, as Yosys reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trigger_lut.fixed_point import IntArray
from trigger_lut.proof.forms import FormError

UNDEFINED = -1


def table_entries(module: dict[str, Any], fault: int = 0) -> IntArray:
    """Entries by address, UNDEFINED where the case statement gives none.

    module: in Yosys' JSON, with the ports `in` and `out`. fault: at the port `fault`, where there is one (see
    `instrument`). Raises FormError for another kind of module.
    """
    if set(module["ports"]) - {"fault"} != {"in", "out"}:
        raise FormError(f"a module with the ports {', '.join(module['ports'])} is not followed")
    address, out = module["ports"]["in"]["bits"], module["ports"]["out"]["bits"]
    codes = np.arange(1 << len(address), dtype=np.int64)
    nothing = np.zeros_like(codes)
    values: dict[int | str, IntArray] = {"0": nothing, "1": nothing + 1, "x": nothing + UNDEFINED}
    values |= {bit: (codes >> n) & 1 for n, bit in enumerate(address)}
    values |= {
        bit: nothing + (fault >> n & 1) for n, bit in enumerate(module["ports"].get("fault", {"bits": []})["bits"])
    }

    def whole(bits: Sequence[int | str]) -> IntArray:
        held = np.array([values[b] for b in bits])
        total = (held << np.arange(len(bits))[:, None]).sum(axis=0)
        return np.where((held < 0).any(axis=0), UNDEFINED, total)

    waiting = list(module["cells"].values())
    while waiting:
        ready = [
            c for c in waiting if all(b in values for p, bits in c["connections"].items() if p != "Y" for b in bits)
        ]
        if not ready:
            raise FormError("a table is not a case statement")
        for cell in ready:
            found = _cell(cell, values, whole)
            values |= {
                bit: np.where(found < 0, UNDEFINED, (found >> n) & 1) for n, bit in enumerate(cell["connections"]["Y"])
            }
        waiting = [c for c in waiting if not any(c is r for r in ready)]
    return whole(out)


def _cell(cell: dict[str, Any], values: dict[int | str, IntArray], whole: Callable[..., IntArray]) -> IntArray:
    nets, kind = cell["connections"], cell["type"]
    if kind == "$eq":
        return np.where(whole(nets["A"]) == whole(nets["B"]), 1, 0)
    if kind == "$logic_not":
        return np.where(whole(nets["A"]) == 0, 1, 0)
    if kind == "$logic_and":
        return np.where((whole(nets["A"]) != 0) & (whole(nets["B"]) != 0), 1, 0)
    if kind == "$xor":
        a, b = whole(nets["A"]), whole(nets["B"])
        return np.where((a < 0) | (b < 0), UNDEFINED, a ^ b)
    if kind not in ("$pmux", "$mux"):
        raise FormError(f"a table with {kind} is not followed")
    width, found = len(nets["Y"]), whole(nets["A"])
    for n, select in enumerate(nets["S"]):
        found = np.where(values[select] == 1, whole(nets["B"][n * width : (n + 1) * width]), found)
    return found
