"""The budget file: what is accepted, and every way of getting it wrong with the whole message."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
import yaml

from trigger_lut.config.budget import Spec, load_budget, load_targets, read_yaml, resolve
from trigger_lut.config.data_set.functions import FUNCTIONS
from trigger_lut.config.documentation import documentation
from trigger_lut.config.schema import schema_of, schema_text
from trigger_lut.config.validation import NAME_EXPECTED
from trigger_lut.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
GOOD = """
data_set: jets
target: level-1
network:
  units: [20, 5]
designs:
  small: {luts: 700, latency_ns: 25}
  large: {luts: 3000, latency_ns: 30.5, dsp: 2}
"""
TARGETS = """
level-1:
  description: a trigger
  part: xcvu13p-flga2577-2-e
  family: xcup
  clock_mhz: 200
  latency_allowed_ns: 100
  event_period_ns: 25
  totals: {luts: 10000, dsp: 10}
  source: a paper
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a budget text against TARGETS, both in the working directory."""
    monkeypatch.chdir(tmp_path)

    def load(budget: str, targets: str = TARGETS):
        Path("budget.yaml").write_text(textwrap.dedent(budget))
        Path("targets.yaml").write_text(textwrap.dedent(targets))
        return load_budget(Path("budget.yaml"), Path("targets.yaml"))

    return load


def message(load, *arguments: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(*arguments)
    return str(caught.value)


def test_a_good_budget_has_its_values_and_defaults(load):
    budget, target = load(GOOD)
    assert list(budget.designs) == ["small", "large"]
    assert budget.designs["large"].model_dump() == {
        "luts": 3000,
        "latency_ns": 30.5,
        "ii": 1,
        "dsp": 2,
        "bram18": 0,
    }
    assert (budget.seed, budget.training.batch_size, budget.network.batch_norm) == (1, None, True)
    assert target.clock_period_ns == 5.0


def test_the_shipped_configuration_is_valid():
    budget, target = load_budget(ROOT / "config/budget.yaml", ROOT / "config/targets.yaml")
    assert list(budget.designs) == ["small", "medium", "large"]
    assert [design.luts for design in budget.designs.values()] == [100, 400, 1500]
    assert target.part.startswith("xcvu13p")


@pytest.mark.parametrize(("clock_mhz", "period_ns", "cycles"), [(360, 150, 54), (40, 25, 1), (240, 25, 6), (33, 25, 1)])
def test_cycles_between_events(load, clock_mhz, period_ns, cycles):
    targets = TARGETS.replace("200", str(clock_mhz)).replace("event_period_ns: 25", f"event_period_ns: {period_ns}")
    _, target = load(GOOD.replace("latency_ns: 25", "latency_ns: 31"), targets)
    assert target.cycles_between_events == cycles


@pytest.mark.parametrize("key", ["ii", "input_cycles"])
def test_cycles_of_an_event_are_at_most_those_between_events(load, key):
    content = GOOD.replace("latency_ns: 25", f"latency_ns: 25, {key}: 5")
    budget, target = load(content)
    assert getattr(resolve(budget, target, design="small").budget, key) == target.cycles_between_events == 5
    expected = f"designs.small.{key}: 6 is more than the 5 cycles between two events of the target (25 ns at 200 MHz)"
    assert expected in message(load, content.replace(f"{key}: 5", f"{key}: 6"))


def test_every_mistake_is_listed_at_once(load):
    text = message(
        load,
        """
        data_set: jets
        target: level-2
        seeds: 3
        network: {units: [20, 0], batch_norm: "yes"}
        training: {epochs: 10.5, learning_rate: 1e-3, batch_size: true}
        designs:
          small: {luts: 3k, latency_us: 1}
          medium: {luts: "3000", latency_ns: 10 ns, ii: 0, dsp: -1}
          large: {luts: null, latency_ns: .nan, bram18: true, lust: 3}
          my design: {luts: 1, latency_ns: .inf}
        """,
    )
    assert text == "\n  ".join(
        [
            "budget.yaml: 19 mistakes",
            "network.units.1: expected more than 0, found 0",
            "network.batch_norm: expected true or false, found 'yes'",
            "training.epochs: expected an integer, found 10.5",
            "training.batch_size: expected an integer, found true",
            "designs.small.luts: expected an integer, found '3k'",
            "designs.small.latency_ns: missing",
            "designs.small.latency_us: unknown key; nearest: 'latency_ns'",
            "designs.medium.luts: expected an integer, found '3000'",
            "designs.medium.latency_ns: expected a number (in ns, without the unit), found '10 ns'",
            "designs.medium.ii: expected at least 1, found 0",
            "designs.medium.dsp: expected at least 0, found -1",
            "designs.large.luts: expected an integer, found null",
            "designs.large.latency_ns: expected a finite number, found nan",
            "designs.large.bram18: expected an integer, found true",
            "designs.large.lust: unknown key; nearest: 'luts'",
            f"designs.my design: {NAME_EXPECTED}, found 'my design'",
            "designs.my design.latency_ns: expected a finite number, found inf",
            "seeds: unknown key; nearest: 'seed'",
            "target: targets.yaml has no 'level-2'; nearest: 'level-1'",
        ]
    )


def test_impossible_values_are_refused_beside_other_mistakes(load):
    text = message(
        load,
        """
        data_set: jets
        target: level-1
        network: {units: []}
        designs:
          fast: {luts: 100, latency_ns: 4.9}
          slow: {luts: 20000, latency_ns: 101, dsp: 11}
          both: {luts: 0, latency_ns: 4, bram: 1}
          none: 3
        """,
    )
    assert text == "\n  ".join(
        [
            "budget.yaml: 9 mistakes",
            "network.units: expected 1 or more entries, found []",
            "designs.both.luts: expected more than 0, found 0",
            "designs.both.bram: unknown key; nearest: 'bram18'",
            "designs.none: expected a mapping, found 3",
            "designs.fast.latency_ns: 4.9 is less than one clock period of the target (5 ns at 200 MHz)",
            "designs.slow.latency_ns: 101.0 is more than the target allows (100.0)",
            "designs.slow.luts: 20000 is more than xcvu13p-flga2577-2-e has (10000)",
            "designs.slow.dsp: 11 is more than xcvu13p-flga2577-2-e has (10)",
            "designs.both.latency_ns: 4.0 is less than one clock period of the target (5 ns at 200 MHz)",
        ]
    )


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("", "budget.yaml: 1 mistake\n  the whole file: expected a mapping, found null"),
        ("[1, 2]", "budget.yaml: 1 mistake\n  the whole file: expected a mapping, found [1, 2]"),
        (GOOD + "seed: on\n", "budget.yaml: 1 mistake\n  seed: expected an integer, found true"),
        (GOOD + "seed: -1\n", "budget.yaml: 1 mistake\n  seed: expected at least 0, found -1"),
        (
            GOOD + "seed: 2147483648\n",
            "budget.yaml: 1 mistake\n  seed: expected less than 2147483648, found 2147483648",
        ),
        (
            GOOD + "seed: 2026-01-01\n",
            "budget.yaml: seed (line 9): '2026-01-01' is read as a date. Write it in quotes: '2026-01-01'",
        ),
        (
            GOOD.replace("target: level-1", "target: 1"),
            "budget.yaml: 1 mistake\n  target: expected text, found 1. Write it in quotes",
        ),
        (GOOD.replace("luts: 700, ", ""), "budget.yaml: 1 mistake\n  designs.small.luts: missing"),
        (
            GOOD + "verification: {require_proof: true, sat_timeout_s: 0}\n",
            "budget.yaml: 1 mistake\n  verification: require_proof: no output would be proven. "
            "Expected sat_timeout_s of at least 1, found 0. Raise it, or set require_proof to false",
        ),
        (
            "data_set: jets\ntarget: level-1\nnetwork: {units: [2]}\ndesigns: {}\n",
            "budget.yaml: 1 mistake\n  designs: expected 1 or more entries, found {}",
        ),
    ],
)
def test_one_mistake(load, budget, expected):
    assert message(load, budget) == expected


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (GOOD + "seed: 1\nseed: 2\n", "key 'seed' occurs twice"),
        (GOOD + "? [a, b]\n: 3\n", "a key must be a name"),
        ("designs: {small: {luts: 3,, }", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_what_is_not_yaml(load, budget, expected):
    text = message(load, budget)
    assert text.startswith("budget.yaml: not valid YAML: ")
    assert expected in text


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml: no such file$"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory$"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(ConfigurationError, match="not valid YAML: 'utf-8' codec"):
        read_yaml(tmp_path / "latin.yaml")


def test_numbers_with_an_exponent_are_numbers(tmp_path):
    path = tmp_path / "numbers.yaml"
    path.write_text("a: 1e-3\nb: 2E5\nc: 1.5e2\nd: e3\n")
    assert read_yaml(path) == {"a": 1e-3, "b": 2e5, "c": 150.0, "d": "e3"}


def test_targets_list_every_mistake(load):
    text = message(load, GOOD, TARGETS.replace("200", "0").replace("part:", "chip:"))
    assert text == "\n  ".join(
        [
            "targets.yaml: 3 mistakes",
            "level-1.part: missing",
            "level-1.clock_mhz: expected more than 0, found 0",
            "level-1.chip: unknown key; there are: 'description', 'part', 'family', 'clock_mhz', 'latency_allowed_ns', "
            "'event_period_ns', 'totals', 'source' and 1 more",
        ]
    )
    assert message(load, GOOD, "") == "targets.yaml: expected targets by name, found null"


def test_a_spec_is_complete_and_reads_back(load):
    spec = resolve(*load(GOOD), design="large")
    assert Spec.model_validate_json(spec.model_dump_json()) == spec
    assert spec.latency_cycles_budget == 6
    with pytest.raises(ConfigurationError, match=r"^no design 'lage'; nearest: 'large'$"):
        resolve(*load(GOOD), design="lage")


@pytest.mark.parametrize(("latency_ns", "cycles"), [(5, 1), (9.999, 1), (10, 2), (15, 3)])
def test_whole_cycles_within_the_latency(load, latency_ns, cycles):
    spec = resolve(*load(GOOD.replace("latency_ns: 25", f"latency_ns: {latency_ns}")), design="small")
    assert spec.latency_cycles_budget == cycles


def test_spelled_out_defaults_change_nothing(load):
    plain = resolve(*load(GOOD), design="small")
    spelled = GOOD.replace("latency_ns: 25", "latency_ns: 25.0, ii: 1, dsp: 0, bram18: 0") + "seed: 1  # a comment\n"
    assert resolve(*load(spelled), design="small") == plain


@pytest.mark.parametrize("file", ["budget", "targets", "data-set"])
def test_the_kept_schemas_are_in_step_with_the_models(file):
    kept = ROOT / "config" / f"{file.replace('-', '_')}.schema.json"
    assert kept.read_text() == schema_text(file), f"run: trigger-lut schema {file} --write {kept.relative_to(ROOT)}"


def test_the_documentation_names_every_key():
    text = documentation()
    for key in (
        "designs.<name>.latency_ns",
        "network.units",
        "features[].format.width",
        "simulate.jets",
        "<name>.part",
    ):
        assert f"\n| `{key}` | " in text
    assert "| `designs.<name>.luts` | integer, more than 0 | required | 6-input LUTs after synthesis. |" in text


def test_the_documentation_names_every_function_of_expressions():
    paragraph = next(line for line in documentation().splitlines() if line.startswith("Expressions "))
    assert all(f"`{name}`" in paragraph for name in FUNCTIONS)


def test_the_schema_says_what_the_models_say():
    schema = schema_of("budget")
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"data_set", "target", "network"}
    budget = yaml.safe_load((ROOT / "config/budget.yaml").read_text())
    assert set(budget) <= set(schema["properties"])
    assert json.loads(schema_text("budget")) == schema


def test_targets_of_the_repository_name_their_source():
    for name, target in load_targets(ROOT / "config/targets.yaml").items():
        assert target.source, name
        assert (target.totals.luts is None) == (target.totals.ff is None), name
