"""The example of docs/how-to/extend_synthesizer.md: a toy synthesizer, from the registry to the card."""

import dataclasses
import shutil

import made_cards
import pytest
from documentation_pages import ROOT, run_python
from networks import random_network
from stage_calls import in_order

from trigger_lut.cards.base import write_card
from trigger_lut.cost_model import delay
from trigger_lut.errors import ConfigurationError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.network import save_network
from trigger_lut.plan import load_plan
from trigger_lut.stages.synth import run as synth
from trigger_lut.synthesis.netlist import cell_counts, longest_path, resources
from trigger_lut.synthesis.synthesizers import SYNTHESIZERS, synthesizer_of
from trigger_lut.synthesis.timing_closure import close_timing

PAGE = ROOT / "docs/how-to/extend_synthesizer.md"


@pytest.fixture
def toy(monkeypatch):
    """Register the synthesizer of the page."""
    monkeypatch.setitem(SYNTHESIZERS, "luts_only", None)  # restored afterwards
    run_python(PAGE)
    return SYNTHESIZERS["luts_only"]


def spec_with(**target):
    return made_cards.spec(target={**made_cards.TARGET, **target})


def test_toy_synthesizer_measures_a_design_for_the_synth_card(toy, tmp_path, capsys):
    network, spec = random_network(3), spec_with(synthesizer="luts_only")
    project = write_rtl(network, tmp_path / "rtl", spec=spec)
    paths = [tmp_path / name for name in ("spec.json", "network.npz", "train.json", "firmware.json")]
    write_card(spec, paths[0])
    save_network(network, paths[1])
    write_card(made_cards.train(luts=100.0), paths[2])
    write_card(made_cards.firmware_of(project, paths[0], paths[1]), paths[3])
    card = in_order(synth, *paths, tmp_path / "synth.json")
    assert (card.luts.source, card.logic_levels.source) == ("luts_only", "luts_only-levels")
    assert card.carry.value == 0
    assert {kind[:2] for kind in card.cells} == {"FD", "IN", "LU"}
    assert f"{project.top}: {card.cells}" in capsys.readouterr().err
    assert card.luts.value > resources(cell_counts(SYNTHESIZERS["yosys"].synthesize(project, spec.target))).luts


def test_toy_synthesizer_closes_timing_of_training_and_firmware(toy):
    network = random_network(3)
    assert close_timing(network, spec_with(synthesizer="luts_only")).luts > close_timing(network, spec_with()).luts


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("synthesizer", "yosis", "synthesizer: no synthesizer 'yosis'; nearest: 'yosys'"),
        ("family", "xcupp", "family: no delays for family 'xcupp'; nearest: 'xcup'"),
    ],
)
def test_plan_unknown_name_in_a_target_is_refused(tmp_path, key, value, message):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    targets = tmp_path / "config/targets.yaml"
    old = "family: xcup" if key == "family" else "  part: "
    new = f"family: {value}" if key == "family" else f"  {key}: {value}\n  part: "
    targets.write_text(targets.read_text().replace(old, new))
    with pytest.raises(ConfigurationError) as error:
        load_plan(tmp_path / "config/budget.yaml", targets, data_sets=tmp_path / "config/data_sets")
    assert message in str(error.value)
    assert str(targets) in str(error.value)


def test_another_family_is_one_row_of_delays(tmp_path, monkeypatch):
    monkeypatch.setitem(delay.FAMILIES, "xc6v", dataclasses.replace(delay.FAMILIES["xc7"], lut=0.25))
    spec = spec_with(family="xc6v", clock_mhz=200)
    module = synthesizer_of(spec.target).synthesize(
        write_rtl(random_network(3), tmp_path / "rtl", spec=spec), spec.target
    )
    assert resources(cell_counts(module)).luts > 0
    assert longest_path(module, "xc6v").delay_ns > 0
