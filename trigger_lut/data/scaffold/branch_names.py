"""Roles of branches by their names in ntuples of this field: identity, label, weight, truth, decision.

A name counts by its letters and digits in lower case, so that `luminosityBlock` and `lumi_block` are alike.
"""

from __future__ import annotations

import keyword
import re
from typing import Literal

from trigger_lut.config.data_set.functions import FUNCTIONS

Role = Literal["run", "lumi", "event", "index", "label", "weight", "truth", "tagger", "decision"]

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
# The same of single words: of jet_genmatch_pt, Jet_genJetIdx, target_pt, jet_hadronflav, jet_mcpt
TRUTH_WORDS = re.compile(
    r"gen(?!eric|eral|uin|u$|ius|es|e$)\w*|truth\w*|true\w*|target\w*|label\w*|lhe\w*|parton\w*|htxs|generator|"
    r"\w*flavou?r?\w*|\w*flav|mc|mc(pt|eta|phi|mass|e|energy|event|match|truth|pdg|id|channel|particle)\w*|"
    r"sim(hit|trk|track|vtx|vertex|cluster|match|truth)?s?"
)
TAGGER = re.compile(
    r"btag|ctag|toptag|deep(csv|jet|flav|ak8|tau|b(?![a-z])|boosted)|particlenet|pnet|robustpart|upart|transformer|"
    r"csvv2|mv2c|dl1(r|d)?($|_)|gn[12](v|x|_|$)|qgl|cmva",
    re.IGNORECASE,
)
# Weights of particles and tracks are inputs
INPUT_WEIGHT = re.compile(r"puppi|track|trk|vertex|vtx|cell|cluster|tower", re.IGNORECASE)
INTERNAL = re.compile(r"##|__|_Friend|.*/(##|__)")  # trees that a file keeps for itself
DECISION = re.compile(r"(HLT|L1|DST|Flag|AlCa)_")  # of true or false
OTHER_IDENTITY = {"bunchcrossing", "bx", "bxid", "orbit", "orbitnumber", "orbitid", "timestamp"}

# Trees of bookkeeping, whatever their number of entries
BOOKKEEPING = {
    "links",
    "runs",
    "luminosityblocks",
    "lumis",
    "metadata",
    "parametersets",
    "header",
    "podiometadata",
    "runmetadata",
}

# Objects and variables that a start is made with, in this order
LEVEL_1 = ("l1jet", "l1eg", "l1mu", "l1tau")
OBJECTS = (*LEVEL_1, "jet", "jets", "electron", "muon", "tau", "photon", "egamma", "pfcand")
MOMENTA = ("pt", "et", "e", "energy")
VARIABLES = (*MOMENTA, "eta", "phi", "mass", "m")


def key(name: str) -> str:
    """Letters and digits of the last part of a name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", re.split(r"[./:]", name)[-1].lower())


def words(name: str) -> list[str]:
    """Split a name into words in lower case, at signs, digits and capitals: jet, gen, jet, idx of Jet_genJetIdx."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def is_truth(name: str) -> bool:
    """Return whether a name says that a simulation knows this and a trigger does not."""
    parts = [name.removeprefix("n"), *re.split(r"[./:]", name)]  # nGenPart counts GenPart_pt
    if any(map(TRUTH.match, parts)) or re.search(r"[a-z0-9]Truth[A-Z_.]", name):
        return True
    return any(map(TRUTH_WORDS.fullmatch, words(name)))


def role(name: str) -> Role | None:
    """Return the role of a flat branch by its name; None for what may be a feature."""
    word = key(name)
    if word in LABEL or word.endswith(("label", "labels", "target", "targets", "class")):
        return "label"
    weight = "weight" in word and not INPUT_WEIGHT.search(name)
    if weight or word in ("w", "wgt", "xsec", "xsection", "crosssection"):
        return "weight"
    if is_truth(name):
        return "truth"
    if TAGGER.search(name):
        return "tagger"
    for known, role_of_name in ((RUN, "run"), (LUMI, "lumi"), (EVENT, "event")):
        if word in known:
            return role_of_name  # type: ignore[return-value]
    if word in OTHER_IDENTITY or word in INDEX or word.endswith(("index", "idx")):
        return "index"
    return "decision" if DECISION.match(name) else None


def group(name: str) -> tuple[str, str]:
    """(object, variable) of a list's name: ('Jet', 'pt') of Jet_pt and of Jet.pt, ('pt', '') of pt.

    Objects of two folders are two: ('a/Jet', 'pt') of a/Jet.pt, which is written so where b/Jet.pt is there too.
    """
    folder, slash, last = name.rpartition("/")
    for separator in (":", ".", "_"):
        head, mark, tail = last.partition(separator)
        if mark and (separator != ":" or tail.isidentifier()):
            break
    if not mark and (camel := re.fullmatch(r"([a-z]{2,})([A-Z]\w*)", last)):  # jetEt of L1Ntuples
        return folder + slash + camel[1], camel[2]
    return (folder + slash + head, tail) if mark and head and tail else (name, "")


def term(name: str) -> str:
    """Return the branch in the expression language: its name, or branch("...") where that is no name or another's."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and name not in FUNCTIONS and name != "branch"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if plain and name.isascii() else f'branch("{quoted}")'


def identifier(text: str) -> str:
    """Return a text with an underscore for every character that a name cannot have."""
    word = re.sub(r"\W", "_", text, flags=re.ASCII).strip("_") or "x"
    return word if word[0].isalpha() else f"x_{word}"
