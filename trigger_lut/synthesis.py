"""Resources of a design after synthesis by Yosys, out of context, beside the surrogate's estimate."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.budget import Spec
from trigger_lut.cards import Measured, Stopwatch, read_card, sha256, write_card
from trigger_lut.errors import CardError
from trigger_lut.firmware.rtl_project import RtlProject, read_project
from trigger_lut.netlist import cell_counts, longest_path, resources
from trigger_lut.records import TrainCard
from trigger_lut.records_firmware import FirmwareCard, SynthCard
from trigger_lut.yosys import synthesise


def synth(spec: Path, train_card: Path, firmware_card: Path, card: Path) -> SynthCard:
    """Synthesise the Verilog of a design and write its SynthCard.

    LUTs are LUT1 to LUT6 cells (two small functions that share one LUT6 in a device count twice), bram18 counts a 36 Kb
    block RAM twice. Raises CardError when the Verilog is not the one that the firmware card lists, ToolMissingError
    without pyosys, ToolFailedError when Yosys fails.
    """
    watch = Stopwatch()
    design, train, firmware = (
        read_card(Spec, spec),
        read_card(TrainCard, train_card),
        read_card(FirmwareCard, firmware_card),
    )
    project = checked_project(firmware, firmware_card)
    module = synthesise(list(project.files), project.top, design.target.family)
    cells = cell_counts(module)
    used, path = resources(cells), longest_path(module, design.target.family)

    def yosys(value: int) -> Measured:
        return Measured(value=value, source="yosys")

    def surrogate(value: float | None) -> Measured:
        return Measured(value=value, source="not measured" if value is None else "surrogate")

    result = SynthCard(
        design=design.design,
        part=design.target.part,
        family=design.target.family,
        luts=yosys(used.luts),
        ff=yosys(used.ff),
        carry=yosys(used.carry),
        dsp=yosys(used.dsp),
        bram18=yosys(used.bram18),
        logic_levels=Measured(value=path.levels, source="yosys-levels"),
        path_ns_estimate=round(path.delay_ns, 3),
        cells=cells,
        luts_surrogate=surrogate(train.luts_surrogate),
        ff_surrogate=surrogate(train.ff_surrogate),
        surrogate_error=(train.luts_surrogate - used.luts) / max(used.luts, 1),
        **watch.provenance([spec, train_card, firmware_card, *project.files], "pyosys"),
    )
    write_card(result, card)
    return result


def checked_project(firmware: FirmwareCard, path: Path) -> RtlProject:
    """The Verilog project of a firmware card that stands in `path`. Raises CardError when it is not the listed one."""
    project = read_project(Path(firmware.rtl_project))
    for name, digest in firmware.rtl_files.items():
        if not Path(name).is_file() or sha256(Path(name)) != digest:
            raise CardError(f"{name}: not the file that {path} lists; make the firmware again")
    return project
