"""Timeline of an event: each position passes each stage once, and events do not meet."""

import made_cards
import pytest

from trigger_lut.cards.time_sharing import SharedPart
from trigger_lut.report.pages.design import train_page
from trigger_lut.report.timeline import Occupied, timeline

BLOCK = SharedPart(layers="dense", logic_cycles=2, positions=5, instances=2, fold=3)
HEAD = SharedPart(layers="head", logic_cycles=3)


def test_stages_of_a_block():
    rows = timeline([BLOCK])
    occupied = {}
    for row in rows:
        occupied.setdefault(row.stage, []).append((row.cycle, row.positions))
    words = [(0, 1), (2, 3), (4, 4)]
    assert occupied == {
        "inputs": [(0, None)],
        **{
            stage: [(start + n, word) for n, word in enumerate(words)]
            for start, stage in enumerate(("words", "stage 1", "stage 2", "accumulators"), 1)
        },
    }
    assert rows[-1].cycle == BLOCK.latency_cycles == 6


def test_words_from_registers_come_a_cycle_later():
    late = timeline([BLOCK.model_copy(update={"wait_cycles": 1})])
    assert late[1] == Occupied("registers", 1, None)
    early = timeline([BLOCK])
    assert [(row.stage, row.cycle - 1, row.positions) for row in late[2:]] == [
        (row.stage, row.cycle, row.positions) for row in early[1:]
    ]


@pytest.mark.parametrize("parts", [[BLOCK, HEAD], [HEAD, BLOCK, HEAD], [HEAD]])
def test_outputs_come_after_the_latency(parts):
    rows = timeline(parts)
    assert rows[-1].cycle == sum(part.latency_cycles for part in parts)
    assert len({(row.stage, row.cycle) for row in rows}) == len(rows), "one word in a stage at a time"
    computing = [row for row in rows if row.stage.endswith("stage 2") and row.positions is not None]
    covered = [p for row in computing for p in range(row.positions[0], row.positions[1] + 1)]
    assert covered == (list(range(5)) if BLOCK in parts else [])


def test_events_meet_only_below_the_initiation_interval():
    used = {(row.stage, row.cycle) for row in timeline([HEAD, BLOCK, HEAD])}

    def meets(cycles):
        return bool(used & {(stage, cycle + cycles) for stage, cycle in used})

    assert not any(meets(cycles) for cycles in range(BLOCK.fold, 30))
    assert all(meets(cycles) for cycles in range(1, BLOCK.fold)), "so the interval cannot be shorter"


def test_page_shows_what_was_tried():
    page = train_page(made_cards.shared_train())
    tables = {table.title: table for table in page.tables}
    compared = tables["Time sharing against II = 1"]
    assert [cell.text for cell in compared.rows[0]] == ["LUTs", "460", "950", "-490"]
    assert compared.note.startswith("dense: 2 of 5 positions a cycle")
    assert [cell.text for cell in tables["Ways to share that were tried"].rows[0]][-1] == "yes"
    assert len(tables["Parts of the network"].rows) == 2
    assert "timeline.svg" in [name for name, _, _ in page.plots]


def test_page_without_sharing():
    page = train_page(made_cards.train())
    assert not any("sharing" in table.title for table in page.tables)
    assert "timeline.svg" not in [name for name, _, _ in page.plots]
