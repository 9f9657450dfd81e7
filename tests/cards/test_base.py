"""Cards are strict, written whole, and say where they come from."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path

import made_cards
import pytest
from pydantic import BaseModel, ValidationError

from trigger_lut.cards import stage_cards
from trigger_lut.cards.base import Measured, Stopwatch, read_card, versions, write_card, write_text
from trigger_lut.cards.firmware import SynthCard, TimingCard
from trigger_lut.cards.provenance import follow
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.errors import CardError
from trigger_lut.utils.files import sha256

CARD_OF_VERSION_1 = Path(__file__).parents[1] / "fixtures/cards_1/train.json"

ALL = [
    made_cards.check_simulation,
    made_cards.ingest,
    made_cards.reference,
    made_cards.train,
    made_cards.physics,
    made_cards.importance,
    made_cards.verify,
    made_cards.synth,
    made_cards.timing,
    made_cards.decision,
]


@pytest.mark.parametrize("make", ALL)
def test_a_card_reads_back_as_it_was(make, tmp_path):
    card = make()
    path = tmp_path / "deep/card.json"
    write_card(card, path)
    assert read_card(type(card), path) == card
    assert json.loads(path.read_text())["schema_version"] == 2
    assert [p.name for p in path.parent.iterdir()] == ["card.json"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"color": "red"}, "not a TimingCard: color: Extra inputs are not permitted"),
        ({"stage": "synth"}, "not a TimingCard: stage: Input should be 'timing'"),
        ({"seconds": -1}, "not a TimingCard: seconds: Input should be greater than or equal to 0"),
        (
            {"latency_ns": {"value": 3, "source": "not measured"}},
            "not a TimingCard: latency_ns: a value needs a source, and 'not measured' has no value",
        ),
        (
            {"latency_ns": {"value": 3, "source": "a guess"}},
            "not a TimingCard: latency_ns.source: unknown source. Expected estimate, rtl-simulation, csynth, "
            "post-synth, post-route, not measured, or the name of a synthesizer, alone or with -levels or "
            "-delay-model, found 'a guess'",
        ),
    ],
)
def test_a_card_of_another_form_is_refused(change, expected, tmp_path):
    path = tmp_path / "timing.json"
    content = {**made_cards.timing().model_dump(mode="json"), **change}
    path.write_text(json.dumps(content))
    with pytest.raises(CardError) as caught:
        read_card(TimingCard, path)
    assert str(caught.value) == f"{path}: {expected}. Run its stage again."


def test_read_card_of_version_1_says_what_to_do(tmp_path):
    with pytest.raises(CardError) as caught:
        read_card(TrainCard, CARD_OF_VERSION_1)
    assert str(caught.value) == (
        f"{CARD_OF_VERSION_1}: written by another version of trigger_lut. Expected schema_version 2, found 1. "
        "Run its stage again, or remove results/ and run the workflow."
    )
    assert follow([CARD_OF_VERSION_1]).problems == [str(caught.value)]
    path = tmp_path / "train.json"
    write_card(made_cards.train(), path)
    assert read_card(TrainCard, path).schema_version == 2


def test_a_card_without_a_key_is_refused(tmp_path):
    path = tmp_path / "timing.json"
    content = made_cards.timing().model_dump(mode="json")
    del content["fmax_model"]
    path.write_text(json.dumps(content))
    with pytest.raises(
        CardError, match=r"timing\.json: not a TimingCard: fmax_model: Field required\. Run its stage again\.$"
    ):
        read_card(TimingCard, path)


def test_missing_and_damaged_cards(tmp_path):
    with pytest.raises(CardError, match=r"none\.json: cannot be read: No such file or directory$"):
        read_card(SynthCard, tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"stage": "syn')
    with pytest.raises(CardError, match=r"half\.json: not a SynthCard: the whole file: Invalid JSON"):
        read_card(SynthCard, tmp_path / "half.json")


def test_what_was_not_measured_has_no_value():
    assert Measured().value is None
    assert Measured().source == "not measured"
    with pytest.raises(ValidationError):
        Measured(value=0)
    with pytest.raises(ValidationError):
        Measured(source="yosys")
    with pytest.raises(ValidationError):
        Measured(value=float("nan"), source="yosys")


def test_cards_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        made_cards.timing().clock_mhz = 3  # type: ignore[misc]


def test_provenance_names_hashes_and_versions(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    provenance = Stopwatch().provenance([tmp_path / "a"], "numpy")
    assert provenance["inputs"] == {str(tmp_path / "a"): hashlib.sha256(b"abc").hexdigest()}
    assert list(provenance["versions"]) == ["trigger_lut", "numpy"]
    assert 0 <= provenance["seconds"] < 60
    assert sha256(tmp_path / "a").startswith("ba7816bf")
    assert versions()["trigger_lut"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "first")

    def fails(self, *_, **__):
        Path.write_bytes(self, b"sec")
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(OSError, match="no space"):
        write_text(path, "second")
    assert path.read_bytes() == b"first"


def test_every_stage_s_record_is_strict_and_names_its_stage():
    modules = [
        import_module(f"trigger_lut.cards.{path.stem}") for path in Path(stage_cards.__file__).parent.glob("[a-z]*.py")
    ]
    models = {
        v
        for module in modules
        for v in vars(module).values()
        if isinstance(v, type) and issubclass(v, BaseModel) and v is not BaseModel
    }
    kinds = [model for model in models if issubclass(model, stage_cards.Card)]
    stages = [k.model_fields["stage"].default for k in kinds if k is not stage_cards.Card]
    assert len(stages) == len(set(stages)) >= 10
    for kind in models:
        assert kind.model_config["extra"] == "forbid", kind
