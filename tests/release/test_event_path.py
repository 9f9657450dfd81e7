"""The path of an event to an output that differs: complete, equal to the network's trace, or refused with a reason."""

import re

import numpy as np
import pytest
from networks import random_codes, random_graph, random_network

from trigger_lut.cli import main
from trigger_lut.errors import DataError
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.firmware.rtl.verilator import pack
from trigger_lut.network.event_trace import trace_event
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release.compare_capture import NETWORK, Difference, compare_captures, output_layout
from trigger_lut.release.event_path import INPUTS, event_path_text
from trigger_lut.release.pattern_files import board_data, pattern_text, words_of_bus

EVENTS = 12


def released(folder, network):
    """The network and vectors of a release, and the board data of the expectation."""
    codes = random_codes(network, EVENTS)
    for path, text in (
        (NETWORK, network_json(network, "x")),
        (INPUTS, "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist())),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    outputs = evaluate(network, codes)
    words = words_of_bus(pack(outputs, tuple(network.output_formats())))
    return codes, outputs, board_data("x", words, valid=np.ones(EVENTS, dtype=bool))


def changed(data, event, bit):
    words = data.words.copy()
    words[event, bit // 64] ^= np.uint64(1 << bit % 64)
    return type(data)(**{**vars(data), "words": words})


@pytest.mark.parametrize("network", [random_network(3), random_graph(2), random_graph(5)])
def test_the_path_has_the_values_of_the_trace(tmp_path, network):
    codes, outputs, expected = released(tmp_path, network)
    layout = output_layout(tmp_path)
    for number in range(len(layout.names)):
        bit = sum(kif.bits for kif in layout.formats[:number])
        first = compare_captures(changed(expected, 4, bit), expected, layout=layout).first
        assert first.output == layout.names[number]
        text = event_path_text(tmp_path, layout, first=first)
        code = int(outputs[4, number])
        assert f"{first.output} = {code} is expected, the capture has " in text
        traced = {}
        for step in trace_event(network, codes[4]):
            at = f"@{step.position}" if step.n_positions > 1 else ""
            for o, output in enumerate(step.outputs):
                parts = [f"[{step.channels[i].code}]->{part[1]}" for i, part in sorted(output.parts.items())]
                traced[f"{step.layer}{at}.{o}"] = (output.code, sorted(parts))
        shown = dict(re.findall(r"^  (\S+) = (-?\d+) \(.* of ", text, re.MULTILINE))
        for name, value in shown.items():
            assert traced[name][0] == int(value)
            (line,) = [line for line in text.splitlines() if line.startswith(f"  {name} = ")]
            assert sorted(re.findall(r"\[-?\d+\]->-?\d+", line)) == traced[name][1]
        assert shown or network.output_values[number] < len(network.inputs)


def test_the_value_of_the_capture_has_the_changed_bit(tmp_path):
    network = random_network(3)
    _, outputs, expected = released(tmp_path, network)
    layout = output_layout(tmp_path)
    first = compare_captures(changed(expected, 2, 1), expected, layout=layout).first
    (sent,) = re.findall(r"the capture has (-?\d+)", event_path_text(tmp_path, layout, first=first))
    mask = (1 << layout.formats[0].bits) - 1
    assert (int(sent) ^ int(outputs[2, 0])) & mask == 2


def test_a_value_over_two_words_is_not_decoded(tmp_path):
    network = random_network(4, units=(4, 5, 20))
    _, _, expected = released(tmp_path, network)
    layout = output_layout(tmp_path)
    ends = np.cumsum([kif.bits for kif in layout.formats])
    number = int(np.searchsorted(ends, 64, side="right"))
    assert ends[number - 1] < 64 < ends[number]
    assert layout.value(number, 0, word=0) is None
    first = compare_captures(changed(expected, 1, 63), expected, layout=layout).first
    assert first.output == layout.names[number]
    assert "the capture has" not in event_path_text(tmp_path, layout, first=first)


def test_another_expectation_has_no_path(tmp_path):
    network = random_network(3)
    _, _, expected = released(tmp_path, network)
    layout = output_layout(tmp_path)
    other = changed(expected, 3, 0)
    first = compare_captures(expected, other, layout=layout).first
    assert event_path_text(tmp_path, layout, first=first) == (
        "no path: event 3 of the expectation is not vector 3 of the release\n"
    )
    (tmp_path / INPUTS).write_text("".join((tmp_path / INPUTS).read_text().splitlines(keepends=True)[:2]))
    assert event_path_text(tmp_path, layout, first=first) == f"no path: {INPUTS} has no event 3\n"
    missing = Difference(0, 3, 3, 1, None, None)
    assert event_path_text(tmp_path, layout, first=missing).startswith("no path: the difference is in no output")


@pytest.mark.parametrize("text", ["a b c d\n" * 9, "99 99 99 99\n" * 9, "1\n" * 9])
def test_damaged_vectors_are_refused(tmp_path, text):
    network = random_network(3)
    _, _, expected = released(tmp_path, network)
    layout = output_layout(tmp_path)
    (tmp_path / INPUTS).write_text(text)
    first = compare_captures(changed(expected, 3, 0), expected, layout=layout).first
    with pytest.raises(DataError, match=r"vectors/inputs\.txt: "):
        event_path_text(tmp_path, layout, first=first)


def test_compare_command_prints_the_path(tmp_path, capsys):
    network = random_network(3)
    _, _, expected = released(tmp_path / "release", network)
    (tmp_path / "expected.txt").write_text(pattern_text(expected))
    (tmp_path / "capture.txt").write_text(pattern_text(changed(expected, 5, 0)))
    paths = [str(tmp_path / name) for name in ("capture.txt", "expected.txt")]
    assert main(["compare", *paths, "--release", str(tmp_path / "release")]) == 1
    assert f"path of event 5 to {network.classes[0]}:" in capsys.readouterr().out
