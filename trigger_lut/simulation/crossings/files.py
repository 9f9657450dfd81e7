"""ROOT files of simulated crossings: one class in each, a tree `crossings` with one entry for each crossing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.simulation import CrossingFileCard
from trigger_lut.config.crossings import CROSSING_CLASSES, SIGNALS, SLICES, SOFT, Crossings, planned_crossing_files
from trigger_lut.config.simulation import file_named
from trigger_lut.config.validation import read_block
from trigger_lut.simulation.root_file import write_tree

if TYPE_CHECKING:
    from trigger_lut.simulation.crossings.collisions import Collisions, Generator

TREE = "crossings"
BATCH = 250
FLAT: dict[str, Any] = {
    "run": np.int64,
    "event": np.int64,
    "label": np.int32,
    "collisions": np.int32,
    "hardest_pthat": np.float32,
    "met_pt": np.float32,
    "met_phi": np.float32,
}
OBJECTS = ("jet", "egamma", "muon")


def simulate_crossing_file(description: Path, *, process: str, part: int, root_file: Path, card: Path) -> None:
    """Write one file of the data set with its card.

    Branches: run, event, label, collisions, hardest_pthat, met_pt, met_phi, and lists of pt, eta and phi of jet, egamma
    and muon, largest pt first. The same description gives the same content. Raises ToolMissingError if Pythia8 is not
    installed.

    Parameters
    ----------
    description : Path
        Description of the data set.
    process : str
        Class of the crossings.
    part : int
        Number of the file.
    root_file, card : Path
        Files to write.

    Raises
    ------
    ConfigurationError
        If the description is invalid or has no such file.
    """
    watch = Stopwatch()
    crossings = read_block(description, "simulate_crossings", model=Crossings)
    where = f"{description}: simulate_crossings"
    file = file_named(planned_crossing_files(crossings), f"{process}_{part}.root", where=where)
    maker = Maker(crossings, process, seed=file.seed)
    write_tree(root_file, TREE, title="simulated bunch crossings", batches=_batches(maker, file.jets))
    file_card = CrossingFileCard(
        process=process,
        seed=file.seed,
        crossings=file.jets,
        generated=maker.generated,
        sigma_mb={name: generator.sigma_mb for name, generator in maker.generators.items()},
        **watch.provenance([description], "pythia8mc", "awkward", "numpy", "scipy", "uproot"),
    )
    write_card(file_card, card)


def _batches(maker: Maker, count: int) -> Iterator[dict[str, Any]]:
    import awkward as ak

    for start in range(0, count, BATCH):
        columns = maker.next(min(BATCH, count - start))
        columns |= {"event": start + np.arange(len(columns["label"]))}
        flat = {name: np.asarray(columns[name]).astype(kind) for name, kind in FLAT.items()}
        yield flat | {name: ak.zip(columns[name]) for name in OBJECTS}


class Maker:
    """Source of crossings of one class. Hard collisions are used once; soft ones come from a pool."""

    def __init__(self, crossings: Crossings, process: str, *, seed: int) -> None:
        self.crossings, self.process, self.seed = crossings, process, seed
        self.random = np.random.default_rng(seed)
        hard = [process] if process in SIGNALS else []
        last = {SOFT: 0, **{name: n for n, name in enumerate(SLICES, start=1)}}.get(process, len(SLICES))
        kinds = [SOFT, *list(SLICES)[:last], *hard]
        self.generators: dict[str, Generator] = {}
        self.generated = dict.fromkeys(kinds, 0)
        self.pool = self._take(SOFT, crossings.pool)

    def _take(self, kind: str, count: int) -> Collisions:
        """Generate collisions of a kind; its Pythia starts with the first request."""
        from trigger_lut.simulation.crossings.collisions import Generator

        if kind not in self.generators:
            # Seeds of Pythia end at 900,000,000; those of files are below and 1000 apart between data sets.
            self.generators[kind] = Generator(kind, self.seed)
        collisions = self.generators[kind].take(count)
        self.generated[kind] += len(collisions)
        return collisions

    def next(self, count: int) -> dict[str, Any]:
        """Generate the columns of the next crossings; columns of objects are dictionaries of jagged arrays."""
        from trigger_lut.simulation.crossings import level1
        from trigger_lut.simulation.crossings.pileup import drawn, in_order, muons_of, numbers, towers_of
        from trigger_lut.simulation.detector import Muons, digitized, muons_seen, smeared

        drawn_numbers = numbers(self.crossings, self.process, count=count, random=self.random)
        own = {self.process: np.ones(count, np.int64)} if self.process in SIGNALS else {}
        pileup = drawn(drawn_numbers.soft, len(self.pool), random=self.random)
        towers = towers_of(self.pool, pileup, crossings=count)
        muons = [muons_of(self.pool, pileup)]
        hardest = np.zeros(count)
        np.maximum.at(hardest, pileup.crossing, self.pool.pthat_gev[pileup.collision])
        for kind, each in {**drawn_numbers.slices, **own}.items():
            if not each.any():
                continue
            sample, overlay = self._take(kind, int(each.sum())), in_order(each)
            towers += towers_of(sample, overlay, crossings=count)
            muons.append(muons_of(sample, overlay))
            np.maximum.at(hardest, overlay.crossing, sample.pthat_gev)
        every = digitized(smeared(towers, self.random))
        muons_in_detector = muons_seen(
            Muons(*(np.concatenate(parts) for parts in zip(*muons, strict=True))), self.random
        )
        both = every.sum(axis=1)
        met_pt, met_phi = level1.missing(both)
        objects = (level1.jets(both), level1.egammas(every), level1.muon_slots(muons_in_detector, count))
        return {
            "run": np.full(count, self.seed),
            "label": np.full(count, CROSSING_CLASSES.index(self.process)),
            "collisions": drawn_numbers.soft + sum(drawn_numbers.slices.values()) + sum(own.values()),
            "hardest_pthat": hardest,
            "met_pt": met_pt,
            "met_phi": met_phi,
            **{name: _lists(columns) for name, columns in zip(OBJECTS, objects, strict=True)},
        }


def _lists(objects: Any) -> dict[str, Any]:
    import awkward as ak

    there = objects.pt > 0
    return {
        name: ak.unflatten(getattr(objects, name)[there].astype(np.float32), there.sum(axis=1))
        for name in ("pt", "eta", "phi")
    }
