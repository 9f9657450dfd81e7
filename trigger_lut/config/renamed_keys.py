"""Earlier names of keys in the files that users write: they are read, with a warning that names the present key."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trigger_lut.errors import RenamedKeyWarning

LAYER_OPTIONS = {
    "hidden_width": "edge_hidden_units",
    "depth": "edge_hidden_layers",
    "output_bits": "initial_fraction_bits",
    "per_place": "per_position_widths",
}
"""Options of the LUT layers, in budget files and in saved models."""

_NETWORK = {
    "function": "builder",
    "model": "keras_file",
    "reference": "baseline_units",
    "hidden_width": "edge_hidden_units",
    **{
        f"layers.*.{kind}.{old}": new
        for kind in ("lut_dense", "lut_conv1d", "lut_conv2d")
        for old, new in LAYER_OPTIONS.items()
    },
}

BUDGET = {
    "checks": "verification",
    "verification.vectors": "rtl_vectors",
    "verification.formal_seconds": "sat_timeout_s",
    "verification.second_proof_seconds": "second_proof_timeout_s",
    "verification.route": "ecp5_place_and_route",
    **{f"{network}.{old}": new for network in ("network", "scan.networks.*") for old, new in _NETWORK.items()},
}
"""Path of the earlier key in a budget file, to the present key. `*` is any key or place of a list."""

DATA_SET = {
    "targets": "regression_targets",
    "classes_apart": "event_ids_repeat_across_classes",
    "chunk": "chunk_entries",
    "sample": "plot_label",
    "published": "public_data_set",
    "trigger.against": "efficiency_variables",
}
"""The same for the description of a data set."""


def with_present_keys(content: Any, renamed: Mapping[str, str], *, path: Path) -> tuple[Any, list[str]]:
    """Rename the earlier keys of a file, and warn of each.

    Parameters
    ----------
    content : Any
        The parsed file. It is not changed.
    renamed : mapping of str to str
        `BUDGET` or `DATA_SET`.
    path : Path
        The file, for warnings.

    Returns
    -------
    Any
        The content with present keys.
    list of str
        Mistakes as 'dotted.path: problem': keys that occur under both names. The earlier one is then dropped.

    Warns
    -----
    RenamedKeyWarning
        For each earlier key.
    """
    content, mistakes = copy.deepcopy(content), []
    for pattern, new in renamed.items():
        *parents, old = pattern.split(".")
        for place, mapping in _mappings(content, parents, ""):
            if old not in mapping:
                continue
            if new in mapping:
                mistakes.append(f"{place}{old}: earlier name of {new}. Expected one of them, found both. Remove {old}")
                del mapping[old]
                continue
            items = [(new if key == old else key, value) for key, value in mapping.items()]
            mapping.clear()
            mapping.update(items)
            warnings.warn(f"{path}: {place}{old}: this key is now {new}. Rename it.", RenamedKeyWarning, stacklevel=2)
    return content, mistakes


def _mappings(content: Any, parents: Sequence[str], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the mappings below `content` that a path leads to, each with its dotted place."""
    if not parents:
        if isinstance(content, dict):
            yield place, content
        return
    entries: dict[Any, Any] = (
        content if isinstance(content, dict) else dict(enumerate(content)) if isinstance(content, list) else {}
    )
    for key in list(entries) if parents[0] == "*" else [key for key in entries if key == parents[0]]:
        yield from _mappings(entries[key], parents[1:], f"{place}{key}.")
