"""And gates with structural hashing, and words of them: the formula in which the second proof compares two circuits.

A literal is an integer, 2 * node, + 1 where negated. Node 0 is the constant 0, so literal 0 is false and 1 is true. A
word is a list of literals, the lowest bit first. A gate with the operands of an older gate is that gate.
"""

from __future__ import annotations

from collections.abc import Sequence

Bits = list[int]

FALSE, TRUE = 0, 1


class TooLargeError(Exception):
    """More gates than allowed."""


class Gates:
    """A growing graph of and gates.

    Parameters
    ----------
    most : int
        Limit of the number of nodes; `TooLargeError` is raised beyond it. It bounds memory: about 1 kB a node.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # Operands of each node; -1 marks the constant and free variables.
        self.left: list[int] = [-1]
        self.right: list[int] = [-1]
        self._known: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.left)

    def free(self) -> int:
        """Return a new variable."""
        return self._node(-1, -1)

    def frees(self, count: int) -> Bits:
        """Return a word of new variables."""
        return [self.free() for _ in range(count)]

    def _node(self, a: int, b: int) -> int:
        if len(self.left) >= self.most:
            raise TooLargeError
        self.left.append(a)
        self.right.append(b)
        return 2 * len(self.left) - 2

    def both(self, a: int, b: int) -> int:
        """Return a and b."""
        if a > b:
            a, b = b, a
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        literal = self._known.get((a, b))
        if literal is None:
            literal = self._known[a, b] = self._node(a, b)
        return literal

    def either(self, a: int, b: int) -> int:
        """Return a or b."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: int, b: int) -> int:
        """Return a exclusive-or b."""
        turned = (a ^ b) & 1
        a, b = a & ~1, b & ~1
        return self.both(self.both(a, b ^ 1) ^ 1, self.both(a ^ 1, b) ^ 1) ^ 1 ^ turned

    def choose(self, select: int, yes: int, *, no: int) -> int:
        """Return `yes` where `select` is true, else `no`."""
        if select & 1:
            select, yes, no = select ^ 1, no, yes
        if yes == no or select == FALSE:
            return no
        if yes == no ^ 1:
            return self.differ(select, no)
        return self.either(self.both(select, yes), self.both(select ^ 1, no))

    def all_of(self, bits: Sequence[int]) -> int:
        """Return whether all bits are true."""
        conjunction = TRUE
        for bit in bits:
            conjunction = self.both(conjunction, bit)
        return conjunction

    def any_of(self, bits: Sequence[int]) -> int:
        """Return whether a bit is true."""
        return self.all_of([bit ^ 1 for bit in bits]) ^ 1

    def odd(self, bits: Sequence[int]) -> int:
        """Return the exclusive-or of all bits."""
        parity = FALSE
        for bit in bits:
            parity = self.differ(parity, bit)
        return parity

    def equal(self, a: Bits, b: Bits) -> int:
        """Return whether two words of one width are equal."""
        return self.all_of([self.differ(x, y) ^ 1 for x, y in zip(a, b, strict=True)])

    def sum(self, a: Bits, b: Bits, *, carry: int = FALSE) -> Bits:
        """Return a + b + carry modulo 2**width of two words of one width."""
        total = []
        for x, y in zip(a, b, strict=True):
            unlike = self.differ(x, y)
            total.append(self.differ(unlike, carry))
            carry = self.choose(unlike, carry, no=x)
        return total

    def less(self, a: Bits, b: Bits) -> int:
        """Return a < b of two signed words of one width."""
        a, b = extended(a, len(a) + 1, signed=True), extended(b, len(b) + 1, signed=True)
        return self.sum(a, [bit ^ 1 for bit in b], carry=TRUE)[-1]

    def chosen(self, select: int, yes: Bits, *, no: Bits) -> Bits:
        """Return one of two words of one width."""
        return [self.choose(select, a, no=b) for a, b in zip(yes, no, strict=True)]

    def read(self, entries: Sequence[Bits], address: Bits) -> Bits:
        """Return the entry of a table at an address; entries are words of one width, 2**len(address) of them.

        The highest address bit selects last, so both circuits get the same gates for the same table.
        """
        word = []
        for column in zip(*entries, strict=True):
            level = list(column)
            for select in address:
                pairs = zip(level[1::2], level[::2], strict=True)
                memo: dict[tuple[int, int], int] = {}
                following = []
                for pair in pairs:
                    if pair not in memo:
                        memo[pair] = self.choose(select, pair[0], no=pair[1])
                    following.append(memo[pair])
                level = following
            word.append(level[0])
        return word


def constant(value: int, width: int) -> Bits:
    """Return a number as a word in two's complement."""
    return [value >> n & 1 for n in range(width)]


def extended(bits: Bits, width: int, *, signed: bool) -> Bits:
    """Return a word extended or cut to a width."""
    fill = bits[-1] if signed and bits else FALSE
    return (bits + [fill] * (width - len(bits)))[:width]
