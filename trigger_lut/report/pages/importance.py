"""Page of the importance of each bit of each input."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.importance import FeatureImportance, ImportanceCard, Loss
from trigger_lut.cards.stage_cards import METRICS
from trigger_lut.report.plots.importance import MOST_FEATURES, bits, by_loss, short, slots
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, number, write_page

MOST_ROWS = 400


def page_of_importance(*, importance: Path, folder: Path) -> None:
    """Write the page of input importance of a design: importance.html and its plot.

    Parameters
    ----------
    importance : Path
        ImportanceCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        write_page(importance_page(read_card(ImportanceCard, importance)), folder / "importance.html")


def importance_page(card: ImportanceCard) -> Page:
    """Return the page."""
    measure, features = METRICS[card.metric], by_loss(card)
    several = any(feature.channels > 1 for feature in features)
    places = range(1, 1 + max(len(feature.bits) for feature in features))
    tables = [] if not card.pruned else [_pruned(card)]
    tables.append(
        Table(
            "Features",
            [
                *("Feature", "Format", *(["Channels", "Channels read"] if several else [])),
                *("Bits", "Bits read", "Tables", "of all possible", f"{measure} lost [percentage points]"),
            ],
            [
                cells(
                    *(feature.name, feature.format),
                    *((feature.channels, feature.channels_read) if several else ()),
                    *(len(feature.bits), feature.bits_read, feature.edges, feature.edges_possible),
                    _loss(feature.loss),
                )
                for feature in features
            ],
            note=_note(card),
            sortable=True,
        )
    )
    tables.append(
        Table(
            f"{measure} lost by bit [percentage points]",
            ["Feature", *map(str, places)],
            [[*cells(feature.name), *(_by_bit(feature, place) for place in places)] for feature in features],
            note="Bit 1 is the most significant, the sign of a signed format. The other bits of the feature stay. This "
            "can give values that do not occur in data. A bit can therefore lose more than the feature. A dot: not "
            f"read, no loss. {_idle(card)}",
        )
    )
    if classes := list(features[0].by_class):
        tables.append(
            Table(
                "Lost by class [percentage points]",
                ["Feature", *classes],
                [[*cells(feature.name), *(_loss(feature.by_class[name]) for name in classes)] for feature in features],
                note="Loss of the fraction of each class that is assigned to it, if the feature is shuffled. A "
                "negative loss: more events of the class are assigned to it, at the cost of others.",
                sortable=True,
            )
        )
    if card.slots:
        ordered = sorted(card.slots, key=lambda slot: (slot.bits_read == 0, -slot.loss.value))
        tables.append(
            Table(
                "Slots of objects",
                ["Slot", "Bits", "Bits read", f"{measure} lost [percentage points]"],
                [cells(slot.name, slot.bits, slot.bits_read, _loss(slot.loss)) for slot in ordered[:MOST_ROWS]],
                note="All features of the slot are shuffled together."
                + (f" The first {MOST_ROWS} of {len(ordered)}." if len(ordered) > MOST_ROWS else ""),
                sortable=True,
            )
        )
    first = f" The first {MOST_FEATURES} of {len(features)} features." if len(features) > MOST_FEATURES else ""
    return Page(
        title=f"{card.design}: input importance",
        lead=f"{measure} {100 * card.score:.2f} % on {card.events:,} of the {card.events_test:,} test events. "
        f"The network reads {card.bits_read:,} of {card.bits:,} input bits; {_how_many(card)}",
        tables=tables,
        cards={"importance": card},
        plots=[
            (
                "importance.svg",
                bits(card),
                f"{measure} lost if a feature, or one bit of it, is shuffled among the events. Hatched: bits that no "
                f"table or weight depends on.{first}",
            ),
            *(
                [("slots.svg", slots(card), f"{measure} that is lost when all features of one slot are shuffled.")]
                if card.slots
                else []
            ),
        ],
    )


def _how_many(card: ImportanceCard) -> str:
    if not card.pruned:
        return f"pruned inputs: none of {card.inputs_all:,}."
    return f"pruned inputs: {len(card.pruned):,} of {card.inputs_all:,}."


def _idle(card: ImportanceCard) -> str:
    """Count bits that are read, but not significant."""
    read = [bit.loss for feature in card.features for bit in feature.bits if bit.read]
    idle = sum(loss.error is not None and loss.value < 2 * loss.error for loss in read)
    return f"{idle} of {len(read)} bits that are read lose less than two standard errors." if idle else ""


def _pruned(card: ImportanceCard) -> Table:
    rows = [cells(name) for name in card.pruned[:MOST_ROWS]]
    more = f" The first {MOST_ROWS} of {len(card.pruned):,}." if len(card.pruned) > MOST_ROWS else ""
    note = "No table or weight of this design depends on these inputs. The firmware does not need them." + more
    return Table("Pruned inputs", ["Input"], rows, note=note)


def _loss(loss: Loss) -> Cell:
    value = f"{100 * loss.value:.2f}".replace("-", "\N{MINUS SIGN}")
    text = value if loss.error is None else f"{value} ± {100 * loss.error:.2f}"
    return Cell(text, key=100 * loss.value)


def _by_bit(feature: FeatureImportance, place: int) -> Cell:
    """Return the loss of a bit; bit 1 is the most significant."""
    if place > len(feature.bits):
        return Cell("")
    bit = feature.bits[place - 1]
    return Cell(short(100 * bit.loss.value) if bit.read else "·")


def _note(card: ImportanceCard) -> str:
    return (
        f"Each feature is shuffled among the events {number(card.shuffles)} times. A feature of objects is shuffled in "
        "all slots together. Tables: tables and weights of the first layers that are not pruned, of all possible ones. "
        "A loss measures how much this design relies on an input. If inputs are correlated, each one alone may seem "
        "unimportant. Errors are of the same events."
    )
