"""The weights of the surrogate: what is shipped keeps what is promised of it, and the fit finds what is there."""

import numpy as np
import pytest
from networks import random_graph

from trigger_lut.cards.base import read_card
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.luts import estimate, network_parts
from trigger_lut.cost_model.weights import COUNTED, DATA, Calibration, Network, Parts, errors, fit, load
from trigger_lut.errors import CardError


def made_network(parts, luts, name="made"):
    return Network(
        name=name,
        parts=Parts(**dict(zip(Parts.model_fields, parts, strict=True))),
        luts=luts,
        ff=1,
        ff_estimate=1,
        latency_cycles=1,
        latency_cycles_estimate=1,
    )


def test_the_shipped_weights_are_those_of_the_shipped_networks():
    calibration = load()
    assert calibration.weights == fit(calibration.networks)
    assert len({n.name for n in calibration.networks}) == len(calibration.networks) >= 200
    kinds = {n.name.split()[0] for n in calibration.networks}
    assert kinds >= {"dense", "shared", "conv1d", "conv2d", "hybrid", "arithmetic", "selection", "20-5", "10-8-5"}


def test_errors_are_as_promised():
    calibration = load()
    fitted = errors(calibration.networks, calibration.weights)
    assert fitted["median"] <= 0.05
    assert fitted["p95"] <= 0.15
    assert errors(calibration.networks, COUNTED)["median"] > fitted["median"], "the weights are worth their while"


def test_networks_that_were_not_fitted_to_are_estimated_as_well():
    networks = load().networks
    relative = []
    for fold in range(5):
        weights = fit([n for i, n in enumerate(networks) if i % 5 != fold])
        relative += [n.parts.luts(weights) / n.luts - 1 for i, n in enumerate(networks) if i % 5 == fold]
    assert np.median(np.abs(relative)) <= 0.05
    assert np.quantile(np.abs(relative), 0.95) <= 0.18


def test_pipeline_depth_is_as_planned():
    networks = load().networks
    off = [n for n in networks if n.latency_cycles != n.latency_cycles_estimate]
    assert len(off) <= 0.05 * len(networks)
    assert all(abs(n.latency_cycles - n.latency_cycles_estimate) == 1 for n in off)


def test_the_fit_finds_weights():
    rng = np.random.default_rng(0)
    weights = Parts(tables=1.5, absorbed=-1.0, adders=0.5, conversions=0.25, arithmetic=2.0, selections=0.5)
    rows = rng.uniform(100, 1000, (40, 6))
    networks = [made_network(row, round(float(row @ weights.row())) or 1) for row in rows if row @ weights.row() > 50]
    np.testing.assert_allclose(fit(networks).row(), weights.row(), atol=0.02)
    assert errors(networks, fit(networks))["p95"] < 0.01
    assert errors(networks, COUNTED)["median"] > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_the_estimate_is_the_weighted_sum_of_the_parts(seed):
    network = random_graph(seed)
    for weights in (COUNTED, load().weights):
        assert estimate(network, DelayModel(2.5, "xcup"), weights=weights).luts == pytest.approx(
            network_parts(network).luts(weights)
        )
    assert (
        estimate(network, DelayModel(2.5, "xcup")).luts
        == estimate(network, DelayModel(2.5, "xcup"), weights=load().weights).luts
    )


def test_a_damaged_calibration_is_refused(tmp_path):
    (tmp_path / "data.json").write_text(DATA.read_text().replace('"absorbed"', '"absorbd"', 1))
    with pytest.raises(CardError, match="not a Calibration"):
        read_card(Calibration, tmp_path / "data.json")
