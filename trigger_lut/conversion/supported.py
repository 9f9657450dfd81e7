"""Table of the layers of Keras and HGQ2: how each is converted, or why it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from trigger_lut.conversion.affine import MEANS, MERGES, PLAIN, POOLS, WITH_KERNEL
from trigger_lut.conversion.composed import COMPOSED
from trigger_lut.conversion.functions import LAYERS
from trigger_lut.conversion.hgq_tables import KINDS
from trigger_lut.conversion.maximum import MAXIMA, MINIMA
from trigger_lut.conversion.products import PRODUCTS
from trigger_lut.conversion.rearranging import IDENTITIES, REARRANGING
from trigger_lut.conversion.refused import refusal

ARITHMETIC = {
    *WITH_KERNEL,
    *PLAIN,
    *MERGES,
    *MEANS,
    *POOLS,
    *(f"Q{name}" for name in POOLS),
    *("QBatchNormalization", "QSum", "QMeanPow2", "Quantizer"),
}
SELECTION = {*MAXIMA, *MINIMA, *(f"Q{name}" for name in (*MAXIMA, *MINIMA))}


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
        'arithmetic', 'table', 'maximum', 'product', 'composed', 'rearranging' or 'refused'.
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
        "product": {*(f"{q}{name}" for name in PRODUCTS for q in ("", "Q"))},
        "composed": set(COMPOSED),
        "rearranging": {*IDENTITIES, *REARRANGING} - {"InputLayer"},
    }
    for form, kinds in forms.items():
        if name in kinds:
            return LayerRow(library, name, form)
    if reason := refusal(name):
        return LayerRow(library, name, "refused", reason)
    raise KeyError(f"{library}.layers.{name}")


def layer_page() -> str:
    """Write the page of the documentation; `python -m trigger_lut.conversion.supported` prints it.

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
        "- `arithmetic`: exact sums of products with constants. Keras' own layers need weights of few bits.",
        "- `table`: a function of one value. The quantizer that reads its result decides the entries of its table.",
        "- `maximum`: the largest or smallest of several values.",
        "- `product`: products of two values, and sums of them, as tables of a few bits of both.",
        "- `composed`: made of the others. A recurrent layer is unrolled, one copy of its cell a step.",
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
