"""Table layers for alkaid's own converter of Keras models: `alkaid convert model.keras folder`.

Importing this module registers the layers with alkaid; `plugin` does it when alkaid asks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from alkaid.converter.builtin.keras.layers._base import ReplayOperationBase
from alkaid.trace import FVArray
from alkaid.trace.fixed_variable import FVariable, FVariableInput

from trigger_lut.conversion.keras_graph import first_call
from trigger_lut.conversion.lut_layers import to_integer_layers
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.trace import check_entries, convert, table_sum, within
from trigger_lut.fixed_point.formats import KIF, kif_for_range
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense
from trigger_lut.network.lowering.adder_tree import Summation, plan_places
from trigger_lut.network.network import PADDING, TableLayer


class TableLayers(ReplayOperationBase):  # type: ignore[misc]
    """Carries a layer of tables out on alkaid's variables, as `trace.trace` does for an integer network.

    An input of the model that has no format yet (no --inputs-kif) gets the layer's: values beyond it wrap, where Keras
    would saturate. Raises FirmwareError when two layers would saturate it to different limits, and when an entry is
    too large for alkaid.
    """

    handles = (LUTDense, LUTConv1D, LUTConv2D)
    __activation_handled__ = True  # the layer's `activation` is that of hidden units, behind the tables

    def call(self, x: Any) -> Any:
        """x: FVArray (1, ...) in the layer's input shape; gives an FVArray (1, ..., C_out).

        alkaid 0.8.2 drops the batch's axis in Flatten and Reshape; it may be missing from x and is back in the result.
        """
        rank = len(first_call(self.op).input_tensors[0].shape)
        shape = (None, *x.shape[x.ndim + 1 - rank :])
        gather_index = self.op.gather_index(shape)
        like = next(v for v in np.asarray(x).ravel() if isinstance(v, FVariable))
        values = [
            v if isinstance(v, FVariable) else FVariable.from_const(v, like.hwconf) for v in np.asarray(x).ravel()
        ]
        place_outputs: dict[int, list[Any]] = {}
        forms = to_integer_layers(self.op, gather_index)
        for n, form in enumerate(forms):
            check_entries(form)
            places = gather_index[n : n + 1] if self.op.per_position_widths else gather_index
            known: dict[tuple[int, KIF, str], Any] = {}
            for p, (place, plans) in enumerate(zip(places, plan_places(form, places), strict=True)):
                channels = [
                    _channel(self.op.name, form, values=values, known=known, i=i, value=int(v))
                    for i, v in enumerate(place)
                ]
                place_outputs[n + p] = [_output(form, o, plan, channels, like) for o, plan in enumerate(plans)]
        flat = [place_outputs[place] for place in sorted(place_outputs)]
        outputs = np.array(flat, dtype=object).reshape(1, *self.op.compute_output_shape(shape)[1:])
        return FVArray(outputs, x.solver_options, hwconf=x.hwconf)


def _channel(
    name: str, form: TableLayer, *, values: list[Any], known: dict[tuple[int, KIF, str], Any], i: int, value: int
) -> Any:
    """Return the variable that a position reads as its channel i, in that channel's format."""
    if value == PADDING:
        return 0.0
    key = value, form.inputs[i], form.overflow[i]
    if key not in known:
        x = values[value]
        if isinstance(x, FVariableInput):
            x = _entered(name, x, form.inputs[i], form.overflow[i], form.rounding)
        known[key] = convert(x, form.inputs[i], overflow=form.overflow[i], rounding=form.rounding)
    return known[key]


def _entered(name: str, x: Any, kif: KIF, overflow: str, rounding: str) -> Any:
    """Give an input of the model without a format that of the layer which reads it; rounding is left to `convert`."""
    fresh = x.low > x.high
    limits = (-kif.k * 2.0**kif.i, 2.0**kif.i)
    if overflow == "SAT" and not fresh and (x.low, x.high + x.step) != limits:
        raise FirmwareError(
            f"layer {name!r} saturates an input of the model to [{limits[0]}, {limits[1]}), another layer reads "
            f"[{x.low}, {x.high + x.step}); expected --inputs-kif, the format of the inputs"
        )
    return x.quantize(kif.k, kif.i, kif.f + (rounding == "RND"), "WRAP", "TRN")


def _output(form: TableLayer, o: int, plan: Summation, channels: list[Any], like: Any) -> Any:
    y = table_sum(channels, form, o=o, plan=plan, like=like)
    items = plan.items
    lo, hi = items[-1][1:] if items else (plan.constant, plan.constant)
    return within(y, kif_for_range(lo, hi, f=int(form.fraction_bits[o])), like=like)
