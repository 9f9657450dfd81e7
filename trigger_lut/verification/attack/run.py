"""A run of the attack: mutants to the proof and to the judge; what differs and is proven is a hole."""

from __future__ import annotations

import logging
import resource
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Literal

from trigger_lut.cards.attack import AttackCard, AttackCount
from trigger_lut.cards.base import Stopwatch
from trigger_lut.config.budget import Spec
from trigger_lut.errors import TriggerLutError
from trigger_lut.utils.workers import workers
from trigger_lut.verification.attack.designs import designs
from trigger_lut.verification.attack.judge import Verdict, judge
from trigger_lut.verification.attack.mutate import Mutant, draw_mutants

LOG = logging.getLogger(__name__)

PROOF_LIMIT_S = 300
MEMORY_LIMIT = 8 << 30  # bytes
CONTROL_SEED = 1
LEAST_DIFFERENT = 0.65
"""Fraction of the mutants that must differ: a run of harmless mutants attacks nothing."""

ProofResult = tuple[tuple[str, ...], str]
"""Status of each output ("proven", "sampled", "different"; none where the proof raised an error), and the error."""


@dataclass(frozen=True)
class Outcome:
    """One mutant, what the judge says of it, and what the proof says."""

    mutant: Mutant
    verdict: Verdict
    proof: ProofResult

    @property
    def result(self) -> Literal["different", "equal", "not compiled"]:
        """Finding of the judge."""
        if not self.verdict.compiles:
            return "not compiled"
        return "different" if self.verdict.differs else "equal"

    @property
    def hole(self) -> bool:
        """Wrong proof: True if an output is proven although it differs, or although no simulator takes the text."""
        proven = [status == "proven" for status in self.proof[0]]
        if not self.verdict.compiles:
            return any(proven) and not self.mutant.change.equal
        wrong = [self.verdict.valid or differs for differs in self.verdict.outputs]
        return any(is_proven and is_wrong for is_proven, is_wrong in zip(proven, wrong, strict=False))

    @property
    def refused(self) -> bool:
        """Refusal of the proof: True if some output is not proven."""
        return not self.proof[0] or any(status != "proven" for status in self.proof[0])

    def describe(self) -> str:
        """Return one line with the mutant, the judge's detail and the proof's reasons."""
        statuses = ", ".join(self.proof[0]) or self.proof[1]
        return f"{self.mutant.describe()}; judge: {self.verdict.detail or 'no difference'}; proof: {statuses}"


def attack(spec: Spec, count: int, *, seed: int, jobs: int = 1, seconds: float = 5) -> tuple[list[Outcome], AttackCard]:
    """Draw mutants, prove and judge them.

    Parameters
    ----------
    spec
        Design whose target the networks are built for.
    count
        Number of mutants.
    seed
        Seed of the draw and of the stimulus.
    jobs
        Number of processes at a time.
    seconds
        Time for SAT in one proof in s.

    Returns
    -------
    outcomes : list of Outcome
        One entry per mutant, in the order of the draw.
    card : AttackCard
        Counts of the outcomes.

    Raises
    ------
    ToolMissingError
        If Yosys, Verilator or a compiler is not installed.
    """
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="trigger_lut_attack_") as folder:
        drawn_designs = designs(spec, Path(folder))
        mutants = draw_mutants(drawn_designs, count, seed=seed)
        groups = [[m for m in mutants if m.design is design] for design in drawn_designs]
        judged = [(group[0].design, group) for group in groups if group]
        with workers(jobs) as pool:
            verdicts = [pool.submit(judge, design, group, seed=seed) for design, group in judged]
            proofs = {m.number: pool.submit(prove_mutant, m, seconds) for m in mutants}
            outcomes = []
            for (_, group), future in zip(judged, verdicts, strict=True):
                for mutant, verdict in zip(group, future.result(), strict=True):
                    outcomes.append(Outcome(mutant, verdict, proofs[mutant.number].result()))
                    if outcomes[-1].hole:
                        LOG.warning(f"attack: proven wrongly: {outcomes[-1].describe()}")
    outcomes.sort(key=lambda outcome: outcome.mutant.number)
    return outcomes, _card(outcomes, seed, seconds, watch)


def prove_mutant(mutant: Mutant, seconds: float = 5) -> ProofResult:
    """Prove the outputs of a mutant.

    Parameters
    ----------
    mutant
        Mutant.
    seconds
        Time for SAT in s.

    Returns
    -------
    statuses : tuple of str
        Status of each output, and of each bit of the decision. Empty after an error, PROOF_LIMIT_S, or too much memory.
    reason : str
        Reason for a refusal without statuses, which begins with "crash" if the proof did not refuse by itself.
    """
    _limit_memory()
    previous = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(PROOF_LIMIT_S)
    try:
        with tempfile.TemporaryDirectory(prefix="trigger_lut_attack_") as name:
            folder = Path(name)
            (folder / "rtl").mkdir()
            for file, text in mutant.files.items():
                (folder / "rtl" / file).write_text(text, encoding="utf-8", newline="")
            return _statuses(mutant, folder, seconds), ""
    except TriggerLutError as error:
        return (), str(error).splitlines()[-1][:200]
    except Exception as error:  # the proof must not end so, but refuses
        return (), f"crash: {type(error).__name__}: {error}"[:200]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def _statuses(mutant: Mutant, folder: Path, seconds: float) -> tuple[str, ...]:
    """Prove each output of the network, then each bit of the decision. folder: has the files in `rtl`."""
    from trigger_lut.verification.decision_proof import prove_decision
    from trigger_lut.verification.formal.prove import prove_both_ways

    design, rtl = mutant.design, folder / "rtl"
    decision = None if design.decision is None else replace(design.decision, folder=rtl)
    others = {decision.verilog} if decision else set()
    files = tuple(rtl / file for file in mutant.files if file.endswith(".v") and rtl / file not in others)
    project = replace(design.project, folder=rtl, files=files)
    proof = prove_both_ways(design.network, project, seconds=seconds, seed=CONTROL_SEED, folder=folder)
    statuses = tuple(output.status for output in proof.outputs)
    if decision is None:
        return statuses
    # The decision's proof is about the network's outputs, whatever they are.
    decision_status = prove_decision(decision, project, seconds=seconds).status
    if decision_status != "proven":
        return ("sampled",) * len(design.judged.outputs)
    all_proven = all(status == "proven" for status in statuses)
    return (*statuses, *("proven" if all_proven else "sampled" for _ in decision.thresholds))


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {PROOF_LIMIT_S} s")


def _limit_memory() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, hard))


def _card(outcomes: Sequence[Outcome], seed: int, seconds: float, watch: Stopwatch) -> AttackCard:
    return AttackCard(
        seed=seed,
        seconds_allowed=seconds,
        total=_count(outcomes),
        kinds=_grouped(outcomes, lambda o: o.mutant.kind),
        operators=_grouped(outcomes, lambda o: o.mutant.operator),
        networks=_grouped(outcomes, lambda o: o.mutant.design.name),
        proven_wrongly=[o.describe() for o in outcomes if o.hole],
        refused_equal=[o.describe() for o in outcomes if o.result == "equal" and o.refused],
        crashes=[o.describe() for o in outcomes if o.proof[1].startswith("crash")],
        claims_refuted=[o.describe() for o in outcomes if o.mutant.change.equal and o.result == "different"],
        **watch.provenance([], "pyosys", "verilator", "alkaid"),
    )


def _grouped(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, AttackCount]:
    names = sorted({key(outcome) for outcome in outcomes})
    return {name: _count([outcome for outcome in outcomes if key(outcome) == name]) for name in names}


def _count(outcomes: Sequence[Outcome]) -> AttackCount:
    results = [outcome.result for outcome in outcomes]
    return AttackCount(
        mutants=len(outcomes),
        different=results.count("different"),
        equal=results.count("equal"),
        not_compiled=results.count("not compiled"),
        proven_wrongly=sum(outcome.hole for outcome in outcomes),
        refused_equal=sum(outcome.result == "equal" and outcome.refused for outcome in outcomes),
    )


def table(card: AttackCard) -> str:
    """Format the counts by kind of mutation and by network as text.

    Parameters
    ----------
    card
        Card of the attack.

    Returns
    -------
    str
        Aligned columns with a line of headings; the last line counts all mutants.
    """
    heads = ("kind", *AttackCount.model_fields)
    rows = [
        (name, *(str(value) for value in count.model_dump().values()))
        for name, count in [*card.kinds.items(), *card.networks.items(), ("all", card.total)]
    ]
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in [heads, *rows]
    )
