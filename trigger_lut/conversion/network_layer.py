"""A whole integer network as one Keras layer: what converters get when they cannot take it layer by layer."""

from __future__ import annotations

import base64
import io
from typing import Any

import keras
import numpy as np

from trigger_lut.network.network import Network, load_network, save_network


@keras.saving.register_keras_serializable("trigger_lut")
class WholeNetwork(keras.layers.Layer):
    """Holds a network; it is for converters, which read `network`, and computes nothing.

    Its inputs are tensors whose values, flat one after the other, are the network's inputs; its output (N, C_out).
    """

    def __init__(self, network: Network, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = network

    def get_config(self) -> dict[str, Any]:
        held = io.BytesIO()
        save_network(self.network, held)
        return {**super().get_config(), "network": base64.b64encode(held.getvalue()).decode()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WholeNetwork:
        network = load_network(io.BytesIO(base64.b64decode(config.pop("network"))))
        return cls(network, **config)

    def compute_output_spec(self, *inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor((None, len(self.network.output_values)), "float32")


def as_one_layer(model: keras.Model, network: Network) -> keras.Model:
    """A model of the same inputs with the network as its only layer."""
    inputs = [keras.Input(tensor.shape[1:], name=f"x{n}") for n, tensor in enumerate(model.inputs)]
    assert sum(int(np.prod(x.shape[1:])) for x in inputs) == len(network.inputs), "the network is not the model's"
    return keras.Model(inputs, WholeNetwork(network, name="network")(*inputs))
