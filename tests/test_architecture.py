"""The direction of dependencies: the layers of pyproject.toml, no circle, few modules at the root."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "pyproject.toml"


def kept(project: Path) -> bool:
    """Return True if the contracts of a project file hold."""
    command = [Path(sys.executable).with_name("lint-imports"), "--config", project, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "Dependencies point one way" in done.stdout, done.stdout + done.stderr
    return done.returncode == 0


def test_packages_import_lower_layers_alone():
    assert kept(PROJECT)


def test_an_import_upwards_breaks_the_layers(tmp_path):
    """Negative control: with two lines exchanged, the same imports point upwards."""
    text = PROJECT.read_text()
    changed = text.replace('    "verification",\n    "synthesis",\n', '    "synthesis",\n    "verification",\n')
    assert changed != text
    (tmp_path / "pyproject.toml").write_text(changed)
    assert not kept(tmp_path / "pyproject.toml")


def test_training_that_synthesizes_breaks_the_contract(tmp_path):
    """Negative control: a module that training does import is forbidden."""
    text = PROJECT.read_text()
    changed = text.replace(
        'forbidden_modules = ["trigger_lut.firmware"', 'forbidden_modules = ["trigger_lut.cost_model"'
    )
    assert changed != text
    (tmp_path / "pyproject.toml").write_text(changed)
    assert not kept(tmp_path / "pyproject.toml")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("trigger_lut", exclude_type_checking_imports=True)


def circle(graph: grimp.ImportGraph) -> list[str]:
    """The modules of a circle of imports; none where there is none."""
    done: set[str] = set()
    for start in sorted(graph.modules):
        path, waiting = [start], [sorted(graph.find_modules_directly_imported_by(start))]
        while path:
            if not waiting[-1]:
                done.add(path.pop())
                waiting.pop()
                continue
            following = waiting[-1].pop()
            if following in path:
                return path[path.index(following) :]
            if following not in done:
                path.append(following)
                waiting.append(sorted(graph.find_modules_directly_imported_by(following)))
    return []


def test_no_module_imports_itself_in_a_circle(graph):
    assert circle(graph) == []
    graph.add_import(importer="trigger_lut.errors", imported="trigger_lut.cli")
    assert "trigger_lut.errors" in circle(graph), "negative control"


def test_few_modules_lie_at_the_root():
    modules = [path.name for path in (ROOT / "trigger_lut").glob("*.py")]
    assert len(modules) <= 6, modules


def test_every_package_is_in_a_layer():
    contract, _ = tomllib.loads(PROJECT.read_text())["tool"]["importlinter"]["contracts"]
    named = {name for line in contract["layers"] for name in line.split(" | ")}
    assert named == {
        p.stem for p in (ROOT / "trigger_lut").glob("[a-z]*") if p.suffix in ("", ".py") and p.name != "py.typed"
    }


def positional(source: str) -> Iterator[tuple[str, int]]:
    """Yield each function of a source with the number of its positional arguments, without self and cls."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            yield node.name, len(names) - (names[:1] in (["self"], ["cls"]))


def test_no_function_takes_more_than_five_positional_arguments():
    paths = {*(ROOT / "trigger_lut").rglob("*.py")} - {ROOT / "trigger_lut/firmware/emulator/python.py"}  # in releases
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(paths)}
    long = [f"{path}: {name}" for path, source in sources.items() for name, n in positional(source) if n > 5]
    assert long == []
    assert list(positional("class A:\n def f(self, a, b, c, d, e, g, *, h): ...")) == [("f", 6)], "negative control"
