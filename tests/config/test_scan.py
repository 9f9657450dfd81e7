"""Scans: which designs, under which names, and every refusal with the whole message."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from trigger_lut.config.budget import EPOCHS, load_budget, resolve
from trigger_lut.config.scan import MOST_POINTS, WARM_EPOCHS, WARM_RATE, variants
from trigger_lut.config.shapes import mistakes
from trigger_lut.errors import ConfigurationError
from trigger_lut.plan import load_plan

ROOT = Path(__file__).parents[2]
HEAD = "data_set: jets\ntarget: cms-phase2-correlator\n"
NETWORK = "network: {units: [20, 5]}\n"


@pytest.fixture
def load(tmp_path):
    """Loads a budget text against the targets of the repository."""

    def load(text: str, network: str = NETWORK):
        path = tmp_path / "budget.yaml"
        path.write_text(HEAD + network + text)
        return load_budget(path, ROOT / "config/targets.yaml")

    return load


def refusal(load, *arguments: str) -> list[str]:
    """The mistakes, one per line."""
    with pytest.raises(ConfigurationError) as caught:
        load(*arguments)
    return str(caught.value).split("\n  ")[1:]


def names(load, *arguments: str) -> list[str]:
    return list(load(*arguments)[0].points)


def test_every_combination_is_a_design(load):
    designs = names(load, "scan: {luts: [200, 400], latency_ns: [20, 12.5], seeds: [1, 7]}\n")
    assert designs == [
        *("scan_l200_t20_s1", "scan_l200_t20_s7", "scan_l400_t20_s1", "scan_l400_t20_s7"),
        *("scan_l200_t12p5_s1", "scan_l200_t12p5_s7", "scan_l400_t12p5_s1", "scan_l400_t12p5_s7"),
    ]


def test_a_point_is_a_whole_design(load):
    text = "seed: 3\nscan: {luts: [200], latency_ns: [20], units: [[8, 5]], max_input_bits: [4]}\n"
    budget, target = load(text)
    spec = resolve(budget, target, design="scan_l200_t20_u8x5_b4_s3")
    assert (spec.budget.luts, spec.budget.latency_ns, spec.budget.dsp, spec.seed) == (200, 20.0, 0, 3)
    assert (spec.network.units, spec.network.max_input_bits) == ([8, 5], 4)
    assert spec.training == budget.training
    with pytest.raises(
        ConfigurationError, match="no design 'scan_l200_t20_u8x5_s3'; nearest: 'scan_l200_t20_u8x5_b4_s3'"
    ):
        resolve(budget, target, design="scan_l200_t20_u8x5_s3")


def test_names_stay_when_a_new_list_holds_the_old_value(load):
    few = names(load, "scan: {luts: [200], latency_ns: [20]}\n")
    more = names(load, "scan: {luts: [200], latency_ns: [20.0], units: [[20, 5], [8, 5]], max_input_bits: [4, 6]}\n")
    assert set(few) < set(more)
    assert len(more) == 4


def test_networks_by_name(load):
    text = "scan: {luts: [200], latency_ns: [20], networks: {wide: {units: [40, 5]}, flat: {units: [5]}}}\n"
    budget, target = load(text)
    assert list(budget.points) == ["scan_l200_t20_wide_s1", "scan_l200_t20_flat_s1"]
    assert resolve(budget, target, design="scan_l200_t20_wide_s1").network.units == [40, 5]


def test_points_differing_in_luts_start_from_the_next_larger(load):
    text = "scan: {luts: [200, 900, 400], latency_ns: [20], seeds: [1, 2]}\n"
    budget, target = load(text)
    starts = {name: point.warm_from for name, point in budget.points.items()}
    assert starts == {
        **{f"scan_l900_t20_s{s}": None for s in (1, 2)},
        **{f"scan_l400_t20_s{s}": f"scan_l900_t20_s{s}" for s in (1, 2)},
        **{f"scan_l200_t20_s{s}": f"scan_l400_t20_s{s}" for s in (1, 2)},
    }
    largest, next_one = (resolve(budget, target, design=f"scan_l{luts}_t20_s1") for luts in (900, 400))
    assert (largest.warm_from, largest.training) == (None, budget.training)
    assert next_one.warm_from == largest.design
    assert next_one.training.epochs == round(WARM_EPOCHS * EPOCHS) < EPOCHS
    assert next_one.training.learning_rate == WARM_RATE * budget.training.learning_rate
    budget, target = load(text.replace("scan: {", "scan: {warm_start: false, "))
    assert {point.warm_from for point in budget.points.values()} == {None}
    assert resolve(budget, target, design="scan_l200_t20_s2").training == budget.training


def test_warm_started_training_has_enough_epochs(load):
    budget, target = load("training: {epochs: 5}\nscan: {luts: [200, 900], latency_ns: [20]}\n")
    assert resolve(budget, target, design="scan_l200_t20_s1").training.epochs == 4


def test_designs_and_scan_are_possible_together(load):
    budget, _ = load("designs: {small: {luts: 300, latency_ns: 20}}\nscan: {luts: [200], latency_ns: [20]}\n")
    assert (list(budget.designs), list(budget.points)) == (["small"], ["scan_l200_t20_s1"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: 1\n", ["the whole file: expected designs, a scan, or both, found neither"]),
        ("scan: 3\n", ["scan: expected a mapping, found 3"]),
        (
            "scan: {luts: 200, latency_ns: []}\n",
            ["scan.luts: expected a list, found 200", "scan.latency_ns: expected 1 or more entries, found []"],
        ),
        (
            "scan: {luts: [200, 4k, 400, 400, 2000000], latency: [20], latency_ns: [20, 20.0, 1], seeds: [1, 1]}\n",
            [
                "scan.luts.1: expected an integer, found '4k'",
                "scan.latency: unknown key; nearest: 'latency_ns'",
                "scan.latency_ns.2: 1.0 is less than one clock period of the target (2.78 ns at 360 MHz)",
                "scan.latency_ns: 20.0 occurs twice",
                "scan.seeds: 1 occurs twice",
            ],
        ),
        (
            "scan: {luts: [1, 2000000], latency_ns: [20], units: [[20, 5], [20, 5]]}\n",
            [
                "scan.luts.1: 2000000 is more than xcvu13p-flga2577-2-e has (1728000)",
                "scan.units: [20, 5] occurs twice",
            ],
        ),
        (
            "scan: {luts: [1], latency_ns: [20], units: [[9, 5]], networks: {a: {units: [5]}, b: {units: [5]}}}\n",
            ["scan.networks.b: the same as 'a'", "scan: expected units or networks, found both"],
        ),
        (
            "scan: {luts: [1], latency_ns: [20], max_input_bits: [4, 6], "
            "networks: {x: {units: [5]}, x_b4: {units: [8, 5]}}}\n",
            ["scan: 2 designs would have the name 'scan_l1_t20_x_b4_s1'"],
        ),
        (
            "designs: {scan_l1_t20_s1: {luts: 9, latency_ns: 9}}\nscan: {luts: [1], latency_ns: [20]}\n",
            ["designs.scan_l1_t20_s1: the scan has a design of this name"],
        ),
        (
            f"scan: {{luts: {list(range(1, 52))}, latency_ns: [20], seeds: [1, 2]}}\n",
            ["scan: expected at most 100 designs, found 102 (51 luts x 1 latency_ns x 2 seeds)"],
        ),
        (
            "scan: {luts: [1], latency_ns: [20], max_input_bits: [4], "
            "networks: {f: {builder: 'a:b', baseline_units: [5]}}}\n",
            ["scan.max_input_bits: scan.networks.f is a function, which has its own"],
        ),
    ],
)
def test_bad_scans(load, text, expected):
    assert refusal(load, text) == expected


def test_units_need_units(load):
    network = "network: {layers: [{lut_dense: {units: 5}}]}\n"
    expected = "scan.units: only where the budget file's network has units; give networks instead"
    assert refusal(load, "scan: {luts: [1], latency_ns: [20], units: [[5]]}\n", network) == [expected]


def test_as_many_as_the_limit_are_allowed(load):
    text = f"scan: {{luts: {list(range(1, 51))}, latency_ns: [20], seeds: [1, 2]}}\n"
    assert len(names(load, text)) == MOST_POINTS


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("network: {}\n", "network: expected one of units, layers, builder and keras_file, found none"),
        (
            "network: {units: [5], layers: [{flatten: {}}]}\n",
            "network: expected one of units, layers, builder and keras_file, found units and layers",
        ),
        (
            "network: {units: [5], input_shape: [4, 4]}\n",
            "network: input_shape: only with layers, found with units",
        ),
        ("network: {units: [5], train: false}\n", "network: train: only with keras_file, found with units"),
        (
            "network: {units: [5], baseline_units: [5]}\n",
            "network: baseline_units: only with layers, builder or keras_file, found with units",
        ),
        (
            "network: {builder: 'a:b'}\n",
            "network: baseline_units: missing. Expected the widths of the Dense network for the comparison, found "
            "{'builder': 'a:b'}",
        ),
        (
            "network: {builder: 'a:b', baseline_units: [5], batch_norm: false}\n",
            "network: batch_norm: only with units or layers, found with builder",
        ),
        (
            "network: {layers: [{lut_dens: {units: 5}}]}\n",
            "network.layers.0.lut_dens: unknown key; nearest: 'lut_dense', 'q_dense', 'lut_conv2d'",
        ),
        (
            "network: {layers: [{lut_dense: {unit: 5, units: 5}}]}\n",
            "network.layers.0.lut_dense.unit: unknown key; nearest: 'units'",
        ),
        (
            "network: {layers: [{lut_dense: {units: 5}, flatten: {}}]}\n",
            "network.layers.0: expected one kind of layer with its options (one of lut_dense, lut_conv1d, lut_conv2d, "
            "flatten, reshape, sum, max_pool, average_pool, q_dense, q_conv1d, q_conv2d, q_einsum_dense), found "
            "lut_dense and flatten",
        ),
        (
            "network: {layers: [{lut_conv2d: {filters: 2, kernel_size: [3, 3, 3]}}]}\n",
            "network.layers.0.lut_conv2d.kernel_size: expected an integer from 1 on, or two of them, found [3, 3, 3]",
        ),
        (
            "network: {layers: [{lut_dense: {units: 5, input_format: 'fixed<8;3>'}}]}\n",
            "network.layers.0.lut_dense.input_format: expected a format such as 'fixed<8,3>' or 'ufixed<6,0>', "
            "found 'fixed<8;3>'",
        ),
        (
            "network: {layers: [{sum: {axis: particle}}]}\n",
            "network.layers.0.sum.axis: expected 'particles', an axis (1 is the first after the batch, -1 the last) or "
            "several of these, found 'particle'",
        ),
    ],
)
def test_bad_networks(load, network, expected):
    lines = refusal(load, "designs: {small: {luts: 300, latency_ns: 20}}\n", network)
    assert expected in lines
    assert all(line.startswith("network") for line in lines)


# ---------------------------------------------------------------- examples


SHARED = {
    "jets_particles": (16,),
    "jets_particles_shared": (1, 3, 16),
    "muon_chamber_shared": (4,),
    "l1_objects_shared": (12,),
}
"""Cycles between two events of the designs of the examples that share hardware."""


@pytest.mark.parametrize("name", ["scan", "layers", "muon_chamber", "l1_anomaly", "drift", "more_jets", *SHARED])
def test_the_examples_are_valid(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_plan(
        Path(f"config/examples/{name}.yaml"), Path("config/targets.yaml"), data_sets=Path("config/data_sets")
    )
    assert bool(plan.scanned) == (name in ("scan", "layers"))
    assert list(plan.drift) == {"drift": ["jets_harder"], "more_jets": ["jets_more"]}.get(name, [])
    assert len(plan.specs) == len(plan.designs) + len(plan.scanned)
    assert {spec.budget.ii for spec in plan.specs.values()} == set(SHARED.get(name, (1,)))


def test_the_example_on_particles_is_valid():
    budget, _ = load_budget(ROOT / "config/examples/particles.yaml", ROOT / "config/targets.yaml")
    assert budget.scan is not None
    networks = [budget.network, *(variant.network for variant in variants(budget.scan, budget.network))]
    assert len(networks) == 4
    for network in networks:
        assert mistakes(network, 96, classes=["g", "q", "W", "Z", "t"], data_set="particles") == []
        assert mistakes(network, 95, classes=["g", "q", "W", "Z", "t"], data_set="particles") != []


def test_every_example_is_tested():
    assert {path.stem for path in (ROOT / "config/examples").iterdir()} == {
        "scan",
        "layers",
        "particles",
        "muon_chamber",
        "l1_anomaly",
        "drift",
        "more_jets",
        *SHARED,
    }
    text = (ROOT / "config/examples/scan.yaml").read_text()
    count = len(yaml.safe_load(text)["scan"]["luts"]) * 2 * 2 * 2
    assert f"= {count} here" in text
