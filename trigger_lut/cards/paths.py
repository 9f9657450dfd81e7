"""Names of all result files of the workflow, each once; for the rules and for the stages that read folders.

A folder may be a pattern of Snakemake, such as `results/{design}`.
"""

from __future__ import annotations

from pathlib import Path


class _Name:
    """Name of a file or folder within the folder of its owner."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: _Files, kind: type[_Files]) -> str:
        return f"{owner.folder}/{self.name}"


class _Files:
    """Files of one folder.

    Parameters
    ----------
    folder : str or Path
        The folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = str(folder)

    def card(self, stage: str) -> str:
        """Return the path of the card of a stage."""
        return f"{self.folder}/{stage}.json"

    pages = _Name("pages")


class DesignFiles(_Files):
    """Files of a design: `results/<design>/`. The cards are those of `card`."""

    spec = _Name("spec.json")
    model = _Name("model.keras")
    network = _Name("network.npz")
    predictions = _Name("predictions.npz")
    warm_start = _Name("warm.npz")
    firmware = _Name("firmware")
    decision = _Name("decision")
    vendor = _Name("vendor")
    release = _Name("release")
    archive = _Name("release.zip")


class DataFiles(_Files):
    """Files of a data set: `results/data/<data set>/`."""

    description = _Name("data_set.json")
    records = _Name("read")
    encoded = _Name("encoded.npz")
    codes = _Name("codes.npz")
    baselines = _Name("reference.json")
    baseline_predictions = _Name("reference.npz")


class ResultFiles(_Files):
    """Files over all designs: `results/`."""

    summary = _Name("summary.json")
    summary_table = _Name("summary.tsv")
    scan = _Name("scan.json")
    scan_table = _Name("scan.tsv")
    verdict = _Name("verdict.json")
    index = _Name("index.html")
    guarantees = _Name("guarantees.html")
