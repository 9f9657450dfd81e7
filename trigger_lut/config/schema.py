"""JSON schemas of the files that people edit, generated from the models that check them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from trigger_lut.config.budget import Budget, Target
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.validation import Name

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(file: str) -> dict[str, Any]:
    """JSON schema of 'budget', 'targets' or 'data-set'."""
    kinds: dict[str, Any] = {"budget": Budget, "targets": dict[Name, Target], "data-set": DataSet}
    return {"$schema": DIALECT, **TypeAdapter(kinds[file]).json_schema()}


def schema_text(file: str) -> str:
    """Return the JSON schema of a configuration file as text.

    Parameters
    ----------
    file : str
        'budget', 'targets' or 'data-set'.

    Returns
    -------
    str
        The schema, indented, as in config/*.schema.json.
    """
    return json.dumps(schema_of(file), indent=2) + "\n"
