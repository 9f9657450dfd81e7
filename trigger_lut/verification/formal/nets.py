"""Nets of a circuit as words: the integer that some nets carry, given those of the cells that drive them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trigger_lut.verification.formal.normal_form import Algebra, Form, FormError, check_exact

Bit = int | str
"""A net by number, or a constant: "0", "1", "x"."""
UNDRIVEN = "nothing drives a net"
How = Literal["modulo", "unsigned", "signed"]


@dataclass(frozen=True)
class Word:
    """An integer, of which a net carries one bit each; `registers` that it has crossed since the inputs (None: any)."""

    form: Form
    registers: int | None


@dataclass(frozen=True)
class Run:
    """Nets side by side that belong together: bits of a word from `first` on, or a constant.

    extended: that many of them, the last ones, repeat the bit before them.
    """

    count: int
    word: Word | None
    first: int = 0
    extended: int = 0
    value: int = 0


class Nets:
    """Known words of the nets."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self._words: list[Word | str] = []
        self._at: dict[int, tuple[int, int]] = {}  # net: word, and which bit of it

    def __contains__(self, net: Bit) -> bool:
        return net in self._at

    def put(self, nets: Sequence[Bit], word: Word | str) -> None:
        """Set the word that some nets carry; a text gives the reason why none is known."""
        self._words.append(word)
        for n, net in enumerate(nets):
            if isinstance(net, int):
                self._at[net] = (len(self._words) - 1, n)

    def constant(self, net: Bit) -> int | None:
        """Return 0 or 1 where a net carries nothing else."""
        if net in ("0", "1"):
            return int(net)
        if net not in self._at:
            return None
        word, bit = self._at[net]
        entry = self._words[word]
        return entry.form.constant >> bit & 1 if isinstance(entry, Word) and not entry.form.parts else None

    def join(self, data: Sequence[Bit], out: Sequence[Bit], *, registers: int = 0) -> None:
        """Say that nets carry what others do, so many registers later."""
        later: dict[int, int] = {}
        for d, q in zip(data, out, strict=True):
            if not isinstance(d, int):
                word: Word | str = Word(self.algebra.constant(int(d)), None) if d in ("0", "1") else UNDRIVEN
                self.put([q], word)
                continue
            n, bit = self._at[d]
            if n not in later:
                later[n] = len(self._words)
                entry = self._words[n]
                if isinstance(entry, Word) and entry.registers is not None:
                    entry = replace(entry, registers=entry.registers + registers)
                self._words.append(entry)
            if isinstance(q, int):
                self._at[q] = (later[n], bit)

    def read(self, nets: Sequence[Bit], how: How) -> Word:
        """Return some nets as an integer: any "modulo" 2**nets, or exactly the "unsigned" or "signed" one.

        Raises FormError where it is not known.
        """
        at, forms, registers = 0, [], []
        runs = list(self._runs(nets))
        for n, run in enumerate(runs):
            form = self._form(run, how if n == len(runs) - 1 else "unsigned")
            forms.append(self.algebra.scale(form, 1 << at))
            if run.word is not None:
                registers.append(run.word.registers)
            at += run.count
        return Word(self.algebra.add(*forms), together(registers))

    def _form(self, run: Run, how: How) -> Form:
        if run.word is None:
            return self.algebra.constant(
                run.value - (1 << run.count if how == "signed" and run.value >> (run.count - 1) else 0)
            )
        if not run.extended:
            return self._slice(run.word.form, run.first, run.count, how)
        form = self._slice(run.word.form, run.first, run.count - run.extended, "signed")
        return self._slice(form, 0, run.count, "unsigned") if how == "unsigned" else form

    def _slice(self, form: Form, first: int, count: int, how: How) -> Form:
        """`count` bits of an integer from bit `first` on."""
        half, size = 1 << (count - 1), 1 << count
        if how != "modulo":
            check_exact(size)
        lo, hi, offset = form.lo >> first, form.hi >> first, half if how == "signed" else 0
        if how == "modulo" or (lo >= -offset and hi < size - offset):
            whole = self.algebra.divided(form, 1 << first)
            return self.algebra.apply(form, lambda v: v >> first) if whole is None else whole
        return self.algebra.apply(form, lambda v: (((v >> first) + offset) & (size - 1)) - offset)

    def _runs(self, nets: Sequence[Bit]) -> Iterator[Run]:
        n = 0
        while n < len(nets):
            begin, net = n, nets[n]
            if isinstance(net, str):
                while n < len(nets) and nets[n] in ("0", "1"):
                    n += 1
                if n == begin:
                    raise FormError(UNDRIVEN)
                yield Run(n - begin, None, value=sum(1 << k for k, b in enumerate(nets[begin:n]) if b == "1"))
                continue
            if net not in self._at:
                raise FormError(UNDRIVEN)
            word, first = self._at[net]
            entry = self._words[word]
            if isinstance(entry, str):
                raise FormError(entry)
            n += 1
            while n < len(nets) and self._at.get(nets[n]) == (word, first + n - begin):  # type: ignore[arg-type]
                n += 1
            size = n - begin
            while n < len(nets) and nets[n] == nets[n - 1]:
                n += 1
            yield Run(n - begin, entry, first, extended=n - begin - size)


def together(registers: Sequence[int | None]) -> int | None:
    """Return the number of registers that all have crossed. Raises FormError where the numbers differ."""
    numbers = {n for n in registers if n is not None}
    if len(numbers) > 1:
        raise FormError(f"what meets here has crossed {' and '.join(map(str, sorted(numbers)))} registers")
    return numbers.pop() if numbers else None
