"""Operations that rearrange values: moved as Keras moves them, or refused."""

import keras
import pytest
from converted import KIND, built, seq, unexplained
from hgq.layers import QDense

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.errors import FirmwareError

L = keras.layers


def enlarged(interpolation):
    return seq(
        (3, 3, 1), QDense(1), L.UpSampling2D((2, 1), interpolation=interpolation, name="up"), L.Flatten(), QDense(2)
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3"])
def test_interpolation_is_refused(interpolation):
    with pytest.raises(FirmwareError, match=r"layer 'up': a UpSampling2D .* computes with its values"):
        integer_network(enlarged(interpolation), inputs=[KIND] * 9, wraps=True)


def test_repeated_values_are_moved():
    assert unexplained(built(lambda: enlarged("nearest"))) == 0


def test_padding_alone_is_moved():
    zeros = [L.Cropping1D((1, 0)), L.ZeroPadding1D(1), L.Reshape((4, 2)), L.Flatten()]
    assert unexplained(built(lambda: seq((3, 2), QDense(2), *zeros, QDense(2)))) == 0


def test_operation_over_the_batch_is_refused():
    x = keras.Input((4,))
    model = keras.Model(x, QDense(2)(keras.ops.roll(x, 1, axis=0)))
    with pytest.raises(FirmwareError, match="a Roll over the batch"):
        integer_network(model, inputs=[KIND] * 4, wraps=True)
