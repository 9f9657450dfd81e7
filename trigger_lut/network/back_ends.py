"""The registry of layer kinds, and of the function that each back end has for each kind.

A back end is a consumer of layers: a simulator, a generator of firmware, a proof. It has one function per kind. A kind
without a function is refused with an error. A back end with a default says why the default is right for every kind.

Functions are registered where they are written: `@GATES.register(LinearLayer)`. The registry lies below all back ends,
so that a kind can be added by modules in the folders `layer_kinds` alone (see docs/how-to/extend_layer.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from trigger_lut.errors import UnsupportedLayerError

if TYPE_CHECKING:
    from trigger_lut.network.layers import IntegerLayer

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
L = TypeVar("L", bound="type[IntegerLayer]")

KINDS: dict[str, type[IntegerLayer]] = {}
"""Layer classes by `kind`, their name in network files."""
BACK_ENDS: dict[str, BackEnd[Any]] = {}
"""All back ends by name."""


def register_kind(kind: L) -> L:
    """Register a layer class under its `kind`.

    Raises
    ------
    ValueError
        If another class has this name.
    """
    if KINDS.setdefault(kind.kind, kind) is not kind:
        raise ValueError(f"layer kind {kind.kind!r} is registered for {KINDS[kind.kind].__name__}")
    return kind


class BackEnd(Generic[R]):
    """The functions of one back end by layer class.

    Parameters
    ----------
    name : str
        For messages.
    default : callable, optional
        Function for kinds without one of their own. It must be right for every kind.
    """

    def __init__(self, name: str, default: Callable[..., R] | None = None) -> None:
        self.name, self.default = name, default
        self.functions: dict[type[IntegerLayer], Callable[..., R]] = {}
        BACK_ENDS[name] = self

    def register(self, *kinds: type[IntegerLayer]) -> Callable[[F], F]:
        """Return a decorator that registers a function for some kinds.

        Parameters
        ----------
        *kinds : type
            Layer classes.

        Returns
        -------
        callable
            Decorator; it returns the function as it is.
        """

        def decorate(function: F) -> F:
            self.functions.update(dict.fromkeys(kinds, function))
            return function

        return decorate

    def handles(self, kind: type[IntegerLayer]) -> bool:
        """Return whether the back end has a function for a kind, its own or the default.

        Parameters
        ----------
        kind : type
            Layer class.

        Returns
        -------
        bool
        """
        return kind in self.functions or self.default is not None

    def __call__(self, layer: IntegerLayer, *args: Any, **options: Any) -> R:
        """Call the function for the kind of a layer.

        Raises
        ------
        UnsupportedLayerError
            If the back end has none.
        """
        return self.of(type(layer), f"layer {layer.name!r}")(layer, *args, **options)

    def of(self, kind: type[IntegerLayer], where: str = "registry") -> Callable[..., R]:
        """Return the function for a kind.

        Parameters
        ----------
        kind : type
            Layer class.
        where : str
            Begin of the error message.

        Returns
        -------
        callable

        Raises
        ------
        UnsupportedLayerError
            If there is none.
        """
        function = self.functions.get(kind, self.default)
        if function is None:
            known = ", ".join(sorted(known.kind for known in self.functions))
            raise UnsupportedLayerError(
                f"{where}: the {self.name} does not handle layers of kind {kind.kind!r}. "
                f"Expected one of {known}. Register a function for {kind.__name__}, or use another kind."
            )
        return function


REFERENCE_MODEL: BackEnd[Any] = BackEnd("reference model")
"""(layer, codes (N, C_in)) -> outputs (N, C_out)."""
EVENT_TRACE: BackEnd[Any] = BackEnd("event trace")
"""(layer, o, codes (C_in,)) -> (parts by channel, start); see `event_trace.Output`."""
PLANS: BackEnd[Any] = BackEnd(
    "summation plan", default=lambda layer, gather_index: [[None] * layer.shape[1] for _ in gather_index]
)
"""(layer, gather index (P, C_in)) -> for each position and output a `Summation`; None: the output has no tables."""
LOWERING: BackEnd[list[Any]] = BackEnd("lowering to logic")
"""(layer, channels, plans of the position, like) -> outputs of a position in real values, as variables of alkaid."""
DECIDING_BITS: BackEnd[Any] = BackEnd("input usage", default=lambda layer, i, codes: [codes])
"""(layer, i, converted codes) -> arrays, of which one differs where a changed bit changes what channel i adds."""

HLS_CPP: BackEnd[str] = BackEnd("HLS generator")
"""(layer, index, o, bits) -> C++ expression of an output, from the codes `c[i]`, within ap_int<bits>."""
EMULATOR_CPP: BackEnd[str] = BackEnd("C++ emulator")
"""(layer, n, o, type) -> C++ expression of an output, from the codes `c[i]`, in an integer type."""
NETWORK_JSON: BackEnd[dict[str, Any]] = BackEnd("network.json")
"""(layer) -> entries of the layer that only its kind has. `emulator/python.py` evaluates them."""
NET_NAMES: BackEnd[Any] = BackEnd("net names", default=lambda layer, o, plan, codes: ())
"""(layer, o, plan, codes (N, C_in)) -> (name, values (N,)) of nets within an output. Names are optional."""

GATES: BackEnd[Any] = BackEnd("gate-level proof")
"""(layer, gates, o, codes, plan) -> the output as a `Number`."""
FORMS: BackEnd[Any] = BackEnd("word-level proof")
"""(layer, algebra, o, forms by channel) -> the output as a `Form`."""
REFERENCE_VERILOG: BackEnd[Any] = BackEnd("reference Verilog")
"""(layer, lines, key=, o=, codes=, plan=, padded=) -> name and width of a signal; appends its lines.

codes: by channel. padded: channels of padding.
"""
RANDOM_LAYER: BackEnd[Any] = BackEnd("random networks")
"""(rng, c_out, name, inputs, overflow, gather_index, rounding) -> a random layer of a kind: see `BackEnd.of`."""
