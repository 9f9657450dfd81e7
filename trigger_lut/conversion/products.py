"""Conversion of products of two values, and of sums of such products, to tables.

Each factor is cut into fields of few bits. A pair of fields is the address of a table, whose entry is their product at
the place of the fields. One table layer sums the entries of all pairs, so a sum of products costs no layer more. Any
widths are exact, and firmware, proofs and faults know tables already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import PADDING, LinearLayer, TableLayer

ADDRESS_BITS = 6  # of a table: one LUT for each bit of an entry
WIDEST_PRODUCT = 44  # bits of a product

ELEMENTWISE = ("Multiply",)
CONTRACTIONS = ("Einsum", "Matmul", "Dot")
PRODUCTS = (*ELEMENTWISE, *CONTRACTIONS)


@dataclass(frozen=True)
class Products:
    """Sums of products: y[output[t]] += product over all tensors n of x_n[factors[n][t]].

    Attributes
    ----------
    factors : tuple of (T,) int arrays
        Flat index of each factor in its tensor.
    output : (T,) int array
        Flat index of the sum.
    """

    factors: tuple[IntArray, ...]
    output: IntArray


def is_product(op: Any, node: Any) -> bool:
    """Return whether an operation multiplies values that depend on the input.

    Parameters
    ----------
    op, node
        The operation and its call.

    Returns
    -------
    bool
        False for a product with a constant.
    """
    return type(op).__name__.removeprefix("Q") in PRODUCTS and len(node.input_tensors) > 1


def products_of(op: Any, node: Any, *, shapes: Sequence[tuple[int, ...]]) -> Products:
    """Find the terms of an operation.

    Parameters
    ----------
    op, node
        The operation and its call.
    shapes : sequence of tuple
        Shape of each tensor, without the batch axis.

    Returns
    -------
    Products

    Raises
    ------
    FirmwareError
        If the operation mixes events, or sums products of more than two tensors.
    """
    kind = type(op).__name__.removeprefix("Q")
    if kind not in ELEMENTWISE and len(shapes) != 2:
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} of {len(shapes)} tensors. Expected 2; multiply them one by one"
        )
    terms = _broadcast(op, shapes) if kind in ELEMENTWISE else _contracted(op, kind, shapes)
    _check(op, node, shapes, terms)
    return terms


# ---------------------------------------------------------------- terms


def _numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(math.prod(shape), dtype=np.int64).reshape(shape)


def _broadcast(op: Any, shapes: Sequence[tuple[int, ...]]) -> Products:
    """Find the factors of each output of an elementwise product: Keras multiplies their numbers with 1."""
    factors = []
    for n in range(len(shapes)):
        x = [_numbers(shape) if m == n else np.ones(shape) for m, shape in enumerate(shapes)]
        tensors = [keras.ops.convert_to_tensor(part[None].astype(np.float32)) for part in x]
        factors.append(np.asarray(keras.ops.convert_to_numpy(_multiplied(op, tensors)))[0].astype(np.int64).reshape(-1))
    assert max(int(numbers.max(initial=0)) for numbers in factors) < 1 << 24, "numbers beyond float32"
    return Products(tuple(factors), np.arange(len(factors[0])))


def _multiplied(op: Any, tensors: list[Any]) -> Any:
    return keras.layers.Multiply.call(op, tensors) if isinstance(op, keras.Layer) else op.call(*tensors)


def _contracted(op: Any, kind: str, shapes: Sequence[tuple[int, ...]]) -> Products:
    """Find the terms of a sum over common axes, by the labels of all axes."""
    labels, out = _EQUATIONS[kind](op, [len(shape) + 1 for shape in shapes])
    batch = labels[0][:1]
    if any(part[:1] != batch for part in (*labels, out)) or any(batch in part[1:] for part in (*labels, out)):
        raise FirmwareError(f"layer {op.name!r}: a {type(op).__name__} over the batch. Expected other axes")
    sizes: dict[str, int] = {}
    for part, shape in zip(labels, shapes, strict=True):
        if len(set(part)) != len(part):
            raise FirmwareError(f"layer {op.name!r}: a diagonal of a tensor. Expected each axis once")
        for label, size in zip(part[1:], shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    order = list(out[1:]) + sorted(set(sizes) - set(out))
    full = tuple(sizes[label] for label in order)

    def spread(part: str, shape: tuple[int, ...]) -> IntArray:
        axes = [part.index(label) - 1 if label in part else -1 for label in order]
        moved = np.transpose(_numbers(shape), [a for a in axes if a >= 0])
        shape = tuple(moved.shape[sum(b >= 0 for b in axes[:n])] if a >= 0 else 1 for n, a in enumerate(axes))
        return np.broadcast_to(moved.reshape(shape), full).reshape(-1)

    first, second = (spread(part, shape) for part, shape in zip(labels, shapes, strict=True))
    output = np.arange(math.prod(full)) // math.prod(full[len(out) - 1 :])
    return Products((first, second), output)


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _einsum(op: Any, ranks: list[int]) -> tuple[list[str], str]:
    equation = (op.equation if hasattr(op, "equation") else op.subscripts).replace(" ", "")
    left, arrow, out = equation.partition("->")
    parts = left.split(",")
    free = [letter for letter in LETTERS if letter not in equation]
    hidden = {part: rank - len(part) + 3 for part, rank in zip(parts, ranks, strict=False) if "..." in part}
    dots = "".join(free[: max(hidden.values(), default=0)])
    if not arrow or len(parts) != len(ranks):
        raise FirmwareError(f"layer {op.name!r}: einsum {equation!r}. Expected an equation with '->' and its tensors")
    named = [part.replace("...", dots[len(dots) - hidden.get(part, 0) :]) for part in parts]
    return named, out.replace("...", dots)


def _matmul(op: Any, ranks: list[int]) -> tuple[list[str], str]:
    if ranks[0] != ranks[1] or ranks[0] < 3:
        raise FirmwareError(
            f"layer {op.name!r}: a product of matrices of {ranks[0]} and {ranks[1]} axes. Expected as many, 3 or more"
        )
    rows = LETTERS[: ranks[0] - 2]
    return [rows + "yz", rows + "zx"], rows + "yx"


def _dot(op: Any, ranks: list[int]) -> tuple[list[str], str]:
    if getattr(op, "normalize", False) or not hasattr(op, "axes"):
        raise FirmwareError(f"layer {op.name!r}: a {type(op).__name__} of this form. Expected the layer Dot, or einsum")
    axes = [op.axes, op.axes] if isinstance(op.axes, int) else list(op.axes)
    letters = iter(LETTERS[1:])
    common, parts = next(letters), []
    for axis, rank in zip(axes, ranks, strict=True):
        part = ["a"] + [next(letters) for _ in range(rank - 1)]
        part[axis % rank] = common
        parts.append("".join(part))
    out = "a" + "".join(label for part in parts for label in part[1:] if label != common)
    return parts, out


_EQUATIONS = {"Einsum": _einsum, "Matmul": _matmul, "Dot": _dot}


def _check(op: Any, node: Any, shapes: Sequence[tuple[int, ...]], terms: Products) -> None:
    """Refuse terms that are not what Keras computes for two events of small integers."""
    rng = np.random.default_rng(0)
    of = zip(node.input_tensors, shapes, strict=True)
    events = {id(tensor): rng.integers(-3, 4, (2, *shape)).astype(np.float32) for tensor, shape in of}
    x = [events[id(t)] for t in node.input_tensors]  # a tensor may be multiplied with itself
    try:
        result = _evaluated(op, node, [keras.ops.convert_to_tensor(part) for part in x])
        actual = np.asarray(keras.ops.convert_to_numpy(result), dtype=np.float64)
    except Exception as error:  # whatever Keras and TensorFlow have against it
        message = (str(error).splitlines() or [""])[0]
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} cannot be evaluated ({type(error).__name__}: {message[:200]}). "
            "Expected shapes that it can multiply"
        ) from error
    expected = np.zeros((2, math.prod(int(n) for n in node.outputs[0].shape[1:])))
    for event in range(2):
        flat = [part[event].reshape(-1)[numbers] for part, numbers in zip(x, terms.factors, strict=True)]
        if len(terms.output) and terms.output.max() < expected.shape[1]:
            np.add.at(expected[event], terms.output, np.prod(flat, axis=0))
    if actual.shape[0] != 2 or not np.array_equal(actual.reshape(2, -1), expected):
        raise FirmwareError(
            f"layer {op.name!r}: a {type(op).__name__} of these shapes mixes events. Expected sums of products of an "
            "event's own values. Keep the batch's axis apart"
        )


def _evaluated(op: Any, node: Any, tensors: list[Any]) -> Any:
    """Apply an operation without its quantizers."""
    if not type(op).__module__.startswith("hgq."):
        arguments, options = node.arguments.fill_in(
            {id(old): new for old, new in zip(node.input_tensors, tensors, strict=True)}
        )
        return op.call(*arguments, **options)
    kind = type(op).__name__.removeprefix("Q")
    if kind == "Einsum":
        return keras.ops.einsum(op.equation, *tensors)
    return getattr(keras.layers, kind).call(op, tensors)


# ---------------------------------------------------------------- layers


@dataclass(frozen=True)
class Field:
    """Bits of a factor.

    Attributes
    ----------
    shift : int
        Number of lower bits of the factor.
    width : int
        Number of bits.
    signed : bool
        Whether the highest bit is the sign.
    """

    shift: int
    width: int
    signed: bool

    def values(self) -> IntArray:
        """Return the value of each code of the bits, in steps of the factor."""
        codes = np.arange(1 << self.width, dtype=np.int64)
        return np.where(self.signed & (codes >> (self.width - 1) > 0), codes - (1 << self.width), codes) << self.shift


def fields(kif: KIF, width: int) -> list[Field]:
    """Cut a format into fields, from the lowest bits on.

    Parameters
    ----------
    kif : KIF
        Format of the factor.
    width : int
        Most bits of a field.

    Returns
    -------
    list of Field
        As few as possible, of nearly equal widths.
    """
    count = -(-kif.bits // width)
    ends = [round(n * kif.bits / count) for n in range(count + 1)]
    return [Field(a, b - a, bool(kif.k) and b == kif.bits) for a, b in pairwise(ends)]


def field_widths(first: int, second: int) -> tuple[int, int]:
    """Choose the most bits of the fields of two factors.

    Parameters
    ----------
    first, second : int
        Bits of the factors.

    Returns
    -------
    tuple of int
        With the fewest tables of `ADDRESS_BITS`.
    """
    choices = [(n, ADDRESS_BITS - n) for n in range(1, ADDRESS_BITS)]
    return min(choices, key=lambda c: (-(-first // c[0]) * -(-second // c[1]), abs(c[0] - c[1]), c))


@dataclass(frozen=True)
class _Pair:
    """Layer of the addresses of two formats, and the entries of each of their tables."""

    layer: LinearLayer
    entries: tuple[IntArray, ...]


def _pair(name: str, first: KIF, second: KIF) -> _Pair:
    widths = field_widths(first.bits, second.bits)
    of = [fields(kif, width) for kif, width in zip((first, second), widths, strict=True)]
    inputs = [
        KIF(0, part.width + part.shift - kif.f, kif.f - part.shift)
        for kif, parts in zip((first, second), of, strict=True)
        for part in parts
    ]
    weights = np.zeros((len(inputs), len(of[0]) * len(of[1])), dtype=np.int64)
    entries = []
    for a, high in enumerate(of[0]):
        for b, low in enumerate(of[1]):
            weights[a, len(entries)] = 1 << low.width
            weights[len(of[0]) + b, len(entries)] = 1
            entries.append((high.values()[:, None] * low.values()).reshape(-1))
    zeros = np.zeros(weights.shape[1], dtype=np.int64)
    layer = LinearLayer(name, tuple(inputs), ("WRAP",) * len(inputs), weights, zeros, fraction_bits=zeros)
    return _Pair(layer, tuple(entries))


def product_layers(
    name: str,
    first: IntArray,
    *,
    second: IntArray,
    output: IntArray,
    formats: Callable[[int], KIF],
    start: int,
) -> tuple[list[LinearLayer | TableLayer], IntArray]:
    """Convert sums of products to layers of the integer network.

    Parameters
    ----------
    name : str
        Of the layer.
    first, second : (T,) int array
        Numbers of the values that are multiplied.
    output : (T,) int array
        Number of the sum of each product, from 0.
    formats : callable
        Returns the format of a value, which holds all its codes.
    start : int
        Number of the first value that the layers compute.

    Returns
    -------
    layers : list of layers
        Addresses for each pair of formats, then tables for each group of equal sums.
    order : (n_out,) int array
        Number of the value of each sum; PADDING where all its products are 0.

    Raises
    ------
    FirmwareError
        If a product has too many bits.
    """
    present = (first != PADDING) & (second != PADDING)
    known = {int(v): formats(int(v)) for v in np.unique(np.concatenate([first[present], second[present]]))}
    pairs: dict[tuple[KIF, KIF], _Pair] = {}
    rows: dict[tuple[KIF, KIF], dict[tuple[int, int], int]] = {}
    sums: dict[int, list[tuple[tuple[KIF, KIF], int]]] = {}
    for x, y, o in zip(first[present].tolist(), second[present].tolist(), output[present].tolist(), strict=True):
        key = known[x], known[y]
        if key not in pairs:
            _check_width(name, *key)
            pairs[key] = _pair(f"{name}_address{len(pairs)}", *key)
        at = rows.setdefault(key, {})
        sums.setdefault(o, []).append((key, at.setdefault((x, y), len(at))))
    layers: list[LinearLayer | TableLayer] = []
    begin: dict[tuple[KIF, KIF], int] = {}
    end = start
    for key, at in rows.items():
        read = [[x] * len(_fields_of(key, 0)) + [y] * len(_fields_of(key, 1)) for x, y in at]
        layers.append(replace(pairs[key].layer, gather_index=np.array(read, dtype=np.int64)))
        begin[key] = end
        end += len(at) * layers[-1].shape[1]
    groups: dict[tuple[tuple[KIF, KIF], ...], list[int]] = {}
    for o, terms in sums.items():
        terms.sort(key=lambda term: repr(term[0]))
        groups.setdefault(tuple(key for key, _ in terms), []).append(o)
    order = np.full(int(output.max(initial=-1)) + 1, PADDING, dtype=np.int64)
    for n, (keys, outputs) in enumerate(groups.items()):
        layer = _sum_of_entries(name if len(groups) == 1 else f"{name}_part{n}", keys, pairs)
        read = [
            [
                v
                for key, row in sums[o]
                for v in begin[key] + row * len(pairs[key].entries) + np.arange(len(pairs[key].entries))
            ]
            for o in outputs
        ]
        layers.append(replace(layer, gather_index=np.array(read, dtype=np.int64)))
        order[outputs] = end + np.arange(len(outputs))
        end += len(outputs)
    return layers, order


def _fields_of(key: tuple[KIF, KIF], n: int) -> list[Field]:
    return fields(key[n], field_widths(key[0].bits, key[1].bits)[n])


def _check_width(name: str, first: KIF, second: KIF) -> None:
    if first.bits + second.bits > WIDEST_PRODUCT:
        raise FirmwareError(
            f"layer {name!r}: a product of {first.bits} and {second.bits} bits. Expected at most {WIDEST_PRODUCT} "
            "together; add a quantizer before it"
        )


def _sum_of_entries(name: str, keys: Sequence[tuple[KIF, KIF]], pairs: dict[tuple[KIF, KIF], _Pair]) -> TableLayer:
    """Build the table layer of one sum, all of whose channels enter one output."""
    fraction = max(first.f + second.f for first, second in keys)
    tables = [
        entries << (fraction - first.f - second.f) for first, second in keys for entries in pairs[first, second].entries
    ]
    widths = np.array([[len(entries).bit_length() - 1] for entries in tables], dtype=np.int64)
    packed = np.zeros((len(tables), 1, 1 << int(widths.max())), dtype=np.int64)
    for channel, entries in enumerate(tables):
        packed[channel, 0, : len(entries)] = entries
    return TableLayer(
        name,
        tuple(KIF(0, int(width), 0) for width in widths[:, 0]),
        ("WRAP",) * len(tables),
        widths,
        packed,
        np.zeros(1, dtype=np.int64),
        fraction_bits=np.array([fraction], dtype=np.int64),
    )
