"""The path of one event: its parts add up to what the reference says, and changes on the way are named."""

from dataclasses import replace

import numpy as np
import pytest
from networks import random_codes, random_graph, random_network

from trigger_lut.data.event_codes import TEST, EventCodes, save_codes
from trigger_lut.errors import DataError
from trigger_lut.network.event_trace import trace_event
from trigger_lut.network.network import MaxLayer, save_network
from trigger_lut.network.reference_model import all_values
from trigger_lut.report.pages.event import page_of_event


def added_up(output, relu):
    if output.start is None:
        return max((code for _, code in output.parts.values()), default=0)
    total = output.start + sum(value for _, value in output.parts.values())
    return max(total, 0) if relu else total


@pytest.mark.parametrize("network", [random_network(3), *(random_graph(seed) for seed in range(4))])
def test_the_parts_of_each_output_give_its_code(network):
    layers = {layer.name: layer for layer in network.layers}
    for codes in random_codes(network, 5):
        values = all_values(network, codes[None])[0]
        steps = trace_event(network, codes)
        assert sum(len(step.outputs) for step in steps) == len(values) - len(network.inputs)
        for step in steps:
            layer = layers[step.layer]
            for o, output in enumerate(step.outputs):
                assert output.code == values[step.first + o]
                assert added_up(output, getattr(layer, "relu", False)) == output.code, (step.layer, o)
                assert (output.start is None) == isinstance(layer, MaxLayer)
            for channel in step.channels:
                assert channel.format.lo <= channel.code <= channel.format.hi
                assert channel.source is None or channel.read == values[channel.source]
                same = channel.code * 2.0**-channel.format.f == channel.read * 2.0**-channel.fraction_bits
                assert same == (channel.changed == ""), channel


def test_a_sum_that_is_off_is_seen():
    network = random_network(3)
    step = trace_event(network, random_codes(network, 1)[0])[0]
    output = replace(step.outputs[0], start=step.outputs[0].start + 1)
    assert added_up(output, False) != output.code


def written(folder, network):
    codes = random_codes(network, 8).astype(np.int32)
    split = np.full(8, TEST, dtype=np.uint8)
    ids = np.arange(8, dtype=np.uint64)
    network = replace(network, features=tuple(f"x{i}" for i in range(len(network.inputs))), classes=tuple("abc"))
    save_network(network, folder / "network.npz")
    events = EventCodes(codes, np.arange(8) % 3, split, ids, network.inputs, network.features, network.classes)
    save_codes(events, folder / "codes.npz")
    return folder / "network.npz", folder / "codes.npz"


@pytest.mark.parametrize("network", [random_network(3), random_graph(1)])
def test_the_page_shows_every_layer(tmp_path, network):
    files = dict(zip(("network", "codes"), written(tmp_path, network), strict=True))
    page_of_event(name="d", **files, event=2, output=tmp_path / "event.html")
    text = (tmp_path / "event.html").read_text()
    assert all(layer.name in text for layer in network.layers)
    assert "Event 2 of the test split" in text


def test_an_event_that_is_not_there_is_refused(tmp_path):
    files = written(tmp_path, random_network(3))
    with pytest.raises(DataError, match="no event 8 in the test split; expected 0 to 7"):
        page_of_event(name="d", network=files[0], codes=files[1], event=8, output=tmp_path / "event.html")
    assert not (tmp_path / "event.html").exists()
