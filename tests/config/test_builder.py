"""Functions that build a network: modules and names that exist, without running them."""

from pathlib import Path

import pytest

from trigger_lut.config.builder import mistakes, source_of


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "def build(formats, classes, seed): raise SystemExit",
        "build = print",
        "from os.path import join as build",
        "from os.path import *",
        "if True:\n    def build(): pass",
        "class build: pass",
    ],
)
def test_function_of_the_working_directory_is_found_not_run(text, folder):
    (folder / "mine").mkdir()
    (folder / "mine/jets.py").write_text(text)
    assert source_of("mine.jets:build") == Path("mine/jets.py")
    assert mistakes("mine.jets:build") == []


def test_a_misspelled_function_is_refused_with_the_nearest(folder):
    (folder / "mine.py").write_text("def build_model(): pass")
    (mistake,) = mistakes("mine:bild_model")
    assert mistake.startswith("mine.py: no function 'bild_model'")
    assert "build_model" in mistake.removeprefix("mine.py: no function 'bild_model'")


@pytest.mark.parametrize(("text", "reason"), [("def build(:", "invalid syntax"), ("a = '\0'", "null bytes")])
def test_a_module_that_python_cannot_read_is_refused(text, reason, folder):
    (folder / "mine.py").write_text(text)
    (mistake,) = mistakes("mine:build")
    assert mistake.startswith("mine.py: Python cannot read it: ")
    assert reason in mistake


def test_modules_that_are_installed_or_missing(folder):
    assert mistakes("trigger_lut.network.network:Network") == []
    assert mistakes("nowhere:build") == [
        "nowhere:build: no module 'nowhere'. Expected nowhere.py or an installed module"
    ]
    (folder / "mine").mkdir()
    (mistake,) = mistakes("mine.jets:build")
    assert "Expected mine/jets.py" in mistake
