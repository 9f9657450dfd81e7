"""Networks from several moments of trainings: those that the surrogate counts while it steers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from trigger_lut.config.budget import Spec, load_targets
from trigger_lut.data.event_codes import load_codes
from trigger_lut.network.network import Network
from trigger_lut.synthesis.timing_closure import measure
from trigger_lut.training.session import Session

TARGET = "cms-phase2-correlator"
EPOCHS = 60
FROM, EVERY = 24, 5  # epochs: before, networks are as large as they begin
LARGEST = 2600  # LUTs by the surrogate: larger ones take Yosys minutes

TRAININGS: dict[str, tuple[int, dict[str, Any]]] = {
    "20-5 to 200": (200, {"units": [20, 5]}),
    "20-5 to 400": (400, {"units": [20, 5]}),
    "20-5 to 1500": (1500, {"units": [20, 5]}),
    "10-8-5 to 700": (700, {"units": [10, 8, 5]}),
    "16-5, 8 bits, to 900": (900, {"units": [16, 5], "max_input_bits": 8}),
    "hybrid to 1200": (
        1200,
        {
            "layers": [
                {"lut_dense": {"units": 10, "batch_norm": True}},
                {"q_dense": {"units": 6, "activation": "relu"}},
                {"lut_dense": {"units": 5}},
            ]
        },
    ),
    "convolution to 800": (
        800,
        {
            "input_shape": [16, 1],
            "layers": [
                {"lut_conv1d": {"filters": 6, "kernel_size": 4, "strides": 2}},
                {"flatten": {}},
                {"lut_dense": {"units": 5}},
            ],
        },
    ),
    "shared to 600": (
        600,
        {
            "input_shape": [4, 4],
            "layers": [
                {"lut_dense": {"units": 6, "batch_norm": True}},
                {"sum": {"axis": 1}},
                {"lut_dense": {"units": 5}},
            ],
        },
    ),
}
"""By name: LUT budget, and the network as in a budget file; for data of 16 features and 5 classes.

The last two have one set of tables behind features whose formats are far apart, so that most of its entries go unused.
"""


def trained_networks(name: str, codes: Path, *, targets: Path, scratch: Path) -> Iterator[tuple[str, Network]]:
    """Yield the networks of one training, each with its name.

    Parameters
    ----------
    name : str
        Key of `TRAININGS`.
    codes : Path
        Event codes of 16 features and 5 classes.
    targets : Path
        targets.yaml.
    scratch : Path
        Folder for checkpoints.

    Yields
    ------
    tuple of str and Network
    """
    luts, shape = TRAININGS[name]
    spec = Spec.model_validate(
        {
            "design": "calibration",
            "data_set": "jets",
            "target_name": TARGET,
            "target": load_targets(targets)[TARGET].model_dump(),
            "seed": 1,
            "network": shape,
            "training": {"epochs": EPOCHS, "batch_size": 4096},
            "budget": {"luts": luts, "latency_ns": 40},
        }
    )
    session = Session(
        spec, load_codes(codes), measure=partial(measure, spec=spec), belongs_to="calibration", folder=scratch
    )
    state = session.state
    while state.epoch < EPOCHS:
        session.step()
        if state.epoch < FROM or state.epoch % EVERY:
            continue
        network = session.model.network()
        if state.budget.estimate(network).luts <= LARGEST:
            yield f"{name}, epoch {state.epoch}", network
