"""Layers of Keras and HGQ2 without an exact integer form, and the reasons."""

from __future__ import annotations

import re

REAL_PRODUCTS = "real values without quantizers; use the layer of HGQ2"
STATISTIC = "divides by a statistic of several real values"
RECURRENT = "recurrent, with real states; use QGRU or QSimpleRNN"
FLOAT_WEIGHTS = "weights of float precision; set network.quantize, or use the layer of HGQ2"
WRAPPER = "wraps another layer; use that layer"
PREPROCESSING = "prepares or augments data, before the network"
REFUSED = {
    r"(MultiHead|GroupQuery|GroupedQuery|Additive)?Attention": REAL_PRODUCTS,
    r"(Layer|Group|RMS|Unit|Spectral)Normalization": STATISTIC,
    r"Softmax": "divides by a sum of real values; removed where it ends the model; use QSoftmax within it",
    r"Q(SimpleSNN|LIF)Cell": "one step of a recurrent layer; use that layer",
    r"ConvLSTM\dD|(GRU|LSTM|SimpleRNN)(Cell)?|RNN|StackedRNNCells": RECURRENT,
    r"SeparableConv\dD": "two layers in one; set network.quantize, or use a depthwise and a pointwise layer",
    r"Conv\dDTranspose": "no converter yet; use UpSampling and a convolution",
    r"(Reversible)?Embedding": "reads integers as indices; prepare them in the data set",
    r"Adaptive(Average|Max)Pooling\dD": "no converter yet; use a pooling layer with a size",
    r"TimeDistributed|Bidirectional|Wrapper|Lambda|TFSMLayer|JaxLayer|FlaxLayer|TorchModuleWrapper|Pipeline": WRAPPER,
    r"Masking": "passes a mask between layers",
    r"Random.*|Auto.*|Aug.*|Rand.*|CenterCrop|Resizing|CutMix|MixUp|.*Equalization|Solarization|MaxNumBoundingBoxes": (
        PREPROCESSING
    ),
    r"CategoryEncoding|Discretization|Hash.*|IntegerLookup|StringLookup|TextVectorization|FeatureSpace": PREPROCESSING,
    r"(Mel|STFT).*": PREPROCESSING,
    r"Layer|InputSpec|InputLayer|Input": "no operation",
}


def refusal(name: str) -> str:
    """Return why a layer is refused.

    Parameters
    ----------
    name : str
        Name of its class.

    Returns
    -------
    str
        The reason; empty for a layer that is not in the table.
    """
    return next((reason for pattern, reason in REFUSED.items() if re.fullmatch(pattern, name)), "")
