"""Stage `check_budgets`: does every design meet its budget, and is it bit-exact? Measured elsewhere, judged here.

No card is trusted. All files are compared with their checksums, back to the data (`provenance.follow`). The cards of a
design are compared with each other and with its files (`consistency`). Figures that follow from others are computed
again. Only then the designs are judged (`judgement`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, stage_of, write_card
from trigger_lut.cards.provenance import follow
from trigger_lut.cards.scan import ScanCard, ScanPoint
from trigger_lut.cards.stage_cards import DesignSummary, ReferenceCard, Summary, VerdictCard
from trigger_lut.config.budget import Budget, Target, load_budget, resolve
from trigger_lut.errors import BudgetMissedError, CardError, ConfigurationError, TriggerLutError
from trigger_lut.stages.registry import Output
from trigger_lut.stages.scan import scan_points
from trigger_lut.stages.summary import summarize
from trigger_lut.utils.wording import counted
from trigger_lut.verification.consistency import OPTIONAL_CARDS, Design, differs, problems_of, read_design
from trigger_lut.verification.judgement import details, failing, other_interface, reasons_to_fail

LOG = logging.getLogger(__name__)
MOST_SHOWN = 20
ASKED = "the budget and target files"


def run(
    *,
    output: Output,
    summary: Path | None = None,
    scan: Path | None = None,
    cards: Sequence[Path] = (),
    budget: Path | None = None,
    targets: Path | None = None,
) -> VerdictCard:
    """Fail when a design misses its budget, is not bit-exact, or when cards and files do not agree.

    Points of a scan may miss their budgets, but must be bit-exact.

    Parameters
    ----------
    output : Output
        Card to write (verdict.json). An earlier one is removed when a check fails.
    summary : Path or None
        Summary of all designs (summary.json).
    scan : Path or None
        Card of the scan (scan.json).
    cards : sequence of Path
        prove.json, faults.json, decision.json, release.json.
    budget : Path or None
        Budget file, with which the designs must agree; None: they are not compared.
    targets : Path or None
        Trigger targets; go with `budget`.

    Returns
    -------
    VerdictCard
        The card that was written.

    Raises
    ------
    ConfigurationError
        If only one of `budget` and `targets` is given.
    CardError
        When a file was changed or cards do not agree: with each file, the expected and the found value.
    BudgetMissedError
        When a design misses its budget or is not bit-exact: with every reason.
    """
    if (budget is None) != (targets is None):
        raise ConfigurationError("verdict: --budget and --targets go together. Expected both or none, found one.")
    watch = Stopwatch()
    try:
        card = _judged(watch, summary=summary, scan=scan, cards=cards, budget=budget, targets=targets)
    except BaseException:
        # A verdict that passed must not outlive a check that fails, that a signal ends, or that has a bug of its own.
        output.unlink(missing_ok=True)
        raise
    write_card(card, output)
    for design in card.details:
        LOG.info("\n  ".join([f"{design.name}:", *design.statements]))
    LOG.info(f"{counted(card.files, 'file')} compared with the recorded checksums: no difference")
    if card.removed_files:
        LOG.info(f"{counted(len(card.removed_files), 'data file')} not compared: removed after the read stage")
    return card


def _judged(
    watch: Stopwatch,
    *,
    summary: Path | None,
    scan: Path | None,
    cards: Sequence[Path],
    budget: Path | None,
    targets: Path | None,
) -> VerdictCard:
    """Check files, cards and budgets, and return the verdict; arguments and errors as of `run`."""
    read = [path for path in (summary, scan, *cards) if path]
    chain = follow(read)
    if chain.problems:
        raise CardError(_refused(chain.problems))
    results = _read(summary, scan, cards)
    asked = None if budget is None or targets is None else load_budget(budget, targets)
    if asked is not None:
        results.problems += _not_asked_for(results, *asked)
    if results.problems:
        raise CardError(_refused(results.problems))
    required = asked is not None and asked[0].verification.require_proof
    proofs = {row.name: results.designs[row.name].cards.get("prove") for row in results.rows} if required else None
    reasons = reasons_to_fail(results.rows, results.points, cards=cards, proofs=proofs)
    reasons += [line for row in results.rows for line in other_interface(results.designs[row.name])]
    if reasons:
        every = len(results.rows) + len(results.points)
        raise BudgetMissedError(f"{failing(reasons)} of {every} designs fail\n  " + "\n  ".join(reasons))
    return VerdictCard(
        designs=[row.name for row in results.rows],
        details=[details(results.designs[row.name], row.budget) for row in results.every],
        files=chain.files,
        removed_files=chain.absent,
        **watch.provenance(read),
    )


@dataclass
class Results:
    """Designs with their rows as computed again, and everything that does not agree.

    rows    the designs that are judged
    points  the points of the scan
    every   both, as rows
    """

    designs: dict[str, Design] = field(default_factory=dict)
    rows: list[DesignSummary] = field(default_factory=list)
    points: list[ScanPoint] = field(default_factory=list)
    every: list[DesignSummary] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _refused(problems: Sequence[str]) -> str:
    """Return one message of several problems."""
    shown = [f"  {problem}" for problem in problems[:MOST_SHOWN]]
    more = [f"  and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"the results do not agree: {count}. No design is judged.", *shown, *more])


def _read(summary: Path | None, scan: Path | None, cards: Sequence[Path]) -> Results:
    """Read all designs, compute again what follows from other cards, and compare."""
    results, folders = Results(), dict[str, Path]()
    beside = _by_folder(cards, results.problems)
    reference = _reference(summary or scan, results.problems)
    if reference is None:
        return results
    for path, rows in ((summary, results.rows), (scan, [])):
        for folder in _folders(path):
            try:
                spec, row, _ = summarize(folder, reference)
                rows.append(row)
                if spec.design not in folders:
                    folders[spec.design] = folder
                    results.every.append(row)
                    results.designs[spec.design] = read_design(folder, beside.get(folder, {}))
                    results.problems += problems_of(results.designs[spec.design])
                elif folders[spec.design] != folder:
                    results.problems.append(f"{folder}: design {spec.design!r} is in {folders[spec.design]} as well.")
            except (TriggerLutError, OSError, ValueError) as error:
                results.problems.append(str(error))
    results.problems += [
        f"{card}: of no design of summary or scan. Expected one in {', '.join(map(str, folders.values())) or 'none'}."
        for folder, stage_cards in beside.items()
        if folder not in folders.values()
        for card in stage_cards.values()
    ]
    if summary is not None:
        results.problems += _other_rows(summary, read_card(Summary, summary).designs, results.rows)
    if scan is not None and not results.problems:
        results.points = _compare_scan(scan, reference, folders, results)
    return results


def _by_folder(cards: Sequence[Path], problems: list[str]) -> dict[Path, dict[str, Path]]:
    """Return the cards next to the summary by folder and stage."""
    cards_by_folder: dict[Path, dict[str, Path]] = {}
    for path in cards:
        stage = stage_of(path)
        if stage not in OPTIONAL_CARDS or path.name != f"{stage}.json":
            names = ", ".join(f"{name}.json" for name in OPTIONAL_CARDS)
            found_stage = f"a card of stage {stage!r}" if stage else "no card"
            problems.append(f"{path}: the verdict judges no such card. Expected one of {names}, found {found_stage}.")
        else:
            cards_by_folder.setdefault(path.parent, {})[stage] = path
    return cards_by_folder


def _reference(table: Path | None, problems: list[str]) -> ReferenceCard | None:
    """Return the card of the references that a summary or scan was made from."""
    if table is None:
        problems.append("no summary and no scan. Expected at least one of them: there is no design to judge.")
        return None
    inputs = read_card(Summary, table).inputs if stage_of(table) == "summary" else read_card(ScanCard, table).inputs
    for name in inputs:
        if Path(name).name == "reference.json":
            return read_card(ReferenceCard, Path(name))
    problems.append(f"{table}: inputs: expected reference.json, found none. Run its stage again.")
    return None


def _folders(table: Path | None) -> list[Path]:
    """Return the folders of the designs that a summary or scan was made from, in its order."""
    if table is None:
        return []
    inputs = read_card(Summary, table).inputs if stage_of(table) == "summary" else read_card(ScanCard, table).inputs
    return [Path(name).parent for name in inputs if Path(name).name == "spec.json"]


def _other_rows(
    table: Path, written: Sequence[DesignSummary | ScanPoint], rows: Sequence[DesignSummary | ScanPoint]
) -> list[str]:
    """Compare the rows of a table with those computed again."""
    problems = list(
        differs(table, "designs", expected=[row.name for row in rows], actual=[row.name for row in written])
    )
    for written_row, row in zip(written, rows, strict=False):
        problems += differs(table, row.name, expected=row, actual=written_row)
    return problems


def _compare_scan(
    scan: Path, reference: ReferenceCard, folders: Mapping[str, Path], results: Results
) -> list[ScanPoint]:
    """Return the points of a scan, computed again."""
    card = read_card(ScanCard, scan)
    of_points = [folders[point.name] for point in card.points if point.scanned and point.name in folders]
    others = [folders[point.name] for point in card.points if not point.scanned and point.name in folders]
    points, *_ = scan_points(reference, others, points=of_points)
    results.problems += _other_rows(scan, card.points, points)
    return [point for point in points if point.scanned]


def _not_asked_for(results: Results, budget: Budget, target: Target) -> list[str]:
    """Compare designs and checks with the budget file."""
    rows, points = ([x.name for x in named] for named in (results.rows, results.points))
    problems = list(differs(Path("results"), "designs", expected=[*budget.designs], actual=rows, source=ASKED))
    problems += differs(Path("results"), "points of the scan", expected=[*budget.points], actual=points, source=ASKED)
    for name, design in results.designs.items():
        if name in budget.designs or name in budget.points:
            wanted = resolve(budget, target, design=name)
            problems += differs(design.folder / "spec.json", "", expected=wanted, actual=design.spec, source=ASKED)
    for row in results.rows:
        problems += _checks(results.designs[row.name], budget)
    return problems


def _checks(design: Design, budget: Budget) -> list[str]:
    """Compare what was checked of a design with what the budget file asks for."""
    checks, problems = budget.verification, []
    prove, injected = design.cards.get("prove"), design.cards.get("faults")
    for form in design.cards["verify"].comparisons:
        if form.name == "rtl" and form.vectors < checks.rtl_vectors:
            problems.append(
                f"{design.path('verify')}: rtl: vectors: expected at least {checks.rtl_vectors} "
                f"(verification.rtl_vectors), found {form.vectors}. Run the verify stage again."
            )
    if prove is None and checks.sat_timeout_s:
        problems.append(f"{design.path('prove')}: expected a proof (verification.sat_timeout_s), found none.")
    if prove is not None:
        path = design.path("prove")
        problems += differs(
            path, "seconds_allowed", expected=checks.sat_timeout_s, actual=prove.seconds_allowed, source=ASKED
        )
    if injected is None and checks.faults:
        problems.append(
            f"{design.path('faults')}: expected {checks.faults} faults (verification.faults), found no card."
        )
    return problems
