"""The same pipeline as VHDL-2008: alkaid's entities under the design's name, and a top-level entity of our own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trigger_lut.firmware.rtl.verilog_top import described, offsets
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network

UNDEFINED_ENTRY = re.compile(r'^ *when \d+ => outp <= "X+";\n', re.MULTILINE)


def vhdl_texts(
    network: Network, name: str, *, fsm: Any, live: list[int], constants: dict[int, int], cycles: int
) -> dict[str, str]:
    """VHDL by unit, in an order in which it can be analyzed; the last one is the top-level entity.

    name: of the design; the units' names begin with it. The other arguments are those of `verilog_top.top_module`.
    """
    texts = _core_texts(fsm, name) if fsm is not None else {}
    return texts | {
        f"{name}_top": top_entity(
            network, f"{name}_top", core=f"{name}_core", fsm=fsm, live=live, constants=constants, cycles=cycles
        )
    }


def _core_texts(fsm: Any, name: str) -> dict[str, str]:
    import alkaid.codegen.rtl
    from alkaid.codegen.rtl.vhdl.fsm import fsm_logic_gen

    generated = fsm_logic_gen(fsm, f"{name}_core", no_shreg=True)
    # An attribute of a port belongs into the entity; in the architecture GHDL refuses it.
    outputs = "|".join(signal.name for signal in fsm.out_signals)
    core = re.sub(rf"\n *attribute shreg_extract of ({outputs}):[^\n]*", "", generated.pop(f"{name}_core"))
    # The last case, `others`, says the same of all undefined entries.
    tables = {key: UNDEFINED_ENTRY.sub("", text) for key, text in generated.items() if key.endswith("_tables")}
    logic = {key: text for key, text in generated.items() if key not in tables}
    folder = Path(alkaid.codegen.rtl.__file__).parent / "vhdl" / "source"
    used = "\n".join(logic.values())
    sources = {p.stem: p.read_text() for p in sorted(folder.glob("*.vhd")) if re.search(rf"\bwork\.{p.stem}\b", used)}
    names = "|".join([r"logic\d+", r"table_[0-9a-f_]{36}", *(p.stem for p in folder.glob("*.vhd"))])
    own = re.compile(rf"(\bentity work\.|\bentity |\barchitecture \w+ of )({names})\b")
    texts = sources | tables | logic | {f"{name}_core": core}
    return {
        unit if unit.startswith(name) else f"{name}_{unit}": own.sub(rf"\1{name}_\2", text)
        for unit, text in texts.items()
    }


def top_entity(
    network: Network, name: str, *, core: str, fsm: Any, live: list[int], constants: dict[int, int], cycles: int
) -> str:
    """VHDL of the top-level entity; arguments as of `verilog_top.top_module`."""
    at_in, at_out = offsets(network.inputs), offsets(network.output_formats())
    signals, body = (
        _core(core, fsm, network=network, at_in=at_in, at_out=at_out, live=live) if fsm is not None else ([], [])
    )
    for o, code in constants.items():
        kif = network.output_formats()[o]
        bits = format(code & ((1 << kif.bits) - 1), f"0{kif.bits}b")
        body.append(f'    data_out({at_out[o + 1] - 1} downto {at_out[o]}) <= "{bits}";')
    shift = "valid(0) <= valid_in;"
    if cycles > 1:
        shift = f"valid <= valid({cycles - 2} downto 0) & valid_in;"
    lines = [
        *described("--", network, name=name, cycles=cycles),
        "library ieee;",
        "use ieee.std_logic_1164.all;",
        "",
        *entity_head(name, at_in[-1], bits_out=at_out[-1]),
        "",
        f"architecture rtl of {name} is",
        f"    signal valid: std_logic_vector({cycles - 1} downto 0) := (others => '0');",
        "    attribute shreg_extract: string;",
        '    attribute shreg_extract of valid: signal is "no";',
        *signals,
        "begin",
        "    process(clk) begin",
        "        if rising_edge(clk) then",
        f"            {shift}",
        "        end if;",
        "    end process;",
        f"    valid_out <= valid({cycles - 1});",
        *body,
        "end architecture rtl;",
    ]
    return "\n".join(lines) + "\n"


def entity_head(name: str, bits_in: int, *, bits_out: int) -> list[str]:
    """Write an entity with the ports of all networks, in lines.

    Parameters
    ----------
    name
        Name of the entity.
    bits_in, bits_out
        Widths of data_in and data_out.

    Returns
    -------
    list of str
        Lines.
    """
    return [
        f"entity {name} is port (",
        "    clk: in std_logic;",
        "    valid_in: in std_logic;",
        f"    data_in: in std_logic_vector({bits_in - 1} downto 0);",
        "    valid_out: out std_logic;",
        f"    data_out: out std_logic_vector({bits_out - 1} downto 0)",
        ");",
        f"end entity {name};",
    ]


def _core(
    core: str, fsm: Any, *, network: Network, at_in: list[int], at_out: list[int], live: list[int]
) -> tuple[list[str], list[str]]:
    (inputs,), (outputs,) = fsm.inp_signals, fsm.out_signals
    signals = [f"    signal core_in: std_logic_vector({inputs.width - 1} downto 0);"] if inputs.width else []
    signals.append(f"    signal core_out: std_logic_vector({outputs.width - 1} downto 0);")
    body, at = [], 0
    for n, precision in enumerate(inputs.precisions):
        width = sum(precision)
        low = at_in[n] + network.inputs[n].f - precision.fractional
        if width:
            body.append(f"    core_in({at + width - 1} downto {at}) <= data_in({low + width - 1} downto {low});")
        at += width
    at = 0
    for o, precision in zip(live, outputs.precisions, strict=True):
        kif = network.output_formats()[o]
        body.append(f"    data_out({at_out[o + 1] - 1} downto {at_out[o]}) <= {_widened(precision, kif, at)};")
        at += sum(precision)
    ports = [f"{s.name} => {own}" for s, own in ((inputs, "core_in"), (outputs, "core_out")) if s.width]
    clocked = ["clk => clk"] if any(signal.reg for signal in fsm.signals.values()) else []
    return signals, [*body, f"    core: entity work.{core} port map ({', '.join([*clocked, *ports])});"]


def _widened(precision: Any, kif: KIF, at: int) -> str:
    """Bits of one of alkaid's outputs, extended to the documented format on both sides."""
    width = sum(precision)
    right = kif.f - precision.fractional
    left = kif.bits - width - right
    sign = f"core_out({at + width - 1})" if precision.signed else "'0'"
    parts = [sign] * left + [f"core_out({at + width - 1} downto {at})"]
    return " & ".join(parts + ([f'"{"0" * right}"'] if right > 0 else []))
