"""The hash of a stage's code: what it follows and what it leaves out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trigger_lut import code_hash as module

FILES = {
    "__init__.py": "",
    "errors.py": "class Error(Exception): pass\n",
    "shared.py": "from trigger_lut.errors import Error\nSTEP = 1\n",
    "stage.py": "from trigger_lut.shared import STEP\ndef run():\n  from trigger_lut.deep import tool\n  tool.go()\n",
    "other.py": "import trigger_lut.shared\n",
    "deep/__init__.py": "",
    "deep/tool.py": 'def go():\n    """Go."""\n    return 1\n',
    "deep/unused.py": "X = 1\n",
    "deep/code.h": "int x;\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "trigger_lut"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(module, "PACKAGE", folder)
    return folder


def fingerprint(*modules: str, **keywords) -> str:
    for kept in (module._imports, module._digest, module._files, module._others):
        kept.cache_clear()
    return module.fingerprint(*modules, **keywords)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("stage.py", True),
        ("shared.py", True),
        ("deep/tool.py", True),
        ("deep/__init__.py", True),
        ("deep/unused.py", False),
        ("other.py", False),
        ("errors.py", False),
    ],
)
def test_edits_count_where_the_stage_reaches(package, file, changes):
    before = fingerprint("stage")
    (package / file).write_text((package / file).read_text() + "Y = 2\n")
    assert (fingerprint("stage") != before) is changes


def test_caches_do_not_count(package):
    before = fingerprint("stage")
    for name in ("deep/__pycache__/tool.cpython-311.pyc", "deep/__pycache__/tool.go-1.py311.nbi", "deep/code.h.part"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_bytes(b"x")
    assert fingerprint("stage") == before


def test_templates_beside_a_reached_module_count(package):
    before = fingerprint("stage"), fingerprint("other")
    (package / "deep/code.h").write_text("int y;\n")
    assert fingerprint("stage") != before[0]
    assert fingerprint("other") == before[1]


def test_comments_docstrings_and_layout_do_not_count(package):
    before = fingerprint("stage")
    (package / "deep/tool.py").write_text('# a comment\ndef go():\n    """Went."""\n\n    return (1)\n')
    assert fingerprint("stage") == before


def test_modules_can_be_left_out(package):
    before = fingerprint("stage", without=("shared",))
    (package / "shared.py").write_text("STEP = 2\n")
    assert fingerprint("stage", without=("shared",)) == before


def test_every_process_finds_the_same():
    code = "from trigger_lut.code_hash import fingerprint; print(fingerprint('stages.ingest', 'plan'))"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(hashes) == 1
    assert hashes.pop().strip()


def test_the_stages_of_the_package_reach_their_code():
    fingerprint()
    physics = {p.name for p in module._imports(module.PACKAGE / "stages/physics.py")}
    assert {"predictions.py", "event_codes.py", "__init__.py"} <= physics


def test_fingerprint_of_a_missing_module_is_refused():
    with pytest.raises(ValueError, match=r"^fingerprint: no module trigger_lut\.training\.run$"):
        module.fingerprint("training.run")
