"""The example of docs/how-to/extend_target.md: a target in the workflow's plan, and a family in the cost model."""

import pytest
import yaml
from documentation_pages import ROOT, blocks, run_python

from trigger_lut.config.budget import load_targets
from trigger_lut.cost_model.delay import FAMILIES, delays
from trigger_lut.errors import ConfigurationError

PAGE = ROOT / "docs/how-to/extend_target.md"
ENTRY, BUDGET = (block.text for block in blocks(PAGE.read_text(encoding="utf-8")) if block.language == "yaml")


def test_target_of_the_page_is_one_that_a_budget_can_name(tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text((ROOT / "config/targets.yaml").read_text(encoding="utf-8") + ENTRY, encoding="utf-8")
    target = load_targets(file)[yaml.safe_load(BUDGET)["target"]]
    assert (target.family, target.clock_mhz, target.totals.luts) == ("xcup", 320, 522720)


def test_target_of_an_unknown_family_is_refused(tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text(ENTRY.replace("family: xcup", "family: xcq"), encoding="utf-8")
    target = load_targets(file)["my-trigger"]
    with pytest.raises(ConfigurationError, match="no delays for family 'xcq'"):
        delays(target.family)


def test_family_of_the_page_has_its_own_delays(monkeypatch):
    monkeypatch.setitem(FAMILIES, "xc6", None)  # restored afterwards
    assert run_python(PAGE)["table_ns"] == pytest.approx(1.2 * delays("xc7").table(6))
    assert delays("xc6").table(8) > delays("xc6").table(6)
