"""The outputs of a network as forms, from its integers alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.fixed_point.ranges import limits
from trigger_lut.network.back_ends import FORMS
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.network.reference_model import converted
from trigger_lut.verification import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)
from trigger_lut.verification.formal.normal_form import Algebra, Form, FormError, check_exact


def network_forms(network: Network, algebra: Algebra, *, inputs: Sequence[Form]) -> list[Form | str]:
    """Compute the outputs of a network as forms.

    Parameters
    ----------
    network
        Network.
    algebra
        Algebra of the forms.
    inputs
        Forms of the codes of the network's C_in inputs.

    Returns
    -------
    list of Form or str
        Form of each output; a text where it has none, with the reason.
    """
    values: list[Form | str] = list(inputs)
    for layer, gather_index in zip(network.layers, network.gather_index, strict=True):
        outputs: list[Form | str] = []
        reads = set(layer.used_channels().tolist())
        for place in gather_index:
            channels = [
                _convert(algebra, network, layer=layer, i=i, value=v, values=values) if i in reads else ""
                for i, v in enumerate(map(int, place))
            ]
            outputs += [_output(algebra, layer, o, channels) for o in range(layer.shape[1])]
        values += outputs
    return [values[int(v)] for v in network.output_values]


def _convert(
    algebra: Algebra, network: Network, *, layer: IntegerLayer, i: int, value: int, values: Sequence[Form | str]
) -> Form | str:
    """Return a value in the format of a channel."""
    kif = layer.inputs[i]
    if value == PADDING:
        return algebra.constant(min(max(0, kif.lo), kif.hi))
    form = values[value]
    if isinstance(form, str):
        return form
    fraction = network.fraction_of(value)
    up = kif.f - fraction
    try:
        least, most = limits(kif, layer.overflow[i])
        if up >= 0 and form.lo << up >= least and form.hi << up <= most:
            return algebra.scale(form, 1 << up)
        check_exact(1 << (abs(up) + 1), 1 << (kif.bits + 1))

        def rounded(values: IntArray) -> IntArray:
            most = max(abs(int(values.min())), abs(int(values.max())))
            check_exact((most << max(up, 0)) + abs(kif.lo), most + (1 << max(-up, 0)))
            return converted(values, fraction, kif=kif, overflow=layer.overflow[i], rounding=layer.rounding)

        return algebra.apply(form, rounded)
    except FormError as error:
        return f"{layer.name}: channel {i}: {error}"


def _output(algebra: Algebra, layer: IntegerLayer, o: int, channels: Sequence[Form | str]) -> Form | str:
    """Compute one output of a layer at one place."""
    reasons = [reason for i in layer.entering(o) if isinstance(reason := channels[i], str)]
    if reasons:
        return reasons[0]
    try:
        form: Form = FORMS(layer, algebra, o, channels)
    except FormError as error:
        return f"{layer.name}: output {o}: {error}"
    return form


@FORMS.register(TableLayer)
def _table_sum(layer: TableLayer, algebra: Algebra, o: int, forms: Sequence[Form]) -> Form:
    tables = [_table(algebra, layer, i, o, forms[i]) for i in layer.entering(o)]
    return algebra.add(algebra.constant(int(layer.bias[o])), *tables)


@FORMS.register(LinearLayer)
def _weighted_sum(layer: LinearLayer, algebra: Algebra, o: int, forms: Sequence[Form]) -> Form:
    weighted = [algebra.scale(forms[i], int(layer.weights[i, o])) for i in layer.entering(o)]
    total = algebra.add(algebra.constant(int(layer.bias[o])), *weighted)
    if not layer.relu or total.lo >= 0:
        return total
    return algebra.constant(0) if total.hi <= 0 else algebra.apply(total, lambda v: np.maximum(v, 0))


def _table(algebra: Algebra, layer: TableLayer, i: int, o: int, form: Form) -> Form:
    kif, entries = layer.inputs[i], layer.table(i, o)
    drop = kif.bits - int(layer.widths[i, o])
    return algebra.apply(form, lambda codes: entries[(np.clip(codes, kif.lo, kif.hi) - kif.lo) >> drop])


@FORMS.register(MaxLayer)
def _largest(layer: MaxLayer, algebra: Algebra, o: int, forms: Sequence[Form]) -> Form:
    scaled = [algebra.scale(forms[i], 1 << layer.shift(i, o)) for i in layer.entering(o)]
    if not scaled:
        return algebra.constant(0)
    largest = scaled[0]
    for form in sorted(scaled[1:], key=lambda f: not f.parts):  # constants last: they only cut off what is below them
        largest = algebra.larger(largest, form)
    return largest
