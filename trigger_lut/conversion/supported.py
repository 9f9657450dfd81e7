"""Table of the layers of Keras and HGQ2: how each is converted, or why it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trigger_lut.conversion.affine import MEANS, MERGES, POOLS, WITH_KERNEL
from trigger_lut.conversion.functions import LAYERS
from trigger_lut.conversion.hgq_tables import KINDS
from trigger_lut.conversion.maximum import MAXIMA, MINIMA
from trigger_lut.conversion.rearranging import IDENTITIES, REARRANGING

ARITHMETIC = {
    *WITH_KERNEL,
    *MERGES,
    *MEANS,
    *POOLS,
    *(f"Q{name}" for name in POOLS),
    *("QBatchNormalization", "QSum", "QMeanPow2", "Quantizer"),
}
SELECTION = {*MAXIMA, *MINIMA, *(f"Q{name}" for name in (*MAXIMA, *MINIMA))}
PRODUCTS = "multiplies two values that depend on the input"
STATISTIC = "divides by a statistic of several values"
RECURRENT = "recurrent"
FLOAT = "float weights; use the layer of HGQ2"
WRAPPER = "wraps another layer; use that layer"
PREPROCESSING = "prepares or augments data, before the network"
REFUSED = {
    r"Q?(MultiHead|GroupQuery|GroupedQuery|Additive|Linformer)?AttentionT?": PRODUCTS,
    r"Q?(Multiply|Dot|Einsum)|multiply|dot": PRODUCTS,
    r"(Layer|Group|RMS|Unit|Spectral)Normalization": STATISTIC,
    r"Q?(Softmax|SoftmaxT)": "divides by a sum; removed where it ends the model",
    r"Q?(ConvLSTM\dD|(GRU|LSTM|SimpleRNN|SimpleSNN|LIF)(Cell)?|RNN|StackedRNNCells)": RECURRENT,
    r"Dense|EinsumDense|(Separable|Depthwise)?Conv(olution)?\dD(Transpose)?|(Reversible)?Embedding": FLOAT,
    r"QEinsumDenseT": "no converter yet; use QDenseT",
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


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Attributes
    ----------
    library : str
        'keras' or 'hgq'.
    name : str
        Name of its class.
    converted : str
        'arithmetic', 'table', 'maximum', 'rearranging' or 'refused'.
    reason : str
        Of a refusal.
    """

    library: str
    name: str
    converted: str
    reason: str = ""


def layer_rows() -> list[LayerRow]:
    """List all layers of Keras and HGQ2.

    Returns
    -------
    list of LayerRow
        Sorted by library and name.

    Raises
    ------
    KeyError
        For a layer of the installed versions that is neither converted nor refused with a reason.
    """
    import hgq.layers
    import keras

    names = {("keras", kind.__name__) for kind in vars(keras.layers).values() if isinstance(kind, type)}
    names |= {("hgq", getattr(hgq.layers, name).__name__) for name in hgq.layers.__all__}
    return [_row(library, name) for library, name in sorted(names)]


def _row(library: str, name: str) -> LayerRow:
    """Classify a layer. Raises KeyError for one that is unknown."""
    forms = {
        "arithmetic": ARITHMETIC,
        "table": {*LAYERS, *KINDS},
        "maximum": SELECTION,
        "rearranging": {*IDENTITIES, *REARRANGING} - {"InputLayer"},
    }
    for form, kinds in forms.items():
        if name in kinds:
            return LayerRow(library, name, form)
    for pattern, reason in REFUSED.items():
        if re.fullmatch(pattern, name):
            return LayerRow(library, name, "refused", reason)
    raise KeyError(f"{library}.layers.{name}")


def layer_page() -> str:
    """Write the page of the documentation: `python -m trigger_lut.conversion.supported > docs/reference/layers.md`.

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        "# Layers of Keras and HGQ2",
        "",
        "An imported model is made of these layers. All conversions are exact.",
        "",
        "- `arithmetic`: exact sums of products with constants.",
        "- `table`: a function of one value. The quantizer that reads its result decides the entries of its table.",
        "- `maximum`: the largest or smallest of several values.",
        "- `rearranging`: costs nothing.",
        "- `refused`: conversion stops and names the layer.",
        "",
        "| library | layer | conversion | reason |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.library} | `{row.name}` | {row.converted} | {row.reason} |" for row in layer_rows()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(layer_page(), end="")
