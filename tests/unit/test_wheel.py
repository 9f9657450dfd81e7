"""The wheel: built from a copy without git and looked into, installed, and its version from git's tags."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "trigger_lut")
ENTRY_POINTS = {
    ("hls4ml.backends", "trigger_lut"),
    ("alkaid_keras", "trigger_lut"),
    ("console_scripts", "trigger-lut"),
}


def run(*command, cwd, **env):
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, env={**os.environ, **env}, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def copy_sources(folder):
    """The files that a wheel is built from, without git and without what a build left in the clone."""
    ignored = shutil.ignore_patterns("__pycache__", "*.part", "*.pyc")
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder with the unpacked wheel."""
    place = tmp_path_factory.mktemp("wheel")
    source = copy_sources(place / "source")
    run("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", place, ".", cwd=source)
    (wheel,) = place.glob("*.whl")
    assert wheel.name == "trigger_lut-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as held:
        held.extractall(place / "installed")
    return place / "installed"


def test_wheel_holds_every_file_of_the_package(installed):
    wanted = {p.relative_to(ROOT) for p in (ROOT / "trigger_lut").rglob("*") if p.is_file()}
    wanted = {p for p in wanted if "__pycache__" not in p.parts and p.suffix != ".part"}
    assert {p for p in wanted if not (installed / p).is_file()} == set()
    suffixes = {p.suffix for p in wanted}
    assert {".py", ".cpp", ".h", ".html", ".json", ".v", ".vhd", ".sv"} <= suffixes
    assert Path("trigger_lut/py.typed") in wanted


def test_wheel_entry_points_load_from_the_wheel(installed, tmp_path):
    script = (
        "import sys\n"
        "from importlib import metadata\n"
        "from hls4ml.model.layers import layer_map\n"
        "assert 'LUTNetwork' in layer_map\n"  # hls4ml has loaded the plug-in
        f"(found,) = metadata.distributions(name='trigger_lut', path=[{str(installed)!r}])\n"
        "for entry in found.entry_points:\n"
        "    module = sys.modules[entry.load().__module__]\n"
        f"    assert module.__file__.startswith({str(installed)!r}), module.__file__\n"
        "    print(entry.group, entry.name)\n"
    )
    said = run("-c", script, cwd=tmp_path, PYTHONPATH=str(installed))
    assert {tuple(line.split()) for line in said.splitlines()} == ENTRY_POINTS


@pytest.mark.parametrize(
    ("tag", "commits", "version"), [(None, 1, "0.1.1.dev1"), ("v1.2.3", 0, "1.2.3"), ("v1.2.3", 1, "1.2.4.dev1")]
)
def test_version_follows_the_last_tag(tag, commits, version, tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    git("init", "-q")
    git("add", "pyproject.toml")
    git("commit", "-q", "-m", "first")
    if tag:
        git("tag", tag)
        for _ in range(commits):
            git("commit", "-q", "--allow-empty", "-m", "further")
    assert run("-m", "setuptools_scm", cwd=tmp_path).split("+")[0] == version
