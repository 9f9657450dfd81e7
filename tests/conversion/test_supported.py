"""The table of layers: complete and true."""

import keras
import pytest
from documentation_pages import banned_words, long_sentences
from hgq.layers import QDense

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.supported import _row, layer_page, layer_rows
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF

ARGUMENTS = {
    "Activation": {"activation": "tanh"},
    "Dropout": {"rate": 0.1},
    "GaussianNoise": {"stddev": 0.1},
    "GaussianDropout": {"rate": 0.1},
    "AlphaDropout": {"rate": 0.1},
    "SpatialDropout1D": {"rate": 0.1},
    "Rescaling": {"scale": 0.3},
    "Normalization": {"mean": 0.1, "variance": 2.0},
    "Reshape": {"target_shape": (-1,)},
    "Permute": {"dims": (2, 1)},
    "ZeroPadding1D": {"padding": 1},
    "Cropping1D": {"cropping": 1},
    "Softmax": {"axis": 1},
}
SKIPPED = ("Lambda", "Layer", "InputLayer", "RepeatVector")  # need more than one tensor of two axes


def test_page_of_layers_has_a_row_each_and_passes_prose_rules():
    page = layer_page()
    assert all(f"| {row.library} | `{row.name}` | {row.converted} |" in page for row in layer_rows())
    assert banned_words(page) + long_sentences(page) == []


def test_unknown_layer_has_no_row():
    with pytest.raises(KeyError, match="NewLayer"):
        _row("keras", "NewLayer")


def test_rows_of_the_table_are_what_conversion_does():
    claimed = {row.name: row for row in layer_rows() if row.library == "keras"}
    converted = {}
    for name in [n for n in claimed if n in ARGUMENTS or n.endswith("Pooling1D") or n in ("ReLU", "PReLU", "ELU")]:
        if name in SKIPPED or name.startswith("Adaptive"):
            continue
        options = {"pool_size": 3} if name in ("MaxPooling1D", "AveragePooling1D") else ARGUMENTS.get(name, {})
        x = keras.Input((3, 3))
        y = keras.layers.Flatten()(getattr(keras.layers, name)(**options)(QDense(3)(x)))
        try:
            integer_network(keras.Model(x, QDense(2)(y)), inputs=[KIF(1, 2, 2)] * 9, wraps=True)
            converted[name] = True
        except FirmwareError:
            converted[name] = False
    assert converted == {name: claimed[name].converted != "refused" for name in converted}
    assert set(converted.values()) == {True, False}
