"""The data set description (config/data_sets/<name>.yaml): which events, which features, in which formats."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator

from trigger_lut.budget import Name, read_yaml, validate
from trigger_lut.cards import Strict
from trigger_lut.errors import ConfigurationError, nearest
from trigger_lut.events.expressions import Expression, branch, parse
from trigger_lut.events.files import Source, expand, line_up, lists, scheme_mistake
from trigger_lut.fixed_point import KIF, kif_from_fixed
from trigger_lut.simulation.config import SIMULATED_CLASSES, Simulation, planned_files

MAX_WIDTH = 16
DATA = Path("data")  # simulated files lie in data/<name>/


def _parsable(text: str) -> str:
    try:
        parse(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    return text


def _auto(value: Any) -> Any:
    if value == "auto":
        return None
    if value is None or isinstance(value, str):
        raise ValueError("expected 'auto' or a mapping with signed, width and integer")
    return value


def _nonfinite(value: Any) -> Any:
    if value in ("refuse", "drop"):
        return value
    if isinstance(value, dict) and list(value) == ["replace"]:
        number = value["replace"]
        if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 1e30:
            return float(number)
    raise ValueError("expected 'refuse', 'drop' or a mapping {replace: <number>}")


class Replace(Strict):
    """A number instead of every NaN and infinity."""

    replace: float


class FixedFormat(Strict):
    """A format in Vivado's sense: ap_fixed<width, integer> or ap_ufixed<width, integer>."""

    signed: bool
    width: int = Field(ge=1, le=MAX_WIDTH, description="Bits in all, the sign included.")
    integer: int = Field(ge=-64, le=64, description="Bits left of the binary point, the sign included.")

    @model_validator(mode="after")
    def _has_value_bits(self) -> Self:
        try:
            self.kif()
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return self

    def kif(self) -> KIF:
        return kif_from_fixed(self.signed, self.width, self.integer)


ExpressionText = Annotated[str, AfterValidator(_parsable)]
Format = Annotated[
    FixedFormat | None,
    BeforeValidator(_auto, json_schema_input_type=FixedFormat | Literal["auto"]),
    PlainSerializer(lambda v: "auto" if v is None else v.model_dump()),
]
# 'refuse', 'drop', or the number that replaces
NonFinite = Annotated[
    Literal["refuse", "drop"] | float,
    PlainValidator(_nonfinite, json_schema_input_type=Literal["refuse", "drop"] | Replace),
    PlainSerializer(lambda v: {"replace": v} if isinstance(v, float) else v),
]
Width = Annotated[int, Field(ge=2, le=MAX_WIDTH)]
Quantiles = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]


class Feature(Strict):
    """One input channel of the network."""

    name: str = Field(min_length=1, description="Name of the channel; also the branch, unless an expression is given.")
    expression: ExpressionText | None = Field(None, description="Arithmetic over branches; one number an entry.")
    format: Format = Field(
        None,
        description="Hardware format, or auto: a power-of-two range from quantiles.",
        json_schema_extra={"default": "auto"},
    )
    width: Width | None = Field(None, description="Bits of an automatic format; default: the data set's width.")
    quantiles: Quantiles | None = Field(None, description="Quantiles that an automatic format must hold.")
    nonfinite: NonFinite | None = Field(None, description="NaN and infinities; default: the data set's nonfinite.")

    def parsed(self) -> Expression:
        return branch(self.name) if self.expression is None else parse(self.expression)


class Label(Strict):
    """The class of an entry."""

    expression: ExpressionText = Field(description="Branch or expression whose value is 0, 1, ... by class.")
    classes: list[Annotated[str, Field(min_length=1)]] = Field(min_length=2, description="Class names, from 0 on.")


class Split(Strict):
    """Shares of the events; which event goes where follows from a hash of its identity."""

    train: float = Field(default=0.6, gt=0, lt=1)
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)


class Friends(Strict):
    """A tree in files of its own, whose entries continue those of the main tree one by one."""

    files: list[str] = Field(
        min_length=1, description="As `files`: the n-th belongs to the n-th file of the main tree."
    )
    tree: str = Field(min_length=1, description="Name of the TTree or RNTuple in each of them.")


class DataSet(Strict):
    """config/data_sets/<name>.yaml."""

    name: Name
    files: list[str] | None = Field(
        None,
        min_length=1,
        description="ROOT files or globs, from the working directory; @list.txt, a text file with one a line; "
        "addresses http://, https:// and root:// (XRootD, needs the extra `remote`).",
    )
    friends: list[Friends] | None = Field(
        None, min_length=1, description="More branches in other files, one file for each of `files`."
    )
    on_bad_file: Literal["refuse", "skip"] = Field(
        "refuse",
        description="A file that is damaged or cannot be read: refuse, or skip, which leaves it out and lists it in "
        "the card and on the page. What does not fit this description (tree, branch, label) is refused always.",
    )
    simulate: Simulation | None = Field(None, description="Make the files data/<name>/*.root by simulation instead.")
    tree: str = Field(min_length=1, description="Name of the TTree or RNTuple in each file.")
    event_id: list[str] = Field(min_length=1, description="Integer branches that together name an entry.")
    split_by: list[str] | None = Field(
        None,
        min_length=1,
        description="Those of event_id that must agree for entries to stay in one split; default: all.",
    )
    label: Label
    features: list[Feature] = Field(min_length=1, description="Input channels in order.")
    cut: ExpressionText | None = Field(None, description="Keep the entries for which this expression is true.")
    width: Width = Field(8, description="Bits of automatic formats.")
    quantiles: Quantiles = Field((0.001, 0.999), description="Of the training split, for automatic formats.")
    nonfinite: NonFinite = Field("refuse", description="NaN and infinite features: refuse, drop, {replace: number}.")
    split: Split = Field(default_factory=Split)
    chunk: int = Field(20_000, ge=1, description="Entries read at a time; bounds the memory.")
    # Not written: which results of others a page shows is no reason to read the events again.
    published: Literal["jsc-openml-42468", "jsc-cernbox"] | None = Field(
        None,
        exclude=True,
        description="The public data set that this is; a scan's page then shows the published results on it.",
    )

    def globs(self) -> list[str]:
        """The files or globs; of simulated data the planned files."""
        if self.simulate is not None:
            return [(DATA / self.name / f.name).as_posix() for f in planned_files(self.simulate)]
        return list(self.files or [])

    def sources(self) -> list[Source]:
        """The files with their friends, sorted, each once; those here before remote ones.

        Raises DataError for a missing file, a glob without match, and lists of friends that do not line up.
        """
        owner = f"data set {self.name}"
        main = expand(owner, self.globs())
        friends = [(f.tree, expand(f"{owner}: friends of tree {f.tree!r}", f.files)) for f in self.friends or []]
        return sorted(line_up(owner, self.tree, main, friends), key=lambda s: (isinstance(s.file, str), s.file))

    def paths(self) -> list[Path]:
        """The files here, friends among them, sorted, each once. Raises DataError as `sources`."""
        return sorted({f for source in self.sources() for f in source.all_files() if isinstance(f, Path)})

    def addresses(self) -> list[str]:
        """The remote files, friends among them, sorted, each once. Raises DataError as `sources`."""
        return sorted({f for source in self.sources() for f in source.all_files() if isinstance(f, str)})

    def lists(self) -> list[Path]:
        """The text files that list files."""
        return lists([*self.globs(), *(entry for friends in self.friends or [] for entry in friends.files)])


def inconsistencies(data_set: DataSet) -> list[str]:
    """What the fields say against each other, as 'dotted.path: what is wrong'; empty when all is well."""
    lines = []
    if (data_set.files is None) == (data_set.simulate is None):
        lines.append("files: give either files or simulate" + ("" if data_set.files is None else ", not both"))
    if data_set.simulate is not None and data_set.friends is not None:
        lines.append("friends: only beside files, not simulate")
    named = [("files", data_set.files or [])]
    named += [(f"friends.{n}.files", friends.files) for n, friends in enumerate(data_set.friends or [])]
    lines += [
        f"{key}.{n}: {wrong}" for key, files in named for n, f in enumerate(files) if (wrong := scheme_mistake(f))
    ]
    if data_set.simulate is not None and data_set.published is not None:
        lines.append(f"published: simulated data are no public data set, found {data_set.published!r}")
    if data_set.simulate is not None and tuple(data_set.label.classes) != SIMULATED_CLASSES:
        lines.append(f"label.classes: simulated data have {list(SIMULATED_CLASSES)}, found {data_set.label.classes}")
    for path, names in (
        ("label.classes", data_set.label.classes),
        ("features", [f.name for f in data_set.features]),
        ("event_id", data_set.event_id),
        ("split_by", data_set.split_by or []),
    ):
        lines += [f"{path}: {name!r} stands twice" for name, count in Counter(names).items() if count > 1]
    lines += [
        f"split_by: {name!r} is not in event_id{nearest(name, data_set.event_id)}"
        for name in data_set.split_by or []
        if name not in data_set.event_id
    ]
    total = data_set.split.train + data_set.split.validation + data_set.split.test
    if abs(total - 1) > 1e-9:
        lines.append(f"split: train + validation + test is {total:g}, expected 1")
    ranges = [("quantiles", data_set.quantiles)]
    for n, feature in enumerate(data_set.features):
        ranges.append((f"features.{n}.quantiles", feature.quantiles or (0.0, 1.0)))
        if feature.format is not None:
            lines += [
                f"features.{n}.{key}: only for format: auto"
                for key in ("width", "quantiles")
                if getattr(feature, key) is not None
            ]
    lines += [f"{path}: expected low < high, found {low:g}, {high:g}" for path, (low, high) in ranges if low >= high]
    return lines


def load_data_set(path: Path) -> DataSet:
    """Read a description. Raises ConfigurationError that lists every mistake with its dotted path."""
    data_set: DataSet = validate(DataSet, read_yaml(path), path)
    if lines := inconsistencies(data_set):
        count = f"{len(lines)} mistake" + "s" * (len(lines) != 1)
        raise ConfigurationError(f"{path}: {count}\n  " + "\n  ".join(lines))
    return data_set


def schema() -> dict[str, Any]:
    """JSON schema of a data set description, for editors."""
    return DataSet.model_json_schema()
