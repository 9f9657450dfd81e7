"""Families without delay figures: what is counted on them, and that their clock is never met."""

import made_cards
import pytest
from networks import random_network
from stage_calls import in_order

from trigger_lut.cards.base import Measured, write_card
from trigger_lut.cost_model.clock import fmax_measured
from trigger_lut.cost_model.delay import FAMILIES, SOURCES, UNMEASURED, delays, has_vendor_scripts, modeled_as
from trigger_lut.errors import ConfigurationError, ToolFailedError
from trigger_lut.evaluation.budget_lines import budget_lines, describe_miss
from trigger_lut.evaluation.timing import timing_figures
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.network import save_network
from trigger_lut.report.pages.design import synth_page
from trigger_lut.stages.synth import run as synth
from trigger_lut.synthesis.device_count import counted, device_count
from trigger_lut.synthesis.netlist import cell_counts, resources
from trigger_lut.synthesis.synthesizers import synthesizer_of


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_rtl(random_network(2), tmp_path_factory.mktemp("device") / "rtl", spec=made_cards.spec())


def target(family):
    return made_cards.spec(target={**made_cards.TARGET, "family": family})


def test_each_family_states_the_source_of_its_delays():
    assert SOURCES.keys() == FAMILIES.keys() | UNMEASURED.keys()
    assert all(SOURCES[family] == "none" for family in UNMEASURED)
    assert all(SOURCES[family] != "none" for family in FAMILIES)
    assert all(modeled_as(family) in FAMILIES for family in SOURCES)
    assert delays("versal") == delays("xcup")
    with pytest.raises(
        ConfigurationError, match=r"no delays for family 'versol' \(nearest: versal\)|did you mean|versal"
    ):
        delays("versol")


def test_scripts_are_for_devices_of_amd():
    assert [family for family in SOURCES if not has_vendor_scripts(family)] == ["agilex", "stratix10", "polarfire"]


@pytest.mark.parametrize("family", ["agilex", "stratix10", "polarfire"])
def test_yosys_counts_the_cells_of_the_device(project, family):
    count = device_count(project, family, lut6=7)
    assert count.luts.value == counted(count.cells)[0] > 7
    assert count.ff.value == counted(count.cells)[1] > 0
    assert count.luts.source == ("yosys" if family == "polarfire" else "estimate")
    assert family != "polarfire" or any(kind.startswith("CFG") for kind in count.cells)


def test_versal_has_the_luts_of_ultrascale_plus_as_an_estimate(project):
    spec = target("versal")
    used = resources(cell_counts(synthesizer_of(spec.target).synthesize(project, spec.target)))
    plain = resources(cell_counts(synthesizer_of(spec.target).synthesize(project, target("xcup").target)))
    count = device_count(project, "versal", lut6=used.luts)
    assert used == plain
    assert count.luts == Measured(value=used.luts, source="estimate")
    assert "Yosys has no mapping for Versal" in count.counts
    assert device_count(project, "xcup", lut6=used.luts) is None


def test_a_multiplexer_counts_as_two_and_an_inverter_as_none():
    assert counted({"MX4": 3, "CFG4": 2, "ARI1": 1, "SLE": 5, "CLKBUF": 1}) == (9, 5)
    assert counted({"MISTRAL_ALUT6": 2, "MISTRAL_ALUT_ARITH": 1, "MISTRAL_NOT": 4, "MISTRAL_FF": 1}) == (3, 1)
    with pytest.raises(ToolFailedError, match="1 cells MISTRAL_MUL cannot be counted"):
        counted({"MISTRAL_MUL": 1})


@pytest.mark.parametrize("family", UNMEASURED)
def test_the_clock_is_not_measured_and_never_met(family):
    spec = target(family)
    synth = made_cards.synth().model_copy(update={"path_ns_estimate": 0.1, "family": family})
    figures = timing_figures(spec, made_cards.verify(), synthesized=synth)
    assert figures["fmax_mhz_estimate"] == Measured()
    assert not figures["clock_met"]
    assert not figures["latency_met"]
    assert figures["clock_obstacle"] == f"there are no delay figures of {family}"
    assert figures["fmax_model"].startswith("none: no source of delay figures")
    timing = made_cards.timing().model_copy(update=figures)
    lines = {line.quantity: line for line in budget_lines(spec, synth, timing=timing)}
    assert not lines["clock_mhz"].met
    assert not lines["latency_ns"].met
    assert describe_miss(lines["clock_mhz"]).startswith("clock: not measured")
    # Negative control: the same figures on a family with delays
    known = timing_figures(target("xcup"), made_cards.verify(), synthesized=synth)
    assert known["clock_met"]
    assert fmax_measured(500.0, "xcup", synthesizer="yosys").value == 500.0


def test_the_budget_counts_the_luts_of_the_device(project):
    count = device_count(project, "polarfire", lut6=1)
    spec = target("polarfire")
    synth = made_cards.synth().model_copy(update={"device": count})
    (line,) = [x for x in budget_lines(spec, synth, timing=made_cards.timing()) if x.quantity == "luts"]
    assert line.measured == count.luts.value


def test_the_card_of_synthesis_has_both_counts(tmp_path):
    network, spec = random_network(2), target("polarfire")
    rtl = write_rtl(network, tmp_path / "rtl", spec=spec)
    paths = [tmp_path / name for name in ("spec.json", "network.npz", "train.json", "firmware.json")]
    write_card(spec, paths[0])
    save_network(network, paths[1])
    write_card(made_cards.train(luts=100.0), paths[2])
    write_card(made_cards.firmware_of(rtl, paths[0], paths[1]), paths[3])
    card = in_order(synth, *paths, tmp_path / "synth.json")
    assert card.family == "polarfire"
    assert card.device == device_count(rtl, "polarfire", lut6=int(card.luts.value))
    assert card.luts.value == resources(card.cells).luts != card.device.luts.value
    assert "LUT4 as Yosys maps PolarFire" in synth_page(spec, card).lead
