"""A Keras model with the tables of an integer network, whatever training could have made of them."""

import numpy as np

from trigger_lut.layers import LUTDense
from trigger_lut.network.network import Network


def keras_twin(network: Network):
    import keras

    layers = [
        LUTDense(
            form.shape[1],
            input_format=[str(kif) for kif in form.inputs],
            max_input_bits=max(kif.bits for kif in form.inputs),
            name=form.name,
        )
        for form in network.layers
    ]
    model = keras.Sequential([keras.Input((len(network.inputs),)), *layers])
    for layer, form in zip(layers, network.layers, strict=True):
        table = np.zeros(layer.table.shape)
        for i, o in form.edges():
            bits = int(layer.channel_bits[i])
            codes = np.minimum(np.arange(table.shape[1]), (1 << bits) - 1)  # the last one repeated, as trained
            entries = form.table(i, o)[codes >> (bits - int(form.widths[i, o]))]
            table[i, :, o] = entries * 2.0 ** -float(form.fraction_bits[o])
        layer.input_width.assign(form.widths)
        layer.keep(table, form.bias * 2.0 ** -form.fraction_bits.astype(float))
    return model
