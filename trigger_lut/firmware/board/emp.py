"""Wrapper of a network for the EMP framework: links of 64 bits on one side and the other, and the framework's payload.

Bits lie on links as in the pattern files of a release: the low 64 bits of the bus on the first link.
"""

from __future__ import annotations

from dataclasses import dataclass

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.board.axi_stream import FOLDER, fill
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets

LINK_BITS = 64
COMPONENT = "firmware"
"""Folder of an ipbb component: `hdl` with sources, `cfg` with the .dep file."""


@dataclass(frozen=True)
class EmpPayload:
    """EMP wrapper of a network.

    Attributes
    ----------
    top
        Name of the entity that `emp_payload` holds.
    input_link, output_link
        First link of input and output.
    input_links, output_links
        Links of input and output.
    frames
        Frames of an event on the input links.
    latency_cycles
        Cycles from the last frame of an event to its output.
    """

    top: str
    input_link: int
    input_links: int
    output_link: int
    output_links: int
    frames: int
    latency_cycles: int

    @property
    def regions(self) -> int:
        """Regions of four links that the board needs at least."""
        return -(-max(self.input_link + self.input_links, self.output_link + self.output_links) // 4)


def emp_payload(
    project: RtlProject, *, input_link: int = 0, input_links: int | None = None, output_link: int = 0
) -> EmpPayload:
    """Plan the wrapper of a project.

    Parameters
    ----------
    project
        RTL project.
    input_link, output_link
        First link of input and output.
    input_links
        Links of the input; None: as many as an event fills in one frame.

    Returns
    -------
    EmpPayload
        Wrapper.

    Raises
    ------
    FirmwareError
        If there are no links.
    """
    if min(input_link, output_link, 0 if input_links is None else input_links - 1) < 0:
        raise FirmwareError(
            f"{project.top}: no links. Expected first links from 0 and at least one link, found {input_link}, "
            f"{output_link} and {input_links}. Give other numbers."
        )
    bits_in, bits_out = offsets(project.inputs)[-1], offsets(project.outputs)[-1]
    links = -(-bits_in // LINK_BITS) if input_links is None else input_links
    return EmpPayload(
        top=f"{project.top}_emp",
        input_link=input_link,
        input_links=links,
        output_link=output_link,
        output_links=-(-bits_out // LINK_BITS),
        frames=-(-bits_in // (LINK_BITS * links)),
        latency_cycles=project.latency_cycles_planned,
    )


def emp_texts(project: RtlProject, wrapper: EmpPayload) -> dict[str, str]:
    """Write the wrapper as an ipbb component: VHDL-2008, the sources of the network, and the .dep file.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.

    Returns
    -------
    dict
        Texts by path in the component.
    """
    values = values_of(project, wrapper)
    network = [path.name for path in project.vhdl]
    sources = [*network, f"{wrapper.top}.vhd", "emp_payload.vhd"]
    texts = {f"{COMPONENT}/hdl/{path.name}": path.read_text(encoding="utf-8") for path in project.vhdl}
    for name, template in ((f"{wrapper.top}.vhd", "emp_wrapper.vhd"), ("emp_payload.vhd", "emp_payload.vhd")):
        texts[f"{COMPONENT}/hdl/{name}"] = fill((FOLDER / template).read_text(encoding="utf-8"), values)
    lines = [f"# {wrapper.top}: payload of the EMP framework; a board needs {wrapper.regions} region(s) or more"]
    texts[f"{COMPONENT}/cfg/{wrapper.top}.dep"] = "\n".join([*lines, *(f"src --vhdl2008 {s}" for s in sources)]) + "\n"
    return texts


def values_of(project: RtlProject, wrapper: EmpPayload) -> dict[str, str | int]:
    """Return the values of the templates by key.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.

    Returns
    -------
    dict
        Values.
    """
    return {
        "name": wrapper.top,
        "top": project.top,
        "frames": wrapper.frames,
        "links": wrapper.input_links,
        "first_in": wrapper.input_link,
        "first_out": wrapper.output_link,
        "out_links": wrapper.output_links,
        "latency": wrapper.latency_cycles,
        "bits_in": offsets(project.inputs)[-1],
        "bits_out": offsets(project.outputs)[-1],
        "regions": wrapper.regions,
        "adapter": f"{wrapper.top}_adapter",
    }
