"""The example of docs/how-to/extend_stage.md: a copy of the tree with its files, in which Snakemake runs the stage."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import made_cards
import pytest
from documentation_pages import FENCE, ROOT
from networks import random_network

from trigger_lut.cards.base import write_card
from trigger_lut.network.network import save_network

PAGE = (ROOT / "docs/how-to/extend_stage.md").read_text(encoding="utf-8")
COPIED = ("trigger_lut", "workflow", "config", "Snakefile", "pyproject.toml", "docs/generate.py")
NEW = re.compile(r"Save this as `([^`]+)`:\n\n```python\n(.*?)```", re.DOTALL)


def added(heading: str) -> str:
    """Return the code block that follows some words."""
    match = FENCE.search(PAGE, PAGE.index(heading))
    assert match is not None
    return match[4]


def run(folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder.parent}"}
    ran = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the tree with the example."""
    folder = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        (folder / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    new = dict(NEW.findall(PAGE))
    for name, text in new.items():
        (folder / name).write_text(text)
    documentation = folder / "trigger_lut/cards/documentation.py"
    row, line = added("Add the card to `CARDS`"), added("Import the module there")
    text = documentation.read_text()
    text = text.replace("from trigger_lut.cards import (", f"{line}from trigger_lut.cards import (", 1)
    documentation.write_text(re.sub(r"(?m)^(CARDS: .* = \{\n)", rf"\1{row}", text))
    with (folder / "Snakefile").open("a") as snakefile:
        snakefile.write("\n\n" + added("Add the rule to the end"))
    assert len(new) + 2 <= 6, "files that a stage touches"
    network = random_network(3)
    (folder / "results/small").mkdir(parents=True)
    write_card(made_cards.spec(), folder / "results/small/spec.json")
    save_network(network, folder / "results/small/network.npz")
    (folder / "bits").write_text(str(sum(kif.bits for kif in network.inputs)))
    return folder


def test_stage_of_the_page_is_run_by_snakemake(tree):
    rules = ("--allowed-rules", "input_bits", "--rerun-triggers", "mtime")
    run(tree, sys.executable, "-m", "snakemake", "--cores", "1", "results/small/input_bits.json", *rules)
    card = json.loads((tree / "results/small/input_bits.json").read_text())
    assert (card["stage"], card["bits"]) == ("input_bits", int((tree / "bits").read_text()))


def test_stage_of_the_page_has_a_command_and_reference(tree):
    shown = run(tree, sys.executable, "-m", "trigger_lut.cli", "stage", "input-bits", "--help")
    assert "--at-most N" in shown
    assert "Largest number of bits to report" in shown
    tables = run(tree, sys.executable, "-m", "trigger_lut.cli", "schema", "cards")
    assert "| `bits` | int | Bits of all inputs. |" in tables
    code = "import generate; print(*(f'{rule.name}: {rule.commands}' for rule in generate.workflow_rules()))"
    assert "input_bits: ('stage input-bits',)" in run(tree / "docs", sys.executable, "-c", code)
