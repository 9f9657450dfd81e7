"""Pages of one design: training, physics, verification, synthesis, timing."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.firmware import SynthCard, TimingCard, VerifyCard
from trigger_lut.cards.physics import PhysicsCard
from trigger_lut.cards.route import RouteCard
from trigger_lut.cards.stage_cards import METRICS, ReferenceCard, TrainCard
from trigger_lut.cards.vendor import VendorCard
from trigger_lut.config.budget import Spec
from trigger_lut.report.pages.physics import physics_page
from trigger_lut.report.pages.time_sharing import sharing_plots, sharing_tables
from trigger_lut.report.pages.timing import timing_page
from trigger_lut.report.pages.vendor import vendor_table
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import (
    Cell,
    Page,
    Table,
    cells,
    fixed,
    fmax,
    judgement,
    measured,
    number,
    percent,
    record_table,
    write_page,
)
from trigger_lut.utils.wording import counted


def pages_of_design(
    *,
    spec: Path,
    reference: Path,
    train: Path,
    physics: Path,
    verify: Path,
    synth: Path,
    timing: Path,
    folder: Path,
    vendor: Path | None = None,
    route: Path | None = None,
) -> None:
    """Write one page of a design for each stage, with its plots.

    Parameters
    ----------
    reference, train, physics, verify, synth, timing : Path
        Cards of the stages.
    vendor, route : Path or None
        VendorCard and RouteCard, if these stages are switched on.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    design = read_card(Spec, spec)
    dense, synthesized = read_card(ReferenceCard, reference), read_card(SynthCard, synth)
    with styled():
        pages = {
            "train": train_page(read_card(TrainCard, train)),
            "physics": physics_page(read_card(PhysicsCard, physics), dense),
            "verify": verify_page(read_card(VerifyCard, verify)),
            "synth": synth_page(
                design, synthesized, vendor=read_card(VendorCard, vendor) if vendor is not None else None
            ),
            "timing": timing_page(
                design,
                read_card(TimingCard, timing),
                synth=synthesized,
                route=read_card(RouteCard, route) if route is not None else None,
            ),
        }
        for stage, page in pages.items():
            write_page(page, folder / f"{stage}.html")


def train_page(card: TrainCard) -> Page:
    """Return the page of the training."""
    from trigger_lut.report.plots.training import training, widths

    budget = Table(
        f"Budget, with the network as {'training' if card.epochs else 'this stage'} synthesized it",
        ["Quantity", "Measured", "Source", "Estimate", "Budget", "Result"],
        [
            cells(
                "LUTs",
                *measured(card.luts),
                fixed(card.luts_estimate),
                card.luts_budget,
                judgement(card.luts.value is not None and card.luts.value <= card.luts_budget, "met", no="missed"),
            ),
            cells(
                "Latency [cycles]",
                card.latency_cycles,
                "Verilog",
                card.latency_cycles_estimate,
                card.latency_cycles_budget,
                judgement(card.latency_cycles <= card.latency_cycles_budget, "met", no="missed"),
            ),
            cells(
                "Clock [MHz]",
                fmax(card.fmax_mhz_estimate.value, card.clock_mhz),
                Cell(card.fmax_mhz_estimate.source, "text"),
                Cell("-"),
                f"at least {card.clock_mhz:g}",
                judgement((card.fmax_mhz_estimate.value or 0) >= card.clock_mhz, "met", no="missed"),
            ),
        ],
    )
    measurements = record_table("Synthesized in training" if card.epochs else "Synthesized", card.measurements)
    return Page(
        title=f"{card.design}: training",
        lead=(
            f"{_epochs(card)}. {METRICS[card.metric]} {100 * card.score:.2f} % on the test "
            f"split, {100 * card.score_validation:.2f} % on the validation split. After synthesis: {card.verdict}."
        ),
        tables=[
            budget,
            *_notes(card),
            measurements,
            record_table("Layers", card.layers),
            *sharing_tables(card.sharing),
        ],
        cards={"train": card},
        plots=[
            (
                "training.svg",
                training(card),
                "Accuracy, losses, LUTs and planned latency; points: after synthesis.",
            ),
            (
                "widths.svg",
                widths(card),
                "Address and output widths of the tables, layer by layer. Gray: pruned edges.",
            ),
            *sharing_plots(card.sharing),
        ],
    )


def _notes(card: TrainCard) -> list[Table]:
    return [Table("Notes on the imported model", ["Note"], [cells(note) for note in card.notes])] if card.notes else []


def _epochs(card: TrainCard) -> str:
    if not card.epochs:
        return "A given network, taken over as it is"
    return f"{counted(card.epochs, 'epoch')} of {card.seconds_per_epoch:.3g} s each"


def verify_page(card: VerifyCard) -> Page:
    """Return the page of the verification."""
    from trigger_lut.report.plots.hardware import verification

    def place(comparison: object) -> str:
        first = getattr(comparison, "first", None)
        if first is None:
            return "-"
        return f"vector {first.vector}, output {first.output}: expected {first.expected}, found {first.found}"

    comparisons = Table(
        "Comparison with the reference model",
        ["Form", "Vectors", "Mismatches", "First mismatch", "Mismatches after one flipped bit", "Time [s]"],
        [
            cells(
                c.name,
                c.vectors,
                Cell(number(c.mismatches), "good" if c.mismatches == 0 else "bad"),
                place(c),
                Cell(number(c.control_mismatches), "good" if c.control_mismatches else "bad"),
                fixed(c.seconds, 1),
            )
            for c in card.comparisons
        ]
        + [cells(name, "not measured", "not measured", reason, "-", "-") for name, reason in card.not_run.items()],
        note=f"Negative control: {card.control}."
        + "".join(
            f" {c.name}: {c.rounding_mismatches} more outputs differ by float32 rounding alone, by up to "
            f"{c.largest_difference:g} steps. Exact evaluation of the model gives the integers."
            for c in card.comparisons
            if c.rounding_mismatches
        ),
    )
    vectors = Table(
        "Vectors",
        ["From", "Vectors"],
        [*(cells(k, v) for k, v in card.vector_sets.items()), cells("all", card.vectors)],
        note="Inputs of all forms. The Verilog gets more random vectors; the VHDL, which simulates slowly, gets some.",
    )
    coverage = card.table_entries
    entries = Table(
        "Table entries",
        ["Kind", "Entries"],
        [
            cells("looked up", coverage.covered),
            cells("proven beyond reach", coverage.unreachable),
            [Cell("neither", "text"), Cell(str(coverage.uncovered), "good" if coverage.uncovered == 0 else "")],
            cells("all", coverage.entries),
        ],
    )
    measured_here = Table(
        "Measured in the RTL simulation",
        ["Quantity", "Cycles"],
        [cells("Latency", card.latency_cycles_measured), cells("Initiation interval", card.ii_measured)],
    )
    return Page(
        title=f"{card.design}: {'bit-exact' if card.bit_exact else 'not bit-exact'}",
        lead=f"Bit-exact: {_differing(card)}." if card.bit_exact else card.verdict,
        tables=[comparisons, vectors, entries, measured_here],
        cards={"verify": card},
        plots=[("verification.svg", verification(card), "Mismatches, and mismatches of each negative control.")],
    )


def _differing(card: VerifyCard) -> str:
    return f"{counted(card.mismatches, 'mismatch', plural='mismatches')} in {counted(card.vectors, 'vector')}"


def synth_page(spec: Spec, card: SynthCard, *, vendor: VendorCard | None = None) -> Page:
    """Return the page of the resources after synthesis."""
    from trigger_lut.report.plots.hardware import resources

    totals = spec.target.totals
    rows = []
    for name, figure, budget, total in (
        ("LUTs", card.luts, None if card.device else spec.budget.luts, None if card.device else totals.luts),
        *([("LUT of the device", card.device.luts, spec.budget.luts, totals.luts)] if card.device else []),
        ("Flip-flops", card.ff, None, totals.ff),
        ("Carry chains", card.carry, None, None),
        ("DSP", card.dsp, spec.budget.dsp, totals.dsp),
        ("BRAM18", card.bram18, spec.budget.bram18, totals.bram18),
        ("Logic levels", card.logic_levels, None, None),
    ):
        met = budget is not None and figure.value is not None and figure.value <= budget
        judged = Cell("-") if budget is None else judgement(met)
        share = Cell("-") if total is None or figure.value is None else Cell(f"{100 * figure.value / total:.3f} %")
        rows.append(cells(name, *measured(figure), Cell("-") if budget is None else budget, judged, share))
    return Page(
        title=f"{card.design}: resources",
        lead=(
            f"Yosys for {card.family}, out of context, part {card.part}. Estimate before synthesis: "
            f"{number(card.luts_estimate.value)} LUTs ({100 * card.luts_estimate_error:+.1f} %) and "
            f"{number(card.ff_estimate.value)} flip-flops."
            + (f" LUT of the device: {card.device.counts}." if card.device else "")
        ),
        tables=[
            Table("Resources", ["Quantity", "Measured", "Source", "Budget", "Result", "Fraction of the device"], rows),
            *([_layers_table(card)] if card.luts_by_layer else []),
            vendor_table(card, vendor),
        ],
        cards={"synth": card} | ({} if vendor is None else {"vendor": vendor}),
        plots=[("resources.svg", resources(spec, card), "Resources; the dashed line is the budget.")],
    )


def _layers_table(card: SynthCard) -> Table:
    total = max(sum(card.luts_by_layer.values()), 1)
    return Table(
        "LUTs by layer",
        ["Layer", "LUTs (yosys)", "Fraction"],
        [cells(layer, count, percent(count / total)) for layer, count in card.luts_by_layer.items()],
        note=(
            "Counted in the flat netlist. A LUT belongs to the layer whose value it drives, or to the layer that reads "
            "it. Yosys may combine the end of one layer and the beginning of the next in one LUT."
        ),
    )
