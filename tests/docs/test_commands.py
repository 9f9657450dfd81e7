"""Commands, configuration, files and Python blocks of README and documentation are those of this version."""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from documentation_pages import INLINE, PAGES, README, ROOT, blocks, command_lines, mentions, rule_names

from trigger_lut import cli
from trigger_lut.config.schema import schema_of
from trigger_lut.config.workflow_options import workflow_options
from trigger_lut.config.yaml_file import read_yaml
from trigger_lut.errors import TriggerLutError

TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def refusal(command):
    """Return why the parser refuses a command line, or ""."""
    try:
        cli.parser().parse_args(shlex.split(command)[1:])
    except SystemExit as stop:
        return "" if stop.code == 0 else "refused"
    return ""


def unknown(command):
    """Return the words of an unfinished command line that no command has: its name, and its options."""
    words = shlex.split(command)[1:]
    choices = next(a.choices for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    if not words or words[0].startswith(("-", "<")):
        return [word for word in words if word != "--help"]
    if words[0] not in choices:
        return words[:1]
    if words[0] in ("stage", "report") and len(words) > 1 and not words[1].startswith(("-", "<")):
        choices, words = next(a.choices for a in choices[words[0]]._actions if a.choices), words[1:]
        if words[0] not in choices:
            return words[:1]
    known = [option for action in choices[words[0]]._actions for option in action.option_strings]
    return [word for word in words[1:] if word.startswith("--") and word not in known]


def relaxed(schema):
    """Return a schema that also takes parts of a file: no key is required, no number of keys either."""
    if isinstance(schema, dict):
        return {k: relaxed(v) for k, v in schema.items() if k not in ("required", "minProperties") or v is True}
    return [relaxed(item) for item in schema] if isinstance(schema, list) else schema


SCHEMAS = {file: relaxed(schema_of(file)) for file in ("budget", "data-set", "targets")}


def fits_a_file(part):
    """Return whether a mapping can be a part of one of the configuration files."""
    return any(jsonschema.Draft202012Validator(schema).is_valid(part) for schema in SCHEMAS.values())


# ------------------------------------------------------------------ command lines


@pytest.mark.parametrize("page", TEXTS)
def test_trigger_lut_commands_parse(page, capsys):
    # A guide may run the stage that it writes; tests/docs/test_extend_stage.py runs it.
    own = {name.replace("_", "-") for name in re.findall(r"Save this as `trigger_lut/stages/(\w+)\.py`", TEXTS[page])}
    commands = [c for c in command_lines(TEXTS[page], "trigger-lut") if not own & set(c.split())]
    assert {c: r for c in commands if (r := refusal(c))} == {}
    assert {c: u for c in mentions(TEXTS[page], "trigger-lut") if (u := unknown(c))} == {}


def test_trigger_lut_commands_wrong_ones_are_found(capsys):
    lines = ["```", "trigger-lut chek a.zip", "trigger-lut check-release a.zip --no-rum  # comment"]
    page = "\n".join([*lines, "trigger-lut check-release a.zip", "```", ""])
    assert [refusal(c) for c in command_lines(page, "trigger-lut")] == ["refused", "refused", ""]
    assert [unknown(c) for c in mentions("`trigger-lut chek` `trigger-lut sign --kee`", "trigger-lut")] == [
        ["chek"],
        ["--kee"],
    ]


def snakemake_mistakes(command):
    """Return what this workflow does not know in a command line of Snakemake."""
    words, mistakes, option = shlex.split(command)[1:], [], ""
    for word in words:
        if word.startswith("-"):
            option = word
        elif option == "--config":
            key, _, value = word.partition("=")
            try:
                workflow_options({key: yaml.safe_load(value)})
            except TriggerLutError as error:
                mistakes.append(str(error))
            if value.startswith("config/") and not (ROOT / value).exists():
                mistakes.append(value)
        elif option == "--profile":
            mistakes += [] if (ROOT / word).is_dir() else [word]
        elif option in ("", "--set-resources"):
            mistakes += [] if word.split(":")[0] in rule_names() else [word]
    return mistakes


@pytest.mark.parametrize("page", TEXTS)
def test_snakemake_commands_name_known_rules_options_and_files(page):
    commands = [*command_lines(TEXTS[page], "snakemake"), *mentions(TEXTS[page], "snakemake")]
    real = [command for command in commands if "KEY=VALUE" not in command]
    assert {command: wrong for command in real if (wrong := snakemake_mistakes(command))} == {}


def test_snakemake_commands_wrong_ones_are_found():
    for command in (
        "snakemake --cores all --config budgett=a.yaml",
        "snakemake --config budget=config/examples/none.yaml",
        "snakemake --profile workflow/profiles/none",
        "snakemake sumary",
    ):
        assert snakemake_mistakes(command), command


@pytest.mark.parametrize("page", TEXTS)
def test_pip_commands_name_known_extras(page):
    texts = [*command_lines(TEXTS[page], "pip"), *mentions(TEXTS[page], "pip")]
    asked = {extra for text in texts for group in re.findall(r"\[([\w,]+)\]", text) for extra in group.split(",")}
    assert asked <= set(EXTRAS)


def test_stated_numbers_of_jobs_are_those_of_a_dry_run(tmp_path):
    for name in ("Snakefile", "workflow", "config"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "all", "--quiet", "rules"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    planned = re.findall(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    stated = [n for text in TEXTS.values() for n in re.findall(r"^ *(?:total +|\d+ of )(\d+)(?: steps|$)", text, re.M)]
    assert len(stated) >= 3
    assert set(stated) == set(planned), done.stderr[-2000:]


# ------------------------------------------------------------------ configuration and files


@pytest.mark.parametrize("page", TEXTS)
def test_yaml_blocks_are_parts_of_configuration_files(page, tmp_path):
    parts = []
    for number, block in enumerate(block for block in blocks(TEXTS[page]) if block.language == "yaml"):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block.text, encoding="utf-8")
        parts.append(read_yaml(file))
    assert [json.dumps(part) for part in parts if not fits_a_file(part)] == []


def test_yaml_blocks_wrong_ones_are_found():
    assert fits_a_file({"verification": {"faults": 5}})
    assert not fits_a_file({"verification": {"fault": 5}})
    assert not fits_a_file({"verification": {"faults": -5}})


def missing_files(text):
    """Return the paths in a text that lie in a folder of the repository and do not exist, nor are to be saved."""
    paths = {
        code for code in INLINE.findall(text) if re.fullmatch(r"(config|docs|tests|trigger_lut|workflow)/\S+", code)
    }
    skipped = re.compile(r"[<>*{}]|/mine\.yaml$|/generated/")
    paths -= set(re.findall(r"Save (?:this|it) as `([^`]+)`", text))
    return sorted(path for path in paths if not skipped.search(path) and not (ROOT / path).exists())


@pytest.mark.parametrize("page", TEXTS)
def test_files_of_the_repository_exist(page):
    assert missing_files(TEXTS[page]) == []


def test_files_of_the_repository_missing_ones_are_found():
    assert missing_files("`config/budget.yaml` `config/none.yaml` `config/data_sets/<name>.yaml`") == [
        "config/none.yaml"
    ]
    assert missing_files("Save this as `tests/new.py`. `tests/none.py`") == ["tests/none.py"]


def test_readme_links_lead_to_files():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS["README.md"])
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


# ------------------------------------------------------------------ Python


def test_python_blocks_run(tmp_path):
    pages = [README, ROOT / "docs" / "tutorials" / "keras_layers.md"]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    scripts = ["\n".join(b.text for b in blocks(text) if b.language == "python") for text in texts]
    assert all("LUTDense" in script for script in scripts)
    (tmp_path / "config").symlink_to(ROOT / "config")
    code = f"for script in {scripts!r}: exec(script, {{}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert " takes " in done.stdout


def test_python_blocks_are_on_pages_that_run():
    with_python = {page for page, text in TEXTS.items() if any(b.language == "python" for b in blocks(text))}
    own_test = {page for page in with_python if (ROOT / "tests/docs" / f"test_{Path(page).stem}.py").is_file()}
    assert with_python - own_test == {"README.md", "docs/tutorials/keras_layers.md"}


def test_caption_of_the_report_names_a_category():
    (number, name), *_ = re.findall(r"\*\*(\d+) (\w+)\*\*", (ROOT / "workflow/captions/workflow.rst").read_text())
    rules = (ROOT / "workflow/rules/common.smk").read_text()
    names = re.findall(r'"(\w+)"', rules.split("CATEGORIES = (")[1].split(")")[0])
    assert names[int(number) - 1] == name.lower()
