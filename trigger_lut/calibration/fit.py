"""Make the calibration: `python -m trigger_lut.calibration.fit --codes results/data/jets/codes.npz --write FILE`.

It synthesizes random networks and networks from trainings, then fits the weights. A folder keeps each result, so an
interrupted run continues.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trigger_lut.cards.base import read_card, versions, write_card
from trigger_lut.config.budget import Spec, load_targets
from trigger_lut.cost_model import weights
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.cost_model.luts import network_parts
from trigger_lut.cost_model.weights import Calibration
from trigger_lut.firmware.rtl.build import estimate_flip_flops, write_rtl
from trigger_lut.network.network import Network
from trigger_lut.synthesis.netlist import cell_counts, resources
from trigger_lut.synthesis.synthesizers import synthesizer_of

TARGET = "cms-phase2-correlator"
SMALLEST = 50  # LUTs: of smaller networks a relative error says little
AT_ONCE = 2  # syntheses


def measured(name: str, network: Network, *, spec: Spec) -> weights.Network:
    """Return the parts of a network, and the result of its synthesis."""
    model = DelayModel.of(spec.target)
    with tempfile.TemporaryDirectory(prefix="trigger_lut_calibration_") as folder:
        project = write_rtl(network, Path(folder, "rtl"), spec=spec)
        used = resources(cell_counts(synthesizer_of(spec.target).synthesize(project, spec.target)))
    return weights.Network(
        name=name,
        parts=network_parts(network),
        luts=used.luts,
        ff=used.ff,
        ff_estimate=estimate_flip_flops(network, model),
        latency_cycles=project.latency_cycles_planned,
        latency_cycles_estimate=network_cycles(network, model),
    )


def calibrate(codes: Path, targets: Path, *, folder: Path, data: Path) -> Calibration:
    """Measure all networks, keeping each in `folder`, fit the weights, and write `data`.

    Parameters
    ----------
    codes : Path
        Event codes of 16 features and 5 classes.
    targets : Path
        targets.yaml.
    folder : Path
        Measurements and checkpoints; networks in it are not built again.
    data : Path
        File for the result.

    Returns
    -------
    Calibration
    """
    from trigger_lut.calibration.random_networks import COUNTS, random_network
    from trigger_lut.calibration.training_snapshots import TRAININGS, trained_networks

    target = load_targets(targets)[TARGET]
    spec = Spec.model_validate(
        {
            "design": "calibration",
            "data_set": "none",
            "target_name": TARGET,
            "target": target.model_dump(),
            "seed": 1,
            "network": {"units": [1]},
            "training": {},
            "budget": {"luts": 1, "latency_ns": 100},
        }
    )
    folder.mkdir(parents=True, exist_ok=True)

    def keep(name: str, network: Network) -> None:
        write_card(measured(name, network, spec=spec), path_of(name))

    def path_of(name: str) -> Path:
        return folder / (re.sub(r"\W+", "_", name) + ".json")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = []
        for kind, count in COUNTS.items():
            for seed in range(count):
                if not path_of(name := f"{kind} {seed}").exists():
                    waiting.append(pool.submit(keep, name, random_network(kind, seed)))
        for training in TRAININGS:
            done = folder / (re.sub(r"\W+", "_", training) + ".done")
            if not done.exists():
                trained = list(trained_networks(training, codes, targets=targets, scratch=folder / "checkpoints"))
                waiting += [pool.submit(keep, name, network) for name, network in trained]
                done.touch()
        for job in waiting:
            job.result()
    calibrated = [read_card(weights.Network, path) for path in sorted(folder.glob("*.json"))]
    networks = [n for n in calibrated if n.luts >= SMALLEST]
    result = Calibration(
        family=target.family,
        clock_mhz=target.clock_mhz,
        versions=versions("pyosys", "alkaid"),
        weights=weights.fit(networks),
        networks=networks,
    )
    write_card(result, data)
    return result


def main() -> None:
    """Calibrate from the command line, and print weights and errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=Path, required=True, help="integer codes of 16 features and 5 classes")
    parser.add_argument("--targets", type=Path, default=Path("config/targets.yaml"))
    parser.add_argument("--folder", type=Path, default=Path("build/calibration"), help="where measurements are kept")
    parser.add_argument("--write", type=Path, default=weights.DATA)
    args = parser.parse_args()
    calibration = calibrate(args.codes, args.targets, folder=args.folder, data=args.write)
    print(f"{len(calibration.networks)} networks, weights {calibration.weights.row()}")
    print("errors", weights.errors(calibration.networks, calibration.weights))


if __name__ == "__main__":
    main()
