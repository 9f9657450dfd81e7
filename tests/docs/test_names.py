"""Stages, rules, keys and modules that README and documentation name exist in this version."""

import re

import pytest
from documentation_pages import FENCE, INLINE, PAGES, ROOT, rule_names

from trigger_lut.config.documentation import documentation
from trigger_lut.stages.registry import registry

TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
LISTED = r"((?:,? ?(?:and |or )?`[\w-]+`)+)"
KEY = re.compile(r"(network|training|verification|release|trigger|label|tagging|scan|anomaly|simulate)(\.[\w<>]+)+")
FILES = (".json", ".npz", ".zip")


def keys():
    """Return the keys of the configuration files, without the marks of lists."""
    return {re.sub(r"\[\]|<[^>]*>", "", key) for key in re.findall(r"^\| `([^`]+)` \|", documentation(), re.MULTILINE)}


def exists(name):
    """Return whether a module exists, or has the last name at its first level."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    module = path.parent.with_suffix(".py")
    return module.is_file() and bool(re.search(rf"^(?:def |class )?{path.name}\b", module.read_text(), re.MULTILINE))


def unknown(markdown):
    """Return the names in a text that this version does not have."""
    text = FENCE.sub("", markdown)
    own = set(re.findall(r"Save this as `trigger_lut/stages/(\w+)\.py`", markdown))
    stages = {name.replace("-", "_") for name in registry()} | rule_names() | own
    missing = []
    for kind, known in (("stages?", stages), ("rules?", rule_names() | own)):
        for names in re.findall(rf"\b{kind} {LISTED}", text, re.IGNORECASE):
            missing += [name for name in re.findall(r"`([\w-]+)`", names) if name not in known]
    codes = INLINE.findall(text)
    missing += [c for c in codes if re.fullmatch(r"trigger_lut(\.\w+)+", c) and not exists(c)]
    dotted = [c for c in codes if KEY.fullmatch(c) and not c.endswith(FILES)]
    return missing + [c for c in dotted if re.sub(r"<[^>]*>", "", c) not in keys()]


@pytest.mark.parametrize("page", TEXTS)
def test_names_of_stages_rules_keys_and_modules_exist(page):
    assert unknown(TEXTS[page]) == []


def test_unknown_names_are_found():
    text = "The stage `prove` and the stages `verify`, `proof` and `faults`. The rules `train` and `fit`.\n"
    text += "`network.units`, `network.unit`, `release.cmssw.<design>.version`, `release.zip`.\n"
    text += "`trigger_lut.network.network.Network`, `trigger_lut.network.network.Net`, `trigger_lut.nowhere`\n"
    wrong = ["proof", "faults", "fit", "trigger_lut.network.network.Net", "trigger_lut.nowhere", "network.unit"]
    assert unknown(text) == wrong
