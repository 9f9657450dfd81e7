"""Stage `simulate`: one ROOT file of one class, and its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import SimulateCard
from trigger_lut.config.crossings import CROSSING_CLASSES
from trigger_lut.config.muons import MUON
from trigger_lut.config.simulation import SIMULATED_CLASSES, PlannedFile, Simulation, file_named, planned_files
from trigger_lut.config.validation import read_block
from trigger_lut.errors import ConfigurationError
from trigger_lut.stages.registry import Output

if TYPE_CHECKING:
    from trigger_lut.simulation.jets.clustering import Jets

LARGEST_BATCH = 200
TRIAL_EVENTS = 2000
LEAST_JETS_AN_EVENT = 0.05


def run(*, description: Path, process: str, part: int, root: Output, card: Output) -> None:
    """Simulate one file: jets with Pythia8 and FastJet, muons in a chamber, or whole crossings.

    Parameters
    ----------
    process : str
        Class of the file: of jets g, q, W, Z or t; muon; or of crossings.
    part : int
        Number of the file of this class, from 0.
    root : Output
        ROOT file to write.
    """
    if process in CROSSING_CLASSES:
        from trigger_lut.simulation.crossings.files import simulate_crossing_file

        simulate_crossing_file(description, process=process, part=part, root_file=root, card=card)
    elif process == MUON:
        from trigger_lut.simulation.muons.files import simulate_muon_file

        simulate_muon_file(description, part=part, root_file=root, card=card)
    else:
        simulate_file(description, process=process, part=part, root_file=root, card=card)


def simulate_file(description: Path, *, process: str, part: int, root_file: Path, card: Path) -> None:
    """Simulate one file of jets.

    The same description gives the same content of every branch.

    Parameters
    ----------
    description : Path
        Description of the data set, with a `simulate` block.
    process : str
        Class of the jets.
    part : int
        Number of the file of this class, from 0.
    root_file : Path
        ROOT file to write, completely or not at all.
    card : Path
        Card to write (JSON).

    Raises
    ------
    ConfigurationError
        If the description has mistakes or no such file, or too few jets are in its windows.
    ToolMissingError
        If Pythia8 or FastJet is not installed.
    """
    watch = Stopwatch()
    simulation = read_block(description, "simulate", model=Simulation)
    file = file_named(planned_files(simulation), f"{process}_{part}.root", where=f"{description}: simulate")
    columns, events = simulate_jets(simulation, file)
    from trigger_lut.simulation.jets.files import write_jets

    write_jets(root_file, columns)
    write_card(
        SimulateCard(
            process=process,
            seed=file.seed,
            jets=file.jets,
            events_generated=events,
            pt_range_gev=simulation.pt_range_gev,
            **watch.provenance([description], "pythia8mc", "fastjet", "awkward", "numpy", "uproot"),
        ),
        card,
    )


def simulate_jets(simulation: Simulation, file: PlannedFile) -> tuple[dict[str, Any], int]:
    """Return the columns of one file, by branch name, and the number of events generated for them.

    Raises
    ------
    ConfigurationError
        If fewer than one jet in 20 events is in the windows.
    """
    from trigger_lut.simulation.jets.clustering import find_jets, mmdt
    from trigger_lut.simulation.jets.events import generate
    from trigger_lut.simulation.jets.substructure import jet_features

    batches: list[dict[str, Any]] = []
    jets_found = events_done = 0
    for events in generate(simulation, file.process, seed=file.seed, batch=min(file.jets, LARGEST_BATCH)):
        jets = find_jets(events, simulation, process=file.process)
        if len(jets):
            batches.append(
                {
                    "run": np.full(len(jets), file.seed),
                    "event": events_done + jets.event,
                    "jet": jets.rank,
                    "label": np.full(len(jets), SIMULATED_CLASSES.index(file.process)),
                    "pt": jets.pt,
                    "eta": jets.eta,
                    "phi": jets.phi,
                    "mass": jets.mass,
                    **jet_features(jets.constituents, mmdt(jets.constituents)),
                    **_constituents(jets),
                }
            )
        events_done += len(events)
        jets_found += len(jets)
        if jets_found >= file.jets:
            break
        if events_done >= TRIAL_EVENTS and jets_found < LEAST_JETS_AN_EVENT * events_done:
            raise ConfigurationError(
                f"simulate: too few jets of {file.process} within pt_range_gev: {jets_found} in {events_done} events. "
                f"Expected pt_range_gev around parton_pt_gev, found {list(simulation.pt_range_gev)} and "
                f"{list(simulation.parton_pt_gev)}. Change one of them."
            )
    return _first(batches, file.jets), events_done


def _constituents(jets: Jets) -> dict[str, Any]:
    import awkward as ak

    of = jets.constituents
    columns = {"pt": of.pt, "eta": np.arcsinh(of.pz / of.pt), "phi": of.phi}
    flat = {f"constituent_{name}": values.astype(np.float32) for name, values in columns.items()}
    return {
        name: ak.unflatten(values, np.diff(of.offsets))
        for name, values in {**flat, "constituent_pdg_id": jets.pdg_id}.items()
    }


def _first(batches: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Return the first `count` jets of all batches together."""
    import awkward as ak

    columns = {name: ak.concatenate([batch[name] for batch in batches])[:count] for name in batches[0]}
    return {name: ak.to_numpy(values) if values.ndim == 1 else values for name, values in columns.items()}
