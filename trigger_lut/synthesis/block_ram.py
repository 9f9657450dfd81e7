"""Values of Xilinx block RAMs that hold tables: RAMB18E1, RAMB36E1 (7 series), RAMB18E2, RAMB36E2 (UltraScale).

A table is never written, so each read port is a function of its address with a register behind it. Contents and
address layout are those of the vendor's user guides UG473 and UG573: a word of width w begins at address bit log2(w)
without parity, INIT_xx hold 256 data bits each and INITP_xx 256 parity bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import ToolFailedError

# Data bits of a word by the width of a read port; the rest of the width is parity.
DATA_BITS = {1: 1, 2: 2, 4: 4, 9: 8, 18: 16, 36: 32, 72: 64}
INIT_BITS = 256
WORDS = {"18": 64, "36": 128}  # INIT_xx parameters by size; INITP_xx are an eighth of them
# Ports that must be constant, so that a block RAM is a table with one register: never written, stalled or reset.
CONSTANT = {
    "WEA": "0", "WEBWE": "0", "RSTRAMARSTRAM": "0", "RSTRAMB": "0", "RSTREGARSTREG": "0", "RSTREGB": "0", "SLEEP": "0",
    "ADDRENA": "1", "ADDRENB": "1",
}  # fmt: skip

Memory = Mapping[str, str]
"""Parameters of a memory before it is mapped, as in Yosys' JSON: WIDTH, SIZE, OFFSET, INIT and others."""


@dataclass(frozen=True)
class ReadPort:
    """A read port: names of its address and enable, of its data and parity ports in order, and its width in bits.

    A word that is wider than port A continues in port B.
    """

    address: str
    enable: str
    data: tuple[str, ...]
    parity: tuple[str, ...]
    width: int


def read_ports(cell: Mapping[str, Any]) -> list[ReadPort]:
    """Return the read ports in use, A before B."""
    names = ("DO{}DO", "DOP{}DOP") if cell["type"].endswith("E1") else ("DOUT{}DOUT", "DOUTP{}DOUTP")
    ports = []
    for sides, address, enable in (("AB", "ADDRARDADDR", "ENARDEN"), ("B", "ADDRBWRADDR", "ENBWREN")):
        if width := _integer_parameter(cell, f"READ_WIDTH_{sides[0]}"):
            data, parity = (tuple(text.format(side) for side in sides) for text in names)
            ports.append(ReadPort(address, enable, data, parity, width))
    return ports


def block_ram_values(cell: Mapping[str, Any], packed_bit: Callable[[str, int], int], *, vectors: int) -> dict[Any, int]:
    """Return the values of the nets that a block RAM drives, for all vectors, its register looked through.

    Parameters
    ----------
    cell : mapping
        Cell in Yosys' JSON.
    packed_bit : callable
        Value of a bit of a port, as an integer whose bit n is that of vector n.
    vectors : int
        Number of vectors.

    Raises
    ------
    ToolFailedError
        When the cell is no table: it is written, reset or stalled, or has a second output register.
    """
    _check_a_table(cell)
    data, parity = _contents(cell, "INIT", 1), _contents(cell, "INITP", 8)
    ports = cell["connections"]
    address_bits = 14 if "18" in cell["type"] else 15
    values: dict[Any, int] = {}
    for port in read_ports(cell):
        address = np.zeros(vectors, dtype=np.int64)
        for n in range(address_bits):
            address |= _unpacked(packed_bit(port.address, n), vectors) << n
        bits = DATA_BITS[port.width]
        word = address >> (bits.bit_length() - 1)
        for names, content, width in ((port.data, data, bits), (port.parity, parity, port.width - bits)):
            nets = [net for name in names for net in ports.get(name, [])]
            for n in range(width):
                values[nets[n]] = _packed(content[word * width + n])
    return values


def holds_memory(cells: Sequence[Mapping[str, Any]], memory: Memory) -> bool:
    """Check that block RAMs hold a memory: each of its bits, over all addresses, is another one of theirs.

    Which bit is read where follows from the evaluation of the netlist. Bits that are undefined at all addresses are no
    part of the contents. False also for a memory that is spread over the addresses of several block RAMs, which no
    table needs.
    """
    width, size = int(memory["WIDTH"], 2), int(memory["SIZE"], 2)
    wanted = _columns(memory["INIT"].rjust(width * size, "0")[::-1], width, size)
    stored: Counter[bytes] = Counter()
    for cell in cells:
        for port in read_ports(cell):
            bits = DATA_BITS[port.width]
            stored += _columns(_text(cell, "INIT", 1), bits, size) + _columns(
                _text(cell, "INITP", 8), port.width - bits, size
            )
    return int(memory["OFFSET"], 2) == 0 and wanted <= stored


def _columns(text: str, width: int, size: int) -> Counter[bytes]:
    """Return the bits of words, each over the first `size` addresses; `text` has them from address 0 on."""
    if width == 0:
        return Counter()
    words = np.frombuffer(text.encode(), dtype=np.uint8)[: len(text) // width * width].reshape(-1, width)[:size]
    return Counter((column == ord("1")).tobytes() for column in words.T if set(column.tolist()) != {ord("x")})


def _check_a_table(cell: Mapping[str, Any]) -> None:
    """Raise ToolFailedError for a block RAM that is more than a table with one register."""
    kind, ports, parameters = cell["type"], cell["connections"], cell.get("parameters", {})
    wrong = [f"{port} is {bits}" for port, bits in ports.items() if port in CONSTANT and {*bits} != {CONSTANT[port]}]
    for port in read_ports(cell):
        if ports[port.enable] != ["1"]:
            wrong.append(f"{port.enable} is {ports[port.enable]}")
        if port.width not in DATA_BITS:
            wrong.append(f"a read width is {port.width}")
    wrong += [f"{name} is 1" for name in ("DOA_REG", "DOB_REG") if _integer_parameter(cell, name)]
    if parameters.get("INIT_FILE", "NONE") != "NONE":
        wrong.append(f"INIT_FILE is {parameters['INIT_FILE']}")
    if wrong:
        raise ToolFailedError(
            f"netlist: a {kind} is not a table. Expected a memory that is only read, with one register, found "
            f"{'; '.join(wrong)}. Set bram18 of the budget to 0, so that tables are built from LUTs"
        )


def _integer_parameter(cell: Mapping[str, Any], parameter: str) -> int:
    """Return an integer parameter; 0 where the cell does not have it."""
    return int(str(cell.get("parameters", {}).get(parameter, "0")), 2)


def _text(cell: Mapping[str, Any], name: str, divisor: int) -> str:
    """Return the data or parity bits from address 0 on, as the characters 0, 1 and x."""
    count = WORDS["18" if "18" in cell["type"] else "36"] // divisor
    return "".join(cell["parameters"].get(f"{name}_{n:02X}", "").rjust(INIT_BITS, "0")[::-1] for n in range(count))


def _contents(cell: Mapping[str, Any], name: str, divisor: int) -> NDArray[np.uint8]:
    """Return the data or parity bits from address 0 on. Undefined bits, which no address reaches, are 0."""
    bits: NDArray[np.uint8] = (np.frombuffer(_text(cell, name, divisor).encode(), dtype=np.uint8) == ord("1")).astype(
        np.uint8
    )
    return bits


def _unpacked(row: int, vectors: int) -> NDArray[np.int64]:
    packed = np.frombuffer(row.to_bytes((vectors + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=vectors, bitorder="little").astype(np.int64)


def _packed(bits: NDArray[np.uint8]) -> int:
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
