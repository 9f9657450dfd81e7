"""Pages of a data set: simulation, ingest, baselines."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card, stage_of
from trigger_lut.cards.simulation import CrossingCheck, MuonCheck, PhysicsCheck
from trigger_lut.cards.stage_cards import IngestCard, ReferenceCard
from trigger_lut.report.pages.baselines import reference_page
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Page, Table, cells, fixed, percent, record_table, write_page
from trigger_lut.utils.wording import counted


def pages_of_data(*, ingest: Path, reference: Path, folder: Path, simulation: Path | None = None) -> None:
    """Write the pages of a data set and their plots.

    Parameters
    ----------
    ingest, reference : Path
        IngestCard and ReferenceCard.
    simulation : Path or None
        Card of the check of simulated data.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        if simulation is not None:
            write_page(_simulated(simulation), folder / "simulate.html")
        write_page(ingest_page(read_card(IngestCard, ingest)), folder / "ingest.html")
        write_page(reference_page(read_card(ReferenceCard, reference)), folder / "reference.html")


def _simulated(card: Path) -> Page:
    if stage_of(card) == "check_muons":
        return muons_page(read_card(MuonCheck, card))
    if stage_of(card) == "check_crossings":
        return crossings_page(read_card(CrossingCheck, card))
    return simulate_page(read_card(PhysicsCheck, card))


def muons_page(card: MuonCheck) -> Page:
    """Return the page of simulated muons."""
    from trigger_lut.report.plots.data import angles

    gaps = Table(
        "Gas gaps",
        ["Gap", "Muon seen", "Channels hit"],
        [cells(n, percent(e), fixed(h, 2)) for n, (e, h) in enumerate(zip(card.efficiency, card.hits, strict=True))],
    )
    return Page(
        title="Simulated muons",
        lead=f"{card.muons:,} muons. A least-squares fit to the muon's own hits gives the angle within "
        f"{card.fit_width_mrad:.3g} mrad (half of the central 68.3 %) for {100 * card.fit_fraction:.1f} % of them.",
        tables=[gaps],
        cards={"check_simulation": card},
        plots=[("angles.svg", angles(card), "True angles, and fitted minus true angle.")],
    )


def crossings_page(card: CrossingCheck) -> Page:
    """Return the page of simulated bunch crossings."""
    from trigger_lut.report.plots.anomaly import crossings

    classes = Table(
        "Crossings",
        ["Class", "Crossings", "Fraction of filled crossings", "Collisions", "Jets", "e/gamma", "Muons", "MET [GeV]"],
        [
            cells(
                name,
                sample.crossings,
                "signal" if sample.fraction is None else percent(sample.fraction),
                *(fixed(value, 2) for value in (sample.collisions, *sample.objects.values())),
                fixed(sample.met_gev, 1),
            )
            for name, sample in card.classes.items()
        ],
        note="Means over the crossings of a class.",
    )
    sections = Table(
        "Cross sections",
        ["Collisions", "Simulated [mb]", "Used for rates [mb]"],
        [
            cells(n, f"{s:.3g}", f"{card.expected_mb[n]:.3g}" if n in card.expected_mb else "-")
            for n, s in card.sigma_mb.items()
        ],
        note="Simulated by Pythia. The cross section of soft collisions includes all inelastic ones.",
    )
    return Page(
        title="Simulated crossings",
        lead=f"{sum(sample.crossings for sample in card.classes.values()):,} crossings with {card.pileup:g} collisions "
        "on average. Background comes in kinds, by its hardest collision; signals have one collision more.",
        tables=[classes, sections],
        cards={"check_simulation": card},
        plots=[("crossings.svg", crossings(card), "First jet (0: none) and missing transverse momentum, by class.")],
    )


def simulate_page(card: PhysicsCheck) -> Page:
    """Return the page of simulated jets."""
    from trigger_lut.report.plots.data import masses

    peaks = Table(
        "Mass peaks",
        ["Class", "Jets", "Expected [GeV]", "Tolerance [GeV]", "Found [GeV]", "Uncertainty [GeV]", "Jets in the peak"],
        [
            cells(
                name,
                card.jets[name],
                peak.expected.mass_gev,
                peak.expected.tolerance_gev,
                fixed(peak.found_gev, 2),
                fixed(peak.uncertainty_gev, 2),
                percent(peak.fraction_in_peak),
            )
            for name, peak in card.peaks.items()
        ],
    )
    counts = Table("Jets", ["Class", "Jets"], [cells(name, count) for name, count in card.jets.items()])
    edge = card.mass_edges_gev[-1]
    beyond = ", ".join(f"{name} {count}" for name, count in card.mass_overflow.items())
    caption = f"Groomed (mMDT) jet mass by class, each normalized to its jets. Beyond {edge:g} GeV: {beyond} jets."
    return Page(
        title="Simulated jets",
        lead=f"{sum(card.jets.values()):,} jets of {counted(len(card.jets), 'class')}.",
        tables=[peaks, counts],
        cards={"check_simulation": card},
        plots=[("masses.svg", masses(card), caption)],
    )


def ingest_page(card: IngestCard) -> Page:
    """Return the page of the integer codes of a data set."""
    from trigger_lut.report.plots.data import MOST_FEATURES, codes, inputs

    slots = any(f.empty_fraction for f in card.features)
    features = Table(
        "Features",
        [
            *("Feature", "Format", "Step", "Range", "Smallest", "Largest", "Saturated"),
            *("Codes that occur", "Codes possible", "NaN or infinite"),
            *(["Slot empty"] if slots else []),
        ],
        [
            cells(
                f.name,
                f.format,
                2.0 ** -f.kif[2] if f.lsb is None else f.lsb,
                "of the model" if f.of_model else "automatic" if f.automatic else "as given",
                f.minimum,
                f.maximum,
                percent(f.saturated_fraction),
                f.distinct_codes,
                2 ** sum(f.kif),
                f.nonfinite,
                *([percent(f.empty_fraction) if f.empty_fraction else "-"] if slots else []),
            )
            for f in card.features
        ],
        note="fixed<W,I> and ufixed<W,I> have W bits. I of them, with the sign, are left of the binary point. "
        "Figures of a slot for objects include only events in which the slot is filled.",
    )
    splits = list(card.class_counts)
    counts = Table(
        "Events",
        ["Class", *splits, "all"],
        [
            cells(name, *(card.class_counts[s][name] for s in splits), sum(card.class_counts[s][name] for s in splits))
            for name in card.classes
        ],
    )
    targets = [record_table("Targets", card.targets)] if card.targets else []
    beyond = f" (the first {MOST_FEATURES} of {len(card.features)})" if len(card.features) > MOST_FEATURES else ""
    missing = Table("Skipped files", ["File", "Reason"], [cells(*line) for line in card.skipped_files.items()])
    without = f" Skipped files, which could not be read: {len(card.skipped_files)}." if card.skipped_files else ""
    if card.without_class:
        without += f" {sum(card.without_class.values())} entries have no class and are dropped."
    warnings = Table("Warnings", ["Channels to check"], [cells(line) for line in card.warnings])
    dropped = Table(
        "Entries without a class",
        ["Value of the label", "Entries"],
        [cells(*line) for line in card.without_class.items()],
    )
    optional = [table for table in (missing, dropped) if table.rows]
    return Page(
        title=f"Data set {card.data_set}",
        lead=f"{counted(card.events, 'event')} from {counted(card.files, 'file')}, as integers of the firmware."
        f"{without}",
        tables=[*([warnings] if card.warnings else []), counts, *targets, features, *optional],
        cards={"ingest": card},
        plots=[
            ("inputs.svg", inputs(card), f"Inputs by class over the range of their codes{beyond}."),
            ("codes.svg", codes(card), f"Codes that occur, and events outside the format's range{beyond}."),
        ],
    )
