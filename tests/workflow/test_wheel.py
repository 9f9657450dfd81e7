"""The wheel: its files, its entry points, its version, and a project that runs its workflow without a clone."""

import json
import os
import shutil
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from planned import planned_jobs

from trigger_lut.errors import ConfigurationError
from trigger_lut.project import new_project

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "Snakefile", "config", "trigger_lut", "workflow")
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


def git(*arguments, cwd):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


def clone_of_sources(folder):
    """A repository without tags that holds the files of a wheel."""
    ignored = shutil.ignore_patterns("__pycache__", "*.part", "*.pyc")
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "-q", "-m", "first", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a clone without tags."""
    place = tmp_path_factory.mktemp("wheel")
    source = clone_of_sources(place / "source")
    run("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", place, ".", cwd=source)
    shutil.rmtree(source)
    (wheel,) = place.glob("*.whl")
    assert wheel.name.startswith("trigger_lut-0.1.1.dev1+g")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel):
    """Folder with the unpacked wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "installed")
    return wheel.parent / "installed"


@pytest.fixture(scope="module")
def programs(wheel):
    """Programs of an environment with the wheel, which sees all other packages of this one."""
    place = wheel.parent / "environment"
    venv.create(place, symlinks=True)
    (packages,) = (place / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    run(
        "-m",
        "pip",
        "--python",
        place,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        wheel,
        cwd=place,
    )
    return place / "bin"


def test_wheel_holds_every_file_of_the_package(installed):
    wanted = {p.relative_to(ROOT) for p in (ROOT / "trigger_lut").rglob("*") if p.is_file()}
    parts = [p.relative_to(ROOT) for name in ("config", "workflow") for p in (ROOT / name).rglob("*") if p.is_file()]
    wanted |= {"trigger_lut/project" / p for p in parts}
    wanted = {p for p in wanted if "__pycache__" not in p.parts and p.suffix != ".part"}
    assert {p for p in wanted if not (installed / p).is_file()} == set()
    assert not [p for p in installed.rglob("*") if p.is_symlink()]
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
    output = run("-c", script, cwd=tmp_path, PYTHONPATH=str(installed))
    assert {tuple(line.split()) for line in output.splitlines()} == ENTRY_POINTS


@pytest.mark.parametrize(
    ("commits", "version"),
    [((), "0.1.0"), ((None,), "0.1.1.dev1"), (("v1.2.3",), "1.2.3"), (("v1.2.3", None), "1.2.4.dev1")],
    ids=["no git", "no tag", "tag", "behind a tag"],
)
def test_version_follows_the_last_tag(commits, version, tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if commits:
        git("init", "-q", cwd=tmp_path)
        git("add", "pyproject.toml", cwd=tmp_path)
    for tag in commits:
        git("commit", "-q", "--allow-empty", "-m", "further", cwd=tmp_path)
        if tag:
            git("tag", tag, cwd=tmp_path)
    assert run("-m", "setuptools_scm", cwd=tmp_path).split("+")[0] == version


def test_new_project_plans_the_jobs_of_a_clone(programs, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def start(*command, cwd, **env):
        done = subprocess.run(command, cwd=cwd, env=environment | env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    output = start(programs / "trigger-lut", "new", "my-trigger", cwd=tmp_path)
    assert output == "my-trigger: written. Next: cd my-trigger && snakemake --cores all\n"
    script = (
        "import json, trigger_lut, planned, pathlib\n"
        "jobs = planned.planned_jobs(pathlib.Path.cwd())\n"
        "print(json.dumps([trigger_lut.__file__, [[job.rule, *job.wildcards] for job in jobs]]))\n"
    )
    project = tmp_path / "my-trigger"
    text = start(programs / "python", "-c", script, cwd=project, PYTHONPATH=str(ROOT / "tests/helpers"))
    package, planned = json.loads(text.splitlines()[-1])
    assert Path(package).is_relative_to(programs.parent)
    clone = tmp_path / "clone"
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, clone / name)
    shutil.copy(ROOT / "Snakefile", clone)
    assert sorted(planned) == sorted([job.rule, *job.wildcards] for job in planned_jobs(clone))
    assert {"all", "train", "check_budgets"} <= {job[0] for job in planned}


def test_wheel_converts_a_model_with_the_oldest_hls4ml_and_keras(programs, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = [Requirement(text) for text in project["dependencies"]]
    oldest = {r.name: min(x.version for x in r.specifier if x.operator == ">=") for r in ranges}
    versions = {name: oldest[name] for name in ("hls4ml", "keras")}
    folder = tmp_path / "beside"
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    run("-m", "pip", "install", "-q", "--no-deps", "--target", folder, *wanted, cwd=tmp_path)
    script = (
        "import json, pathlib, hls4ml, keras, trigger_lut\n"
        "from trigger_lut import LUTDense\n"
        "model = keras.Sequential([keras.Input((3,)), LUTDense(4), LUTDense(2)])\n"
        "project = hls4ml.converters.convert_from_keras_model(model, output_dir='hls', backend='Vitis')\n"
        "project.write()\n"
        "modules = {m.__name__: [m.__version__, m.__file__] for m in (hls4ml, keras)}\n"
        "layers = [layer.class_name for layer in project.get_layers()]\n"
        "print(json.dumps([trigger_lut.__file__, modules, layers]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [programs / "python", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    package, modules, layers = json.loads(done.stdout.splitlines()[-1])
    assert Path(package).is_relative_to(programs.parent)
    for name, (version, file) in modules.items():
        assert Version(version) == Version(versions[name])
        assert Path(file).is_relative_to(folder)
    assert layers.count("LUTNetworkNode") == 2
    assert list((tmp_path / "hls/firmware").glob("*.cpp"))


def test_new_project_in_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    assert new_project(tmp_path / "a").startswith(f"{tmp_path}/a: written.")
    assert (tmp_path / "a/README.md").read_text().startswith("# a\n")
    for path, content in ((tmp_path / "a", r"\d+ entries"), (tmp_path / "a/README.md", "a file")):
        with pytest.raises(
            ConfigurationError, match=rf"not an empty folder\. .*found {content}\. Choose another name\."
        ):
            new_project(path)
