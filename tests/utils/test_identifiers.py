"""Names where they enter: what can break a line, an identifier or a file's name is refused, with place and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from trigger_lut.config.budget import load_budget
from trigger_lut.config.data_set.files import expand
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.validation import NAME_EXPECTED, DesignName, Line, Text
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.utils.identifiers import code_word, design_mistake, hls_namespace, hls_top, rtl_prefix, same_in_code

DESIGN_NAMES: TypeAdapter[str] = TypeAdapter(DesignName)
TARGET = {
    "description": "d",
    "part": "xcvu13p-flga2577-2-e",
    "family": "xcup",
    "clock_mhz": 360,
    "latency_allowed_ns": None,
    "event_period_ns": 25,
    "totals": {},
    "source": "s",
}
BUDGET = {"data_set": "d", "target": "t", "network": {"units": [2]}}
DATA_SET: dict[str, Any] = {
    "name": "d",
    "files": ["a.root"],
    "tree": "t",
    "event_id": ["event"],
    "label": {"expression": "label", "classes": ["a", "b"]},
    "features": [{"name": "x"}],
}
BREAKS = ["\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x00", "\x7f", "\x9b"]
HOSTILE = [*BREAKS, "\u202e", "\u2066", "\u200d", "\ufeff", "\u00ad"]


def load(folder: Path, budget: dict[str, Any], targets: dict[str, Any] | None = None) -> str:
    """Return the errors about a budget; empty if it is accepted."""
    (folder / "budget.yaml").write_text(yaml.safe_dump(BUDGET | budget))
    (folder / "targets.yaml").write_text(yaml.safe_dump(targets or {"t": TARGET}))
    try:
        load_budget(folder / "budget.yaml", folder / "targets.yaml")
    except ConfigurationError as error:
        return str(error).replace(f"{folder}/", "")
    return ""


def designs(*names: str) -> dict[str, Any]:
    return {"designs": {name: {"luts": 100, "latency_ns": 20} for name in names}}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a__b", "two of '_' and '-' in a row"),
        ("a-_b", "two of '_' and '-' in a row"),
        ("a--b", "two of '_' and '-' in a row"),
        ("a_", "ends with '_' or '-'"),
        ("a-", "ends with '_' or '-'"),
        ("3a", "begins with a digit"),
        ("entity", "is a reserved word of VHDL"),
        ("Process", "is a reserved word of VHDL"),
        ("a b", "expected a name of letters, digits, '_' and '-', the first a letter or digit"),
        ("a\n", "expected a name of letters, digits, '_' and '-', the first a letter or digit"),
        ("\u00e9", "expected a name of letters, digits, '_' and '-', the first a letter or digit"),
        ("a" * 65, "expected at most 64 characters"),
    ],
)
def test_design_name_without_hdl_form_is_refused(tmp_path: Path, name: str, why: str) -> None:
    message = load(tmp_path, designs(name))
    assert why in message
    assert message.startswith("budget.yaml: 1 mistake\n  designs.")
    assert load(tmp_path, designs("small", "a-b", "A3_c", "a" * 64)) == ""


@pytest.mark.parametrize("pair", [("a-b", "a_b"), ("A", "a"), ("Tau-1", "tau_1")])
def test_design_names_of_one_module_are_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    message = load(tmp_path, designs(*pair))
    assert (
        f"designs.{pair[1]}: the same as {pair[0]!r}" in message
        or f"designs.{pair[0]}: the same as {pair[1]!r}" in message
    )
    assert "Rename one of them" in message


def test_scan_point_names_are_checked(tmp_path: Path) -> None:
    scan = {"luts": [100], "latency_ns": [20.0]}
    network = {"units": [2]}
    for names, why in (
        (["a_"], "ends with"),
        (["a__b"], "in a row"),
        (["x" * 60], "expected at most 64 characters"),
        (["a-b", "a_b"], "have the same names of modules and files"),
    ):
        networks = {name: network | {"units": [n + 3, 2]} for n, name in enumerate(names)}
        scan_of = scan | {"networks": networks, **({"seeds": [1]} if why != "ends with" else {})}
        message = load(tmp_path, {"scan": scan_of})
        if why == "ends with":  # the seed follows, behind another underscore
            why = "in a row"
        assert why in message, names
    assert load(tmp_path, {"scan": scan | {"networks": {"a": network | {"units": [3, 2]}}}}) == ""


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True))
def test_design_name_that_is_taken_fits_vhdl(name: str) -> None:
    try:
        DESIGN_NAMES.validate_python(name)
    except ValidationError:
        assert design_mistake(name) is not None
        return
    for identifier in (
        rtl_prefix(name),
        f"{rtl_prefix(name)}_top",
        hls_top(name, 12),
        hls_namespace(name),
        code_word(name),
    ):
        assert identifier.isidentifier()
        assert "__" not in identifier
        assert not identifier.endswith("_")


@given(st.lists(st.tuples(st.sampled_from(["a", "a_v1", "a_v1_v1", "b"]), st.integers(1, 12)), unique=True))
def test_versions_of_designs_have_names_of_their_own(pairs: list[tuple[str, int]]) -> None:
    identifiers = [name for pair in pairs for name in (hls_top(*pair), hls_namespace(*pair))]
    assert len(set(identifiers)) == len(identifiers)


@given(st.lists(st.sampled_from(["a", "A", "a-b", "a_b", "A_b", "c"]), unique=True))
def test_same_in_code_finds_all_pairs(names: list[str]) -> None:
    words = [code_word(name).lower() for name in names]
    assert len(list(same_in_code(names))) == len(words) - len(set(words))


@pytest.mark.parametrize("part", ["xc7[exec id]", "a b", "a;b", "$(id)", "a\n", ""])
def test_part_that_is_no_part_is_refused(tmp_path: Path, part: str) -> None:
    message = load(tmp_path, designs("a"), {"t": TARGET | {"part": part}})
    assert message.startswith(
        "targets.yaml: 1 mistake\n  t.part: expected a name of letters, digits, '.', '_' and '-', "
    )


def test_target_names_and_texts_are_checked(tmp_path: Path) -> None:
    message = load(tmp_path, designs("a"), {"t": TARGET, "a b": TARGET})
    assert f"'a b': {NAME_EXPECTED}. Rename the target" in message
    for key in ("description", "source"):
        message = load(tmp_path, designs("a"), {"t": TARGET | {key: "a\u2028b"}})
        assert f"t.{key}: expected printable characters in one line, found U+2028 at position 1" in message


PLACES: dict[str, Any] = {
    "label.classes.0": lambda name: {"label": {"expression": "label", "classes": [name, "b"]}},
    "features.0.name": lambda name: {"features": [{"name": name, "expression": "x"}]},
    "files.0": lambda name: {"files": [f"{name}.root"]},
    "tree": lambda name: {"tree": name},
    "event_id.0": lambda name: {"event_id": [name]},
    "plot_label": lambda name: {"plot_label": name},
    "regression_targets.0.unit": lambda name: {
        "regression_targets": [{"name": "y", "expression": "y", "unit": name}],
        "label": None,
    },
    "objects.j.mask": lambda name: {"objects": {"j": {"count": 1, "mask": name, "features": [{"name": "pt"}]}}},
    "observables": lambda name: {"observables": {name: "x"}},
    "cut": lambda name: {"cut": f'branch("{name}") > 1'},
    "friends.0.tree": lambda name: {"friends": [{"files": ["b.root"], "tree": name}]},
}


@pytest.mark.parametrize("place", PLACES)
def test_description_control_character_is_refused(tmp_path: Path, place: str) -> None:
    path = tmp_path / "d.yaml"
    for text in HOSTILE:
        if place == "cut" and text in "\n\r":
            continue  # folded expressions may have several lines
        path.write_text(yaml.safe_dump(DATA_SET | PLACES[place](f"a{text}b")))
        with pytest.raises(ConfigurationError) as caught:
            load_data_set(path)
        message = str(caught.value)
        assert place in message
        assert f"found U+{ord(text):04X}" in message
        assert all(c.isprintable() or c == "\n" for c in message)
    path.write_text(yaml.safe_dump(DATA_SET | PLACES[place]("\u0394\u03b7 [GeV] $x {y} <b> |")))
    load_data_set(path)


def test_folded_expression_is_taken(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(DATA_SET) + "cut: >\n  (x > 1) &\n  (x < 3)\n")
    assert load_data_set(tmp_path / "d.yaml").cut == "(x > 1) & (x < 3)\n"


def test_expand_file_name_with_control_characters(tmp_path: Path) -> None:
    for name in ("a\nb.root", "a\u202eb.root", "a\udcffb.root"):
        path = tmp_path / name
        path.touch()
        with pytest.raises(DataError, match="expected printable characters in the name of a file"):
            expand("data set d", [f"{tmp_path}/*.root"])
        path.unlink()
    (tmp_path / "\u0394 {1} $x.root").touch()
    assert len(expand("data set d", [f"{tmp_path}/*.root"])) == 1


def test_text_types_bound_their_length() -> None:
    for kind, most in ((Text, 200), (Line, 1000)):
        TypeAdapter(kind).validate_python("x" * most)
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python("x" * (most + 1))
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python("")
