"""Judgement of one design: reasons for which it does not pass, and its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trigger_lut.cards.base import read_card, stage_of
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.firmware import VerifyCard
from trigger_lut.cards.proof import FaultsCard, ProveCard
from trigger_lut.cards.scan import ScanPoint
from trigger_lut.cards.stage_cards import BudgetLine, DesignSummary, DesignVerdict, FormVerdict
from trigger_lut.evaluation.budget_lines import describe_miss, judge
from trigger_lut.network.kept_interface import same_structure
from trigger_lut.network.network import load_network
from trigger_lut.utils.files import sha256
from trigger_lut.utils.wording import counted
from trigger_lut.verification.consistency import Design

NOT_ASKED = "not asked for"


def faults(design: DesignSummary) -> list[str]:
    """List the missed budgets of a design, and differences from the reference model.

    Parameters
    ----------
    design
        Row of the design in the summary.

    Returns
    -------
    list of str
        One message each, with the design's name in front.
    """
    return [f"{design.name}: {describe_miss(line)}" for line in design.budget if not line.met] + not_exact(design)


def not_exact(design: DesignSummary | ScanPoint) -> list[str]:
    """Check that a design is bit-exact.

    Parameters
    ----------
    design
        Row of a design, or point of a scan.

    Returns
    -------
    list of str
        A message if vectors differ, or a negative control was not caught; else empty.
    """
    if design.bit_exact:
        return []
    if design.mismatches:
        mismatches = counted(design.mismatches, "mismatch")
        return [f"{design.name}: not bit-exact: {mismatches} in {design.vectors:,} vectors"]
    return [f"{design.name}: not shown to be bit-exact: 0 mismatches, but a negative control was not caught"]


def other_interface(design: Design) -> list[str]:
    """Check that a design that was trained again has the interface, and the structure, that it keeps.

    Parameters
    ----------
    design
        Design with its cards.

    Returns
    -------
    list of str
        One reason to fail for each difference, with the design's name in front.
    """
    frozen, network, timing = design.spec.frozen, design.network, design.cards["timing"]
    if frozen is None:
        return []
    pairs: dict[str, tuple[object, object]] = {
        "inputs": (list(map(str, frozen.input_formats())), list(map(str, network.inputs))),
        "outputs": (list(map(str, frozen.output_formats())), list(map(str, network.output_formats()))),
        "features": (frozen.features, list(network.features)),
        "classes": (frozen.classes, network.output_names()),
        "latency_cycles": (frozen.latency_cycles, timing.latency_cycles.value),
        "ii": (frozen.ii, timing.ii.value),
    }
    differences = [f"{key}: expected {kept}, found {own}" for key, (kept, own) in pairs.items() if own != kept]
    if frozen.keep == "structure" and not differences:
        path = Path(frozen.files.network)
        if not path.is_file() or sha256(path) != frozen.network_sha256:
            differences.append(f"structure: expected the earlier network, found another file {path}")
        elif not same_structure(network, load_network(path)):
            differences.append("structure: expected that of the earlier network, found another one")
    return [f"{design.spec.design}: interface of {frozen.result} not kept: {line}" for line in differences]


def unproven(path: Path) -> list[str]:
    """List the failures in a card of the stages `prove`, `faults` or `decision`.

    Parameters
    ----------
    path
        Path of the card, by whose name the stage is known.

    Returns
    -------
    list of str
        One message each, with the design's name in front.

    Raises
    ------
    CardError
        If the file is no such card.
    """
    if path.name.startswith("decision"):
        decided = read_card(DecisionCard, path)
        failures = [] if decided.bit_exact else [f"{decided.design}: decision in firmware: {decided.verdict}"]
        clock = judge("clock_mhz", decided.clock_mhz, measured=decided.fmax_mhz_estimate, at_least=True)
        if not clock.met:
            failures.append(f"{decided.design}: decision in firmware: {describe_miss(clock)}")
        return failures
    if path.name.startswith("faults"):
        injected = read_card(FaultsCard, path)
        count = len(injected.undetected)
        return (
            [f"{injected.design}: {counted(count, 'fault')} undetected, first: {injected.undetected[0]}"]
            if count
            else []
        )
    card = read_card(ProveCard, path)
    failures = [f"{card.design}: output {x.name} differs: {x.detail}" for x in card.outputs if x.status == "different"]
    second = card.second
    if second is not None:
        failures += [
            f"{card.design}: second proof: {x.name} differs: {x.detail}"
            for x in second.outputs
            if x.status == "disagrees"
        ]
    missed_flip = [card.control_caught, second.control_caught if second else None]
    return failures + ([f"{card.design}: a flipped table bit was proven equal"] if False in missed_flip else [])


def open_outputs(design: str, card: ProveCard | None) -> list[str]:
    """List the outputs that are not proven, for budgets that require proofs.

    Parameters
    ----------
    design
        Name of the design.
    card
        Card of the stage `prove`; None: the proof was not asked for.

    Returns
    -------
    list of str
        One reason to fail for each output; a single one without a card.
    """
    if card is None:
        return [f"{design}: no output is proven: {NOT_ASKED}"]
    return [
        f"{design}: output {output.name} is not proven ({output.detail}); verification.require_proof asks for it"
        for output in card.outputs
        if output.status == "sampled"
    ]


def open_decision(path: Path) -> list[str]:
    """Check that a decision in firmware is proven, for budgets that require proofs.

    Parameters
    ----------
    path
        Card of the stage `decision`.

    Returns
    -------
    list of str
        A reason to fail if it is sampled; else empty.
    """
    card = read_card(DecisionCard, path)
    if card.proof != "sampled":
        return []
    why = card.proof_detail or NOT_ASKED
    return [f"{card.design}: decision in firmware is not proven ({why}); verification.require_proof asks for it"]


def reasons_to_fail(
    rows: Sequence[DesignSummary],
    points: Sequence[ScanPoint],
    *,
    cards: Sequence[Path],
    proofs: Mapping[str, ProveCard | None] | None = None,
) -> list[str]:
    """Collect every reason for which designs and points of a scan fail, each with the name in front.

    Parameters
    ----------
    rows, points
        Designs, and points of the scan; these may miss their budgets, but must be bit-exact.
    cards
        Files of the stages `prove`, `faults` and `decision`; those of `release` say nothing.
    proofs
        Cards of the stage `prove` by design, where each output and decision must be proven; None: not asked for.

    Returns
    -------
    list of str
        Reasons in the form `<design>: <reason>`; empty if all pass.
    """
    reasons = [reason for row in rows for reason in faults(row)]
    reasons += [reason for point in points for reason in not_exact(point)]
    reasons += [reason for path in cards if stage_of(path) != "release" for reason in unproven(path)]
    if proofs is None:
        return reasons
    reasons += [reason for name, card in proofs.items() for reason in open_outputs(name, card)]
    return reasons + [reason for path in cards if stage_of(path) == "decision" for reason in open_decision(path)]


def failing(reasons: Sequence[str]) -> int:
    """Count the designs and points that fail.

    Parameters
    ----------
    reasons
        Reasons from `reasons_to_fail`; a name may have several.

    Returns
    -------
    int
        Number of different names.
    """
    return len({reason.split(":")[0] for reason in reasons})


def details(design: Design, budget: list[BudgetLine]) -> DesignVerdict:
    """Make the verdict of a design that passes.

    Parameters
    ----------
    design
        Design with its cards.
    budget
        Lines of its budget, judged.

    Returns
    -------
    DesignVerdict
        Vectors of each form, proven and sampled outputs, and a statement for each check, also for those not asked for.
    """
    verify: VerifyCard = design.cards["verify"]
    prove: ProveCard | None = design.cards.get("prove")
    by_status = {status: [x.name for x in prove.outputs if x.status == status] if prove else [] for status in STATUSES}
    return DesignVerdict(
        name=design.spec.design,
        spec_sha256=sha256(design.folder / "spec.json"),
        network_sha256=sha256(design.folder / "network.npz"),
        budget=budget,
        forms=[
            FormVerdict(
                name=x.name,
                vectors=x.vectors,
                mismatches=x.mismatches,
                rounding_mismatches=x.rounding_mismatches,
            )
            for x in verify.comparisons
        ],
        proven=by_status["proven"],
        sampled=by_status["sampled"],
        statements=[*_budget(budget), *_kept(design), *_compared(verify), *_proofs(prove), *_beside(design)],
    )


STATUSES = ("proven", "sampled")


def _budget(lines: list[BudgetLine]) -> Iterator[str]:
    for line in lines:
        limit = "at least" if line.at_least else "at most"
        measured = "not measured" if line.measured is None else f"{line.measured:g} ({line.source})"
        yield f"{line.quantity}: {measured}, {limit} {line.budget:g}: {'met' if line.met else 'missed'}"


def _kept(design: Design) -> Iterator[str]:
    """State what a design that was trained again keeps; `other_interface` has checked it."""
    if (frozen := design.spec.frozen) is not None:
        structure = " and structure" if frozen.keep == "structure" else ""
        yield f"interface: ports, formats, {frozen.latency_cycles} cycles{structure} of {frozen.result} are kept"


def _compared(verify: VerifyCard) -> Iterator[str]:
    forms = ", ".join(f"{x.name} {x.vectors}" for x in verify.comparisons)
    yield f"{verify.verdict.split(';')[0]}: {counted(verify.mismatches, 'mismatch')} in vectors: {forms}"
    for form in verify.comparisons:
        if form.rounding_mismatches:
            yield f"{form.name}: {form.rounding_mismatches} outputs differ by float32 rounding alone, not counted"
    for name, reason in verify.not_run.items():
        yield f"{name}: not measured ({reason})"


def _proofs(prove: ProveCard | None) -> Iterator[str]:
    if prove is None or not prove.seconds_allowed:
        yield f"proof: {NOT_ASKED}; the outputs are sampled: compared on vectors alone"
        return
    proven = [x.name for x in prove.outputs if x.status == "proven"]
    yield f"proof: {len(proven)} of {len(prove.outputs)} outputs proven for all inputs" + _named(proven)
    for output in prove.outputs:
        if output.status == "sampled":
            yield f"proof: output {output.name} is sampled: compared on vectors alone ({output.detail})"
    if prove.second is None:
        yield f"second proof: {NOT_ASKED}"
        return
    for status in ("agrees", "open", "not attempted"):
        if names := [x.name for x in prove.second.outputs if x.status == status]:
            share = f"{len(names)} of {len(prove.second.outputs)}"
            yield f"second proof ({prove.second.solver}): {status}: {share}{_named(names)}"


def _named(names: list[str]) -> str:
    return f": {', '.join(names)}" if names else ""


def _beside(design: Design) -> Iterator[str]:
    injected: FaultsCard | None = design.cards.get("faults")
    count = sum(kind.injected for kind in injected.kinds.values()) if injected else 0
    if injected is None or not count:
        yield f"faults: {NOT_ASKED}, none was injected"
    else:
        noticed = sum(kind.detected + kind.solved for kind in injected.kinds.values())
        yield (
            f"faults: {count} injected, {noticed} noticed, {len(injected.equivalent)} proven to change nothing, "
            f"{len(injected.undecided)} undecided"
        )
    decided: DecisionCard | None = design.cards.get("decision")
    if decided is None:
        yield f"decision: {NOT_ASKED}"
    else:
        forms = ", ".join(f"{form.name} {form.vectors}" for form in decided.forms)
        yield f"decision: {decided.verdict}: 0 mismatches in vectors: {forms}; its logic is {decided.proof}"
    delivered = design.cards.get("release")
    if delivered is None:
        yield f"release: {NOT_ASKED}"
    else:
        left = [check.name for check in delivered.checks if check.status == "not checked"]
        yield f"release: {delivered.archive}, checked" + (f", but not: {', '.join(left)}" if left else "")
        yield f"release: sha256 of its manifest {delivered.manifest_sha256}"
