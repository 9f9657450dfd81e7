"""First look into the files of a data set, before any job: what would fail after minutes is refused in seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from trigger_lut.config.data_set import uses
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.columns import read_source
from trigger_lut.data.read import count_entries
from trigger_lut.errors import BadFileError, DataError, ToolMissingError

SAMPLE = 1000  # entries that are read of the first file
LONGEST_S = 15.0  # after which no further file is opened
MOST_SHOWN = 8


def first_look(data_set: DataSet, sources: Sequence[Source], *, longest_s: float = LONGEST_S) -> list[str]:
    """Open the files of a data set, and read the first entries of the first one.

    Of each file the tree, the branches and the number of entries are looked up. Of the first one with entries some are
    read as a job would read them: types, expressions, labels and identities.

    Parameters
    ----------
    data_set : DataSet
        The description.
    sources : sequence of Source
        Its files. Of remote ones only the first is opened.
    longest_s : float
        Seconds after which no further file is opened.

    Returns
    -------
    list of str
        Problems that would stop a job later; empty where none was found.
    """
    started, problems, entries, opened, sampled = time.monotonic(), [], 0, 0, False
    remote = [source for source in sources if isinstance(source.file, str)]
    chosen = [source for source in sources if not isinstance(source.file, str)] + remote[:1]
    for source in chosen:
        if opened and time.monotonic() - started > longest_s:
            break
        opened += 1
        try:
            count = count_entries(source.file, data_set.tree, branches=uses.branches(data_set), friends=source.friends)
            entries += count
            if count and not sampled:
                sampled = True
                problems += _sample_problems(data_set, source)
        except BadFileError as error:
            problems += [str(error)] if data_set.on_bad_file == "refuse" else []
        except (DataError, ToolMissingError) as error:
            problems.append(str(error))
    if not problems and opened == len(sources) and not entries:
        problems.append(f"data set {data_set.name}: its files have no entries in tree {data_set.tree!r}")
    if len(problems) > MOST_SHOWN:
        problems = [*problems[:MOST_SHOWN], f"and {len(problems) - MOST_SHOWN} more problems"]
    return problems


def _sample_problems(data_set: DataSet, source: Source) -> list[str]:
    """Read some entries; return what is wrong with their identities."""
    part = next(read_source(data_set.model_copy(update={"chunk_entries": SAMPLE}), source))
    repeated = len(part.rows) - len(np.unique(part.rows["identity"]))
    if not repeated:
        return []
    ids = ", ".join(data_set.id_branches) or "entry"
    return [
        f"{source.file}: {repeated} of the first {len(part.rows)} entries have the event_id ({ids}) of another. "
        "Expected branches that together name an entry. Add one, or write event_id: entry"
    ]
