"""Differences between two releases, made from files alone."""

import json
from dataclasses import replace

import made_cards
import numpy as np
import pytest
from networks import random_codes, random_graph, random_network

from trigger_lut.cards.decision import DecisionBit
from trigger_lut.cli import main
from trigger_lut.errors import DataError
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release.differences import differences, differences_text, read
from trigger_lut.release.manifest import Shipped, facts_of, manifest_text

OUTPUTS = ("a", "b", "c")


@pytest.fixture
def release(tmp_path):
    """Write a release of a network, without firmware, and read it."""

    def write(name, network, codes, luts=900, decision=None):
        cards = Shipped(
            spec=made_cards.spec(),
            firmware=made_cards.firmware(),
            verify=made_cards.verify(),
            synth=made_cards.synth(luts=luts),
            timing=made_cards.timing(),
            decision=decision,
        )
        formats = {"inputs": network.inputs, "outputs": network.output_formats()}
        files = cards.files() | {
            "emulator/python/network.json": network_json(network, "small").encode(),
            "rtl/project.json": json.dumps(formats).encode(),
            "vectors/inputs.txt": "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist()).encode(),
        }
        files["manifest.json"] = manifest_text(facts_of(cards, len(codes)), files)
        for path, content in files.items():
            place = tmp_path / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return tmp_path / name

    return write


def test_release_and_itself_have_no_differences(release):
    network = random_graph(2)
    path = release("one", network, random_codes(network, 50))
    compared = differences(read(path), read(path))
    assert compared.changes == ()
    assert (compared.constants_differ, compared.results.outputs_differ) == (0, 0)
    assert compared.constants > 100
    assert "accuracy and rates: not measured" in differences_text(compared)


def test_other_table_entry_keeps_interface_and_structure(release):
    network = random_network(6)
    codes = random_codes(network, 400)
    other = flipped(network, choose_flip(network, codes, seed=0))
    one, two = (read(release(name, n, codes)) for name, n in (("one", network), ("two", other)))
    compared = differences(one, two)
    assert compared.of("structure") == []
    assert compared.constants_differ == 1
    expected = [evaluate(n, np.unique(codes, axis=0)) * 2.0**-n.fractions for n in (network, other)]
    assert compared.results.vectors == len(expected[0])
    assert compared.results.outputs_differ == (expected[0] != expected[1]).any(axis=1).sum() > 0
    assert compared.results.largest_differs == (expected[0].argmax(axis=1) != expected[1].argmax(axis=1)).sum()


def test_other_input_format_is_a_change_of_the_interface(release, capsys):
    network = random_network(6)
    wide = replace(network, inputs=(KIF(1, 5, 9), *network.inputs[1:]))
    codes = random_codes(network, 20)
    one, two = (release(name, n, codes) for name, n in (("one", network), ("two", wide)))
    compared = differences(read(one), read(two))
    assert compared.of("interface")[0].key == "input 0"
    assert compared.results is None
    assert main(["diff", str(one), str(two)]) == 0
    assert main(["diff", "--same-interface", str(one), str(two)]) == 1
    assert "two: interface: not that of" in capsys.readouterr().err


def test_figures_and_thresholds_are_named(release):
    network = random_network(6)
    codes = random_codes(network, 300)

    def decision(code):
        bit = DecisionBit(rate_khz=5, code=code, threshold=code, vectors={}, control={})
        names = network.output_names()
        update = {"bits": [bit], "signal": names[:1], "background": []}
        return made_cards.decision().model_copy(update=update)

    outputs = evaluate(network, np.unique(codes, axis=0))[:, 0]
    low, high = (int(np.quantile(outputs, share)) for share in (0.2, 0.6))
    one = read(release("one", network, codes, decision=decision(low)))
    two = read(release("two", network, codes, luts=800, decision=decision(high)))
    compared = differences(one, two)
    assert [(c.key, c.old, c.new) for c in compared.of("figures")] == [("luts", "900", "800")]
    assert [(c.key, c.old, c.new) for c in compared.of("decision")] == [("threshold for 5 kHz", str(low), str(high))]
    assert compared.results.bits_differ == {"5": ((outputs >= low) != (outputs >= high)).sum()}


def test_changed_file_is_refused(release):
    network = random_network(6)
    path = release("one", network, random_codes(network, 20))
    (path / "vectors/inputs.txt").write_text("")
    with pytest.raises(DataError, match=r"vectors/inputs\.txt was changed"):
        read(path)


def test_file_that_is_no_network_is_refused(release):
    network = random_network(6)
    one = read(release("one", network, random_codes(network, 20)))
    with pytest.raises(DataError, match="Expected a network as the release stage writes it"):
        differences(one, replace(one, network={"layers": 3}))
