"""Former names of the options of table layers."""

import pytest

from trigger_lut.errors import ConfigurationError, RenamedKeyWarning
from trigger_lut.layers import LUTConv1D, LUTDense


def test_former_names_are_taken_with_a_warning_each():
    with pytest.warns(RenamedKeyWarning) as caught:
        layer = LUTDense(2, depth=2, per_place=True, edge_hidden_units=5)
    assert [str(one.message) for one in caught] == [
        "LUTDense: depth: this option is now edge_hidden_layers. Rename it.",
        "LUTDense: per_place: this option is now per_position_widths. Rename it.",
    ]
    present = LUTDense(2, name=layer.name, edge_hidden_layers=2, per_position_widths=True, edge_hidden_units=5)
    assert layer.get_config() == present.get_config()
    with pytest.warns(RenamedKeyWarning, match="LUTConv1D: output_bits: this option is now initial_fraction_bits"):
        assert LUTConv1D(2, 3, output_bits=4).initial_fraction_bits == 4


def test_both_names_of_an_option_are_refused():
    with pytest.raises(ConfigurationError, match=r"depth: earlier name of edge_hidden_layers\. Expected one"):
        LUTDense(2, depth=2, edge_hidden_layers=2)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="edge_hiden_units"):
        LUTDense(2, edge_hiden_units=3)
