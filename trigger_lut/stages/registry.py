"""Registry of the stages: the signature of a stage's function gives its command line.

Stage `<name>` is the function `run` of `stages/<name>.py`, or a function `<name>` in `stages/` or `report/pages/` whose
name begins with one of `PREFIXES`.

The sources are parsed, not imported, so that the command line and the Snakefile start without TensorFlow.
A parameter of type `Path` is an input file, one of type `Output` a file to write. Any other one is a setting.
`MEANINGS` describes the parameters that many stages have; the docstring of a stage describes its others.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigger_lut.utils.keras_import import import_keras

Output = Path
"""Type of a parameter that names a file or folder to write."""

PACKAGE = Path(__file__).parents[1]
FOLDERS = ("stages", "report/pages")
PREFIXES = ("resolve_", "page_of_", "pages_of_")
NUMBERS = ("int", "float")
WITH_KERAS = ("baselines", "firmware", "train", "verify")
MEANINGS = {
    "baseline_predictions": "Predictions of the baselines (reference.npz)",
    "card": "Card to write (JSON)",
    "codes": "Integer codes of the data set (codes.npz)",
    "description": "Description of the data set (JSON)",
    "firmware_card": "Card of the firmware (firmware.json)",
    "folder": "Folder to write into",
    "json": "Card to write (JSON)",
    "model": "Trained Keras model (model.keras)",
    "network": "Integer network (network.npz)",
    "output": "Page to write (HTML)",
    "predictions": "Outputs of the trained Keras model (predictions.npz)",
    "reference": "Card of the baselines (reference.json)",
    "spec": "Specification of the design (spec.json)",
    "synth_card": "Card of the synthesis (synth.json)",
    "timing_card": "Card of the timing (timing.json)",
    "trigger": "Signal classes, rates of the background, and the rates to keep to",
    "tsv": "The same as a table, to write",
    "verify_card": "Card of the verification (verify.json)",
}
"""Descriptions of parameters; that in the docstring of a stage has priority."""


@dataclass(frozen=True)
class Argument:
    """One parameter of a stage.

    Attributes
    ----------
    name : str
        Name of the parameter.
    kind : str
        Its type without list and None, such as Path, Output, int, or the name of a model that is given as JSON.
    many : bool
        The parameter is a list.
    required : bool
        The parameter has no default and is not None.
    default : Any
        Value without the option.
    meaning : str
        Description in the docstring of the stage, or in `MEANINGS`.
    """

    name: str
    kind: str
    many: bool
    required: bool
    default: Any
    meaning: str

    @property
    def flag(self) -> str:
        """Name of the option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_file(self) -> bool:
        """Report whether the argument is a path."""
        return self.kind in ("Path", "Output")

    def parse(self, text: str) -> Any:
        """Convert the text of an option. Empty text is None."""
        if not text:
            return None
        if self.kind in NUMBERS:
            return _number(text, self.kind)
        if self.kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        return Path(text) if self.is_file else text


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes
    ----------
    name : str
        Its name, and that of its rule.
    module : str
        Module of its function.
    attribute : str
        Name of the function.
    summary : str
        First line of the docstring of the function.
    arguments : tuple of Argument
        Its parameters in order.
    """

    name: str
    module: str
    attribute: str
    summary: str
    arguments: tuple[Argument, ...]

    @property
    def command(self) -> str:
        """Name of the stage on the command line."""
        return self.name.replace("_", "-")

    def shell(self, *, threads: str = "", **places: str) -> str:
        """Write the shell line of a rule whose inputs, outputs and parameters have the names of the arguments.

        Parameters
        ----------
        threads : str
            Place of the number of threads that the stage gets; default: the stage uses all cores.
        **places : str
            Arguments that the rule has elsewhere, such as `checkpoints="params.checkpoints"`.

        Returns
        -------
        str
            The line. Snakemake fills in the names in braces, quoted.

        Raises
        ------
        TypeError
            For a place of an argument that the stage does not have.
        """
        if unknown := places.keys() - {argument.name for argument in self.arguments}:
            raise TypeError(f"stage {self.name}: no argument {sorted(unknown)[0]!r}")
        words = [f"trigger-lut stage {self.command}", *([f"--threads {{{threads}}}"] if threads else [])]
        for argument in self.arguments:
            group = "output" if argument.kind == "Output" else "input" if argument.is_file else "params"
            place = places.get(argument.name, f"{group}.{argument.name}")
            words.append(f"{argument.flag}{' ' if argument.many else '='}{{{place}:q}}")
        return " ".join([*words, "&> {log} || failed {log}"])

    def add_to(self, group: Any, name: str = "") -> None:
        """Add the command of the stage to subparsers of argparse.

        Parameters
        ----------
        group : object
            Subparsers of argparse.
        name : str
            Name of the command; default: that of the stage.
        """
        sub = group.add_parser(name or self.command, help=self.summary.rstrip("."), description=self.summary)
        sub.set_defaults(function=self.run)
        sub.add_argument("--threads", type=int, metavar="N", help="threads of the libraries; default: all cores")
        for argument in self.arguments:
            options: dict[str, Any] = {"type": argument.parse, "help": argument.meaning, "required": argument.required}
            if argument.many:
                options |= {"nargs": "*", "action": "extend"}
            elif argument.kind == "bool":
                options |= {"nargs": "?", "const": True}
            if not argument.required:
                options["default"] = list(argument.default or ()) if argument.many else argument.default
            sub.add_argument(argument.flag, metavar=_metavar(argument.kind), **options)

    def function(self) -> Callable[..., Any]:
        """Import the module of the stage and return its function."""
        if self.name in WITH_KERAS:
            import_keras()
        function: Callable[..., Any] = getattr(importlib.import_module(self.module), self.attribute)
        return function

    def run(self, args: argparse.Namespace) -> None:
        """Call the stage. Models are read from JSON.

        Parameters
        ----------
        args : argparse.Namespace
            Parsed options.
        """
        function = self.function()
        types = typing.get_type_hints(function)
        values = {argument.name: getattr(args, argument.name) for argument in self.arguments}
        for argument in self.arguments:
            value = values[argument.name]
            if argument.kind not in ("Path", "Output", "str", "bool", *NUMBERS) and value is not None:
                values[argument.name] = _model(types[argument.name]).model_validate_json(value)
        function(**values)


@functools.cache
def registry() -> dict[str, Stage]:
    """Read all stages.

    Returns
    -------
    dict of Stage
        Stages by name.
    """
    return {name: stage for path in _sources() for name, stage in _stages_in(path).items()}


def stage_of_command(command: str) -> Stage | None:
    """Read one stage: a process that runs it needs no other.

    Parameters
    ----------
    command : str
        Name of the stage on the command line.

    Returns
    -------
    Stage or None
        None if no stage has this name.
    """
    name = command.replace("-", "_")
    for path in _sources():
        if path.stem == name or f"def {name}(" in path.read_text(encoding="utf-8"):
            stage = _stages_in(path).get(name)
            if stage is not None and stage.command == command:
                return stage
    return None


def _sources() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((PACKAGE / folder).glob("*.py"))]


def _stages_in(path: Path) -> dict[str, Stage]:
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    stages = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and (node.name == "run" or node.name.startswith(PREFIXES)):
            name = path.stem if node.name == "run" else node.name
            stages[name] = _stage(name, module, node)
    return stages


def _stage(name: str, module: str, run: ast.FunctionDef) -> Stage:
    if run.args.args or run.args.vararg or run.args.kwarg:
        raise TypeError(f"{module}: {run.name}: expected parameters behind * alone")
    text = ast.get_docstring(run) or ""
    meanings = MEANINGS | _meanings(text)
    arguments = []
    for argument, default in zip(run.args.kwonlyargs, run.args.kw_defaults, strict=True):
        annotation = ast.unparse(argument.annotation) if argument.annotation is not None else ""
        optional = annotation.endswith(" | None")
        inner = re.fullmatch(r"(?:list|Sequence)\[(\w+)\]", annotation.removesuffix(" | None"))
        arguments.append(
            Argument(
                name=argument.arg,
                kind=inner[1] if inner else annotation.removesuffix(" | None"),
                many=inner is not None,
                required=default is None and not optional,
                default=ast.literal_eval(default) if default is not None else None,
                meaning=meanings.get(argument.arg, argument.arg.replace("_", " ")),
            )
        )
    return Stage(name, module, run.name, text.split("\n")[0], tuple(arguments))


def _meanings(docstring: str) -> dict[str, str]:
    """Return the descriptions of the section Parameters, by name."""
    section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\w+\n-+\n|\Z)", docstring, re.DOTALL)
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].split("\n") if section else []:
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(" : ")[0].split(",")]
        elif line:
            for name in names:
                meanings[name] = f"{meanings.get(name, '')} {line.strip()}".strip().rstrip(".")
    return meanings


def _number(text: str, kind: str) -> int | float:
    try:
        value = int(text) if kind == "int" else float(text)
    except ValueError:
        value = -1
    if value < 0:
        number = "an integer" if kind == "int" else "a number"
        raise argparse.ArgumentTypeError(f"expected {number}, at least 0, found {text!r}")
    return value


def _metavar(kind: str) -> str:
    named = {"Path": "PATH", "Output": "PATH", "int": "N", "float": "N", "bool": "true|false", "str": "TEXT"}
    return named.get(kind, "JSON")


def _model(annotation: Any) -> Any:
    """Return the model of an annotation that may allow None."""
    return next((part for part in typing.get_args(annotation) if part is not type(None)), annotation)
