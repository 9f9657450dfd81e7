"""Block RAMs that hold tables, evaluated; and cells that no count may pass over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_lut.errors import NotReproducibleError, ToolFailedError
from trigger_lut.synthesis import netlist
from trigger_lut.synthesis.block_ram import DATA_BITS, block_ram_values, holds_memory
from trigger_lut.synthesis.netlist_cycles import check_cycles, registers_before
from trigger_lut.synthesis.netlist_simulation import evaluate_cell, packed

SIZES = {"RAMB18E1": 14, "RAMB18E2": 14, "RAMB36E1": 15, "RAMB36E2": 15}


def block_ram(kind: str, width: int, words: list[int], **ports: list) -> dict:
    """A block RAM that holds words of a width from address 0 on, written bit by bit as the user guides lay them out."""
    data_bits, address_bits = DATA_BITS[width], SIZES[kind]
    bits, parity = ["0"] * (1 << address_bits), ["0"] * (1 << address_bits - 3)
    for n, word in enumerate(words):
        for b in range(width):
            if b < data_bits:
                bits[n * data_bits + b] = str(word >> b & 1)
            else:
                parity[n * (width - data_bits) + b - data_bits] = str(word >> b & 1)
    rows = {
        f"{name}_{n // 256:02X}": "".join(reversed(contents[n : n + 256]))
        for name, contents in (("INIT", bits), ("INITP", parity))
        for n in range(0, len(contents), 256)
    }
    half, new = 16 if "18" in kind else 32, kind.endswith("E2")
    names = (
        ("DOUTADOUT", "DOUTPADOUTP", "DOUTBDOUT", "DOUTPBDOUTP") if new else ("DOADO", "DOPADOP", "DOBDO", "DOPBDOP")
    )
    at = 100
    connections: dict[str, list] = {
        "ADDRARDADDR": list(range(2, 2 + address_bits)),
        "ENARDEN": ["1"],
        "WEA": ["0", "0"],
    }
    for name, count in zip(names, (half, half // 8) * 2, strict=True):
        connections[name] = list(range(at, at + count))
        at += count
    return {
        "type": kind,
        "connections": connections | ports,
        "parameters": rows | {"READ_WIDTH_A": f"{width:b}", "READ_WIDTH_B": "0"},
        "port_directions": {p: "output" if p in names else "input" for p in connections | ports},
    }


def read_words(cell: dict, width: int, vectors: int) -> list[int]:
    """Return the outputs of the cell at addresses of words 0 to vectors - 1."""
    shift = DATA_BITS[width].bit_length() - 1
    nets = dict(zip(range(2, 32), packed(np.arange(vectors) << shift, 16), strict=False))
    evaluate_cell(cell, nets, vectors=vectors)
    ports = cell["connections"]
    names = [p for p in ports if cell["port_directions"][p] == "output"]
    data = [net for p in names if not ("OUTP" in p or "DOP" in p) for net in ports[p]][: DATA_BITS[width]]
    parity = [net for p in names if "OUTP" in p or "DOP" in p for net in ports[p]][: width - DATA_BITS[width]]
    rows = [nets[net] for net in data + parity]
    return [sum((row >> v & 1) << b for b, row in enumerate(rows)) for v in range(vectors)]


def memory(words: list[int], width: int) -> dict[str, str]:
    """The parameters of the words before they are mapped."""
    bits = "".join(f"{word:0{width}b}" for word in reversed(words))
    return {"WIDTH": f"{width:b}", "SIZE": f"{len(words):b}", "OFFSET": "0", "INIT": bits}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(SIZES)), st.sampled_from(sorted(DATA_BITS)), st.randoms(use_true_random=False))
def test_read_any_width_gives_the_words(kind, width, rng):
    if width > (36 if "18" in kind else 72):
        return
    words = [rng.getrandbits(width) for _ in range(64)]
    assert read_words(block_ram(kind, width, words), width, 64) == words
    memory_cell = block_ram(kind, width, words)
    assert holds_memory([memory_cell], memory(words, width))
    flipped = [*words]
    flipped[rng.randrange(64)] ^= 1 << rng.randrange(width)  # control
    assert read_words(block_ram(kind, width, flipped), width, 64) != words
    assert not holds_memory([memory_cell], memory(flipped, width))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"WEA": [7, 7]}, "WEA is"),
        ({"ENARDEN": [7]}, "ENARDEN is"),
        ({"RSTRAMARSTRAM": [7]}, "RSTRAMARSTRAM is"),
    ],
)
def test_block_ram_that_is_no_table_is_refused(change, reason):
    with pytest.raises(ToolFailedError, match=f"netlist: a RAMB18E2 is not a table.*{reason}"):
        block_ram_values(block_ram("RAMB18E2", 9, [], **change), lambda port, n: 0, vectors=1)
    second = block_ram("RAMB18E2", 9, [])
    second["parameters"]["DOA_REG"] = "1"
    with pytest.raises(ToolFailedError, match="DOA_REG is 1"):
        block_ram_values(second, lambda port, n: 0, vectors=1)


@given(st.text(st.characters(codec="ascii", categories=["Lu", "Nd"]), min_size=1, max_size=9))
def test_resources_unknown_cell_is_refused(kind):
    if netlist.COUNTED.fullmatch(kind):
        return
    with pytest.raises(ToolFailedError, match=f"cells cannot be counted.*found 3 {kind}\\."):
        netlist.resources({"LUT6": 1, kind: 3})


@pytest.mark.parametrize("kind", ["URAM288", "LUT7", "RAM512X1S", "$mul", "MUXF5", "FDRE_2"])
def test_resources_other_cells_are_refused(kind):
    with pytest.raises(ToolFailedError, match="cells cannot be counted"):
        netlist.resources({kind: 1})


def cell(kind: str, **ports: list) -> dict:
    directions = {p: "output" if p in ("O", "Q") else "input" for p in ports}
    return {"type": kind, "connections": ports, "port_directions": directions}


def test_cycles_are_counted_and_mixed_events_refused():
    ports = {
        "data_in": {"direction": "input", "bits": [2]},
        "data_out": {"direction": "output", "bits": [4]},
        "valid_out": {"direction": "output", "bits": [4]},
    }
    chain = {"a": cell("FDRE", C=[9], D=[2], Q=[3]), "b": cell("FDRE", C=[9], D=[3], Q=[4])}
    assert registers_before({"ports": ports, "cells": chain}) == {2: 0, 3: 1, 4: 2}
    check_cycles({"ports": ports, "cells": chain}, 2, design="d")
    with pytest.raises(
        NotReproducibleError, match=r"another latency than its Verilog\. Expected data_out after 3 cycles"
    ):
        check_cycles({"ports": ports, "cells": chain}, 3, design="d")
    mixed = chain | {"c": cell("LUT2", I0=[2], I1=[3], O=[5])}
    with pytest.raises(ToolFailedError, match=r"the cell c reads several events at once.*found \[0, 1\]"):
        registers_before({"ports": ports, "cells": mixed})
