"""Small ROOT files for tests, good and broken, and descriptions that fit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import yaml

CLASSES = ["a", "b", "c"]


def jet_columns(count: int = 300, seed: int = 0, first_event: int = 0) -> dict[str, Any]:
    """Branches of a three-class toy: numbers (x signed, mass, n whole), a jagged branch pt, label, run and event."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % len(CLASSES)
    lengths = rng.integers(0, 6, count)
    return {
        "run": np.full(count, 7, np.int32),
        "event": np.arange(first_event, first_event + count, dtype=np.int64),
        "label": label.astype(np.int32),
        "x": (rng.normal(0, 1, count) + label).astype(np.float32),
        "mass": rng.gamma(4.0 + label, 10.0).astype(np.float64),
        "n": rng.poisson(20 + 5 * label).astype(np.int32),
        "pt": ak.unflatten(rng.exponential(30, lengths.sum()).astype(np.float32), lengths),
    }


def write_tree(path: Path, columns: dict[str, Any], tree: str = "jets") -> Path:
    """Write branches to a TTree of a new file."""
    import uproot

    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path) as file:
        kinds = {n: ak.type(c).content if isinstance(c, ak.Array) else np.asarray(c).dtype for n, c in columns.items()}
        file.mktree(tree, kinds).extend(columns)
    return path


def truncated(path: Path, source: Path, keep: float = 0.5) -> Path:
    """A copy that ends early, as an interrupted transfer leaves it."""
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def damaged(path: Path, source: Path, branch: str, tree: str = "jets") -> Path:
    """A copy of full length in which the beginning of a branch's first basket is overwritten."""
    import uproot

    with uproot.open(source) as file:
        seek = int(file[tree][branch].member("fBasketSeek")[0])
    content = bytearray(source.read_bytes())
    content[seek : seek + 40] = b"\xff" * 40
    path.write_bytes(content)
    return path


def description(files: list[Path], /, **changes: Any) -> dict[str, Any]:
    """A data set description for `jet_columns`, as parsed YAML; `changes` replace or add keys, None removes."""
    content: dict[str, Any] = {
        "name": "toy",
        "files": [str(f) for f in files],
        "tree": "jets",
        "event_id": ["run", "event"],
        "label": {"expression": "label", "classes": CLASSES},
        "features": [
            {"name": "x"},
            {"name": "mass", "format": {"signed": False, "width": 6, "integer": 7}},
            {"name": "n"},
            {"name": "ht", "expression": "sum(pt)", "width": 10},
        ],
    }
    content.update(changes)
    return {key: value for key, value in content.items() if value is not None}


def write_description(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def write_three_classes(path: Path, count: int, seed: int) -> None:
    """Events of three classes, `kind`, that x and y tell apart and z does not; run and event identify them."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, count)
    columns = {
        "run": np.full(count, seed, np.int32),
        "event": np.arange(count, dtype=np.int64),
        "kind": kind.astype(np.int32),
        "x": rng.normal(1.6 * kind, 0.8).astype(np.float32),
        "y": rng.normal(1.2 * (kind == 1), 0.7).astype(np.float32),
        "z": rng.normal(0.0, 1.0, count).astype(np.float32),
    }
    write_tree(path, columns, "events")


def write_nano(path: Path, count: int = 500, seed: int = 0, label: bool = True, **more: Any) -> Path:
    """A tree Events with the names of NanoAOD: run, luminosityBlock, event, nJet, Jet_pt, ...; a small tree Runs."""
    import uproot

    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 5, count)
    kind = rng.integers(0, 2, count)
    jets = ak.zip(
        {
            "pt": ak.unflatten(rng.exponential(30, lengths.sum()).astype(np.float32), lengths),
            "eta": ak.unflatten(rng.normal(0, 2, lengths.sum()).astype(np.float32), lengths),
        }
    )
    columns: dict[str, Any] = {
        "run": np.full(count, 1, np.uint32),
        "luminosityBlock": np.arange(count, dtype=np.uint32) // 100,
        "event": np.arange(seed * count, (seed + 1) * count, dtype=np.uint64),
        "Jet": jets,
        "MET_pt": (rng.exponential(20, count) + 10 * kind).astype(np.float32),
        "genWeight": rng.normal(1, 0.1, count).astype(np.float32),
        "HLT_IsoMu24": rng.random(count) < 0.5,
        "GenPart_pt": ak.unflatten(rng.exponential(30, lengths.sum()).astype(np.float32), lengths),
        "nothing": np.zeros(count, np.float32),
        **({"is_signal": kind.astype(np.int32)} if label else {}),
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path) as file:
        kinds = {n: ak.type(c).content if isinstance(c, ak.Array) else np.asarray(c).dtype for n, c in columns.items()}
        file.mktree("Events", kinds).extend(columns)
        file.mktree("Runs", {"run": np.uint32}).extend({"run": np.array([1], np.uint32)})
    return path


def write_objects(path: Path, count: int = 400, seed: int = 0, first: int = 0, shift: float = 0.0) -> Path:
    """A tree Events as NanoAOD has it without a label: Jet, Muon, Photon, each falling in pt; MET_pt larger by `shift`.

    Muon_charge is no variable of a start, Jet_sub_pt has other lengths than Jet_pt, Photon_mass is always 0.
    """
    rng = np.random.default_rng(seed)

    def objects(most: int, **more: Any) -> Any:
        lengths = rng.integers(0, most + 1, count)

        def lists(values: Any) -> Any:
            return ak.unflatten(values, lengths)

        zipped = ak.zip(
            {
                "pt": lists(rng.exponential(30, lengths.sum()).astype(np.float32) + 5),
                "eta": lists(rng.normal(0, 2, lengths.sum()).astype(np.float32)),
                **{name: lists(make(lengths.sum())) for name, make in more.items()},
            }
        )
        return zipped[ak.argsort(zipped.pt, ascending=False)]

    inner = rng.integers(0, 3, count)
    columns: dict[str, Any] = {
        "run": np.ones(count, np.uint32),
        "luminosityBlock": np.arange(count, dtype=np.uint32) // 100,
        "event": np.arange(first, first + count, dtype=np.uint64),
        "Jet": objects(9, btag=lambda n: rng.random(n).astype(np.float32)),
        "Jet_sub_pt": ak.unflatten(rng.exponential(9, inner.sum()).astype(np.float32), inner),
        "Muon": objects(2, charge=lambda n: rng.choice(np.array([-1, 1], np.int32), n)),
        "Photon": objects(3, mass=lambda n: np.zeros(n, np.float32)),
        "MET_pt": (rng.exponential(20, count) + shift).astype(np.float32),
    }
    return write_tree(path, columns, "Events")


def here(data_set: Any) -> list[Path]:
    """The files of a data set that are no addresses, friends among them."""
    return sorted({f for source in data_set.sources() for f in source.all_files() if isinstance(f, Path)})
