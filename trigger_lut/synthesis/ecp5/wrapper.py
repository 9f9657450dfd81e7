"""Module around a design that puts every path between registers.

The top-level module does not register its inputs. Registers in front of them make its first stage a path that place and
route times; the outputs are registers already. Pins do not take part: nextpnr places out of context, so a bus may be
wider than the device's package.
"""

from __future__ import annotations

WRAPPER = "routed_top"


def wrapper(top: str, bits_in: int, *, bits_out: int) -> str:
    """Write the Verilog of module `routed_top` around a design.

    Parameters
    ----------
    top
        Name of the design's top module.
    bits_in, bits_out
        Widths of its buses.

    Returns
    -------
    str
        Verilog.
    """
    lines = [
        f"module {WRAPPER} (",
        "    input wire clk,",
        "    input wire valid_in,",
        f"    input wire [{bits_in - 1}:0] data_in,",
        "    output wire valid_out,",
        f"    output wire [{bits_out - 1}:0] data_out",
        ");",
        "    reg valid;",
        f"    reg [{bits_in - 1}:0] data;",
        "    always @(posedge clk) begin",
        "        valid <= valid_in;",
        "        data <= data_in;",
        "    end",
        f"    {top} design (.clk(clk), .valid_in(valid), .data_in(data), .valid_out(valid_out), .data_out(data_out));",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"
