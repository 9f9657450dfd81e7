"""ROOT files in the layouts of experiments, with two kinds of events that a network can tell apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

Trees = dict[str, dict[str, Any]]


def write_trees(path: Path, trees: Trees, *, kind: str = "mktree") -> Path:
    """Write trees, or RNTuples with `kind` "mkrntuple"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path) as file:
        for tree, columns in trees.items():
            if kind == "mkrntuple":
                file.mkrntuple(tree, columns)
                continue
            types = {
                n: ak.type(c).content if isinstance(c, ak.Array) else np.dtype((c.dtype, c.shape[1:]))
                for n, c in columns.items()
            }
            file.mktree(tree, types).extend(columns)
    return path


class Sample:
    """Events of two kinds: those of kind 1 have harder objects."""

    def __init__(self, count: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = count
        self.kind = (np.arange(count) % 2).astype("i4")
        self.ids = np.arange(count) + seed * count

    def objects(self, most: int, **variables: str) -> dict[str, ak.Array]:
        """Return lists by name, of `pt`, `eta`, `phi`, `bx` or a small integer, of up to `most` objects per event."""
        counts = self.rng.integers(0, most + 1, self.count)
        kind = np.repeat(self.kind, counts)
        total = len(kind)
        makers = {
            "pt": lambda: self.rng.exponential(20 + 30 * kind).astype("f4"),
            "eta": lambda: self.rng.normal(0, 1.5, total).astype("f4"),
            "phi": lambda: self.rng.uniform(-3.1, 3.1, total).astype("f4"),
            "bx": lambda: self.rng.integers(-2, 3, total).astype("i2"),
            "quality": lambda: self.rng.integers(0, 4, total).astype("i4"),
        }
        return {name: ak.unflatten(makers[what](), counts) for name, what in variables.items()}


def level_1_nanoaod(count: int, seed: int) -> Trees:
    """L1 NanoAOD: objects of five crossings, sums by their type, offline jets."""
    s = Sample(count, seed)
    columns = {"run": np.ones(count, "u4"), "luminosityBlock": np.ones(count, "u4"), "event": s.ids.astype("u8")}
    columns |= {"kind_of": s.kind} | s.objects(5, Jet_pt="pt", Jet_eta="eta")
    columns |= s.objects(8, L1Jet_pt="pt", L1Jet_eta="eta", L1Jet_bx="bx", L1Jet_hwQual="quality")
    columns |= s.objects(4, L1Mu_pt="pt", L1Mu_eta="eta", L1Mu_bx="bx")
    columns |= s.objects(12, L1EtSum_pt="pt", L1EtSum_phi="phi", L1EtSum_bx="bx", L1EtSum_etSumType="quality")
    return {"Events": columns}


def level_1_ntuple(count: int, seed: int) -> Trees:
    """L1Ntuple: identity and objects in two trees of one file."""
    s = Sample(count, seed)
    event = {"run": np.ones(count, "i4"), "lumi": np.ones(count, "i4"), "event": s.ids}
    upgrade = {"kind_of": s.kind} | s.objects(8, jetEt="pt", jetEta="eta", jetBx="bx")
    return {"l1EventTree/L1EventTree": event, "l1UpgradeTree/L1UpgradeTree": upgrade}


def tagger_inputs(count: int, seed: int) -> Trees:
    """Training files of a tagger: a fixed array of particles, truth, weights and other taggers; no identity."""
    s = Sample(count, seed)
    inputs = s.rng.normal(size=(count, 16, 5)) + 0.4 * s.kind[:, None, None]
    columns = {"kind_of": s.kind, "nn_inputs": inputs.astype("f4")}
    others = ("jet_genmatch_pt", "target_pt", "jet_hadronflav", "jet_pt", "jet_btagDeepB", "event_weight")
    return {"data": columns | {name: s.rng.normal(size=count).astype("f4") for name in others}}


def physlite(count: int, seed: int) -> Trees:
    """PHYSLITE: branches of auxiliary stores."""
    s = Sample(count, seed)
    jets = s.objects(6, **{"AnalysisJetsAuxDyn:pt": "pt", "AnalysisJetsAuxDyn:eta": "eta"})
    info = {"eventNumber": "u8", "mcEventNumber": "u8", "lumiBlock": "u4", "timeStamp": "u4"}
    columns = jets | {f"EventInfoAuxDyn:{n}": (s.ids + 5).astype(t) for n, t in info.items()}
    return {"EventData": columns | {"kind_of": s.kind}}


def delphes(count: int, seed: int) -> Trees:
    """Delphes: names with a dot, and the truth among the objects."""
    s = Sample(count, seed)
    columns = s.objects(6, **{"Jet.PT": "pt", "Jet.Eta": "eta", "Jet.Phi": "phi", "Jet.Flavor": "quality"})
    return {"Delphes": columns | {"kind_of": s.kind}}


LAYOUTS: dict[str, Callable[[int, int], Trees]] = {
    "level_1_nanoaod": level_1_nanoaod,
    "level_1_ntuple": level_1_ntuple,
    "tagger_inputs": tagger_inputs,
    "physlite": physlite,
    "delphes": delphes,
}
