"""The data set description (config/data_sets/<name>.yaml): which events, which features, in which formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.crossings import ENERGY_TEV, Crossings, planned_crossing_files
from trigger_lut.config.data_set.anomaly import DATA_CLASS, SCORE, Anomaly
from trigger_lut.config.data_set.features import ExpressionText, FeatureList, NonFinite, Objects, Quantiles, Width
from trigger_lut.config.data_set.files import Address, Source, expand, line_up, lists
from trigger_lut.config.data_set.heads import CLASSES, Head, heads_of
from trigger_lut.config.data_set.reweight import Reweight
from trigger_lut.config.data_set.tagging import Discriminators, Tagging, TaggingOptions
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.config.muons import MuonChamber, planned_muon_files
from trigger_lut.config.simulation import PlannedFile, Simulation, planned_files
from trigger_lut.config.validation import LONGEST, LONGEST_TEXT, Line, Name, Text
from trigger_lut.errors import DataError

DATA = Path("data")  # simulated files lie in data/<name>/


LossWeight = Annotated[float, Field(gt=0, lt=1e6)]
LabelValues = Annotated[list[float | Annotated[str, Field(max_length=LONGEST_TEXT)]], Field(min_length=1)]


def _names(classes: Any) -> Any:
    return list(classes) if isinstance(classes, dict) else classes


class Label(StrictModel):
    """The class of an entry."""

    expression: ExpressionText | None = Field(
        None,
        description="Branch or expression with a value for each class; default: files_by_class or conditions say it.",
    )
    classes: Annotated[
        list[Text],
        BeforeValidator(
            _names, json_schema_input_type=list[Text] | dict[Text, LabelValues] | dict[Text, ExpressionText]
        ),
    ] = Field(
        min_length=1,
        description="Class names: of the values 0, 1, ... of the expression, or of text. A mapping {b: [5], light: [0, "
        "1]} gives the values of each class; entries of other values are dropped and counted. A mapping {b: is_b == 1} "
        "gives conditions instead of an expression. A single class needs `anomaly`.",
    )
    values: dict[Text, LabelValues] | None = Field(
        None, description="Values of the expression by class. Usually written as the mapping `classes`."
    )
    conditions: dict[Text, ExpressionText] | None = Field(
        None, description="Condition of each class. Usually written as the mapping `classes`."
    )

    @model_validator(mode="before")
    @classmethod
    def _mapping(cls, content: Any) -> Any:
        """Take apart a mapping of classes."""
        classes = content.get("classes") if isinstance(content, dict) else None
        if not isinstance(classes, dict) or not classes:
            return content
        key = "conditions" if all(isinstance(of, str) for of in classes.values()) else "values"
        return content | {key: classes}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key, by_class in (("values", self.values), ("conditions", self.conditions)):
            if by_class is not None and list(by_class) != self.classes:
                raise ValueError(f"{key}: expected the classes {self.classes} in this order, found {list(by_class)}")
        if self.conditions is not None and (self.expression is not None or self.values is not None):
            raise ValueError("classes with conditions need no expression; found both")
        if self.values is not None and self.expression is None:
            raise ValueError("expression: missing; the classes have values of an expression")
        every = [value for listed in (self.values or {}).values() for value in listed]
        if twice := [value for value in every if every.count(value) > 1]:
            raise ValueError(f"classes: the value {twice[0]!r} is listed twice")
        return self


class RegressionTarget(StrictModel):
    """A number that a network is to find, one output of it."""

    name: Name
    expression: ExpressionText = Field(description="Branch or expression; one number per entry.")
    unit: Annotated[Line, Field(max_length=LONGEST)] = Field("", description="For axes and tables, such as mrad.")
    scale: float | None = Field(
        None,
        gt=0,
        lt=1e30,
        description="Value of an output of 1; default: a power of two near the spread.",
    )


class Split(StrictModel):
    """Fractions of the events; which event goes where follows from a hash of its identity."""

    train: float = Field(default=0.6, gt=0, lt=1)
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)


class Friends(StrictModel):
    """A tree in files of its own, whose entries continue those of the main tree one by one."""

    files: list[Line] = Field(
        min_length=1, description="As `files`: the n-th belongs to the n-th file of the main tree."
    )
    tree: Text = Field(description="Name of the TTree or RNTuple in each of them.")


class DataSet(StrictModel):
    """config/data_sets/<name>.yaml."""

    name: Name
    files: list[Line] | None = Field(
        None,
        min_length=1,
        description="ROOT files or globs, from the working directory. @list.txt: a text file with one of them per "
        "line. Addresses may begin with http://, https:// or root:// (XRootD, needs the extra `remote`).",
    )
    files_by_class: dict[str, Annotated[list[Line], Field(min_length=1)]] | None = Field(
        None, description="The same by class, instead of files and of the label's expression."
    )
    event_ids_repeat_across_classes: bool = Field(
        False,
        description="With files_by_class: entries of different classes are different events, though event_id may be "
        "the same, as of processes that were simulated apart.",
    )
    friends: list[Friends] | None = Field(
        None, min_length=1, description="More branches in other files, one file for each of `files`."
    )
    on_bad_file: Literal["refuse", "skip"] = Field(
        "refuse",
        description="What to do with a file that is damaged or cannot be read. refuse: stop. skip: read the others, "
        "and list the file in the card and on the page. A file that does not fit this description (tree, branch, "
        "label) is always refused.",
    )
    simulate: Simulation | None = Field(None, description="Make the files data/<name>/*.root by simulation instead.")
    simulate_muons: MuonChamber | None = Field(None, description="Make them by simulation of a muon chamber instead.")
    simulate_crossings: Crossings | None = Field(
        None, description="Make them by simulation of level-1 objects of whole crossings instead."
    )
    tree: Text = Field(description="Name of the TTree or RNTuple in each file.")
    event_id: Annotated[list[Text], Field(min_length=1)] | Literal["entry"] = Field(
        description="Integer branches that together name an entry. entry: the position of the file in the list, and "
        "the number of the entry in it. The split then changes when files are added.",
    )
    rows: Text | None = Field(
        None,
        description="Object whose lists become rows, one each: Jet for Jet_pt, Jet.PT, ...; all other branches are "
        "repeated. Its position in the list becomes part of event_id, and rows of an entry stay in one split.",
    )
    split_by: list[Text] | None = Field(
        None,
        min_length=1,
        description="Those of event_id that must agree for entries to stay in one split; default: all.",
    )
    label: Label | None = Field(None, description="Classification: the class of an entry.")
    regression_targets: list[RegressionTarget] | None = Field(
        None, min_length=1, description="Regression, instead of classes or together with them: numbers to be found."
    )
    loss_weights: dict[Text, LossWeight] | Literal["uncertainty"] | None = Field(
        None,
        description="Weights of the losses of the heads `class` and of each target: {class: 1, pt: 0.3}; missing ones "
        "are 1. uncertainty: training learns them.",
    )
    anomaly: Anomaly | None = Field(
        None, description="Anomaly detection instead: one score, of a network that knows background alone."
    )
    features: FeatureList = Field([], description="Input channels in order.")
    objects: dict[Name, Objects] = Field(
        {}, description="Objects in slots, by name; their channels follow those of features, slot by slot."
    )
    weight: ExpressionText | None = Field(
        None, description="Weight of an entry in training, which may be negative; default: 1."
    )
    balance_classes: bool = Field(False, description="Whether all classes get the same weight in training.")
    reweight: Reweight | None = Field(None, description="Weights in training that make a variable flat in each class.")
    observables: dict[Text, ExpressionText] = Field(
        {}, description="What results are shown against and no network reads, by label such as 'pt [GeV]'."
    )
    baselines: Discriminators = Field(
        {}, description="Discriminators of other taggers by name, shown with the networks: {deepB: Jet_btagDeepB}."
    )
    class_fractions: dict[Text, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="Fraction of the entries of a class to keep, chosen by a hash of event_id; default: all."
    )
    cut: ExpressionText | None = Field(None, description="Keep the entries for which this expression is true.")
    width: Width = Field(8, description="Bits of automatic formats, where no imported model gives them.")
    quantiles: Quantiles = Field((0.001, 0.999), description="Of the training split, for automatic formats.")
    nonfinite: NonFinite = Field("refuse", description="NaN and infinite features: refuse, drop, {replace: number}.")
    split: Split = Field(default_factory=Split)
    chunk_entries: int = Field(20_000, ge=1, description="Entries read at a time; bounds the memory.")
    # Not written either: at what rate events come is no reason to read them again.
    trigger: Trigger | None = Field(
        None, exclude=True, description="Rates of a classification as a trigger, shown in kHz."
    )
    tagging: Tagging | None = Field(
        None, exclude=True, description="Pairs of classes, working points and variables that the physics page shows."
    )
    plot_label: Text | None = Field(
        None, exclude=True, description="What plots say the data are, such as 'CMS open data, 13 TeV'."
    )
    # Not written: which results of others a page shows is no reason to read the events again.
    public_data_set: Literal["jsc-openml-42468", "jsc-cernbox"] | None = Field(
        None,
        exclude=True,
        description="The public data set that this is; a scan's page then shows the published results on it.",
    )

    @model_validator(mode="after")
    def _one_class(self) -> Self:
        """Give an anomaly detection without a label its classes: those of the files, or one of all data."""
        if self.anomaly is not None and self.label is None and self.regression_targets is None:
            # Not before validation: JSON would be taken for Python's objects, in which a pair is no list.
            object.__setattr__(
                self, "label", Label.model_validate({"classes": list(self.files_by_class or [DATA_CLASS])})
            )
        return self

    @property
    def id_branches(self) -> list[str]:
        """Branches of event_id; none where entries are numbered."""
        return [] if self.event_id == "entry" else list(self.event_id)

    @property
    def truth_heads(self) -> tuple[Head, ...]:
        """Heads for all that is known of the entries: classes and targets. Empty where nothing is known."""
        classes = [] if self.label is None else self.label.classes
        return heads_of(
            classes, [target.name for target in self.regression_targets or []], loss_weights=self.loss_weights
        )

    @property
    def heads(self) -> tuple[Head, ...]:
        """Heads of a network: those of the truth, or the score of an anomaly."""
        return heads_of((), [SCORE]) if self.anomaly is not None else self.truth_heads

    @property
    def outputs(self) -> list[str]:
        """Names of a network's outputs. Empty where nothing is known of the entries."""
        return [name for head in self.heads for name in head.outputs]

    @property
    def truth_names(self) -> list[str]:
        """Names of the classes and of the targets. Empty where nothing is known of the entries."""
        return [name for head in self.truth_heads for name in head.outputs]

    @property
    def label_classes(self) -> list[str]:
        """By what entries are told apart in counts and plots: classes; without these all are of one kind."""
        return self.label.classes if self.label is not None else ["all"]

    @property
    def scored_classes(self) -> list[str]:
        """Classes of which a network has a score each. Empty where its outputs are numbers alone."""
        return [name for head in self.heads if head.kind == CLASSES for name in head.outputs]

    @property
    def trained_on(self) -> list[bool]:
        """By kind, whether its entries may be trained on; others are in the test split alone."""
        return [self.anomaly is None or name in self.background for name in self.label_classes]

    @property
    def background(self) -> list[str]:
        """Classes that an anomaly detection trains on. Empty without one."""
        if self.anomaly is None:
            return []
        return self.label_classes if self.anomaly.background is None else self.anomaly.background

    @property
    def shown_values(self) -> dict[str, str]:
        """Expressions of all numbers that no network reads, by name: observables, then given discriminators."""
        given = {name: discriminator.expression for name, discriminator in self.baselines.items()}
        return {**self.observables, **given}

    @property
    def tagging_options(self) -> TaggingOptions | None:
        """Options of the stage `physics`; None where it shows nothing but networks on all classes."""
        if self.tagging is None and not self.baselines:
            return None
        discriminators = {name: discriminator.signal for name, discriminator in self.baselines.items()}
        return TaggingOptions(tagging=self.tagging, discriminators=discriminators)

    @property
    def shown_as(self) -> str:
        """Description of the data on plots."""
        if self.plot_label is not None:
            return self.plot_label
        if self.simulate_muons is not None:
            return "Simulation, muon chamber"
        if self.simulate_crossings is not None:
            return f"Simulation, {ENERGY_TEV:g} TeV"
        return f"Simulation, {self.simulate.energy_tev:g} TeV" if self.simulate is not None else self.name

    def simulated(self) -> list[PlannedFile]:
        """Return the files that simulation makes; empty where files are given."""
        if self.simulate_muons is not None:
            return planned_muon_files(self.simulate_muons)
        if self.simulate_crossings is not None:
            return planned_crossing_files(self.simulate_crossings)
        return planned_files(self.simulate) if self.simulate is not None else []

    def globs(self) -> list[tuple[int | None, str]]:
        """(class, file or glob); class None where it is the label's. Of simulated data the planned files."""
        if simulated := self.simulated():
            return [(None, (DATA / self.name / f.name).as_posix()) for f in simulated]
        if self.files_by_class is not None:
            return [(self.label_classes.index(c), g) for c, patterns in self.files_by_class.items() for g in patterns]
        return [(None, pattern) for pattern in self.files or []]

    def sources(self) -> list[Source]:
        """Return the files with their friends and class, sorted, each once; local files come first.

        Returns
        -------
        list of Source

        Raises
        ------
        DataError
            For a missing file, a glob without match, a file of two classes, and lists of friends that do
            not line up.
        """
        owner = f"data set {self.name}"
        by_class: dict[int | None, list[str]] = {}
        for k, entry in self.globs():
            by_class.setdefault(k, []).append(entry)
        kinds: dict[Address, int | None] = {}
        for k, entries in by_class.items():
            for file in expand(owner, entries):
                if kinds.setdefault(file, k) != k:
                    both = " and ".join(repr(self.label_classes[c]) for c in (kinds[file], k) if c is not None)
                    raise DataError(f"{owner}: {file} is listed under both classes {both}")
        friends = [(f.tree, expand(f"{owner}: friends of tree {f.tree!r}", f.files)) for f in self.friends or []]
        sources = [replace(s, kind=kinds[s.file]) for s in line_up(owner, self.tree, main=list(kinds), friends=friends)]
        sources.sort(key=lambda s: (isinstance(s.file, str), s.file))
        return [replace(s, place=place) for place, s in enumerate(sources)]

    def lists(self) -> list[Path]:
        """Return the text files that list files."""
        friends = [entry for friends in self.friends or [] for entry in friends.files]
        return lists([*(entry for _, entry in self.globs()), *friends])


def schema() -> dict[str, Any]:
    """JSON schema of a data set description, for editors."""
    return DataSet.model_json_schema()
