"""YAML that says something else than it seems, or too much: refused in one line, quickly, with the place."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trigger_lut.config import yaml_file
from trigger_lut.config.yaml_file import read_yaml
from trigger_lut.errors import ConfigurationError


def refusal(folder: Path, content: str | bytes) -> str:
    path = folder / "f.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BOMB, "aliases expand to more than 50,000 values"),
        ("a: &a {b: *a}", "an alias refers to a value that contains it"),
        ("a: &a [[*a]]", "an alias refers to a value that contains it"),
        ("[" * 100_000, "line 1: expected at most 40 levels"),
        ("".join(f"{' ' * n}a:\n" for n in range(60)), "expected at most 40 levels"),
        ("a:\n\t- b\n", "not valid YAML: line 2, column 1: found character '\\t' that cannot start any token"),
        (b"a: \xff\xfe", "not valid YAML: 'utf-8' codec: byte 3 is not UTF-8"),
        ("a: \x00", "not valid YAML: "),
        ("a: 1\na: 2\n", "not valid YAML: a (line 2): key 'a' occurs twice"),
        ("a: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
        ('a: "\\ud800"', "a (line 1): '\\ud800' holds half of a character"),
        ("a: !!binary aGk=", "a (line 1): 'aGk=' is read as binary. Write it in quotes: 'aGk='"),
        ("a: !!python/object/apply:os.system [id]", "is read as python/object/apply:os.system. Leave the tag out"),
        ("a: 2026-01-01", "a (line 1): '2026-01-01' is read as a date. Write it in quotes: '2026-01-01'"),
        ("a: 0100", "a (line 1): '0100' is read as another number, of base 8 or 60"),
        ("a: 1:30", "a (line 1): '1:30' is read as another number"),
        ("<<: {a: 1}", "<< (line 1): merging with the key << is not supported"),
        ("a: *b", "not valid YAML: line 1, column 4: found undefined alias 'b'"),
        ("--- a\n--- b\n", "not valid YAML: line 2, column 1: but found another document"),
    ],
)
def test_read_yaml_refuses_in_one_line(tmp_path: Path, content: str | bytes, expected: str) -> None:
    message = refusal(tmp_path, content)
    assert expected in message
    assert len(message.splitlines()) == 1
    assert len(message) < 300


@pytest.mark.parametrize(
    "key", ["on", "yes", "no", "1e3", "007", "12", "1.0", "null", "~", "2026-01-01", "0x1f", "1_0"]
)
def test_read_yaml_key_read_as_something_else(tmp_path: Path, key: str) -> None:
    message = refusal(tmp_path, f"designs:\n  {key}: {{luts: 3}}\n  on: 1\n")
    assert f"designs.{key} (line 2): the key '{key}' is read as " in message
    assert f"Write it in quotes: '{key}', or choose another name" in message
    if key != "on":
        assert message.startswith("2 mistakes\n")
    (tmp_path / "f.yaml").write_text(f"designs: {{'{key}': 1}}")
    assert read_yaml(tmp_path / "f.yaml") == {"designs": {key: 1}}


def test_read_yaml_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ConfigurationError, match=r"expected at most 1,000,000 bytes, found 100,000,000\. Long lists"):
        read_yaml(path)


def test_read_yaml_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_file, "MOST_VALUES", 1000)
    assert "line 1: expected at most 1,000 values" in refusal(tmp_path, "a: [" + "1," * 1001 + "]")


def test_read_yaml_takes_what_is_meant(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("a: &x [1, 1e-3, true, null, '007', 0, 0.5, -3]\nb: *x\nc: {d: *x}\n# end\n")
    values = [1, 0.001, True, None, "007", 0, 0.5, -3]
    assert read_yaml(tmp_path / "f.yaml") == {"a": values, "b": values, "c": {"d": values}}
    (tmp_path / "f.yaml").write_text("\ufeff{}")
    assert read_yaml(tmp_path / "f.yaml") == {}


def test_bomb_is_one_for_pyyaml() -> None:
    """Negative control: PyYAML builds the same file, which represents more values than the limit."""
    content = yaml.safe_load(BOMB)
    count = 0
    todo = [content]
    while todo and count <= yaml_file.MOST_VALUES:
        count += 1
        one = todo.pop()
        todo += list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
    assert count > yaml_file.MOST_VALUES


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=40),
        st.text(alphabet="ab:-{}[]&*!'\"\n\t #|>?,%@`0123456789.~<=", max_size=40).map(str.encode),
    )
)
@example(b"!!int x")
@example(b"!!float x")
@example(b"!!timestamp 2026-13-45")
@example(b"!!bool x")
@example(b"? {a: 1}\n: 2")
def test_read_yaml_raises_nothing_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.yaml").write_bytes(content)
    with contextlib.suppress(ConfigurationError):
        read_yaml(tmp_path / "f.yaml")
