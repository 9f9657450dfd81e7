"""The registry of stages: signatures give commands and shell lines."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from trigger_lut import cli
from trigger_lut.stages import registry as module
from trigger_lut.stages.registry import Argument, registry


def stage_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signature: str) -> module.Stage:
    """Read a stage with one signature."""
    node = ast.parse(f'def run({signature}) -> None:\n    """Do it."""\n').body[0]
    assert isinstance(node, ast.FunctionDef)
    return module._stage("toy", "trigger_lut.stages.toy", node)


@pytest.mark.parametrize("name", registry())
def test_registry_agrees_with_the_imported_function(name):
    parameters = inspect.signature(registry()[name].function()).parameters.values()
    signature = [(p.name, p.default is p.empty, p.kind) for p in parameters]
    assert [name for name, *_ in signature] == [argument.name for argument in registry()[name].arguments]
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for *_, kind in signature)
    for (_, required, _), argument in zip(signature, registry()[name].arguments, strict=True):
        assert not argument.required or required


@pytest.mark.parametrize("name", registry())
def test_each_argument_of_a_stage_has_a_meaning(name):
    stage = registry()[name]
    own = module._meanings(inspect.getdoc(stage.function()) or "")
    for argument in stage.arguments:
        assert argument.meaning == (own.get(argument.name) or module.MEANINGS[argument.name])
        assert own.get(argument.name) != module.MEANINGS.get(argument.name), "described twice"
    assert own.keys() <= {argument.name for argument in stage.arguments}


def test_own_meaning_of_an_argument_has_priority():
    text = '"""Do it.\n\n    Parameters\n    ----------\n    spec : Path\n        Own spec.\n    """'
    node = ast.parse(f"def run(*, spec: Path, card: Output, seeds: int) -> None:\n    {text}\n").body[0]
    assert isinstance(node, ast.FunctionDef)
    meanings = [argument.meaning for argument in module._stage("toy", "trigger_lut.stages.toy", node).arguments]
    assert meanings == ["Own spec", "Card to write (JSON)", "seeds"]


def test_shell_takes_arguments_from_the_rule(tmp_path, monkeypatch):
    toy = stage_of(tmp_path, monkeypatch, "*, spec: Path, folders: list[Path], card: Output, seconds: int = 3")
    assert toy.shell() == (
        "trigger-lut stage toy --spec={input.spec:q} --folders {input.folders:q} --card={output.card:q} "
        "--seconds={params.seconds:q} &> {log} || failed {log}"
    )
    assert "--folders {params.folders:q}" in toy.shell(folders="params.folders")
    assert toy.shell(threads="threads").startswith("trigger-lut stage toy --threads {threads} --spec")
    with pytest.raises(TypeError, match="stage toy: no argument 'folder'"):
        toy.shell(folder="params.folder")


def test_positional_parameters_of_a_stage_are_refused(tmp_path, monkeypatch):
    with pytest.raises(TypeError, match=r"trigger_lut\.stages\.toy: run: expected parameters behind \* alone"):
        stage_of(tmp_path, monkeypatch, "spec: Path")


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("Path", "a.json", Path("a.json")),
        ("Path | None", "", None),
        ("int", "12", 12),
        ("float", "0.5", 0.5),
        ("bool", "False", False),
        ("str", "a b", "a b"),
        ("list[int]", "4", 4),
    ],
)
def test_texts_of_options_are_parsed_by_type(tmp_path, monkeypatch, annotation, text, value):
    (argument,) = stage_of(tmp_path, monkeypatch, f"*, x: {annotation}").arguments
    assert isinstance(argument, Argument)
    assert argument.parse(text) == value


@pytest.mark.parametrize("text", ["-1", "x", "1.5"])
def test_numbers_that_are_no_counts_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        cli.main(["stage", "prove", "--seconds", text])
    assert f"argument --seconds: expected an integer, at least 0, found '{text}'" in capsys.readouterr().err


def test_stage_is_found_by_its_command_alone(monkeypatch):
    monkeypatch.setattr(module, "registry", lambda: pytest.fail("all stages were read"))
    everything = {path: module._stages_in(path) for path in module._sources()}
    for stage in (stage for stages in everything.values() for stage in stages.values()):
        assert module.stage_of_command(stage.command) == stage
    for wrong in ("", "no-such", "page_of_event", "run", "train.py", "registry", "../train"):
        assert module.stage_of_command(wrong) is None
