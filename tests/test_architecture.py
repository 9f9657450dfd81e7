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


MORE_POSITIONAL = {
    "LUTConv.__init__": "order of Keras' convolutions",
    "TableHandler.handle": "hls4ml calls it",
    "WholeNetworkHandler.handle": "hls4ml calls it",
    "energy_correlators": "numba has no keyword-only parameters",
    "fits": "begins with a range (lo, hi, f), as `Ranges.one` returns it",
    "kif_for_range": "takes a range (lo, hi, f), as `Ranges.one` returns it",
}
"""Functions with more than two positional parameters, and why."""

STANDALONE = ROOT / "trigger_lut/firmware/emulator/python.py"
"""Releases contain this file as it is."""


def positional(source: str) -> Iterator[tuple[str, int]]:
    """Yield each public function and constructor of a source with the number of its positional parameters."""
    waiting: list[tuple[str, ast.stmt]] = [("", node) for node in ast.parse(source).body]
    while waiting:
        owner, node = waiting.pop()
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            waiting += [(f"{node.name}.", inner) for inner in node.body]
        elif isinstance(node, ast.If | ast.Try):
            waiting += [(owner, inner) for inner in (*node.body, *node.orelse)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_") and node.name != "__init__":
                continue
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            yield owner + node.name, len(names) - (bool(owner) and names[:1] in (["self"], ["cls"]))


def test_public_functions_take_at_most_two_positional_arguments():
    paths = sorted({*(ROOT / "trigger_lut").rglob("*.py")} - {STANDALONE})
    long = {name: path for path in paths for name, n in positional(path.read_text(encoding="utf-8")) if n > 2}
    assert long.keys() - MORE_POSITIONAL == set(), {name: str(long[name]) for name in long.keys() - MORE_POSITIONAL}
    assert MORE_POSITIONAL.keys() - long == set(), "these exceptions are not needed"


def test_positional_arguments_are_counted():
    """Negative control."""
    source = "class A:\n def __init__(self, a, b, c, *, d): ...\n def _f(self, a, b, c): ...\ndef g(a, b, *, c): ..."
    assert sorted(positional(source)) == [("A.__init__", 3), ("g", 2)]
    assert list(positional("if x:\n  def f(a, /, b, c): ...")) == [("f", 3)]
