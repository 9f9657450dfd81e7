"""Models of table layers and HGQ2's arithmetic layers that several tests train or convert."""

import keras
from hgq.layers import QDense, QEinsumDense, QSum

from trigger_lut.layers import LUTDense

FORMAT = "fixed<6,3>"


def particles():
    x = keras.Input((4, 3))
    h = LUTDense(3, input_format=FORMAT, batch_norm=True, seed=1)(x)
    h = QEinsumDense("npc,cd->npd", (4, 3), bias_axes="d")(h)
    h = QSum(axes=1)(LUTDense(4, per_position_widths=True, seed=2)(h))
    return keras.Model(x, QDense(1)(h))
