"""Lower bounds on LUTs and latency of any network of a shape: budgets below them are refused before the first epoch.

To distinguish C classes takes ceil(log2 C) bits that depend on the input. Each bit that is more than a copy of an
input bit takes a LUT. Neighboring layers can share a LUT where no register lies between them, so layers add nothing to
this. The signal passes one table of two or more address bits per layer, in the delay model that the pipeline is cut by.
An initiation interval above 1 allows to share hardware. That is optional, adds cycles, and leaves at least these LUTs.
So the bounds hold for any interval.
"""

from __future__ import annotations

from trigger_lut.config.budget import NetworkShape, Spec
from trigger_lut.cost_model.delay import DelayModel, cycles


def least_luts(classes: int) -> int:
    """Return the LUTs of the smallest network that is more than wires."""
    return max((classes - 1).bit_length(), 1)


def least_cycles(layers: int, model: DelayModel) -> int:
    """Return latency_cycles of a chain of tables, one per layer.

    Parameters
    ----------
    layers : int
        Number of tables.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    int

    Raises
    ------
    ConfigurationError
        For an unknown family or a clock that leaves no room for logic.
    """
    time = 0.0
    for _ in range(layers):
        time = model.finish(time, model.delays.table(2))
    return cycles(time, model.stage_ns)


def table_layers(shape: NetworkShape) -> int:
    """Return the number of table layers that a signal passes; 0 for a user's function, which is not called yet."""
    if shape.units is not None:
        return len(shape.units)
    return sum(layer.kind.startswith("lut_") for layer in shape.layers or [])


def impossible(spec: Spec, classes: int) -> list[str]:
    """List the budgets of a design that no network of its shape can meet.

    Parameters
    ----------
    spec : Spec
        The design.
    classes : int
        Number of classes: outputs of the largest head.

    Returns
    -------
    list of str
        Messages; each begins with the key of the budget.
    """
    layers, target, reasons = table_layers(spec.network), spec.target, []
    luts = least_luts(classes)
    if spec.budget.luts < luts:
        reasons.append(
            f"luts: {spec.budget.luts} is below the minimum of {luts} for {classes} classes (one LUT per output bit "
            "that is not a copy of an input bit)"
        )
    least = least_cycles(layers, DelayModel.of(target))
    if spec.latency_cycles_budget < least:
        reasons.append(
            f"latency_ns: {spec.budget.latency_ns:g} is {spec.latency_cycles_budget} cycles at {target.clock_mhz:g} "
            f"MHz, less than {layers} table layers take: at least {least} cycles, "
            f"{least * target.clock_period_ns:.4g} ns"
        )
    return reasons
