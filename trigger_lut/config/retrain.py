"""A new calibration: a design that is trained again inside the interface of an earlier one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from trigger_lut.cards.base import StrictModel
from trigger_lut.cards.paths import DesignFiles
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.compatibility import differences
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.validation import shown
from trigger_lut.errors import CardError, ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.utils.files import sha256

Keep = Literal["interface", "structure"]
Format = tuple[int, int, int]


class FrozenInterface(StrictModel):
    """Interface of an earlier design, which a design that is trained again keeps."""

    result: str = Field(description="Folder of the earlier design.")
    keep: Keep = Field(description="Interface, or structure too: then tables alone have other content.")
    features: list[str] = Field(description="Names of the inputs.")
    classes: list[str] = Field(description="Names of the outputs.")
    inputs: list[Format] = Field(description="Formats on data_in: sign bit, integer bits, fraction bits.")
    outputs: list[Format] = Field(description="Formats on data_out.")
    latency_cycles: int = Field(ge=1, description="Cycles from input to output.")
    ii: int = Field(ge=1, description="Cycles between two events.")
    model_sha256: str = Field(description="Of its Keras model.")
    network_sha256: str = Field(description="Of its integer network.")
    archive_sha256: str = Field(description="Of its release.")

    @property
    def files(self) -> DesignFiles:
        """Files of the earlier design."""
        return DesignFiles(self.result)

    def input_formats(self) -> tuple[KIF, ...]:
        """Return the formats of the inputs."""
        return tuple(KIF(*kif) for kif in self.inputs)

    def output_formats(self) -> tuple[KIF, ...]:
        """Return the formats of the outputs."""
        return tuple(KIF(*kif) for kif in self.outputs)

    def require_unchanged(self) -> None:
        """Raise CardError if a file of the earlier design is not the one that the interface was read from."""
        for path, digest in (
            (self.files.model, self.model_sha256),
            (self.files.network, self.network_sha256),
            (self.files.archive, self.archive_sha256),
        ):
            actual = sha256(Path(path)) if Path(path).is_file() else "no file"
            if actual != digest:
                raise CardError(
                    f"{path}: not the file that the design was specified with. Expected sha256 {digest}, found "
                    f"{actual}. Run the workflow again."
                )


def read_frozen(result: str, keep: Keep) -> FrozenInterface:
    """Read the interface of an earlier design from its result folder.

    Parameters
    ----------
    result : str
        Folder of the design, such as `results/small`.
    keep : str
        'interface' or 'structure'.

    Returns
    -------
    FrozenInterface

    Raises
    ------
    ConfigurationError
        If the folder has no complete result.
    """
    files = DesignFiles(result)
    described, network = (Path(files.release, name) for name in ("rtl/project.json", "emulator/python/network.json"))
    for path in (files.spec, files.model, files.network, files.archive, described, network):
        if not Path(path).is_file():
            raise ConfigurationError(
                f"retrain: {result}: no finished design. Expected {path}, found no such file. Run the workflow for "
                "that design first, or name the folder of another one."
            )
    try:
        project, names = (json.loads(path.read_text(encoding="utf-8")) for path in (described, network))
        return FrozenInterface(
            result=result,
            keep=keep,
            features=[channel["name"] for channel in names["inputs"]],
            classes=[channel["name"] for channel in names["outputs"]],
            inputs=[tuple(kif) for kif in project["inputs"]],
            outputs=[tuple(kif) for kif in project["outputs"]],
            latency_cycles=project["latency_cycles_planned"],
            ii=project.get("ii", 1),
            model_sha256=sha256(Path(files.model)),
            network_sha256=sha256(Path(files.network)),
            archive_sha256=sha256(Path(files.archive)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"retrain: {described}: {type(error).__name__}: {error}. Expected a release of this version. Run the "
            "release stage of that design again."
        ) from error


def data_mistakes(frozen: FrozenInterface, former: dict[str, Any], *, data_set: DataSet) -> list[str]:
    """List what keeps a data set from being encoded in the input formats of an earlier design.

    Parameters
    ----------
    frozen : FrozenInterface
        Interface of the earlier design.
    former : dict
        Its specification.
    data_set : DataSet
        The new data.

    Returns
    -------
    list of str
        Mistakes; empty if the data set fits.
    """
    described = channels(data_set)
    names, outputs = [channel.name for channel in described], list(data_set.outputs)
    name = f"data set {data_set.name}"
    if names != frozen.features:
        return [f"{name}: features: expected those of {frozen.result}, {_first(frozen.features, names)}"]
    if outputs != frozen.classes:
        return [f"{name}: classes: expected those of {frozen.result}, {_first(frozen.classes, outputs)}"]
    mistakes = []
    for channel, kif in zip(described, frozen.input_formats(), strict=True):
        given = channel.feature.given
        if given is not None and given != kif:
            mistakes.append(
                f"{name}: feature {channel.name}: expected the format {kif} of {frozen.result}, found {given}. Remove "
                "format and scale, or use the former ones"
            )
    mistakes += [
        f"{name}: regression_targets.{target.name}.scale: expected the number of the former data set, found none. "
        "Write it, so that outputs keep their unit"
        for target in data_set.regression_targets or []
        if target.scale is None
    ]
    # Present until the data set of this name is read again.
    described_before = Path(frozen.result).parent / "data" / str(former["data_set"]) / "data_set.json"
    if not mistakes and described_before.is_file():
        mistakes += [f"{name}: {line}" for line in differences(load_data_set(described_before, truth=False), data_set)]
    return mistakes


def design_mistakes(
    frozen: FrozenInterface, former: dict[str, Any], *, network: dict[str, Any], target: dict[str, Any], ii: int
) -> list[str]:
    """List what keeps a design from being trained again inside the interface of an earlier one.

    Parameters
    ----------
    frozen : FrozenInterface
        Interface of the earlier design.
    former : dict
        Its specification.
    network, target : dict
        Network and target of the new design, as they are written into its specification.
    ii : int
        Its initiation interval.

    Returns
    -------
    list of str
        Mistakes; empty if there are none.
    """
    mistakes = [
        f"retrain: {frozen.result}: {key}: expected {shown(former[key])} as before, found {shown(own)}"
        for key, own in (("network", network), ("target", target))
        if own != former[key]
    ]
    if ii != former["budget"]["ii"]:
        mistakes.append(f"retrain: {frozen.result}: ii: expected {former['budget']['ii']} as before, found {ii}")
    if "keras_file" in network:
        mistakes.append(
            f"retrain: {frozen.result}: expected a network of units, layers or a builder, found an imported model. "
            f"Import {frozen.files.model} with network.keras_file instead"
        )
    layers = [kind for layer in network.get("layers") or [] for kind in layer]
    if frozen.keep == "structure" and (loose := sorted({kind for kind in layers if kind.startswith("q_")})):
        mistakes.append(f"keep: expected layers of tables alone for structure, found {', '.join(loose)}")
    return mistakes


def _first(expected: Sequence[str], actual: Sequence[str]) -> str:
    """Describe the first difference of two lists of names."""
    for n, (one, other) in enumerate(zip(expected, actual, strict=False)):
        if one != other:
            return f"number {n} {one!r}, found {other!r}"
    return f"{len(expected)} names, found {len(actual)}"
