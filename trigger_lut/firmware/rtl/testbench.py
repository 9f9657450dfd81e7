"""Self-checking test benches, in SystemVerilog and VHDL-2008, and the vectors that both read: for any simulator.

The first half of the vectors enters one after the other at the firmware's initiation interval, the rest with gaps.
Cycles without a vector contain complements of vectors. Each valid
output must have the expected data and come `latency_cycles` after its input. No other output may be valid. The benches
print PASS, or FAIL with the first difference and a status that is not 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.cards.base import write_text
from trigger_lut.errors import DataError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import pack
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate

VECTORS = 4096
FILE_BYTES = 1_900_000  # of the file of vectors, at most


def bench_codes(formats: tuple[KIF, ...], count: int = VECTORS) -> IntArray:
    """Draw codes (N, C): all at the lowest, all at the highest, all 0 or next to it, then random; the same every time.

    N is `count`, or fewer where their file would be large.
    """
    count = max(3, min(count, FILE_BYTES // (4 + sum(kif.bits for kif in formats) // 2)))  # outputs are narrower
    rng = np.random.default_rng(0)
    lo, hi = (np.array([getattr(kif, end) for kif in formats], dtype=np.int64) for end in ("lo", "hi"))
    return np.concatenate([[lo, hi, np.clip(0, lo, hi)], rng.integers(lo, hi + 1, (count - 3, len(formats)))])


def write_bench(network: Network, project: RtlProject, *, clock_period_ns: float) -> Path:
    """Write the test benches of a project into its folder `bench`.

    Parameters
    ----------
    network
        Integer network, whose outputs are expected.
    project
        RTL project.
    clock_period_ns
        Clock period in ns.

    Returns
    -------
    Path
        Folder `bench`.
    """
    codes = bench_codes(project.inputs)
    return write_bench_of(project, codes, outputs=evaluate(network, codes), clock_period_ns=clock_period_ns)


def write_bench_of(project: RtlProject, codes: IntArray, *, outputs: IntArray, clock_period_ns: float) -> Path:
    """Write the test benches for some vectors.

    Parameters
    ----------
    project
        RTL project.
    codes : IntArray of shape (N, C_in)
        Input codes.
    outputs : IntArray of shape (N, C_out)
        Expected output codes.
    clock_period_ns
        Clock period in ns.

    Returns
    -------
    Path
        Folder `bench`.

    Raises
    ------
    DataError
        If there are no vectors, or not as many outputs.
    """
    if not len(codes) or len(codes) != len(outputs):
        raise DataError(f"test bench: expected as many outputs as vectors, found {len(outputs)} for {len(codes)}")
    folder, name = project.folder / "bench", f"{project.top}_tb"
    bits_in, bits_out = (sum(kif.bits for kif in formats) for formats in (project.inputs, project.outputs))
    known: dict[str, str | int] = {
        "top": project.top,
        "name": name,
        "vectors": len(codes),
        "latency": project.latency_cycles_planned,
        "ii": project.ii,
        "half_period": f"{clock_period_ns / 2:.3f}",
        "bits_in": bits_in,
        "bits_out": bits_out,
        "hex_in": -(-bits_in // 4),
        "hex_out": -(-bits_out // 4),
        "hex_both": -(-bits_in // 4) - (-bits_out // 4),
    }
    lines = zip(_hex(codes, project.inputs), _hex(outputs, project.outputs), strict=True)
    write_text(folder / f"{name}.mem", "".join(f"{given}{expected}\n" for given, expected in lines))
    for template in ("testbench.sv", "testbench.vhd"):
        text = Path(__file__).with_name(template).read_text(encoding="utf-8")
        for key, value in known.items():
            text = text.replace(f"@{key}@", str(value))
        write_text(folder / f"{name}{Path(template).suffix}", text)
    return folder


def _hex(codes: IntArray, formats: tuple[KIF, ...]) -> list[str]:
    """Each row as the flat bus in hexadecimal, the highest digit first, with as many digits as the bus needs."""
    digits = -(-sum(kif.bits for kif in formats) // 4)
    words = pack(codes, formats)
    return ["".join(f"{word:08x}" for word in reversed(row))[-digits:] for row in words.tolist()]
