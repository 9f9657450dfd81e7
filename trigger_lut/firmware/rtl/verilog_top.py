"""Top-level Verilog module: documented buses and a valid bit around alkaid's pipeline."""

from __future__ import annotations

from typing import Any

from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network
from trigger_lut.utils.escape import comment


def offsets(formats: tuple[KIF, ...]) -> list[int]:
    """Compute the lowest bit of each channel on a flat bus.

    Parameters
    ----------
    formats
        Formats of the channels.

    Returns
    -------
    list of int
        Lowest bits, and the bus width at the end.
    """
    places = [0]
    for kif in formats:
        places.append(places[-1] + kif.bits)
    return places


def top_module(
    network: Network, name: str, *, core: str, fsm: Any, live: list[int], constants: dict[int, int], cycles: int
) -> str:
    """Verilog of the top-level module.

    core: name of alkaid's module. fsm: its FSM; None when every output is constant. live: network outputs that the core
    computes, in its order. constants: code of each output that is constant.
    """
    formats_in, formats_out = network.inputs, network.output_formats()
    at_in, at_out = offsets(formats_in), offsets(formats_out)
    body = (
        _core(core, fsm, formats_in=formats_in, formats_out=formats_out, at_in=at_in, at_out=at_out, live=live)
        if fsm is not None
        else []
    )
    for o, code in constants.items():
        kif = formats_out[o]
        body.append(f"    assign data_out[{at_out[o + 1] - 1}:{at_out[o]}] = {_literal(code, kif.bits)};")
    shift = "valid_in" if cycles == 1 else f"{{valid[{cycles - 2}:0], valid_in}}"
    lines = [
        *described("//", network, name=name, cycles=cycles),
        *module_head(name, at_in[-1], bits_out=at_out[-1]),
        f'    (* shreg_extract = "no" *) reg [{cycles - 1}:0] valid;',
        f"    initial valid = {cycles}'b0;",
        f"    always @(posedge clk) valid <= {shift};",
        f"    assign valid_out = valid[{cycles - 1}];",
        *body,
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def module_head(name: str, bits_in: int, *, bits_out: int) -> list[str]:
    """Write the head of a module with the ports of all networks, in lines.

    Parameters
    ----------
    name
        Name of the module.
    bits_in, bits_out
        Widths of data_in and data_out.

    Returns
    -------
    list of str
        Lines.
    """
    return [
        "`timescale 1 ns / 1 ps",
        f"module {name} (",
        "    input wire clk,",
        "    input wire valid_in,",
        "    // verilator lint_off UNUSEDSIGNAL",
        f"    input wire [{bits_in - 1}:0] data_in,",
        "    // verilator lint_on UNUSEDSIGNAL",
        "    output wire valid_out,",
        f"    output wire [{bits_out - 1}:0] data_out",
        ");",
    ]


def described(mark: str, network: Network, *, name: str, cycles: int, ii: int = 1) -> list[str]:
    """Describe a top-level module in lines of comment: timing, and the channels on its buses."""
    formats_in, formats_out = network.inputs, network.output_formats()
    pace = "every cycle" if ii == 1 else f"after {ii} cycles at the earliest; an earlier one replaces it"
    lines = [
        f"{name}: {len(formats_in)} inputs, {len(formats_out)} outputs, a new input {pace}.",
        f"latency_cycles = {cycles}: valid_out and data_out follow valid_in and data_in after {cycles} clock edges.",
        "data_in is not registered here, data_out is. No reset: the pipeline holds nothing but data on its way.",
        "Channels lie side by side, the first at bit 0, each as a two's complement integer of its format.",
        "",
        *_table("data_in", formats_in, network.features),
        *_table("data_out", formats_out, network.classes),
    ]
    return [comment(mark, line) for line in lines]


def _table(bus: str, formats: tuple[KIF, ...], names: tuple[str, ...]) -> list[str]:
    at = offsets(formats)
    rows = [
        f"  {bus}[{at[n + 1] - 1}:{at[n]}]  {kif}  {names[n] if n < len(names) else n}" for n, kif in enumerate(formats)
    ]
    return [*rows, ""]


def _core(
    core: str,
    fsm: Any,
    *,
    formats_in: tuple[KIF, ...],
    formats_out: tuple[KIF, ...],
    at_in: list[int],
    at_out: list[int],
    live: list[int],
) -> list[str]:
    (inputs,), (outputs,) = fsm.inp_signals, fsm.out_signals
    lines = [f"    wire [{inputs.width - 1}:0] core_in;"] if inputs.width else []
    lines.append(f"    wire [{outputs.width - 1}:0] core_out;")
    at = 0
    for n, precision in enumerate(inputs.precisions):
        # alkaid takes only the bits it needs of a channel.
        width = sum(precision)
        low = at_in[n] + formats_in[n].f - precision.fractional
        if width:
            assert at_in[n] <= low <= low + width <= at_in[n + 1], (n, precision, formats_in[n])
            lines.append(f"    assign core_in[{at + width - 1}:{at}] = data_in[{low + width - 1}:{low}];")
        at += width
    at = 0
    for o, precision in zip(live, outputs.precisions, strict=True):
        lines.append(
            f"    assign data_out[{at_out[o + 1] - 1}:{at_out[o]}] = {_widened(precision, formats_out[o], at)};"
        )
        at += sum(precision)
    ports = ".clk(clk), .model_inp(core_in), .model_out(core_out)"
    return [*lines, f"    {core} core ({ports});"]


def _widened(precision: Any, kif: KIF, at: int) -> str:
    """Bits of one of alkaid's outputs, extended to the documented format on both sides."""
    width = sum(precision)
    right = kif.f - precision.fractional
    left = kif.bits - width - right
    assert min(left, right) >= 0, (precision, kif)
    sign = f"core_out[{at + width - 1}]" if precision.signed else "1'b0"
    parts = (
        [f"{{{left}{{{sign}}}}}"] * (left > 0) + [f"core_out[{at + width - 1}:{at}]"] + [f"{right}'b0"] * (right > 0)
    )
    return "{" + ", ".join(parts) + "}"


def _literal(code: int, bits: int) -> str:
    return f"{bits}'h{code & ((1 << bits) - 1):x}"
