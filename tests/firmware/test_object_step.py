"""The object step in Verilog: simulated against the step in Python, and broken on purpose."""

import itertools

import numpy as np
import pytest
from hardware_objects import formats_of

from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.release import ObjectStepOptions
from trigger_lut.errors import CardError, FirmwareError
from trigger_lut.firmware.front_end.draw import draw_objects, reference_codes
from trigger_lut.firmware.front_end.object_step import OBJECT_STEP, read_object_step, save_object_step
from trigger_lut.firmware.front_end.sorting import sorting_network
from trigger_lut.firmware.front_end.verilog import object_step_verilog, refusal
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import KIF


def unsigned(width):
    return {"signed": False, "width": width}


def signed(width):
    return {"signed": True, "width": width}


def data_set(**changes):
    """Jets and muons of hardware integers, a number of the event, tables, all roundings, and a mask."""
    content = {
        "name": "d",
        "files": ["x.root"],
        "tree": "t",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["a", "b"]},
        "features": [
            {"name": "met", "scale": {"signed": False, "width": 6, "lsb": 2}},
            {"name": "log", "expression": "log(met + 1)", "format": {"signed": False, "width": 7, "integer": 3}},
        ],
        "objects": {
            "jet": {
                "count": 4,
                "select": "(jet_pt > 2) & ((jet_id & 2) > 0)",
                "sort_by": "jet_pt",
                "pad": -1,
                "mask": "there",
                "features": [
                    {"name": "pt", "expression": "jet_pt * 0.25", "format": {"signed": True, "width": 6, "integer": 5}},
                    {"name": "eta", "expression": "jet_eta", "scale": {"signed": True, "width": 4, "lsb": 2}},
                    {
                        "name": "near",
                        "expression": "abs(jet_eta) - met / 8",
                        "scale": {"signed": True, "width": 5, "lsb": 4, "rounding": "floor"},
                    },
                    {
                        "name": "phi",
                        "expression": "jet_phi * 0.0982",
                        "scale": {"signed": True, "width": 6, "lsb": "pi/16"},
                    },
                ],
            },
            "muon": {
                "count": 2,
                "sort_by": "-abs(mu_eta)",
                "features": [
                    {
                        "name": "eta",
                        "expression": "where(mu_eta < 0, 3 - mu_eta, mu_eta)",
                        "format": {"signed": True, "width": 7, "integer": 7},
                    },
                    {
                        "name": "q",
                        "expression": "(mu_id >> 1) & 1",
                        "format": {"signed": False, "width": 1, "integer": 1},
                    },
                ],
            },
        },
    }
    return DataSet.model_validate(content | changes)


OPTIONS = {
    "numbers": {"met": unsigned(8)},
    "lists": {
        "jet": {
            "length": 7,
            "branches": {"jet_pt": unsigned(9), "jet_eta": signed(6), "jet_phi": signed(6), "jet_id": unsigned(3)},
        },
        "muon": {"length": 5, "branches": {"mu_eta": signed(7), "mu_id": unsigned(4)}},
    },
}


def options(**changes):
    return ObjectStepOptions.model_validate(OPTIONS | changes)


def written(folder, described=None, chosen=None, edit=lambda text: text):
    described = described or data_set()
    step, text = object_step_verilog(described, formats_of(described), options=chosen or options(), top="net")
    (folder / f"{step.top}.v").write_text(edit(text))
    return step


def simulated(step, folder, ports):
    rtl = RtlProject(folder, "net", (), (), step.outputs, (), 0, 0.0)
    return simulate_rtl(step.project(rtl), ports)


def few_jets(**changes):
    """Two slots for five jets with ties, of which the place in the list is a feature. Quick to compile."""
    jets = {
        "count": 2,
        "select": "pt > 1",
        "sort_by": "pt",
        "pad": 3,
        "features": [
            {"name": "pt", "expression": "pt", "scale": {"signed": False, "width": 2, "lsb": 2}},
            {"name": "x", "expression": "x", "format": {"signed": True, "width": 4, "integer": 4}},
        ],
    }
    return data_set(features=[], objects={"jet": jets | changes})


FEW = {"numbers": {}, "lists": {"jet": {"length": 5, "branches": {"pt": unsigned(3), "x": signed(5)}}}}


def test_verilog_gives_the_codes_of_the_step_in_python(tmp_path):
    step = written(tmp_path)
    objects = draw_objects(step, 1500, seed=0)
    codes, latency, ii = simulated(step, tmp_path, objects)
    assert (latency, ii) == (step.latency_cycles, 1)
    assert (codes != reference_codes(step, objects)).sum() == 0
    assert len(np.unique(codes, axis=0)) > 1000


def jets_of(step, objects):
    """Events of jets as lists of (pt, id), those that are there."""
    jets = objects[:, 1:36].reshape(len(objects), 7, 5)
    return [[(pt, i) for pt, _, _, i, valid in event if valid] for event in jets.tolist()]


def test_events_have_ties_empty_lists_overfull_lists_and_gaps(tmp_path):
    step = written(tmp_path)
    objects = draw_objects(step, 1500, seed=0)
    lists = jets_of(step, objects)
    chosen = [[pt for pt, i in event if pt > 2 and i & 2] for event in lists]
    assert np.mean([len(set(event)) < len(event) for event in chosen]) > 0.1
    assert min(map(len, chosen)) == 0
    assert max(map(len, chosen)) > 4
    assert {0, 7} <= set(map(len, lists))
    valid = objects[:, 5:36:5]
    assert (np.diff(valid, axis=1) > 0).any(), "a gap in front of an object"


@pytest.mark.soak
def test_verilog_gives_the_codes_of_100_000_events(tmp_path):
    step = written(tmp_path)
    objects = draw_objects(step, 100_000, seed=1)
    assert (simulated(step, tmp_path, objects)[0] != reference_codes(step, objects)).sum() == 0


BROKEN = {
    "ties in another order": ("places0 = ", "places0 = ~"),
    "sorted the other way": ("] < ", "] > "),
    "not selected": (" && ", " || "),
    "padded with another number": (": 2'h2)", ": 2'h1)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_step_is_noticed(tmp_path, name):
    old, new = BROKEN[name]

    def edit(text):
        assert old in text, text
        return text.replace(old, new)

    step = written(tmp_path, few_jets(), options(**FEW), edit)
    objects = draw_objects(step, 500, seed=0)
    assert (simulated(step, tmp_path, objects)[0] != reference_codes(step, objects)).any()


EXPRESSIONS = [
    "a + b * 2 - c / 4",
    "-a ** 2 + b",
    "where(a > b, a, c)",
    "where(c, 0.375, -b)",
    "minimum(a, maximum(b, c)) * 0.5",
    "floor(a * 0.375 - b / 8)",
    "clip(b, -3, 10.5)",
    "(a > 3) & ~(b > 1) | (c < a)",
    "-4 < b < c <= a",
    "abs(b - c)",
    "abs(-a) * (b != c)",
    "(a >> 1) & 5 | c",
    "(c << 2 | 1) - 3 * a",
    "b >> 2",
    "a * b * c / 64",
    "a == 3",
    "sqrt(a) + a % 3",
    "log(a + 1)",
    "0 * a + 5",
]


def test_expressions_in_integers_are_those_of_floating_point(tmp_path):
    scales = [
        {"format": {"signed": True, "width": 9, "integer": 6}},
        {"scale": {"signed": True, "width": 5, "lsb": 4}},
        {"scale": {"signed": False, "width": 6, "lsb": 0.5, "rounding": "floor"}},
    ]
    features = [
        {"name": f"f{n}_{m}", "expression": text, **scale}
        for n, text in enumerate(EXPRESSIONS)
        for m, scale in enumerate(scales)
    ]
    numbers = {"a": unsigned(4), "b": signed(5), "c": unsigned(3)}
    step = written(tmp_path, data_set(features=features, objects={}), options(numbers=numbers, lists={}))
    assert step.latency_cycles == 1
    objects = draw_objects(step, 800, seed=0)
    actual, expected = simulated(step, tmp_path, objects)[0], reference_codes(step, objects)
    assert [f for n, f in enumerate(features) if (actual[:, n] != expected[:, n]).any()] == []


def test_objects_of_one_list_can_be_two_groups(tmp_path):
    described = few_jets()
    objects = {
        "jet": described.objects["jet"].model_dump(),
        "low": few_jets(select="pt < 4").objects["jet"].model_dump(),
    }
    both = data_set(features=[], objects=objects)
    lists = dict.fromkeys(objects, FEW["lists"]["jet"])
    step = written(tmp_path, both, options(numbers={}, lists=lists))
    events = draw_objects(step, 500, seed=0)
    assert (events[:, :15] == events[:, 15:]).all()
    assert (simulated(step, tmp_path, events)[0] != reference_codes(step, events)).sum() == 0
    lists["low"] = {**lists["low"], "length": 4}
    assert "expected length, signed and width as in 'jet'" in str(refusal(both, options(numbers={}, lists=lists)))


@pytest.mark.parametrize("lines", range(1, 9))
def test_a_sorting_network_sorts_all_zeros_and_ones(lines):
    for outputs, bits in itertools.product(range(1, lines + 2), itertools.product((0, 1), repeat=lines)):
        known = dict(enumerate(bits))
        for layer in sorting_network(lines, outputs):
            after = dict(known)
            for a, b in layer.pairs:
                after[a], after[b] = max(known[a], known[b]), min(known[a], known[b])
            known = {line: after[line] for line in layer.lines}
        assert [known[n] for n in range(min(lines, outputs))] == sorted(bits, reverse=True)[:outputs]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sort_by": "pt / 3"}, "sort_by: integer logic cannot compute pt / 3 exactly"),
        ({"sort_by": "log(pt)"}, "integer logic cannot compute the function log exactly"),
        ({"select": "sum(pt) > 3"}, "integer logic cannot compute the function sum exactly"),
        ({"select": "pt & 1"}, "expected truth values, found numbers"),
        (
            {"features": [{"name": "r", "expression": "x / pt", "nonfinite": {"replace": 0}}]},
            "one branch of at most 12",
        ),
        (
            {"features": [{"name": "r", "expression": "8 / pt"}], "sort_by": "x"},
            "NaN or infinite for some integers of branch 'pt'",
        ),
        ({"features": [{"name": "r", "expression": "pt * 0.1 + x"}]}, "more than 53 bits"),
        ({"features": [{"name": "r", "expression": "pt * 40000000 + x"}]}, "more than 24 bits"),
        ({"features": [{"name": "r", "expression": "pt & x"}]}, "may be negative"),
        ({"features": [{"name": "r", "expression": "y + x"}]}, "lists: jet: branch 'y': missing"),
        ({"features": [{"name": "r", "expression": "pt"}], "select": None}, "branch 'x': no expression"),
    ],
)
def test_what_is_not_exact_is_refused(changes, message):
    assert message in str(refusal(few_jets(**changes), options(**FEW)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": {}}, "numbers: branch 'met': missing"),
        ({"numbers": {"met": unsigned(8), "ht": unsigned(8)}}, "numbers: branch 'ht': no expression reads it"),
        ({"lists": {}}, "lists: 'jet': missing"),
        ({"lists": OPTIONS["lists"] | {"tau": OPTIONS["lists"]["jet"]}}, "lists: 'tau': no such objects"),
        ({"numbers": {"met": unsigned(8), "jet_pt": unsigned(9)}}, "'jet_pt': in lists too"),
    ],
)
def test_options_that_do_not_fit_are_refused(changes, message):
    assert refusal(data_set(), options()) is None
    assert message in str(refusal(data_set(), options(**changes)))


def test_objects_chosen_by_a_number_of_the_event_are_refused():
    chosen = options(numbers={"met": unsigned(8)}, lists=FEW["lists"])
    assert refusal(few_jets(select="pt > met"), chosen) is None
    assert "lists: jet: met > 1: one number per event" in str(refusal(few_jets(select="met > 1"), chosen))


def test_the_description_is_read_as_it_was_written(tmp_path):
    step = written(tmp_path)
    save_object_step(step, tmp_path)
    assert read_object_step(tmp_path) == step
    (tmp_path / OBJECT_STEP).write_text('{"top": "net"}')
    with pytest.raises(CardError, match=r"no description of an object step.*Make the firmware again"):
        read_object_step(tmp_path)


def test_the_step_of_other_formats_is_refused():
    with pytest.raises(FirmwareError, match="expected 26 formats, found 3"):
        object_step_verilog(data_set(), [KIF(1, 4, 3)] * 3, options=options(), top="net")
