"""Differences between two releases of a design: interface, network, figures, thresholds and results.

A release of new table contents in the same interface replaces another one in a system without other changes. Whether
it does so is decided here from the files alone; no code of a release runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trigger_lut.cards.physics import point_key
from trigger_lut.errors import DataError
from trigger_lut.firmware.decision.score import Score
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.release.archive import Files, read_release
from trigger_lut.release.manifest import MANIFEST, OF_SYNTHESIS, Shipped, changed_files, read_manifest, read_shipped
from trigger_lut.release.network_file import network_of

CONSTANTS = ("entries", "bias", "weights")
"""Keys of network.json with constants; everything else is the structure."""
VECTORS = "vectors/inputs.txt"
Area = Literal["interface", "structure", "decision", "figures", "budget"]
MISSING = "none"


@dataclass(frozen=True)
class Release:
    """Content of a release that is compared.

    Attributes
    ----------
    cards
        Its cards.
    network
        Content of its network file.
    inputs, outputs
        Formats on the buses.
    vectors : IntArray of shape (N, C_in)
        Its input codes.
    """

    cards: Shipped
    network: dict[str, Any]
    inputs: tuple[KIF, ...]
    outputs: tuple[KIF, ...]
    vectors: IntArray


@dataclass(frozen=True)
class Change:
    """A value that differs.

    Attributes
    ----------
    area
        Part of the release.
    key
        Name of the value.
    old, new
        Both values as text.
    """

    area: Area
    key: str
    old: str
    new: str


@dataclass(frozen=True)
class Results:
    """Results of both networks for the same vectors.

    Attributes
    ----------
    vectors
        Number of vectors: those of both releases.
    outputs_differ
        Vectors with an output that differs.
    largest_differs
        Vectors whose largest output of a class is another one; None for a single output.
    bits_differ
        Vectors with another decision, by rate in kHz; only rates of both.
    """

    vectors: int
    outputs_differ: int
    largest_differs: int | None
    bits_differ: Mapping[str, int]


@dataclass(frozen=True)
class Differences:
    """Differences between two releases.

    Attributes
    ----------
    changes
        Values that differ, but for constants.
    constants, constants_differ
        Number of table entries, weights and biases, and of those that differ; None where the structure differs.
    results
        None where vectors of one do not fit the other.
    """

    changes: tuple[Change, ...]
    constants: int
    constants_differ: int | None
    results: Results | None

    def of(self, area: Area) -> list[Change]:
        """Return the changes of one area."""
        return [change for change in self.changes if change.area == area]


def read(path: Path) -> Release:
    """Read a release, and compare its files with its manifest.

    Parameters
    ----------
    path
        Zip or folder.

    Returns
    -------
    Release
        Its content.

    Raises
    ------
    DataError
        If it is missing, damaged or not as its manifest says.
    CardError
        If a card in it is invalid.
    """
    files = read_release(path)
    if problems := changed_files(read_manifest(files), files):
        raise DataError(f"{path}: {problems[0]}. Expected the files that {MANIFEST} lists. Check the release first.")
    return content(files)


def content(files: Files) -> Release:
    """Read the files of a release, without its manifest.

    Parameters
    ----------
    files
        Content by path.

    Returns
    -------
    Release
        What is compared of them.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    CardError
        If a card is invalid.
    """
    formats = _formats(files)
    return Release(read_shipped(files), network_of(files), *formats, _vectors(files, formats[0]))


def _formats(files: Files) -> tuple[tuple[KIF, ...], tuple[KIF, ...]]:
    try:
        content = json.loads(files["rtl/project.json"])
        return tuple(KIF(*kif) for kif in content["inputs"]), tuple(KIF(*kif) for kif in content["outputs"])
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"rtl/project.json: {error}. Expected the description of an RTL project.") from error


def _vectors(files: Files, formats: tuple[KIF, ...]) -> IntArray:
    try:
        rows = [[int(code) for code in line.split()] for line in files[VECTORS].decode().splitlines()]
        codes = np.array(rows, dtype=np.int64).reshape(len(rows), len(formats))
    except (KeyError, ValueError, OverflowError) as error:
        raise DataError(f"{VECTORS}: {error}. Expected {len(formats)} integers per line.") from error
    return codes


def differences(old: Release, new: Release) -> Differences:
    """Compare two releases.

    Parameters
    ----------
    old, new
        Releases from `read`.

    Returns
    -------
    Differences
        Differences, in the order of the areas.

    Raises
    ------
    DataError
        If a network file is no network.
    """
    try:
        return _differences(old, new)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise DataError(
            f"network.json: {type(error).__name__}: {error}. Expected a network as the release stage writes it. "
            "Check both releases first."
        ) from error


def _differences(old: Release, new: Release) -> Differences:
    structures = [_structure(release.network) for release in (old, new)]
    changes = [
        change
        for area, values in _AREAS.items()
        for change in _changes(area, *(dict(values(release)) for release in (old, new)))
    ]
    constants = [list(_constants(release.network)) for release in (old, new)]
    same = structures[0] == structures[1]
    return Differences(
        changes=tuple(changes),
        constants=len(constants[1]),
        constants_differ=sum(a != b for a, b in zip(*constants, strict=True)) if same else None,
        results=_results(old, new),
    )


def _changes(area: Area, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for key in old | new:
        before, after = (_text(values.get(key)) for values in (old, new))
        if before != after:
            yield Change(area, key, before, after)


def _text(value: Any) -> str:
    return MISSING if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _interface(release: Release) -> Iterator[tuple[str, Any]]:
    cards = release.cards
    yield "rtl_top", cards.firmware.rtl_top
    yield "clock_mhz", cards.timing.clock_mhz
    yield "latency_cycles", cards.timing.latency_cycles.value
    yield "ii", cards.timing.ii.value
    for bus in ("inputs", "outputs"):
        yield bus, len(release.network[bus])
        for n, channel in enumerate(release.network[bus]):
            yield f"{bus[:-1]} {n}", f"{channel['name']} {channel['format']} {channel['min']}..{channel['max']}"


def _decision(release: Release) -> Iterator[tuple[str, Any]]:
    card = release.cards.decision
    if card is None:
        return
    yield "top", card.top
    yield "latency_cycles", card.latency_cycles.value
    yield "score", f"{', '.join(card.signal)} - {', '.join(card.background)}" if card.background else card.signal[0]
    for n, bit in enumerate(card.bits):
        wanted = point_key(bit.path, bit.rate_khz)
        yield f"bit {n}", f"{wanted} kHz"
        yield f"threshold for {wanted} kHz", bit.code


def _figures(release: Release) -> Iterator[tuple[str, Any]]:
    for name in OF_SYNTHESIS:
        yield name, getattr(release.cards.synth, name).value
    yield "fmax_mhz_estimate", release.cards.timing.fmax_mhz_estimate.value
    yield "bit_exact", release.cards.verify.bit_exact


def _budget(release: Release) -> Iterator[tuple[str, Any]]:
    yield from release.cards.spec.budget.model_dump(mode="json").items()
    yield "target", release.cards.spec.target.part


def _layers(release: Release) -> Iterator[tuple[str, Any]]:
    layers = release.network["layers"]
    yield "layers", len(layers)
    for n, layer in enumerate(layers):
        edges = len(layer.get("tables", ())) or sum(bool(w) for row in layer.get("weights", ()) for w in row)
        yield f"layer {n}", f"{layer['name']}: {layer['kind']}, {len(layer['sites'])} positions, {edges} edges"


_AREAS: dict[Area, Callable[[Release], Iterator[tuple[str, Any]]]] = {
    "interface": _interface,
    "structure": _layers,
    "decision": _decision,
    "figures": _figures,
    "budget": _budget,
}


def _structure(content: Any, key: str = "") -> Any:
    """Return the network without its constants; of each of these the shape stays."""
    if key in CONSTANTS:
        return np.shape(content)
    if isinstance(content, dict):
        return {name: _structure(value, name) for name, value in content.items() if name != "design"}
    return [_structure(value) for value in content] if isinstance(content, list) else content


def _constants(content: Any, key: str = "") -> Iterator[int]:
    """Yield the constants of a network in the order of the file."""
    if key in CONSTANTS:
        yield from np.ravel(content).tolist()
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from _constants(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from _constants(value)


def _results(old: Release, new: Release) -> Results | None:
    if old.inputs != new.inputs or len(old.outputs) != len(new.outputs):
        return None
    codes = np.unique(np.concatenate([old.vectors, new.vectors]), axis=0)
    outputs = [_outputs(release, codes) for release in (old, new)]
    values = [
        codes * 2.0 ** -np.array([kif.f for kif in release.outputs])
        for codes, release in zip(outputs, (old, new), strict=True)
    ]
    classes = _classes(old)
    bits = [_bits(release, codes) for release, codes in zip((old, new), outputs, strict=True)]
    return Results(
        vectors=len(codes),
        outputs_differ=int((values[0] != values[1]).any(axis=1).sum()),
        largest_differs=(
            int((values[0][:, classes].argmax(axis=1) != values[1][:, classes].argmax(axis=1)).sum())
            if len(classes) > 1
            else None
        ),
        bits_differ={key: int((bits[0][key] != bits[1][key]).sum()) for key in bits[0] if key in bits[1]},
    )


def _classes(release: Release) -> list[int]:
    """Return the outputs that are classes: those of the decision, or all where there is none."""
    card = release.cards.decision
    names = [channel["name"] for channel in release.network["outputs"]]
    return list(range(len(names))) if card is None else [names.index(n) for n in (*card.signal, *card.background)]


def _outputs(release: Release, codes: IntArray) -> IntArray:
    return np.asarray(emulator.evaluate(emulator.as_arrays(deepcopy(release.network)), codes))


def _bits(release: Release, outputs: IntArray) -> dict[str, IntArray]:
    """Return the decision bits by path and rate in kHz; of no decision none."""
    card = release.cards.decision
    if card is None:
        return {}
    names = [channel["name"] for channel in release.network["outputs"]]
    signal, background = (tuple(names.index(name) for name in group) for group in (card.signal, card.background))
    score = Score(release.outputs, signal, background)
    decided = score.decided(outputs, [bit.code for bit in card.bits])
    return {point_key(bit.path, bit.rate_khz): decided[:, n] for n, bit in enumerate(card.bits)}


def differences_text(report: Differences) -> str:
    """Describe the differences of two releases.

    Parameters
    ----------
    report
        Differences from `differences`.

    Returns
    -------
    str
        One or more lines an area; what is not compared at the end.
    """
    lines = []
    for area in _AREAS:
        changes = report.of(area)
        lines.append(f"{area}: {'the same' if not changes else f'{len(changes)} changed'}")
        lines += [f"  {change.key}: {change.old} -> {change.new}" for change in changes]
    if report.constants_differ is None:
        lines.append("constants: not compared, as the structures differ")
    else:
        lines.append(
            f"constants: {report.constants_differ} of {report.constants} table entries, weights and biases differ"
        )
    if report.results is None:
        lines.append("results: not compared, as inputs or outputs differ")
    else:
        results = report.results
        lines.append(
            f"results on the vectors of both: outputs differ for {results.outputs_differ} of {results.vectors}"
        )
        if results.largest_differs is not None:
            lines.append(f"  the largest output is another one for {results.largest_differs}")
        lines += [f"  the decision for {key} kHz differs for {count}" for key, count in results.bits_differ.items()]
    lines.append("accuracy and rates: not measured; they need labeled events")
    return "\n".join(lines) + "\n"
