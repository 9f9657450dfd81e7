"""The delay model against published designs: the shipped figures are those of the fit, and pages carry the error."""

from __future__ import annotations

import pytest

from trigger_lut.cost_model import delay, published_latency
from trigger_lut.cost_model.clock import fmax_estimate_mhz, fmax_interval
from trigger_lut.report.template import fmax

PUBLISHED = published_latency.load()


def test_fit_of_the_data_gives_the_shipped_figures():
    assert published_latency.fit(PUBLISHED.designs, PUBLISHED.family) == delay.GROWTH
    assert published_latency.ratio_intervals(tuple(delay.PERIOD_RATIOS)) == delay.PERIOD_RATIOS
    luts = [design.luts for design in PUBLISHED.designs]
    assert (len(luts), min(luts)) == (delay.CHECKED_DESIGNS, delay.SMALLEST_CHECKED_LUTS)
    assert PUBLISHED.family == delay.CHECKED_FAMILY
    # Control: the fit follows the data.
    slower = [d.model_copy(update={"time_ns": 2 * d.time_ns}) if d.luts > 1e5 else d for d in PUBLISHED.designs]
    assert published_latency.fit(slower, PUBLISHED.family).power > delay.GROWTH.power


def test_published_designs_are_of_several_sources_and_sizes():
    assert {design.source for design in PUBLISHED.designs} == set(PUBLISHED.sources)
    assert sum(design.source == "jedi-linear" for design in PUBLISHED.designs) == 20
    assert len({design.name for design in PUBLISHED.designs}) == len(PUBLISHED.designs)
    assert all(design.reason for design in PUBLISHED.not_used)


@pytest.mark.parametrize("probability", delay.PERIOD_RATIOS)
def test_interval_holds_its_share_of_the_designs(probability):
    within = 0
    for row in published_latency.checked():
        design, predicted_mhz = row.published, 1000 / row.predicted_ns
        interval = fmax_interval(predicted_mhz, PUBLISHED.family, probability=probability)
        slack = 0.01 * predicted_mhz  # of rounded bounds
        within += interval.low_mhz - slack <= 1000 / design.time_ns <= interval.high_mhz + slack
    assert within / len(published_latency.checked()) >= probability


def test_growth_large_designs_are_slower():
    clocks = [fmax_estimate_mhz(2.0, "xcup", luts=luts) for luts in (0, 1000, 8600, 20_000, 300_000)]
    assert clocks[0] == clocks[1] == clocks[2] > clocks[3] > clocks[4]
    assert clocks[0] == pytest.approx(1000 / 2.25, abs=0.001)


def test_interval_unchecked_family_has_none():
    assert fmax_interval(400, "xc7") is fmax_interval(400, "xcu") is None
    interval = fmax_interval(360, "xcup")
    assert interval.low_mhz < 360 < interval.high_mhz
    assert fmax(360, 360, interval=interval).text == "360.0 (286 to 600 MHz in 95 % of 24 published designs)"
    assert fmax(360, 360).text == "360.0 (not checked)"


def test_main_prints_every_design(capsys):
    published_latency.main()
    output = capsys.readouterr().out
    assert all(design.name in output for design in (*PUBLISHED.designs, *PUBLISHED.not_used))
