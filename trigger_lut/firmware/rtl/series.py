"""Top-level Verilog and VHDL of parts that follow each other: the outputs of one are the inputs of the next."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from trigger_lut.firmware.rtl.block import VERILOG, VHDL, converted
from trigger_lut.firmware.rtl.verilog_top import described, module_head, offsets
from trigger_lut.firmware.rtl.vhdl_top import entity_head
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network


@dataclass(frozen=True)
class Series:
    """Parts in a row.

    Attributes
    ----------
    network
        The whole network.
    parts
        Name of the top module, inputs and outputs of each part.
    cycles
        Latency of all parts together.
    ii
        Cycles between two events.
    """

    network: Network
    parts: tuple[tuple[str, tuple[KIF, ...], tuple[KIF, ...]], ...]
    cycles: int
    ii: int

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        for (_, _, given), (_, read, _) in itertools.pairwise(self.parts):
            assert given == read, "outputs of a part are the inputs of the next"

    @property
    def buses(self) -> list[tuple[str, int]]:
        """Name and width of the bus in front of each part, and behind the last one."""
        inner = [(f"data{n}", offsets(outputs)[-1]) for n, (_, _, outputs) in enumerate(self.parts, start=1)]
        return [("data_in", offsets(self.parts[0][1])[-1]), *inner]


def series_verilog(series: Series, name: str) -> str:
    """Write the Verilog module of parts in a row.

    Parameters
    ----------
    series
        The parts.
    name
        Name of the module.

    Returns
    -------
    str
        Verilog.
    """
    final = series.network.output_formats()
    at_in, at_out = offsets(series.network.inputs), offsets(final)
    lines = [
        *described("//", series.network, name=name, cycles=series.cycles, ii=series.ii),
        *module_head(name, at_in[-1], bits_out=at_out[-1]),
        "    // verilator lint_off UNUSEDSIGNAL",
    ]
    for n, (bus, width) in enumerate(series.buses[1:], start=1):
        lines += [f"    wire valid{n};", f"    wire [{width - 1}:0] {bus};"]
    lines.append("    // verilator lint_on UNUSEDSIGNAL")
    for n, (top, _, _) in enumerate(series.parts):
        before = "valid_in" if n == 0 else f"valid{n}"
        lines.append(
            f"    {top} part{n} (.clk(clk), .valid_in({before}), .data_in({series.buses[n][0]}), "
            f".valid_out(valid{n + 1}), .data_out({series.buses[n + 1][0]}));"
        )
    lines.append(f"    assign valid_out = valid{len(series.parts)};")
    computed = series.parts[-1][2]
    for o, (low, source, kif) in enumerate(zip(offsets(computed), computed, final, strict=False)):
        value = converted(VERILOG, series.buses[-1][0], low=low, source=source, target=kif)
        lines.append(f"    assign data_out[{at_out[o + 1] - 1}:{at_out[o]}] = {value};")
    return "\n".join([*lines, "endmodule"]) + "\n"


def series_vhdl(series: Series, name: str) -> str:
    """Write the VHDL entity of parts in a row.

    Parameters
    ----------
    series
        The parts.
    name
        Name of the entity.

    Returns
    -------
    str
        VHDL-2008.
    """
    final = series.network.output_formats()
    at_in, at_out = offsets(series.network.inputs), offsets(final)
    signals, body = [], []
    for n, (bus, width) in enumerate(series.buses[1:], start=1):
        signals += [f"    signal valid{n}: std_logic;", f"    signal {bus}: std_logic_vector({width - 1} downto 0);"]
    for n, (top, _, _) in enumerate(series.parts):
        before = "valid_in" if n == 0 else f"valid{n}"
        body.append(
            f"    part{n}: entity work.{top} port map (clk => clk, valid_in => {before}, data_in => "
            f"{series.buses[n][0]}, valid_out => valid{n + 1}, data_out => {series.buses[n + 1][0]});"
        )
    computed = series.parts[-1][2]
    for o, (low, source, kif) in enumerate(zip(offsets(computed), computed, final, strict=False)):
        value = converted(VHDL, series.buses[-1][0], low=low, source=source, target=kif)
        body.append(f"    data_out({at_out[o + 1] - 1} downto {at_out[o]}) <= {value};")
    lines = [
        *described("--", series.network, name=name, cycles=series.cycles, ii=series.ii),
        "library ieee;",
        "use ieee.std_logic_1164.all;",
        "",
        *entity_head(name, at_in[-1], bits_out=at_out[-1]),
        "",
        f"architecture rtl of {name} is",
        *signals,
        "begin",
        *body,
        f"    valid_out <= valid{len(series.parts)};",
        "end architecture rtl;",
    ]
    return "\n".join(lines) + "\n"
