"""An integer network as one Keras layer, for converters that cannot convert the model layer by layer."""

from __future__ import annotations

import base64
import io
from typing import Any

import keras
import numpy as np

from trigger_lut.network.network import Network, load_network, save_network


@keras.saving.register_keras_serializable("trigger_lut", name="WholeNetwork")  # the name in saved files
class NetworkLayer(keras.layers.Layer):
    """Container of a network. Converters read `network`; the layer computes nothing.

    Its inputs are tensors whose values, flattened and concatenated, are the inputs of the network. Its output has shape
    (N, C_out).

    Parameters
    ----------
    network : Network
        The integer network.
    """

    def __init__(self, network: Network, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = network

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, with the network as text."""
        file = io.BytesIO()
        save_network(self.network, file)
        return {**super().get_config(), "network": base64.b64encode(file.getvalue()).decode()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NetworkLayer:
        """Build the layer from its configuration."""
        network = load_network(io.BytesIO(base64.b64decode(config.pop("network"))))
        return cls(network, **config)

    def compute_output_spec(self, *inputs: Any) -> keras.KerasTensor:
        """Return shape and type of the output.

        Parameters
        ----------
        inputs
            Tensors.

        Returns
        -------
        keras.KerasTensor
            Of shape (N, C_out).
        """
        return keras.KerasTensor((None, len(self.network.output_values)), "float32")


def model_of_network(model: keras.Model, network: Network) -> keras.Model:
    """Build a model with the inputs of another one and an integer network as its only layer.

    Parameters
    ----------
    model : keras.Model
        The model that the network was made from.
    network : Network
        The integer network.

    Returns
    -------
    keras.Model
    """
    inputs = [keras.Input(tensor.shape[1:], name=f"x{n}") for n, tensor in enumerate(model.inputs)]
    assert sum(int(np.prod(x.shape[1:])) for x in inputs) == len(network.inputs), "the network is not the model's"
    return keras.Model(inputs, NetworkLayer(network, name="network")(*inputs))
