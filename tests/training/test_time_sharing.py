"""Training spends what sharing frees: cost, pruning and the result count the instances of shared layers."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_cards import spec as made_spec
from networks import random_codes, shared_network
from trainings import OBJECTS, as_estimated, made_session, object_design, object_events, train, write_inputs

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.data_set.channels import channels
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.cost_model.luts import estimate
from trigger_lut.cost_model.shared_layers import SharedLayers
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.network.network import load_network
from trigger_lut.network.simplify import without_unread
from trigger_lut.network.time_sharing import Block
from trigger_lut.plan import load_plan
from trigger_lut.training.budget import Budget
from trigger_lut.training.build_model import build_model
from trigger_lut.training.pruning import without
from trigger_lut.training.smallest_network import closest, output_varies
from trigger_lut.training.trainer import Trainer
from trigger_lut.training.types import Pressure

ROOT = Path(__file__).parents[2]
LUTS = 300


def limits(luts=10_000, cycles=40, ii=5):
    return Budget(made_spec(budget={"luts": luts, "latency_ns": cycles * 2.5, "ii": ii}))


# ---------------------------------------------------------------- budget


def test_estimate_counts_instances():
    network = shared_network(0)
    plain, shared = limits(ii=1), limits()
    assert plain.estimate(network) == estimate(network, plain.model)
    assert plain.with_shared_layers_of(network) == plain
    assert shared.estimate(network).luts < 0.75 * plain.estimate(network).luts
    kept = shared.with_shared_layers_of(network)
    assert kept.shared[0] == SharedLayers(("first", "second"), 5, 1)
    assert kept.estimate(network) == shared.estimate(network)
    assert replace(kept, shared=()).estimate(network) == plain.estimate(network)


def test_fewer_edges_go_where_hardware_is_shared():
    network = shared_network(0)
    codes = random_codes(network, 300)
    luts = round(0.5 * limits(ii=1).estimate(network).luts)
    gone = {}
    for ii in (1, 5):
        budget = limits(luts, ii=ii)
        marks = budget.edges_to_remove(network, codes, share=1.0)
        left = without_unread(without(network, marks))
        assert budget.with_shared_layers_of(network).estimate(left).luts <= luts
        gone[ii] = sum(int(m.sum()) for m in marks)
    assert gone[5] < gone[1]


def test_cycles_of_sharing_count_against_the_latency():
    network = shared_network(0)
    codes = random_codes(network, 300)
    whole = limits().with_shared_layers_of(network)
    cycles = whole.estimate(network).latency_cycles
    assert not any(marks.any() for marks in whole.edges_to_remove(network, codes, share=1.0))
    tight = replace(limits(cycles=cycles - 1), shared=whole.shared)
    left = without(network, tight.edges_to_remove(network, codes, share=1.0))
    assert tight.estimate(left).latency_cycles <= cycles - 1
    assert cycles - 1 >= limits(ii=1).estimate(network).latency_cycles, "without sharing nothing had to go"


def test_closest_network_keeps_the_shared_layers():
    network = shared_network(0)
    codes = random_codes(network, 300)
    luts = round(0.3 * limits().estimate(network).luts)
    budget = limits(luts).with_shared_layers_of(network)
    left = without(network, closest(budget, network, codes=codes))
    assert output_varies(left, codes)
    assert budget.estimate(left).luts < budget.estimate(network).luts
    assert any(isinstance(part, Block) for part in budget.sharing(network).parts)


# ---------------------------------------------------------------- cost in training


def test_soft_cost_counts_instances():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((OBJECTS, 2))
    shared = LUTDense(3, input_format="fixed<4,1>", name="shared")
    last = LUTDense(2, input_format="fixed<6,4>", name="last")
    model = keras.Model(inputs, last(keras.ops.sum(shared(inputs), axis=1)))
    x = np.random.default_rng(0).integers(-8, 8, (64, OBJECTS, 2)).astype(np.float32) / 8
    trainer = Trainer(model, x, y=np.zeros(64, dtype=np.int64), batch_size=64)
    assert trainer.fractions_built(None) == ()
    parts = trainer.fractions_built((SharedLayers(("shared",), OBJECTS, 2),))
    assert parts == (0.25, 1.0)

    def luts(*built):
        return float(trainer._forward(tf.constant(x), tf.constant(built, tf.float32))[1])

    whole, without_first, without_last = luts(), luts(0, 1), luts(1, 0)
    assert luts(1, 1) == pytest.approx(whole, rel=1e-6)
    assert luts(*parts) == pytest.approx(without_first + 0.25 * (whole - without_first), rel=1e-5)
    assert without_last < whole
    order = np.arange(64)
    for built in (parts, (1.0, 1.0)):
        assert np.isfinite(trainer.epoch(order, Pressure(0.01, 0.01, 0.1, 0.1, built)))
    assert trainer._epoch.experimental_get_tracing_count() == 1, "other instances need no further compilation"


# ---------------------------------------------------------------- examples


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("jets_particles", {"particles": ["lut_dense_0+lut_dense_1", 1]}),
        ("jets_particles_shared", {"ii1": None, "ii3": ["lut_dense_0", 6], "ii16": ["lut_dense_0", 1]}),
        ("l1_objects_shared", {"anomaly": ["lut_dense_0+lut_dense_1", 2]}),
        ("muon_chamber_shared", {"muon": ["q_conv1d_0+lut_dense_1", 6]}),
    ],
)
def test_examples_share_before_training(name, blocks, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_plan(
        Path(f"config/examples/{name}.yaml"), Path("config/targets.yaml"), data_sets=Path("config/data_sets")
    )
    formats = [kif_of(channel.feature) for channel in channels(plan.data_set)]
    spec = next(iter(plan.specs.values()))
    model = build_model(spec.network, formats, classes=len(plan.data_set.outputs), seed=1)
    network = integer_network(model, inputs=formats)
    blocks_of_examples = {}
    for design, spec in plan.specs.items():
        sharing = Budget(spec).sharing(network)
        assert sharing.cost.latency_cycles <= spec.latency_cycles_budget
        blocks_of_examples[design] = [[p.name, p.instances] for p in sharing.parts if isinstance(p, Block)]
    assert blocks_of_examples == {design: [block] if block else [] for design, block in blocks.items()}


def kif_of(feature):
    fixed = feature.format or feature.scale
    integer = fixed.width - fixed.signed if feature.format is None else fixed.integer - fixed.signed
    return KIF(int(fixed.signed), integer, fixed.width - fixed.signed - integer)


# ---------------------------------------------------------------- a training


def test_training_spends_what_sharing_frees(tmp_path):
    design = object_design(LUTS, ii=4, epochs=10)
    write_inputs(tmp_path, design, object_events(2000))
    card = read_card(TrainCard, train(tmp_path, tmp_path, measure=as_estimated(1.0)) / "train.json")
    assert card.meets_budget
    assert card.luts.value == round(card.luts_estimate) <= LUTS
    network, budget = load_network(tmp_path / "network.npz"), Budget(design)
    assert budget.estimate(network).luts == card.luts_estimate == card.sharing.luts
    assert estimate(network, budget.model).luts == card.sharing.luts_parallel > 1.2 * LUTS, "too large for an II of 1"
    block, behind = card.sharing.parts
    assert (block.layers, block.positions, block.instances, behind.fold) == ("lut_dense_0", OBJECTS, 2, 1)
    assert card.latency_cycles_estimate == card.sharing.latency_cycles


def test_shared_layers_are_kept_in_checkpoints(tmp_path):
    session = made_session(object_design(LUTS, ii=4, epochs=10), object_events(500), tmp_path)
    state = session.state
    assert state.budget.shared == (SharedLayers(("lut_dense_0",), OBJECTS, 2),)
    assert session._pressure().built == (0.25, 1.0, 1.0, 1.0)[: len(session._pressure().built)]
    arrays, values = state.packed()
    loaded = json.loads(json.dumps(values))
    before, state.budget = state.budget, replace(state.budget, shared=None)
    state.unpack(arrays, loaded)
    assert state.budget == before
