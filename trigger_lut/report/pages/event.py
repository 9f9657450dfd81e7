"""Page for debugging: one event in a design, with all integers."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.data.event_codes import TEST, EventCodes, load_codes
from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.event_trace import Step, trace_event
from trigger_lut.network.network import Network, load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.report.template import Cell, Page, Table, cells, write_page

MAX_POSITIONS = 16
PART = {
    "tables": "address → entry",
    "arithmetic": "weight → product",
    "selection": "bits it is shifted up → code",
}


def page_of_event(*, network: Path, codes: Path, output: Path, name: str = "network", event: int = 0) -> None:
    """Write the page of one event in a network, with all integers, for debugging.

    Parameters
    ----------
    name : str
        Name of the design, for the title.
    event : int
        Number of the event in the test split, from 0.

    Raises
    ------
    CardError
        If a file cannot be read.
    DataError
        If there is no such event, or if the codes are in other formats.
    """
    integers, events = load_network(network), load_codes(codes)
    vectors, head = events.of(TEST)[0], events.class_head
    if not 0 <= event < len(vectors):
        raise DataError(f"{codes}: no event {event} in the test split; expected 0 to {len(vectors) - 1}")
    if events.formats != integers.inputs:
        raise DataError(f"{codes}: codes are in other formats than the inputs of {network}")
    steps = trace_event(integers, vectors[event])
    page = event_page(
        name,
        integers,
        codes=vectors[event],
        steps=steps,
        event=event,
        truth=_truth(events, event),
        scores=head.outputs if head is not None else slice(0, 0),
    )
    write_page(page, output)


def _truth(events: EventCodes, event: int) -> str:
    """Return class and targets of an event of the test split as text."""
    parts, chosen = [], events.split == TEST
    if (head := events.class_head) is not None:
        parts.append(f"class {head.head.outputs[int(events.labels[chosen][event])]}")
    if events.targets is not None:
        values = events.targets[chosen][event]
        parts += [f"{x.name} {x.scale * values[x.column]:.4g} {x.unit}".strip() for x in events.placed_targets]
    return f"true {', '.join(parts)}" if parts else "true class unknown"


def event_page(
    design: str,
    network: Network,
    *,
    codes: IntArray,
    steps: list[Step],
    event: int,
    truth: str,
    scores: slice = slice(None),
) -> Page:
    """Return the page of an event with codes (C_in,); scores: outputs of which the largest is the class."""
    names = _names(network)
    shown = [step for step in steps if step.position < MAX_POSITIONS]
    outputs = _outputs(network, codes)
    largest = max(range(len(outputs))[scores], key=lambda o: outputs[o][1], default=None)
    assigned = "" if largest is None else f"The largest output of a class is {outputs[largest][0]}. "
    lead = (
        f"Event {event} of the test split, {truth}: all integers from inputs to outputs. {assigned}"
        "A value is its code times 2 to the minus fraction "
        "bits. For another event: trigger-lut report event --event N."
    )
    return Page(
        title=f"{design}: one event",
        lead=lead,
        tables=[
            _inputs(network, codes),
            *(_table(step, names) for step in shown),
            _results(outputs, largest),
        ],
        cards={},
    )


def _names(network: Network) -> list[str]:
    """Return a short name for each value: the feature, or layer, position and output."""
    names = [network.features[i] if i < len(network.features) else f"in{i}" for i in range(len(network.inputs))]
    for layer in network.layers:
        for place in range(layer.n_positions):
            at = f"@{place}" if layer.n_positions > 1 else ""
            names += [f"{layer.name}{at}.{o}" for o in range(layer.shape[1])]
    return names


def _inputs(network: Network, codes: IntArray) -> Table:
    names = _names(network)
    rows = [
        cells(names[i], str(kif), int(code), f"{int(code) & ((1 << kif.bits) - 1):0{kif.bits}b}", int(code) * kif.step)
        for i, (kif, code) in enumerate(zip(network.inputs, codes, strict=True))
    ]
    return Table("Inputs", ["Channel", "Format", "Code", "Bits", "Value"], rows)


def _table(step: Step, names: list[str]) -> Table:
    """One layer at one place: a row per channel, a column per output."""
    header = ["Channel reads", "Code read", "Format", "Code", ""]
    header += [names[step.first + o].rsplit(".", 1)[1] for o in range(len(step.outputs))]
    rows = []
    for i, channel in enumerate(step.channels):
        if not any(i in output.parts for output in step.outputs):
            continue
        source = "padding" if channel.source is None else names[channel.source]
        row = cells(source, channel.read, str(channel.format), channel.code)
        row.append(Cell(channel.changed, "bad" if channel.changed == "wrapped" else "text"))
        for output in step.outputs:
            part = output.parts.get(i)
            row.append(Cell("" if part is None else f"{part[0]} \N{RIGHTWARDS ARROW} {part[1]}"))
        rows.append(row)
    if any(output.start is not None for output in step.outputs):
        rows.append([*_blank("bias"), *(Cell(str(output.start)) for output in step.outputs)])
    rows.append([*_blank("output"), *(Cell(str(output.code), "good") for output in step.outputs)])
    rows.append([*_blank("fraction bits"), *(Cell(str(output.fraction_bits)) for output in step.outputs)])
    rows.append([*_blank("value"), *cells(*(float(output.value) for output in step.outputs))])
    place = f", position {step.position} of {step.n_positions}" if step.n_positions > 1 else ""
    note = f"Columns are outputs; entries: {PART.get(step.kind, 'operand → result')}. Empty: not read."
    if step.n_positions > MAX_POSITIONS and step.position == MAX_POSITIONS - 1:
        note += f" Not shown: {step.n_positions - MAX_POSITIONS} more positions."
    return Table(f"{step.layer}{place}", header, rows, note)


def _blank(name: str) -> list[Cell]:
    return [Cell(name, "text"), Cell(""), Cell("", "text"), Cell(""), Cell("", "text")]


def _outputs(network: Network, codes: IntArray) -> list[tuple[str, float, int, int]]:
    """Name, value, code and fractional bits of each output of the network."""
    outputs = []
    for o, (code, f) in enumerate(
        zip(evaluate(network, codes[None])[0].tolist(), network.fractions.tolist(), strict=True)
    ):
        name = network.classes[o] if o < len(network.classes) else str(o)
        outputs.append((name, code * 2.0**-f, code, f))
    return outputs


def _results(outputs: list[tuple[str, float, int, int]], largest: int | None) -> Table:
    rows = [
        [
            Cell(name, "text"),
            Cell(str(code)),
            Cell(str(fraction)),
            Cell(f"{value:g}", "good" if o == largest else ""),
        ]
        for o, (name, value, code, fraction) in enumerate(outputs)
    ]
    return Table("Outputs of the network", ["Output", "Code", "Fraction bits", "Value"], rows)
