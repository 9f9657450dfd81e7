"""Stage `input_formats`: how an imported model reads its inputs."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import InputFormat, InputFormatsCard
from trigger_lut.conversion.model_inputs import read_formats
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.errors import CardError, ConfigurationError, FirmwareError
from trigger_lut.stages.registry import Output


def run(*, model: Path, card: Output) -> None:
    """Find the formats in which an imported model reads its inputs.

    Parameters
    ----------
    model : Path
        The Keras file.

    Raises
    ------
    ConfigurationError
        If the file is no model, or the model is no graph of layers.
    """
    watch = Stopwatch()
    try:
        read = read_formats(load_model(model))
    except (CardError, FirmwareError) as error:
        raise ConfigurationError(f"network.keras_file: {model}: {error}") from error
    formats: list[InputFormat | None] = []
    for one in read:
        kif = None if one is None else one.kif
        formats.append(None if one is None or kif is None else InputFormat(kif=(kif.k, kif.i, kif.f), wraps=one.wraps))
    write_card(InputFormatsCard(formats=formats, **watch.provenance([model], "tensorflow", "keras")), card)
