"""Stage `summary`: one table over all designs, with met or missed for every line of each budget."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import Card, Measured, Stopwatch, read_card, write_card, write_text
from trigger_lut.cards.firmware import SynthCard, TimingCard, VerifyCard
from trigger_lut.cards.physics import PhysicsCard
from trigger_lut.cards.stage_cards import DesignSummary, ReferenceCard, Summary, TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.network import short_name
from trigger_lut.errors import CardError
from trigger_lut.evaluation.budget_lines import budget_lines
from trigger_lut.evaluation.predictions import FIRMWARE
from trigger_lut.stages.registry import Output


def summarize(folder: Path, reference: ReferenceCard) -> tuple[Spec, DesignSummary, list[Path]]:
    """Return (spec, row, files read) of the design in a folder.

    Raises
    ------
    CardError
        If a card is missing or damaged, belongs to another design, or lacks a measured number.
    """
    kinds: dict[str, type[Card]] = {
        "train": TrainCard,
        "verify": VerifyCard,
        "synth": SynthCard,
        "timing": TimingCard,
        "physics": PhysicsCard,
    }
    paths = {name: folder / f"{name}.json" for name in ("spec", *kinds)}
    spec = read_card(Spec, paths["spec"])
    train = read_card(TrainCard, paths["train"])
    verify = read_card(VerifyCard, paths["verify"])
    synth = read_card(SynthCard, paths["synth"])
    timing = read_card(TimingCard, paths["timing"])
    physics = read_card(PhysicsCard, paths["physics"])
    for name, card in (
        ("train", train),
        ("verify", verify),
        ("synth", synth),
        ("timing", timing),
        ("physics", physics),
    ):
        if card.design != spec.design:
            raise CardError(
                f"{paths[name]}: card of another design. Expected {spec.design!r} as in spec.json, found "
                f"{card.design!r}. Run its stage again."
            )

    def number(card: str, key: str, figure: Measured) -> float:
        if figure.value is None:
            raise CardError(
                f"{paths[card]}: {key}: not measured. Expected a number to judge the design by. Run its stage again."
            )
        return figure.value

    lines = budget_lines(spec, synth, timing=timing)
    row = DesignSummary(
        name=spec.design,
        metric=physics.metric,
        score=physics.score,
        scores=physics.scores,
        heads=physics.heads.get(FIRMWARE, []),
        baselines=reference.baselines,
        largest_class=reference.largest_class,
        auc={name: curve.auc for name, curve in physics.classes.items()},
        efficiency_at_1e2={name: curve.efficiency_at_1e2 for name, curve in physics.classes.items()},
        efficiency_at_1e3={name: curve.efficiency_at_1e3 for name, curve in physics.classes.items()},
        luts=round(number("synth", "luts", synth.luts)),
        luts_source=synth.luts.source,
        luts_budget=spec.budget.luts,
        luts_estimate=train.luts_estimate,
        ff=round(number("synth", "ff", synth.ff)),
        dsp=round(number("synth", "dsp", synth.dsp)),
        bram18=round(number("synth", "bram18", synth.bram18)),
        latency_cycles=round(number("timing", "latency_cycles", timing.latency_cycles)),
        latency_ns=number("timing", "latency_ns", timing.latency_ns),
        latency_source=timing.latency_ns.source,
        latency_ns_budget=spec.budget.latency_ns,
        ii=round(number("timing", "ii", timing.ii)),
        clock_mhz=timing.clock_mhz,
        fmax_mhz_estimate=number("timing", "fmax_mhz_estimate", timing.fmax_mhz_estimate),
        fmax_mhz_interval=timing.fmax_mhz_interval,
        bit_exact=verify.bit_exact,
        vectors=verify.vectors,
        mismatches=verify.mismatches,
        training_seconds=round(train.seconds_per_epoch * train.epochs, 1),
        budget=lines,
        budget_met=all(line.met for line in lines),
    )
    return spec, row, list(paths.values())


def table(designs: list[DesignSummary]) -> str:
    """Return rows as tab-separated values; nested values as 'name.key' columns, met or missed a budget line."""
    rows = []
    for design in designs:
        row = design.model_dump(mode="json")
        del row["budget"]
        row["heads"] = {head.name: head.scores.weighted for head in design.heads}
        row["largest_class"] = None if design.largest_class is None else design.largest_class.scores.weighted
        row["baselines"] = {baseline.name: baseline.score for baseline in design.baselines}
        rows.append({**row, **{f"{line.quantity}_met": line.met for line in design.budget}})
    return rows_as_table(rows)


def rows_as_table(rows: list[dict[str, Any]]) -> str:
    """Return tab-separated values with a header; mappings as 'name.key' columns, lists joined by ';'."""
    flat = []
    for row in rows:
        entries: dict[str, Any] = {}
        for key, value in row.items():
            entries.update(
                {f"{key}.{name}": v for name, v in value.items()} if isinstance(value, dict) else {key: value}
            )
        flat.append({key: _as_text(value) for key, value in entries.items()})
    out = io.StringIO()
    writer = csv.DictWriter(out, list(flat[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue()


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def same_everywhere(folders: list[Path], specs: list[Spec]) -> None:
    """Raise CardError when the designs in these folders are not of one data set and target."""
    first = specs[0]
    for folder, spec in zip(folders, specs, strict=True):
        for key in ("data_set", "target_name"):
            if getattr(spec, key) != getattr(first, key):
                raise CardError(
                    f"{folder / 'spec.json'}: {key}: expected {getattr(first, key)!r} as for design "
                    f"{first.design!r}, found {getattr(spec, key)!r}"
                )


def run(*, reference: Path, folders: list[Path], json: Output, tsv: Output) -> None:
    """Write one row for each design: JSON for machines, TSV for spreadsheets.

    Parameters
    ----------
    folders : list of Path
        Folders of the designs, in the order of the rows.

    Raises
    ------
    CardError
        If a card is missing or damaged, or the designs differ in data set or target.
    """
    watch = Stopwatch()
    card = read_card(ReferenceCard, reference)
    summaries = [summarize(folder, card) for folder in folders]
    same_everywhere(folders, [spec for spec, _, _ in summaries])
    for folder, (spec, _, _) in zip(folders, summaries, strict=True):
        network = short_name(spec.network)
        if network != card.network:
            raise CardError(
                f"{reference}: network: expected {network!r} as in {folder / 'spec.json'}, found {card.network!r}"
            )
    first = summaries[0][0]
    designs = [row for _, row, _ in summaries]
    read = [reference, *(path for _, _, paths in summaries for path in paths)]
    summary = Summary(data_set=first.data_set, target=first.target_name, designs=designs, **watch.provenance(read))
    write_text(tsv, table(designs))
    write_card(summary, json)
