"""The example of docs/how-to/extend_layer.md: a toy layer kind, from the reference model to the proof."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from documentation_pages import ROOT, blocks

from trigger_lut.firmware.backends import BACKENDS

PAGE = ROOT / "docs/how-to/extend_layer.md"
MISSING = """
import trigger_lut.verification.fuzz.implementations
import trigger_lut.verification.formal.network_gates
from trigger_lut.network.network import KINDS
from trigger_lut.network.back_ends import BACK_ENDS
print([b.name for b in BACK_ENDS.values() if not b.handles(KINDS["magnitude"])])
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a copy of the package to which the page is applied."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "trigger_lut", folder / "trigger_lut", ignore=shutil.ignore_patterns("__pycache__"))
    for language, text in blocks(PAGE.read_text(encoding="utf-8")):
        path = re.match(r"# (\S+\.py)\n", text)
        if language != "python" or not path:
            continue
        file = folder / path[1]
        if file.exists():
            before = file.read_text(encoding="utf-8")
            head = re.search(r"def _outputs\(.*\n    \"\"\".*\"\"\"\n", before)
            text = before[: head.end()] + text[path.end() :] + before[head.end() :]
        file.write_text(text, encoding="utf-8")
    return folder


def run(tree, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_page_changes_at_most_five_files():
    named = {
        m[1] for _, text in blocks(PAGE.read_text(encoding="utf-8")) if (m := re.match(r"# (trigger_lut\S+)\n", text))
    }
    assert 0 < len(named) <= 5


def test_toy_layer_all_forms_give_the_reference(tree):
    done = run(tree, tree / "check.py")
    assert done.returncode == 0, done.stderr[-3000:]
    *forms, proof = done.stdout.splitlines()
    required = {name for name, backend in BACKENDS.items() if not backend.sampled}
    assert {f"{name}: 0 mismatches" for name in required} <= set(forms)
    assert all(form.endswith(": 0 mismatches") for form in forms)
    assert set(proof.removeprefix("proof: ").split(", ")) == {"proven"}


def test_toy_layer_no_back_end_is_missing_but_a_forgotten_one(tree):
    (tree / "missing.py").write_text(MISSING)
    assert run(tree, tree / "missing.py").stdout == "[]\n"
    file = tree / "trigger_lut/verification/layer_kinds/magnitude.py"
    complete = file.read_text()
    file.write_text(complete.replace("@GATES.register(MagnitudeLayer)\n", ""))
    try:
        assert run(tree, tree / "missing.py").stdout == "['gate-level proof']\n"
    finally:
        file.write_text(complete)
