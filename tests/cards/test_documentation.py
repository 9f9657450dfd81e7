"""The tables of card fields cover all cards and all fields, each with a meaning."""

import importlib
import pkgutil

import trigger_lut.cards
from trigger_lut.cards.base import Card
from trigger_lut.cards.documentation import CARDS, card_tables

HEADS = [line for line in card_tables().splitlines() if line.startswith("**")]
ROWS = [line for line in card_tables().splitlines() if line.startswith("| `")]


def card_classes() -> set[type]:
    for module in pkgutil.iter_modules(trigger_lut.cards.__path__, "trigger_lut.cards."):
        importlib.import_module(module.name)
    classes, todo = set(), [Card]
    while todo:
        below = todo.pop().__subclasses__()
        todo += below
        classes |= {kind for kind in below if not kind.__subclasses__()}
    return {kind for kind in classes if kind.__module__.startswith("trigger_lut.")}


def test_card_tables_every_card_has_a_table():
    listed = set(CARDS.values())
    assert {kind.__name__ for kind in card_classes() - listed} == set()
    assert len(HEADS) > len(listed) > 20


def test_card_tables_every_field_has_a_row_with_a_meaning():
    names = {row.split("`")[1] for row in ROWS}
    expected = {name for model in CARDS.values() for name in model.model_fields}
    assert expected <= names
    assert [row for row in ROWS if row.endswith("|  |")] == []
