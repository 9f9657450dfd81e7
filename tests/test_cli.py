"""The command line: readable help, plain messages, exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trigger_lut import cli, commands
from trigger_lut.stages.registry import Stage

ROOT = Path(__file__).parents[1]


def choices(parser):
    """The commands of a parser, by name; none where it takes no further command."""
    return parser._subparsers._group_actions[0].choices if parser._subparsers else {}


GROUPS = {name: choices(sub) for name, sub in choices(cli.parser()).items()}
COMMANDS = {name: sub for name, sub in choices(cli.parser()).items() if not GROUPS[name]}
COMMANDS |= {f"{group} {name}": sub for group, known in GROUPS.items() for name, sub in known.items()}


@pytest.fixture(autouse=True)
def unchanged_environment(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.parametrize(
    ("arguments", "least"),
    [
        (["attack", "--mutants", "0"], 1),  # nothing would be attacked, and the command would succeed
        (["attack", "--seconds", "0"], 1),
        (["attack", "--jobs", "-2"], 1),
        (["fuzz", "--networks", "none"], 1),
        (["fuzz", "--seed", "-1"], 0),
    ],
)
def test_cli_numbers_out_of_range_are_refused(arguments, least, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    expected = f"argument {arguments[1]}: expected an integer, at least {least}, found {arguments[2]!r}"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([*command.split(), "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: trigger-lut {command}")
    for action in COMMANDS[command]._actions:
        assert action.help, f"{command} {action.dest}"


def test_no_command_is_an_error(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert "required: <command>" in capsys.readouterr().err


def test_a_stage_without_its_group_is_refused_with_the_command(capsys):
    assert cli.main(["train", "--spec", "x"]) == 2
    assert "train: a stage of the workflow. Run trigger-lut stage train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "a.zip"], "check: this is now check-release."),
        (["teacher", "--output", "x"], "teacher: this is now stage anomaly-score."),
        (["stage", "verdict", "--output", "x"], "stage verdict: this is now stage check-budgets."),
        (["stage", "train", "--warm=x"], "--warm: this is now --save-warm-start."),
        (["fuzz", "--kept", "x"], "--kept: this is now --failures-dir."),
    ],
)
def test_former_names_are_refused_with_the_new_ones(arguments, message, capsys):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err == f"trigger-lut: error: {message}\n"


def test_new_names_are_commands_and_options():
    known = set(COMMANDS) | {option for sub in COMMANDS.values() for option in sub._option_string_actions}
    assert set(cli.RENAMED.values()) <= known
    assert not set(cli.RENAMED) & known


def test_resolve_writes_a_specification(tmp_path):
    output = tmp_path / "spec.json"
    arguments = ["--budget", str(ROOT / "config/budget.yaml"), "--targets", str(ROOT / "config/targets.yaml")]
    assert cli.main(["stage", "resolve-design", *arguments, "--design", "medium", "--output", str(output)]) == 0
    assert json.loads(output.read_text())["design"] == "medium"


def test_a_user_s_error_is_one_message_without_traceback(tmp_path, capsys):
    output = tmp_path / "spec.json"
    arguments = ["--budget", str(tmp_path / "none.yaml"), "--targets", str(ROOT / "config/targets.yaml")]
    assert cli.main(["stage", "resolve-design", *arguments, "--design", "medium", "--output", str(output)]) == 1
    assert capsys.readouterr().err == f"trigger-lut: error: {tmp_path}/none.yaml: no such file\n"
    assert not output.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["schema", "budget", "--write", str(tmp_path / "file/schema.json")]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"trigger-lut: error: {tmp_path}/file")
    assert "Traceback" not in shown


def test_our_own_bugs_are_not_hidden(monkeypatch):
    def schema(args):
        """A command with a bug."""
        raise AssertionError("a bug")

    monkeypatch.setattr(commands, "schema", schema)
    with pytest.raises(AssertionError, match="a bug"):
        cli.main(["schema", "budget"])


@pytest.mark.parametrize("file", ["budget", "targets", "data-set"])
def test_schemas_are_printed(file, capsys):
    assert cli.main(["schema", file]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].startswith("https://json-schema.org")


def test_threads_reach_the_libraries(monkeypatch):
    environment = {}

    def run(**_):
        """Shows what a stage would see."""
        environment.update(os.environ)

    monkeypatch.setattr(Stage, "function", lambda _: run)
    paths = ("--spec", "--codes", "--checkpoints", "--model", "--network", "--predictions", "--card")
    cli.main(["stage", "train", "--threads", "3", *(x for p in paths for x in (p, "x"))])
    assert [environment[k] for k in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NUMBA_NUM_THREADS")] == [
        "3",
        "3",
        "3",
    ]


def test_the_command_line_imports_nothing_heavy():
    code = (
        "import sys, trigger_lut.cli as c, trigger_lut.plan, trigger_lut.code_hash; c.parser();"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib', 'uproot', 'awkward', 'numba', 'sklearn', 'hls4ml')"
        " if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_new_names_a_folder_with_blanks_in_quotes(tmp_path, capsys):
    folder = tmp_path / "my trigger"
    assert cli.main(["new", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: written. Next: cd '{folder}' && snakemake --cores all\n"
