"""Training inside an earlier interface: outputs keep their formats, with and without the structure."""

import keras
import numpy as np
import pytest

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.training.kept_interface import KeptInterface, limits_of

FORMATS = (KIF(1, 1, 3),) * 3


def model(seed):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((3,)), LUTDense(4, seed=seed, name="a"), LUTDense(2, seed=seed, name="b")])


@pytest.mark.parametrize("structure", [False, True])
def test_finer_and_larger_outputs_get_the_earlier_formats(structure):
    former = integer_network(model(1), inputs=FORMATS)
    kept = KeptInterface(former, structure, limits_of(former, structure))
    later = model(2)
    last = later.layers[-1]
    last.output_fraction.assign(np.asarray(last.output_fraction) + 2)
    last.w2.assign(3 * np.asarray(last.w2))

    def convert():
        return integer_network(later, inputs=FORMATS)

    assert convert().output_formats() != former.output_formats()
    fitted = kept.fitted(later.layers, convert)
    assert fitted.output_formats() == former.output_formats()
    assert fitted.validate() == []
