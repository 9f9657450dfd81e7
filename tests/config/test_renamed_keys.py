"""Earlier names of keys are read, with a warning that names the present key."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trigger_lut.config.budget import Budget, load_budget
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.renamed_keys import BUDGET, DATA_SET, with_present_keys
from trigger_lut.errors import ConfigurationError, RenamedKeyWarning

ROOT = Path(__file__).parents[2]
FILE = Path("file.yaml")
EARLIER_BUDGET = """
data_set: jets
target: cms-phase2-correlator
network: {units: [20, 5], hidden_width: 4}
checks: {vectors: 200000, formal_seconds: 5, second_proof_seconds: 3, route: true}
designs: {small: {luts: 400, latency_ns: 20}}
scan:
  luts: [300]
  latency_ns: [20]
  networks:
    own: {function: 'a:b', reference: [5]}
    deep: {layers: [{lut_dense: {units: 5, hidden_width: 3, depth: 2, output_bits: 4, per_place: true}}]}
"""


def test_renamed_keys_of_a_budget_warn_and_count(tmp_path):
    path = tmp_path / "budget.yaml"
    path.write_text(EARLIER_BUDGET)
    with pytest.warns(RenamedKeyWarning) as caught:
        budget, _ = load_budget(path, ROOT / "config/targets.yaml")
    messages = [str(warning.message).removeprefix(f"{path}: ") for warning in caught]
    assert "checks: this key is now verification. Rename it." in messages
    assert "scan.networks.deep.layers.0.lut_dense.depth: this key is now edge_hidden_layers. Rename it." in messages
    assert len(messages) == 12
    assert (budget.network.edge_hidden_units, budget.verification.rtl_vectors) == (4, 200000)
    assert (budget.verification.sat_timeout_s, budget.verification.second_proof_timeout_s) == (5, 3)
    assert budget.verification.ecp5_place_and_route
    assert budget.scan.networks["own"].builder == "a:b"
    options = budget.scan.networks["deep"].layers[0].options
    assert (options.edge_hidden_units, options.edge_hidden_layers, options.initial_fraction_bits) == (3, 2, 4)
    assert options.per_position_widths


def test_renamed_keys_of_a_data_set_warn_and_count(tmp_path):
    content = yaml.safe_load((ROOT / "config/data_sets/jets.yaml").read_text())
    content["trigger"]["against"] = content["trigger"].pop("efficiency_variables")
    content |= {"chunk": 70, "sample": "toys"}
    path = tmp_path / "jets.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.warns(RenamedKeyWarning) as caught:
        data_set = load_data_set(path)
    assert len(caught) == 3
    assert (data_set.chunk_entries, data_set.shown_as) == (70, "toys")
    assert data_set.trigger.efficiency_variables == ["pt [GeV]", "eta", "multiplicity"]


def test_renamed_keys_given_twice_are_refused(tmp_path):
    path = tmp_path / "budget.yaml"
    path.write_text(EARLIER_BUDGET + "verification: {}\n")
    with pytest.warns(RenamedKeyWarning), pytest.raises(ConfigurationError) as caught:
        load_budget(path, ROOT / "config/targets.yaml")
    assert "checks: earlier name of verification. Expected one of them, found both. Remove checks" in str(caught.value)


def test_present_keys_do_not_warn():
    for name in ("budget.yaml", *(f"examples/{path.name}" for path in (ROOT / "config/examples").glob("*.yaml"))):
        content = yaml.safe_load((ROOT / "config" / name).read_text())
        assert with_present_keys(content, BUDGET, path=FILE) == (content, [])


@pytest.mark.parametrize(("renamed", "model"), [(BUDGET, Budget), (DATA_SET, DataSet)])
def test_present_names_are_keys_of_the_models(renamed, model):
    definitions = str(TypeAdapter(model).json_schema())
    for old, new in renamed.items():
        assert f"'{new}'" in definitions
        assert new != old.split(".")[-1]


NAMES = st.sampled_from(
    ["checks", "verification", "vectors", "network", "layers", "lut_dense", "depth", "function", "x"]
)
CONTENT = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(CONTENT)
def test_renaming_any_content_is_stable_and_pure(content):
    before = copy.deepcopy(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        renamed, _ = with_present_keys(content, BUDGET, path=FILE)
    assert content == before
    assert with_present_keys(renamed, BUDGET, path=FILE) == (renamed, [])
