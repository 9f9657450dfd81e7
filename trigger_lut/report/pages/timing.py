"""Timing page: latency against the budget, pipeline stages after synthesis, accuracy of the delay model."""

from __future__ import annotations

from trigger_lut.cards.firmware import StageTiming, SynthCard, TimingCard
from trigger_lut.cards.route import RouteCard
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model import published_latency
from trigger_lut.cost_model.delay import PERIOD_RATIOS
from trigger_lut.report.pages.route import depths_table
from trigger_lut.report.template import Cell, Page, Table, cells, fixed, fmax, judgement, measured


def timing_page(
    spec: Spec, card: TimingCard, *, synth: SynthCard | None = None, route: RouteCard | None = None
) -> Page:
    """Return the page; synth has the pipeline stages, route is None if that stage is switched off."""
    from trigger_lut.report.plots.hardware import pipeline

    late = "missed" if card.clock_met else "missed: counts only if the clock is met"
    rows = [
        cells("Latency [cycles]", *measured(card.latency_cycles), spec.latency_cycles_budget, Cell("-")),
        cells("Latency [ns]", *measured(card.latency_ns), card.latency_ns_budget, judgement(card.latency_met, no=late)),
        cells("Initiation interval [cycles]", *measured(card.ii), spec.budget.ii, judgement(card.ii_met)),
        cells("Logic levels", *measured(card.logic_levels), Cell("-"), Cell("-")),
        cells(
            "Clock [MHz]",
            fmax(card.fmax_mhz_estimate.value, card.clock_mhz, interval=card.fmax_mhz_interval),
            Cell(card.fmax_mhz_estimate.source, "text"),
            f"at least {card.clock_mhz:g}",
            judgement(card.clock_met, no=f"missed: {card.clock_obstacle}" if card.clock_obstacle else "missed"),
        ),
    ]
    allowed = "not found" if card.latency_allowed_ns is None else f"{card.latency_allowed_ns:,g} ns"
    tables = [
        Table(
            "Latency and throughput",
            ["Quantity", "Measured", "Source", "Budget", "Result"],
            rows,
            note=f"Fmax: {card.fmax_model.removesuffix('.')}.",
        )
    ]
    if synth is not None and synth.stages:
        tables.append(stages_table(synth))
    tables.append(model_table())
    if route is not None:
        tables.append(depths_table(route))
    return Page(
        title=f"{card.design}: timing",
        lead=(
            f"At {card.clock_mhz:g} MHz, the clock of {spec.target_name}, which allows a latency of {allowed} "
            f"and brings an event every {spec.target.event_period_ns:g} ns."
        ),
        tables=tables,
        cards={"timing": card} | ({} if route is None else {"route": route}),
        plots=[
            (
                "pipeline.svg",
                pipeline(card),
                "Events in the pipeline. Each dashed line is the latency budget of its event.",
            )
        ],
    )


def stages_table(card: SynthCard) -> Table:
    """Return the static timing of each pipeline stage, with its slowest path."""
    slowest = max(range(len(card.stages)), key=lambda n: card.stages[n].logic_ns)
    return Table(
        "Pipeline stages after synthesis",
        [
            *("Stage", "LUTs", "Carry chains", "Registers after it [bits]", "Logic levels", "Logic [ns], estimate"),
            *("On its slowest path", "Slowest path"),
        ],
        [
            cells(
                n + 1,
                stage.luts,
                stage.carry_chains,
                stage.registers,
                stage.logic_levels,
                Cell(fixed(stage.logic_ns, 2).text + (" (critical)" if n == slowest else ""), "number"),
                _cells_on(stage),
                Cell(" → ".join(stage.path) or "unnamed nets", "text"),
            )
            for n, stage in enumerate(card.stages)
        ],
        note=(
            "Static timing of the netlist by the delay model, with a wire before each LUT. Each net has the name of "
            f"the network value that it equals on {card.netlist_vectors:,} random vectors. Nets inside a table of "
            "several LUTs or inside an adder have no name."
        ),
    )


def _cells_on(stage: StageTiming) -> Cell:
    return Cell(", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in stage.on_path.items()) or "-", "text")


def model_table() -> Table:
    """Return the comparison of the delay model with published designs after place and route."""
    published = published_latency.load()
    intervals = published_latency.ratio_intervals(tuple(PERIOD_RATIOS))
    errors = "; ".join(f"{low} to {high} in {100 * p:.0f} %" for p, (low, high) in intervals.items())
    return Table(
        "The delay model against published designs",
        ["Design", "LUTs", "Post-route, published [ns]", "Model [ns]", "Published / model", "Source"],
        [
            cells(
                row.published.name,
                row.published.luts,
                fixed(row.published.time_ns, 2),
                fixed(row.predicted_ns, 2),
                fixed(row.ratio, 2),
                Cell(published.sources[row.published.source].split(":")[0].split(",")[0], "text"),
            )
            for row in published_latency.checked()
        ],
        note=(
            f"{published.family}, after place and route. Clock period, or latency of the HGQ-LUT networks. Each design "
            f"is predicted by the fit to the others. Published / model: {errors} of the designs. Widths of adders and "
            "tables are assumed; most designs are of one architecture. Not used, as the slowest path is not known: "
            + ", ".join(design.name for design in published.not_used)
            + "."
        ),
    )
