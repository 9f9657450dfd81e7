"""The EMP payload is the network on links, in one frame or several, and broken payloads are noticed."""

import pytest
from made_cards import spec as made_spec
from networks import random_codes, random_network, shared_network

from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.board.emp import COMPONENT, emp_payload, emp_texts
from trigger_lut.firmware.board.simulate_emp import simulate_emp
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.ghdl import has_ghdl
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Cut, shareable

needs_ghdl = pytest.mark.skipif(not has_ghdl(), reason="GHDL is not installed")
EVENTS = 200
NETWORK = random_network(4, units=(40, 4, 20))  # more bits than a link has, on both sides


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_rtl(NETWORK, tmp_path_factory.mktemp("emp") / "rtl", spec=made_spec())


def wrapped(project, folder, edits=(), **options):
    """The wrapper and its files in the order of the .dep file, with texts replaced."""
    wrapper = emp_payload(project, **options)
    texts = emp_texts(project, wrapper)
    name = f"{COMPONENT}/hdl/{wrapper.top}.vhd"
    for old, new in edits:
        assert texts[name].count(old) == 1, old
        texts[name] = texts[name].replace(old, new)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    lines = texts[f"{COMPONENT}/cfg/{wrapper.top}.dep"].splitlines()
    return wrapper, [folder / COMPONENT / "hdl" / line.split()[2] for line in lines if not line.startswith("#")]


LAYOUTS = [
    {},
    {"input_link": 5, "output_link": 9},
    {"input_links": 1, "input_link": 2},
    {"input_links": 2},
    {"input_links": 5},
]


def test_links_and_frames_hold_an_event(project):
    bits = sum(kif.bits for kif in project.inputs)
    assert 128 < bits < 192
    assert sum(kif.bits for kif in project.outputs) > 64
    frames = [emp_payload(project, **layout).frames for layout in LAYOUTS]
    assert frames == [1, 1, 3, 2, 1]
    assert emp_payload(project, input_link=5, output_link=9).regions == 3
    with pytest.raises(FirmwareError, match="at least one link, found 0, 0 and 0"):
        emp_payload(project, input_links=0)


def test_the_component_lists_its_files_in_an_order_of_use(project, tmp_path):
    wrapper, files = wrapped(project, tmp_path)
    assert [path.name for path in files[-2:]] == [f"{wrapper.top}.vhd", "emp_payload.vhd"]
    assert [path.name for path in files[:-2]] == [path.name for path in project.vhdl]
    assert all(path.is_file() for path in files)
    assert {path.name for path in files} == {path.name for path in files[0].parent.iterdir()}


@needs_ghdl
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_events_come_out_at_the_latency_with_their_metadata(project, tmp_path, layout):
    wrapper, files = wrapped(project, tmp_path, **layout)
    codes = random_codes(NETWORK, EVENTS)
    outputs, latency = simulate_emp(project, wrapper, files=files, codes=codes)
    assert (outputs != evaluate(NETWORK, codes)).sum() == 0
    assert latency == project.latency_cycles_planned


@needs_ghdl
def test_shared_hardware_gets_events_at_its_interval(tmp_path):
    network = shared_network(0)
    cuts = (Cut(0, shareable(network)[0].layers, 1),)
    project = write_rtl(network, tmp_path / "rtl", spec=made_spec(), cuts=cuts)
    wrapper, files = wrapped(project, tmp_path)
    codes = random_codes(network, 60)
    outputs, latency = simulate_emp(project, wrapper, files=files, codes=codes)
    assert (outputs != evaluate(network, codes)).sum() == 0
    assert latency == project.latency_cycles_planned


BROKEN = {
    "one link's valid bit is not read": ({}, [("for l in 0 to links - 1 loop", "for l in 0 to links - 2 loop")]),
    "the metadata come late": ({}, [("constant latency: positive := ", "constant latency: positive := 1 + ")]),
    "a frame that is not valid is kept": (
        {"input_links": 1},
        [("if valid_in = '1' and frame(f) = '1'", "if frame(f) = '1'")],
    ),
    "a broken event is used": (
        {"input_links": 1},
        [
            (
                "first_frame when din(2).start = '1' else following",
                "following when following /= (frames - 1 downto 0 => '0') else first_frame",
            )
        ],
    ),
    "start of orbit is forgotten": ({"input_links": 1}, [("or (kept_orbit and not frame(0))", "")]),
    "an unused link is valid": ({}, [("word.strobe := '1';", "word.strobe := '1'; word.valid := valid_out;")]),
}


@needs_ghdl
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_payload_is_noticed(project, tmp_path, name):
    layout, edits = BROKEN[name]
    wrapper, files = wrapped(project, tmp_path, edits, input_link=2, **layout)
    codes = random_codes(NETWORK, EVENTS)
    with pytest.raises(NotReproducibleError):
        simulate_emp(project, wrapper, files=files, codes=codes)


@needs_ghdl
def test_a_register_too_many_is_noticed(project, tmp_path):
    late = [
        ("signal data_out:", "signal early: std_logic;\n    signal early_data, data_out:"),
        (
            "valid_out, data_out);",
            "early, early_data);\n    valid_out <= early when rising_edge(clk);"
            "\n    data_out <= early_data when rising_edge(clk);",
        ),
    ]
    wrapper, files = wrapped(project, tmp_path, late)
    with pytest.raises(NotReproducibleError, match=rf"do not follow events by {wrapper.latency_cycles} cycles"):
        simulate_emp(project, wrapper, files=files, codes=random_codes(NETWORK, EVENTS))


@needs_ghdl
def test_other_bits_give_other_outputs(project, tmp_path):
    wrapper, files = wrapped(project, tmp_path, [("<= din(0 + l).data;", "<= not din(0 + l).data;")])
    codes = random_codes(NETWORK, EVENTS)
    assert (simulate_emp(project, wrapper, files=files, codes=codes)[0] != evaluate(NETWORK, codes)).any()
