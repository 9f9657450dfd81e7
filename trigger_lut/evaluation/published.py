"""Published results on public data sets, from published.json. Only a run on the same data set shows them.

Two public data sets have the name "jet substructure classification", with 16 features and five classes. Accuracies on
one cannot be compared with the other. A figure that the publication does not state is missing in the file.
"""

from __future__ import annotations

import json
from pathlib import Path

from trigger_lut.cards.scan import PublishedResult

_DATA_SETS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

TITLES: dict[str, str] = {name: entry["title"] for name, entry in _DATA_SETS.items()}
"""Titles by the value of `public_data_set` in the description of a data set."""

RESULTS: dict[str, list[PublishedResult]] = {
    name: [PublishedResult.model_validate(result) for result in entry["results"]] for name, entry in _DATA_SETS.items()
}
