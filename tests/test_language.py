"""Language of the repository: ban list, docstrings that begin with a verb or noun, short sentences, NumPy sections.

`python tests/helpers/language.py [UNIT ...]` prints all findings, or those of packages (trigger_lut/network, workflow).
"""

import ast
from pathlib import Path

import pytest
from language import (
    banned,
    clean,
    files,
    findings,
    interface,
    long_docstrings,
    long_texts,
    openings,
    ruff,
    sections,
    stale_names,
    undocumented,
    vague,
)

RULES = ["words", "openings", "sentences", "names", "texts", "files", "sections", "ruff"]


@pytest.mark.parametrize("rule", RULES)
def test_language_of_the_repository_passes(rule):
    assert [f"{finding.path}:{finding.line}: {finding.text}" for finding in findings(rule)] == []


def test_files_include_code_workflow_captions_and_schemas():
    listed = files()
    assert {"Snakefile", "trigger_lut/cli.py", "config/targets.yaml"} <= set(listed)
    assert {Path(path).suffix for path in listed} >= {".py", ".smk", ".rst", ".yaml", ".json", ".html", ".cpp"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", '"""It stands there."""'),
        ("a.py", "x = 1  # a share of it"),
        ("a.py", "raise ValueError(f'{name} is left out')"),
        ("a.rst", "Look at page 9."),
        ("a.json", '{"description": "A whole number."}'),
        ("a.smk", "# beside it"),
        ("a.py", "x = 'one list an entry'"),
        ("a.py", "# 16 steps an epoch"),
        ("a.py", '"""Share at the highest code."""'),
    ],
)
def test_banned_word_is_found(path, text):
    assert [finding.line for finding in banned(path, text + "\n")] == [1]


def test_phrase_on_two_lines_is_found():
    text = 'def f():\n    """Skip.\n\n    They are left\n    out.\n    """\n'
    assert list(banned("a.py", text)) == [("a.py", 4, "left out")]


@pytest.mark.parametrize(
    "text",
    ["one event a cycle", "a part of an event", "the code of a stage", "it takes an event", "layers share a LUT"],
)
def test_phrase_with_another_meaning_is_ignored(text):
    assert list(banned("a.py", f"# {text}\n")) == []


def test_key_of_another_tool_is_ignored():
    assert list(banned("a.yaml", "htcondor-held-timeout: 600\n")) == []


def test_file_that_does_not_exist_is_found():
    text = '"""See `layers/gone.json` and `layers/`."""\nx = "other.py"  # of model.py, not of a.py\n'
    found = stale_names("a.py", text, {"a.py", "layers"})
    assert [(finding.line, finding.text) for finding in found] == [(1, "`layers/gone.json`"), (2, "model.py")]


@pytest.mark.parametrize("text", ["held = stands[0]", "x = 'beside'", "# `held` is a name", "y = f'{held} is a name'"])
def test_banned_word_in_code_is_ignored(text):
    assert list(banned("a.py", text + "\n")) == []


def test_word_of_a_generated_text_is_ignored_in_its_file_alone():
    text = "x = 'a code that stands for a value, held'\n"
    assert [finding.text for finding in banned("trigger_lut/firmware/emulator/cpp.py", text)] == ["held"]
    assert [finding.text for finding in banned("trigger_lut/firmware/emulator/run.py", text)] == ["stands", "held"]


@pytest.mark.parametrize("word", ["What", "Whether", "Of", "That", "How"])
def test_docstring_that_begins_with_a_clause_is_found(word):
    tree = ast.parse(f'def f():\n    """{word} it is."""\ndef g():\n    """Return {word}."""\n')
    assert [finding.line for finding in openings("a.py", tree)] == [1]


def test_long_sentence_of_a_docstring_is_found():
    long = " ".join(["word"] * 26)
    tree = ast.parse(
        f'def f(x):\n    """Return it.\n\n    Parameters\n    ----------\n    x : int\n        {long}.\n    """\n'
    )
    assert [finding.text for finding in long_docstrings("a.py", tree)] == [f"{long}."]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("found = 1", ["variable found"]),
        ("x = [said for said in y]", ["variable said"]),
        ("def f(seen): pass", ["parameter seen"]),
        ("with a as held: pass", ["variable held"]),
        (f"def test_{'x' * 56}(): pass", [f"test_{'x' * 56}: 61 letters"]),
        (f"def test_{'x' * 55}(): pass", []),
        ("class A:\n    found: int", []),
        ("x = found.held(made=1)", []),
    ],
)
def test_vague_variable_and_long_test_name_are_found(text, refused):
    assert [finding.text for finding in vague("a.py", ast.parse(text))] == refused


def test_code_and_types_of_a_docstring_are_no_sentences():
    words = " ".join(["word"] * 20)
    code = f"::\n\n        {words} {words}"
    text = f'def f(x):\n    """Return {words}.\n\n    x : {words}\n        {words}\n\n    {code}\n    """\n'
    assert list(long_docstrings("a.py", ast.parse(text))) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# {}\n# {}.\n"),
        ("a.py", "x = 1  # {} {}.\n"),
        ("a.py", "raise ValueError(f'{} {{code}} '\n'{}')\n"),
        ("a.py", "Field(description='{}: '\n'{}')\n"),
        ("a.smk", "    # {}\n    # {}.\n"),
        ("a.yaml", "name: x  # {} {}\n"),
    ],
)
def test_long_sentence_of_a_comment_or_string_is_found(path, text):
    words = " ".join(["word"] * 13)
    assert len(list(long_texts(path, text.format(words, words)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# {}.\n# {}.\n"),
        ("a.py", "# {}\n\n# {}.\n"),
        ("a.py", "x = 1  # {}\ny = 2  # {}\n"),
        ("a.py", "x = 'module a (b); {} {}'\n"),
        ("a.yaml", "# {}\n#   key: {}\n"),
    ],
)
def test_short_sentences_and_code_are_ignored(path, text):
    words = " ".join(["word"] * 13)
    assert list(long_texts(path, text.format(words, words))) == []


NUMPY = '''
def f(x: int, *, y: int) -> int:
    """Return the sum.

    Parameters
    ----------
    x, y : int
        Terms.

    Returns
    -------
    int
        The sum.
    """
    return x + y
'''


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (("", ""), None),
        (("x, y : int", "x : int"), "Parameters ['x', 'y']"),
        (("x, y : int", "x, y, z : int"), "Parameters ['x', 'y']"),
        (("Parameters\n    ----------", "Terms"), "Parameters"),
        (("Returns\n    -------", "Notes\n    -----"), "Returns"),
    ],
)
def test_undocumented_names_the_section_that_is_missing(change, missing):
    assert undocumented(ast.parse(NUMPY.replace(*change)).body[0]) == missing


def test_sections_are_required_of_names_other_packages_import():
    inside = ast.parse('def f(x):\n    """Return x."""\n\ndef g(x):\n    """Return x."""\n')
    trees = {
        "trigger_lut/data/a.py": inside,
        "trigger_lut/data/b.py": ast.parse("from trigger_lut.data.a import g"),
        "trigger_lut/stages/c.py": ast.parse("from trigger_lut.data.a import f"),
    }
    assert [finding.text for finding in sections(trees, interface(trees))] == ["f: Parameters"]
    trees["trigger_lut/stages/c.py"] = ast.parse("from trigger_lut.data import a")
    assert len(list(sections(trees, interface(trees)))) == 2


@pytest.mark.parametrize(("error", "rules"), [("ValueError", {"D300", "DOC501"}), ("made", {"D300"})])
def test_ruff_finds_an_undocumented_exception_class(tmp_path, error, rules):
    text = f"""
    def f(x, made):
        '''Return x.

        Longer.
        '''
        raise {error}(x)
    """
    (tmp_path / "a.py").write_text('"""Toy."""\n\n\n' + clean(text))
    assert {finding.text.split()[0] for finding in ruff(["a.py"], tmp_path)} == rules
