"""Sessions of nox: tests on each Python, at the lower bounds of the ranges, linters, wheel, documentation."""

import tempfile
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint"]
CHEAP = (
    "tests/config",
    "tests/network",
    "tests/data",
    "tests/test_pinned_set.py",
    "tests/layers/test_layers.py",
    "tests/firmware/test_hls_project.py",
)


def lowest() -> list[str]:
    """Lower bounds of the dependencies, as constraints."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["sim"]]
    return [text.split(",")[0].replace(">=", "==") for text in wanted]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests with the locked versions."""
    session.install("-e", ".[sim,test]", "-c", "requirements.lock")
    session.run("pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", *session.posargs)


@nox.session(python="3.11")
def lower(session: nox.Session) -> None:
    """Run part of the tests with the lower bounds of the ranges."""
    with tempfile.TemporaryDirectory() as folder:
        bounds = Path(folder, "lowest.txt")
        bounds.write_text("\n".join(lowest()) + "\n")
        session.install("-e", ".[sim,test]", "-c", str(bounds))
    session.run("pytest", "-n", "2", "--dist", "loadfile", *(session.posargs or CHEAP))


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Run ruff, snakefmt and mypy."""
    session.install("-e", ".[test]", "-c", "requirements.lock")
    session.run("pytest", "-n", "0", "tests/test_style.py")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the documentation into build/docs; a warning fails the build."""
    session.install("-e", ".[docs]", "-c", "requirements.lock")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "build/docs")


@nox.session(python="3.11")
def wheel(session: nox.Session) -> None:
    """Build the wheel and the source archive into dist/."""
    session.install("build")
    session.run("python", "-m", "build")
