"""The way from objects of hardware integers to input codes, in Verilog: what it is, and what it cannot be.

An object is a valid bit and integers. A sorting network brings the selected objects in order, equal keys in the order
of the list. Each layer is a pipeline stage, so events can follow each other every cycle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import write_text
from trigger_lut.config.data_set.expressions import parse
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.release import HardwareInteger, ObjectStepOptions
from trigger_lut.errors import CardError, FirmwareError
from trigger_lut.firmware.front_end.description import described_as, expressions_of, feature_text
from trigger_lut.firmware.rtl.project import RtlProject, require_plain_names
from trigger_lut.fixed_point.formats import KIF

OBJECT_STEP = "objects.json"
"""Description of the object step in the folder of the Verilog."""


@dataclass(frozen=True)
class Port:
    """Integer on the bus."""

    name: str
    signed: bool
    width: int

    @property
    def kif(self) -> KIF:
        """Its format."""
        return KIF(int(self.signed), self.width - self.signed, 0)


@dataclass(frozen=True)
class ObjectList:
    """List of objects on the bus: for each the integers of its branches, and a valid bit above them."""

    name: str
    length: int
    branches: tuple[Port, ...]

    @property
    def width(self) -> int:
        """Bits of an object."""
        return sum(port.width for port in self.branches) + 1


@dataclass(frozen=True)
class ObjectStep:
    """Verilog of the object step.

    Attributes
    ----------
    top
        Name of the module.
    whole
        Name of the module with the network behind it.
    numbers
        Integers of an event, the first at bit 0.
    lists
        Lists of objects, which follow the numbers.
    described
        Result of `description.front_end`, with integers as branches.
    latency_cycles
        Cycles from the objects to the codes.
    """

    top: str
    whole: str
    numbers: tuple[Port, ...]
    lists: tuple[ObjectList, ...]
    described: Mapping[str, Any]
    latency_cycles: int

    @property
    def inputs(self) -> tuple[KIF, ...]:
        """Formats on the bus of objects: numbers, then for each object its branches and the valid bit."""
        formats = [port.kif for port in self.numbers]
        for one in self.lists:
            formats += [*(port.kif for port in one.branches), KIF(0, 1, 0)] * one.length
        return tuple(formats)

    @property
    def outputs(self) -> tuple[KIF, ...]:
        """Formats of the codes."""
        return tuple(KIF(*channel["kif"]) for channel in self.described["channels"])

    def project(self, rtl: RtlProject, *, whole: bool = False) -> RtlProject:
        """Return the module, or the one with the network behind it, as a project that can be simulated.

        Parameters
        ----------
        rtl
            Project of the network, whose folder has the module.
        whole
            Whether the network is behind it.
        """
        own = rtl.folder / f"{self.top}.v"
        return RtlProject(
            folder=rtl.folder,
            top=self.whole if whole else self.top,
            files=(*rtl.files, own, rtl.folder / f"{self.whole}.v") if whole else (own,),
            vhdl=(),
            inputs=self.inputs,
            outputs=rtl.outputs if whole else self.outputs,
            latency_cycles_planned=self.latency_cycles + (rtl.latency_cycles_planned if whole else 0),
            cost=0.0,
            ii=rtl.ii if whole else 1,
        )


def describe(
    data_set: DataSet, formats: Sequence[KIF], *, options: ObjectStepOptions
) -> tuple[tuple[Port, ...], tuple[ObjectList, ...], dict[str, Any]]:
    """Describe ports and steps.

    Parameters
    ----------
    data_set : DataSet
    formats : sequence of KIF
        Format of each channel.
    options : ObjectStepOptions
        Integers of the hardware.

    Returns
    -------
    tuple
        Numbers, lists, and the description as of `description.front_end`.

    Raises
    ------
    FirmwareError
        If the options do not fit the data set.
    """
    if wrong := list(problems(data_set, options)):
        raise FirmwareError("object_step: " + "; ".join(wrong))
    numbers = _ports(options.numbers)
    lists = tuple(
        ObjectList(name, options.lists[name].length, _ports(options.lists[name].branches)) for name in data_set.objects
    )
    types = {port.name: {"list": False, "kind": "iu"[not port.signed]} for port in numbers}
    for one in lists:
        types |= {port.name: {"list": True, "kind": "iu"[not port.signed]} for port in one.branches}
    return numbers, lists, described_as(data_set, formats, types=types)


def _ports(branches: Mapping[str, HardwareInteger]) -> tuple[Port, ...]:
    return tuple(Port(name, one.signed, one.width) for name, one in branches.items())


def problems(data_set: DataSet, options: ObjectStepOptions) -> Iterator[str]:
    """Yield what does not fit between the integers of the hardware and a data set.

    Parameters
    ----------
    data_set : DataSet
    options : ObjectStepOptions

    Yields
    ------
    str
        One message per problem.
    """
    for name in data_set.objects.keys() - options.lists.keys():
        yield f"lists: {name!r}: missing. Expected length and branches of these objects of the data set"
    for name in options.lists.keys() - data_set.objects.keys():
        known = ", ".join(data_set.objects) or "none"
        yield f"lists: {name!r}: no such objects. Expected names of objects of the data set ({known})"
    used = {name for feature in data_set.features for name in parse(feature_text(feature)).names}
    for name in sorted(used - options.numbers.keys()):
        yield f"numbers: branch {name!r}: missing. Expected signed and width of each branch of a feature"
    listed: dict[str, tuple[str, int, HardwareInteger]] = {}
    for group, one in options.lists.items():
        if group not in data_set.objects:
            continue
        reads = {name for text in expressions_of(data_set.objects[group]) for name in parse(text).names}
        used |= reads - one.branches.keys()
        for name in sorted(reads - one.branches.keys() - options.numbers.keys()):
            yield f"lists: {group}: branch {name!r}: missing. Expected signed and width of each branch of the objects"
        for text in expressions_of(data_set.objects[group]):
            if set(parse(text).names) <= options.numbers.keys():
                yield f"lists: {group}: {text}: one number per event. Expected an expression of branches of the objects"
        for name in sorted(one.branches.keys() - reads):
            yield f"lists: {group}: branch {name!r}: no expression of these objects reads it. Remove it"
        for name, integer in one.branches.items():
            other, length, first_integer = listed.setdefault(name, (group, one.length, integer))
            if (length, first_integer) != (one.length, integer):
                yield f"lists: {group}: branch {name!r}: expected length, signed and width as in {other!r}"
    for name in sorted(options.numbers.keys() & listed.keys()):
        yield f"numbers: branch {name!r}: in lists too. Expected it in one of them"
    for name in sorted(options.numbers.keys() - used):
        yield f"numbers: branch {name!r}: no expression reads it. Remove it"


def save_object_step(step: ObjectStep, folder: Path) -> None:
    """Write the description of an object step.

    Parameters
    ----------
    step
        Object step.
    folder
        Folder of its Verilog.
    """
    write_text(folder / OBJECT_STEP, json.dumps(asdict(step), indent=1) + "\n")


def read_object_step(folder: Path) -> ObjectStep:
    """Read the description of an object step.

    Parameters
    ----------
    folder
        Folder of its Verilog.

    Returns
    -------
    ObjectStep

    Raises
    ------
    CardError
        If it is missing or of another form.
    """
    path = folder / OBJECT_STEP
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        step = ObjectStep(
            top=content["top"],
            whole=content["whole"],
            numbers=tuple(Port(**one) for one in content["numbers"]),
            lists=tuple(
                ObjectList(one["name"], one["length"], tuple(Port(**port) for port in one["branches"]))
                for one in content["lists"]
            ),
            described=content["described"],
            latency_cycles=int(content["latency_cycles"]),
        )
        require_plain_names(path, step.top, names=[f"{step.whole}.v"])
        assert step.inputs
        assert step.outputs
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise CardError(
            f"{path}: no description of an object step. Expected one of the firmware stage, found "
            f"{type(error).__name__}: {error}. Make the firmware again."
        ) from error
    return step
