"""Synthesis by Yosys, which runs in a process of its own."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trigger_lut.cost_model.delay import modeled_as
from trigger_lut.errors import ToolFailedError, ToolLimitError, ToolMissingError
from trigger_lut.synthesis.block_ram import Memory, holds_memory
from trigger_lut.synthesis.netlist import BLOCK_RAMS, Netlist
from trigger_lut.synthesis.yosys_reading import in_pieces, pieces
from trigger_lut.utils.cache import cached
from trigger_lut.utils.memory import gigabytes, limited

if TYPE_CHECKING:
    from trigger_lut.config.budget import Target
    from trigger_lut.synthesis.synthesizers import VerilogSources

LOG = logging.getLogger(__name__)

HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""Setting of glibc under which Yosys takes 6 to 12 % less time. A setting of the user stays."""

NO_MEMORY = re.compile(r"bad_alloc|MemoryError|[Oo]ut of memory|[Cc]annot allocate memory|failed to map segment")

# Yosys joins adders that feed each other into sums of many operands. It builds these from full adders: two LUTs per bit
# and more logic levels, where a carry chain takes one LUT per bit. Turned into carry chains module by module, before
# the hierarchy is flattened, they stay the adders that were written, as in the vendors' tools.
ADDERS_STAY = ("opt", "wreduce", "opt_clean", "alumacc", "opt")

# Yosys takes a table for a memory, and moves the registers in front of a memory behind it. The table would join the
# pipeline stage before, which is then too long. Turned into logic module by module, it stays where it is.
# Where block RAM is granted, a table needs that register.
TABLES_STAY = ("memory_collect", "memory_map")

# Of Yosys' own mapping scripts the one with the fewest LUTs and levels. It gave 263 LUTs where the default script gave
# 265, 1,717 where that gave 1,746, and 6 levels where that gave 7.
MAPPING = "scratchpad -copy abc9.script.flow3 abc9.script"

# DSP slices, LUTs as memory and shift registers in LUTs are not evaluated by `netlist_simulation`: none is ever used.
OPTIONS = "-flatten -noiopad -noclkbuf -nosrl -nolutram -nodsp -abc9"

MEMORY, NAMED = "$mem_v2", "rom_"


def synthesize(files: list[Path], top: str, *, family: str, bram18: int = 0) -> dict[str, Any]:
    """Synthesize Verilog for a Xilinx family, out of context: no pads and no clock buffers.

    Tables become LUTs. With `bram18` > 0, those that a register follows may go into block RAM. If Yosys takes more
    than is granted, some tables are built from LUTs again, until the rest fits. A block RAM must hold its table entry
    for entry, or the design is built from LUTs. DSP slices, LUTs as memory or as shift registers, and UltraRAM are
    never used.

    Parameters
    ----------
    files : list of Path
        Verilog files.
    top : str
        Name of the top module.
    family : str
        Family, as Yosys' synth_xilinx names it.
    bram18 : int
        Granted block RAMs of 18 Kb; one of 36 Kb counts as two.

    Returns
    -------
    dict
        The flat top module of Yosys' JSON netlist.

    Raises
    ------
    ToolMissingError
        Without pyosys.
    ToolFailedError
        With Yosys' message, when Yosys fails.
    """
    if bram18 == 0:
        return _netlist(files, top, family)[0]
    module, memories = _netlist(files, top, family, in_luts=())
    if (wanted := _count(block_rams(module))) > bram18:
        free, in_luts = bram18, []
        for name, memory in memories.items():
            if (count := _count(block_rams(module, memory))) <= free:
                free -= count
            else:
                in_luts.append(name)
        LOG.warning(
            f"trigger_lut: {top}: Yosys would use {wanted} block RAMs of 18 Kb, the budget grants {bram18}: "
            f"{len(in_luts)} tables are built from LUTs"
        )
        module, memories = _netlist(files, top, family, in_luts)
    # Synthesis of the rest may differ, and the contents of a block RAM may be arranged in another way than is checked
    # here. LUTs alone always do.
    mapped = [(memory, block_rams(module, memory)) for memory in memories.values()]
    if _count(block_rams(module)) > bram18 or not all(holds_memory(cells, memory) for memory, cells in mapped if cells):
        LOG.warning(f"trigger_lut: {top}: block RAMs could not be confirmed: all tables are built from LUTs")
        module, _ = _netlist(files, top, family)
    return module


class Yosys:
    """The open synthesizer of the Python package pyosys; a `Synthesizer`."""

    packages: tuple[str, ...] = ("pyosys",)

    def require(self) -> None:
        """Raise ToolMissingError without pyosys."""
        if find_spec("pyosys") is None:
            raise ToolMissingError("Yosys is not installed; install it with: pip install pyosys==0.70")

    def synthesize(self, project: VerilogSources, target: Target, *, bram18: int = 0) -> Netlist:
        """Synthesize a project for a target; see `Synthesizer.synthesize`."""
        return synthesize(list(project.files), project.top, family=modeled_as(target.family), bram18=bram18)


def netlist_modules(netlist: Path) -> dict[str, Any]:
    """Read the modules of a netlist that Yosys wrote as JSON.

    Parameters
    ----------
    netlist
        File.

    Returns
    -------
    dict
        Modules by name.

    Raises
    ------
    ToolFailedError
        If the file is cut off.
    """
    try:
        modules: dict[str, Any] = json.loads(netlist.read_text(encoding="utf-8"))["modules"]
    except ValueError as error:
        size = netlist.stat().st_size
        raise ToolFailedError(
            f"{netlist}: Yosys did not write it to the end. Expected JSON, found {size} bytes of it. "
            "Free space on the disk of the temporary folder, then run the same command again."
        ) from error
    return modules


def _netlist(
    files: list[Path], top: str, family: str, in_luts: Sequence[str] | None = None
) -> tuple[dict[str, Any], dict[str, Memory]]:
    """Return the flat top module, and the parameters of its memories before mapping, by cell name.

    Yosys runs once a user for the same Verilog: training, firmware and synthesis ask for the same netlist.
    in_luts: memories that stay out of block RAM; None: all of them, and none is listed.
    """
    Yosys().require()

    def commands(sources: Sequence[Path], netlist: Path, memories: Path) -> list[str]:
        listed = None if in_luts is None else memories
        return passes(top, family, files=list(sources), netlist=netlist, memories=listed, in_luts=in_luts or ())

    def build(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="trigger_lut_yosys_") as folder:
            netlist, memories = Path(folder, "netlist.json"), Path(folder, "memories.json")
            run_yosys(commands(files, netlist, memories), netlist, what=top)
            content = [netlist_modules(netlist)[top], None if in_luts is None else netlist_modules(memories)[top]]
        path.write_bytes(gzip.compress(json.dumps(content).encode(), compresslevel=1))

    numbered = [Path(f"{n}.v") for n in range(len(files))]  # folders differ, and decide nothing
    made_of: list[str | bytes] = [path.read_bytes() for path in files]
    made_of += [*commands(numbered, Path("netlist"), Path("memories")), version("pyosys")]
    made_of += [str(count) for path in files if (count := len(pieces(path)))]
    stored = cached("netlist.gz", made_of, build=build)
    module, unmapped = json.loads(gzip.decompress(stored.read_bytes()))
    cells = {} if unmapped is None else unmapped["cells"]
    parameters = {name: cell["parameters"] for name, cell in cells.items() if cell["type"] == MEMORY}
    return module, dict(sorted(parameters.items(), key=lambda item: int(item[0].removeprefix(NAMED))))


def block_rams(module: Mapping[str, Any], memory: Memory | None = None) -> list[dict[str, Any]]:
    """Return the block RAMs of a netlist; those that hold one memory, when its parameters are given."""
    begin = "" if memory is None else memory["MEMID"].removeprefix("\\") + "."
    return [c for name, c in module["cells"].items() if c["type"] in BLOCK_RAMS and name.startswith(begin)]


def _count(cells: list[dict[str, Any]]) -> int:
    """Count block RAMs of 18 Kb."""
    return sum(BLOCK_RAMS[cell["type"]] for cell in cells)


def run_yosys(
    commands: list[str], output: Path, *, what: str, memory_bytes: int | None = None, seconds: float | None = None
) -> str:
    """Run Yosys' commands, which write a file.

    Parameters
    ----------
    commands
        Commands in Yosys' language.
    output
        File that they write.
    what
        Name of the design in errors.
    memory_bytes, seconds
        Limits of the address space and of the time; None: no limit.

    Returns
    -------
    str
        Messages of Yosys.

    Raises
    ------
    ToolMissingError
        Without pyosys.
    ToolLimitError
        When Yosys reaches a limit.
    ToolFailedError
        When Yosys fails, with its own message.
    """
    Yosys().require()
    with tempfile.TemporaryDirectory(prefix="trigger_lut_pieces_") as folder:
        given = in_pieces(commands, Path(folder))
        command = limited([sys.executable, "-m", "trigger_lut.synthesis.yosys_process", *given], memory_bytes)
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                env={"GLIBC_TUNABLES": HUGE_PAGES, **os.environ, "TMPDIR": _temporary_folder()},
            )
        except subprocess.TimeoutExpired as error:
            raise ToolLimitError(f"Yosys: {what} takes more than {seconds:.0f} s") from error
    if done.returncode or not output.is_file():
        errors = re.findall(r"^.*ERROR:.*$", done.stdout, re.MULTILINE) or done.stdout.strip().splitlines()[-10:]
        if any("check -assert" in error for error in errors):
            errors += re.findall(r"^Warning: .*$", done.stdout, re.MULTILINE)[:3]
        if memory_bytes is not None and (not errors or done.returncode < 0 or NO_MEMORY.search(done.stdout)):
            raise ToolLimitError(f"Yosys: {what} takes more than {gigabytes(memory_bytes)} of memory")
        raise ToolFailedError(f"Yosys ended with status {done.returncode} on {what}:\n" + "\n".join(errors))
    return done.stdout


def _temporary_folder() -> str:
    """Return a folder for temporary files whose path has no blanks, which ABC within Yosys splits at."""
    folders = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")
    for folder in folders:
        if not any(character.isspace() for character in folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ToolFailedError(
        f"{folders[0]}: blanks in the path of the temporary folder. Set TMPDIR to one without, for Yosys."
    )


def passes(
    top: str,
    family: str,
    *,
    files: list[Path],
    netlist: Path,
    memories: Path | None = None,
    in_luts: Sequence[str] = (),
) -> list[str]:
    """Return Yosys' commands in order, which write `netlist`.

    With `memories`, tables may go into block RAM, except those that `in_luts` names; all are listed in that file.
    """
    synth = f"synth_xilinx -top {top} -family {family} {OPTIONS}"
    # Without a memory, the script of synth_xilinx gives the same netlist without the libraries of block RAM and of
    # special cells. To read them takes 3 s of processor time.
    if memories is not None:
        mapping = [
            f"{synth} -run begin:map_memory",
            f"rename -enumerate -pattern {NAMED}% t:{MEMORY}",
            *(f'setattr -set rom_style "logic" c:{name}' for name in in_luts),
            f'write_json -selected "{memories}"',
            f"{synth} -run map_memory:",
        ]
    else:
        mapping = [
            "read_verilog -lib -specify +/xilinx/cells_sim.v",
            f"hierarchy -check -top {top}",
            f"{synth} -nobram -run prepare:map_memory",
            f"{synth} -nobram -run map_ffram:",
        ]
    return [
        "read_verilog -defer -sv " + " ".join(f'"{name}"' for name in files),
        f"hierarchy -check -top {top}",
        "proc",
        *(TABLES_STAY if memories is None else ()),
        *ADDERS_STAY,
        MAPPING,
        *mapping,
        "check -assert",
        f'write_json -selected "{netlist}"',
    ]
