"""AXI4-Stream wrapper of a network in Verilog, and the script that makes an IP for Vivado of it.

An event is a packet of beats. Without `tready` each event comes after the latency of the network. With it, a FIFO
behind the network holds results while the sink waits, and the wrapper accepts no event without a free place in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.utils.escape import tcl

FOLDER = Path(__file__).parent
PACKAGE_IP = "package_ip.tcl"


@dataclass(frozen=True)
class AxiStream:
    """AXI4-Stream wrapper of a network.

    Attributes
    ----------
    top
        Name of the module.
    beat_bytes, out_bytes
        Bytes of s_axis_tdata and m_axis_tdata.
    beats
        Beats of an event.
    ready
        Whether there is back-pressure: s_axis_tready and m_axis_tready.
    latency_cycles
        Cycles from the last beat of an event to its output, while the sink is ready.
    """

    top: str
    beat_bytes: int
    out_bytes: int
    beats: int
    ready: bool
    latency_cycles: int


def axi_stream(project: RtlProject, ready: bool = True, *, beat_bytes: int | None = None) -> AxiStream:
    """Plan the wrapper of a project.

    Parameters
    ----------
    project
        RTL project.
    ready
        Whether there is back-pressure.
    beat_bytes
        Bytes of a beat; None: as many as an event has.

    Returns
    -------
    AxiStream
        Wrapper.

    Raises
    ------
    FirmwareError
        If a beat has no bytes, or events could come too early.
    """
    if beat_bytes is not None and beat_bytes < 1:
        raise FirmwareError(f"beat_bytes: no bus. Expected a number from 1, found {beat_bytes}. Give another width.")
    bits_in, bits_out = offsets(project.inputs)[-1], offsets(project.outputs)[-1]
    if not ready and project.ii > 1:
        raise FirmwareError(
            f"ready: {project.top} takes an event every {project.ii} cycles, and without tready the source would not "
            "know when. Expected true, found false. Use back-pressure, or ii: 1."
        )
    beat = -(-bits_in // 8) if beat_bytes is None else beat_bytes
    return AxiStream(
        top=f"{project.top}_axis",
        beat_bytes=beat,
        out_bytes=-(-bits_out // 8),
        beats=-(-bits_in // (8 * beat)),
        ready=ready,
        latency_cycles=project.latency_cycles_planned + ready,
    )


def fifo_depth(latency_cycles: int) -> int:
    """Return the places of the FIFO: the smallest power of two that lets an event enter in each cycle.

    An event holds a place from the cycle behind its last beat until the one in which its output leaves, both included.
    With a ready sink these are `latency_cycles` + 1 cycles, and one more place is free for the next event.

    Parameters
    ----------
    latency_cycles
        Latency of the network in cycles.

    Returns
    -------
    int
        Places.
    """
    return 1 << (latency_cycles + 1).bit_length()


def axi_stream_text(project: RtlProject, wrapper: AxiStream) -> str:
    """Write the wrapper as Verilog.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.

    Returns
    -------
    str
        Text.
    """
    latency, depth = project.latency_cycles_planned, fifo_depth(project.latency_cycles_planned)
    bits_out = offsets(project.outputs)[-1]
    padding = 8 * wrapper.out_bytes - bits_out
    values = {
        "name": wrapper.top,
        "top": project.top,
        "beats": wrapper.beats,
        "bytes_in": wrapper.beat_bytes,
        "beat_bits": 8 * wrapper.beat_bytes,
        "bits_in": offsets(project.inputs)[-1],
        "bits_out": bits_out,
        "out_bits": 8 * wrapper.out_bytes,
        "latency": latency,
        "stream_latency": wrapper.latency_cycles,
        "flush_bits": latency.bit_length(),
        "depth": depth,
        "address_bits": depth.bit_length() - 1,
        "padded": f"{{{padding}'b0, " if padding else "",
        "closed": "}" if padding else "",
        **_pacing(project.ii),
    }
    kept, left_out = ("+", "-") if wrapper.ready else ("-", "+")
    lines = []
    for line in (FOLDER / "axi_stream.v").read_text(encoding="utf-8").splitlines():
        mark = line.strip()
        if mark.endswith(f"//{left_out}") or mark.startswith(f"//{left_out}"):
            continue
        lines.append(
            line.replace(f"//{kept}", "//") if mark.startswith(f"//{kept}") else line.removesuffix(f" //{kept}")
        )
    return fill("\n".join(lines) + "\n", values)


def _pacing(ii: int) -> dict[str, str]:
    """Write what delays the last beat of an event until the network takes it; nothing where it always does."""
    if ii == 1:
        return {"pacing": "", "paced": "", "unless": ""}
    bits = (ii - 1).bit_length()
    lines = [
        f"    // An event starts the network {ii} cycles after the one before at the earliest.",
        f"    reg [{bits - 1}:0] pause;",
        f"    initial pause = {bits}'d0;",
        f"    always @(posedge aclk) pause <= start ? {bits}'d{ii - 1} : |pause ? pause - {bits}'d1 : pause;",
    ]
    return {
        "pacing": "".join(f"{line}\n" for line in lines),
        "paced": " && !(beat[BEATS - 1] && |pause)",
        "unless": f"; the last one of an event waits until {ii} cycles after that of the event before",
    }


def package_ip_text(project: RtlProject, wrapper: AxiStream, *, version: int, part: str, sources: list[str]) -> str:
    """Write the Tcl script that makes an IP-XACT component of the wrapper in Vivado.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.
    version
        Version of the design, the major version of the IP.
    part
        Part of the target.
    sources
        Verilog files, relative to the folder of the script.

    Returns
    -------
    str
        Text.
    """
    about = f"{len(project.inputs)} inputs, {len(project.outputs)} outputs, {wrapper.latency_cycles} cycles"
    values = {
        "title": f"{wrapper.top} version {version}",
        "name": wrapper.top,
        "vendor": "trigger_lut",
        "library": "trigger_lut",
        "version": f"{version}.0",
        "part": tcl(part),
        "files": " \\\n".join(f"    {tcl(name)}" for name in sources) + " \\",
        "display": tcl(f"{wrapper.top} version {version}"),
        "description": tcl(f"Trigger network behind AXI4-Stream: {about}"),
    }
    return fill((FOLDER / PACKAGE_IP).read_text(encoding="utf-8"), values)


def fill(text: str, values: Mapping[str, object]) -> str:
    """Replace each `@key@` of a template.

    Parameters
    ----------
    text
        Template.
    values
        Values by key.

    Returns
    -------
    str
        Text.
    """
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text
