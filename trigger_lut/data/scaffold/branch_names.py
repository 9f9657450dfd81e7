"""What the names of branches say in ntuples of this field: identity, label, weight, truth, decision.

A name counts by its letters and digits in lower case, so that `luminosityBlock` and `lumi_block` are alike.
"""

from __future__ import annotations

import keyword
import re
from typing import Literal

from trigger_lut.config.data_set.functions import FUNCTIONS

Role = Literal["run", "lumi", "event", "index", "label", "weight", "truth", "decision"]

RUN = {"run", "runnumber", "runno", "runnum", "runnr", "runid", "irun"}
LUMI = {"lumi", "luminosityblock", "lumiblock", "lumisection", "lumisec", "ls", "lb", "lbn", "lumiid"}
EVENT = {"event", "evt", "eventnumber", "eventno", "eventnum", "eventnr", "eventid", "ievent"}
EVENT |= {"evtnumber", "evtno", "evtnum", "evtid", "ievt"}
INDEX = {"id", "uid", "entry", "row", "index", "idx", "number", "candidate", "cand", "object", "particle"}
INDEX |= {"jet", "track", "muon", "electron", "photon", "tau", "cluster", "tower"}
LABEL = (
    "label",
    "class",
    "target",
    "y",
    "issignal",
    "signal",
    "issig",
    "classid",
    "category",
    "truth",
    "istop",
    "isbkg",
)
TRUTH = re.compile(
    r"(gen|lhe|truth|true|mc|pdf|ps)(?=[A-Z_.]|$)|Gen(?=[A-Z_.])|Generator_|LHE|Truth|Pileup_|HTXS", re.ASCII
)
DECISION = re.compile(r"(HLT|L1|DST|Flag|AlCa)_")  # of true or false
OTHER_IDENTITY = {"bunchcrossing", "bx", "bxid", "orbit", "orbitnumber", "orbitid", "timestamp"}

# Trees beside the events, whatever their number of entries
BESIDE = {"runs", "luminosityblocks", "lumis", "metadata", "parametersets", "header", "podiometadata", "runmetadata"}

# Objects and variables that a start is made with, in this order
OBJECTS = ("jet", "jets", "electron", "muon", "tau", "photon", "egamma", "l1jet", "l1eg", "l1mu", "l1tau", "pfcand")
MOMENTA = ("pt", "et", "e", "energy")
VARIABLES = (*MOMENTA, "eta", "phi", "mass", "m")


def key(name: str) -> str:
    """Letters and digits of the last part of a name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", re.split(r"[./]", name)[-1].lower())


def role(name: str) -> Role | None:
    """What a flat branch is by its name; None for what may be a feature."""
    word = key(name)
    if word in LABEL or word.endswith(("label", "labels", "target", "targets", "class")):
        return "label"
    if "weight" in word or word in ("w", "wgt", "xsec", "xsection", "crosssection"):
        return "weight"
    parts = [name.removeprefix("n"), *re.split(r"[./]", name)]  # nGenPart counts GenPart_pt
    if any(map(TRUTH.match, parts)) or re.search(r"[a-z0-9]Truth[A-Z_.]", name):
        return "truth"
    for known, found in ((RUN, "run"), (LUMI, "lumi"), (EVENT, "event")):
        if word in known:
            return found  # type: ignore[return-value]
    if word in OTHER_IDENTITY or word in INDEX or word.endswith(("index", "idx")):
        return "index"
    return "decision" if DECISION.match(name) else None


def group(name: str) -> tuple[str, str]:
    """(object, variable) of a list's name: ('Jet', 'pt') of Jet_pt and of Jet.pt, ('pt', '') of pt.

    Objects of two folders are two: ('a/Jet', 'pt') of a/Jet.pt, which is written so where b/Jet.pt is there too.
    """
    folder, slash, last = name.rpartition("/")
    head, mark, tail = last.partition(".")
    if not mark:
        head, mark, tail = head.partition("_")
    return (folder + slash + head, tail) if mark and head and tail else (name, "")


def term(name: str) -> str:
    """The branch in the expression language: its name, or branch("...") where that is no name or another's."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and name not in FUNCTIONS and name != "branch"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if plain and name.isascii() else f'branch("{quoted}")'


def identifier(text: str) -> str:
    """A text with every character that a name cannot have replaced by an underscore."""
    word = re.sub(r"\W", "_", text, flags=re.ASCII).strip("_") or "x"
    return word if word[0].isalpha() else f"x_{word}"
