"""Equality of literals of a graph for all values of its variables, by SAT sweeping with CaDiCaL.

Random values of the variables propose gates that may be equal. The solver takes such pairs in topological order. It
proves a pair equal, and the later gate is replaced; or it gives values that separate them, which refine the proposals.
Sums that are built alike so become one graph from their lowest bits up, and little is left to search at the outputs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trigger_lut.verification.formal.gates import Gates

WORDS = 64  # of 64 random values each
CONFLICTS = 500  # for a proposal
AMONG_OLDER = 30  # for one within the part that was built first
HASH = np.uint64(0x9E3779B97F4A7C15)
SLICE = 2000  # conflicts between two checks of the time
SOLVER = "CaDiCaL 1.9.5"


@dataclass(frozen=True)
class Answer:
    """The verdict on some pairs of literals; `values`: of the variables by node, where a pair differs."""

    verdict: Literal["equal", "different", "open"]
    values: dict[int, bool] | None = None


class Sweep:
    """Pairs of literals of one graph, compared one group after another.

    The graph must not grow after this. Close it to free the solver.
    """

    def __init__(self, gates: Gates, seed: int, *, older: int = 0) -> None:
        from pysat.solvers import Solver

        self.split = older
        self.left = np.array(gates.left, dtype=np.int64)
        self.right = np.array(gates.right, dtype=np.int64)
        self.is_gate = self.left >= 0
        self.levels = _levels(self.left, self.right)
        self.variables = np.flatnonzero(~self.is_gate)[1:]
        self.rng = np.random.default_rng(seed)
        self.seen: list[NDArray[np.uint64]] = []
        # Literal that represents each node; -1: not swept yet.
        self.stands = np.full(len(self.left), -1, dtype=np.int64)
        self.stands[0] = 0
        self.known: dict[tuple[int, int], int] = {}
        # Standing operands of a swept gate: what the solver gets. Values are computed from the graph as it was given.
        self.operands: dict[int, tuple[int, int]] = {}
        self.standing = [0]
        self.hashes = np.zeros(len(self.left), dtype=np.uint64)
        self.proposed: dict[int, int] = {}
        self.encoded: set[int] = set()
        self.calls = 0
        self.solver: Any = Solver(name="cadical195")
        self.solver.add_clause([-1])  # node 0
        self._add_values(self.rng.integers(0, 1 << 64, (len(self.variables), WORDS), dtype=np.uint64))

    def close(self) -> None:
        """Free the solver."""
        self.solver.delete()

    def compare(self, pairs: Sequence[tuple[int, int]], seconds: float) -> Answer:
        """Compare pairs of literals.

        Parameters
        ----------
        pairs
            Pairs of literals of the graph.
        seconds
            Processor time in s.

        Returns
        -------
        Answer
            `equal` if the literals of every pair are, for all values of the variables. `open` if the time did not
            suffice.
        """
        ends = time.process_time() + seconds
        for a, b in pairs:
            if values := self._seen_apart(a, b):
                return Answer("different", values)
        for node in self._cone([a for pair in pairs for a in pair]):
            if time.process_time() > ends:
                return Answer("open")
            self._sweep(node)
        for a, b in pairs:
            answer = self._equal(self._standing(a), self._standing(b), ends)
            if answer.verdict != "equal":
                return answer
        return Answer("equal")

    # ---------------------------------------------------------------- simulation

    def _add_values(self, columns: NDArray[np.uint64]) -> None:
        """Evaluate the graph for more values of the variables (V, words), and propose anew."""
        fresh = np.zeros((len(self.left), columns.shape[1]), dtype=np.uint64)
        fresh[self.variables] = columns
        for nodes in self.levels:
            fresh[nodes] = _read(fresh, self.left[nodes]) & _read(fresh, self.right[nodes])
        if not self.seen:
            # Nodes that are 1 for the first values are hashed as their negation.
            self.turned = fresh[:, 0] & np.uint64(1)
        self.seen.append(fresh)
        flip = np.where(self.turned, ~np.uint64(0), np.uint64(0)).astype(np.uint64)
        for column in fresh.T:
            self.hashes = (self.hashes ^ column ^ flip) * HASH
            self.hashes ^= self.hashes >> np.uint64(31)
        standing = self.standing[::-1]
        self.proposed = dict(zip(self.hashes[standing].tolist(), standing, strict=True))

    def _seen_apart(self, a: int, b: int) -> dict[int, bool]:
        """Return values of the variables, among those seen, for which two literals differ; empty without any."""
        for values in self.seen:
            unlike = _read(values, np.array([a]))[0] ^ _read(values, np.array([b]))[0]
            if unlike.any():
                word = int(np.flatnonzero(unlike)[0])
                bit = (int(unlike[word]) & -int(unlike[word])).bit_length() - 1
                column = (values[self.variables, word] >> np.uint64(bit) & np.uint64(1)).astype(bool)
                return dict(zip(self.variables.tolist(), column.tolist(), strict=True))
        return {}

    # ---------------------------------------------------------------- merging

    def _cone(self, literals: Sequence[int]) -> list[int]:
        """Return the nodes below some literals that are not swept yet, in topological order."""
        waiting, cone = [literal >> 1 for literal in literals], set()
        while waiting:
            node = waiting.pop()
            if node in cone or self.stands[node] >= 0:
                continue
            cone.add(node)
            if self.is_gate[node]:
                waiting += [int(self.left[node]) >> 1, int(self.right[node]) >> 1]
        return sorted(cone)

    def _standing(self, literal: int) -> int:
        return int(self.stands[literal >> 1]) ^ (literal & 1)

    def _sweep(self, node: int) -> None:
        """Replace a node by an older one where they are proven equal."""
        self.stands[node] = 2 * node
        if self.is_gate[node]:
            operands = self._standing(int(self.left[node])), self._standing(int(self.right[node]))
            a, b = min(operands), max(operands)
            if a == 0 or a == b ^ 1:
                self.stands[node] = 0
            elif a == 1 or a == b:
                self.stands[node] = b
            else:
                self.stands[node] = self.known.setdefault((a, b), 2 * node)
            if self.stands[node] != 2 * node:
                return
            self.operands[node] = a, b
        most = CONFLICTS if node >= self.split else AMONG_OLDER
        while True:
            other = self.proposed.setdefault(int(self.hashes[node]), node)
            if other == node or not (self.is_gate[node] or self.is_gate[other]):
                break
            literal = 2 * other + int(self.turned[node] ^ self.turned[other])
            answer = self._solved(2 * node, literal, most)
            if answer.verdict == "equal":
                self.stands[node] = self.known[self.operands[node]] = literal
                return
            if answer.verdict == "open":
                break
            assert answer.values is not None
            self._learn(answer.values)
        self.standing.append(node)

    def _learn(self, values: dict[int, bool]) -> None:
        """Add values that separate two nodes, and 63 neighbors with a few variables changed."""
        row = np.array([values[v] for v in self.variables.tolist()], dtype=bool)
        columns = np.repeat(row[:, None], 64, axis=1)
        columns[:, 1:] ^= self.rng.random((len(row), 63)) < min(0.5, 3 / len(row))
        packed = (columns.astype(np.uint64) << np.arange(64, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
        self._add_values(packed[:, None])

    # ---------------------------------------------------------------- solving

    def _equal(self, a: int, b: int, ends: float) -> Answer:
        while ends > time.process_time() or a == b:
            answer = self._solved(a, b, SLICE)
            if answer.verdict != "open":
                return answer
        return Answer("open")

    def _solved(self, a: int, b: int, conflicts: int) -> Answer:
        """Compare two standing literals within some conflicts."""
        if a == b:
            return Answer("equal")
        self._encode(a >> 1)
        self._encode(b >> 1)
        for first, second in ((a, b ^ 1), (a ^ 1, b)):
            self.calls += 1
            self.solver.conf_budget(conflicts)
            satisfiable = self.solver.solve_limited(assumptions=[_dimacs(first), _dimacs(second)])
            if satisfiable is None:
                return Answer("open")
            if satisfiable:
                true = {literal for literal in self.solver.get_model() if literal > 0}
                return Answer("different", {v: v + 1 in true for v in self.variables.tolist()})
        return Answer("equal")

    def _encode(self, node: int) -> None:
        """Give the solver the clauses of a node and of all below it."""
        waiting = [node]
        while waiting:
            n = waiting.pop()
            if n in self.encoded or not self.is_gate[n]:
                continue
            self.encoded.add(n)
            a, b = self.operands[n]
            out, x, y = _dimacs(2 * n), _dimacs(a), _dimacs(b)
            for clause in ([-out, x], [-out, y], [out, -x, -y]):
                self.solver.add_clause(clause)
            waiting += [a >> 1, b >> 1]


def _dimacs(literal: int) -> int:
    variable = (literal >> 1) + 1
    return -variable if literal & 1 else variable


def _read(values: NDArray[np.uint64], literals: NDArray[np.int64]) -> NDArray[np.uint64]:
    flip = np.where(literals & 1, ~np.uint64(0), np.uint64(0)).astype(np.uint64)
    literal_values: NDArray[np.uint64] = values[literals >> 1] ^ flip[:, None]
    return literal_values


def _levels(left: NDArray[np.int64], right: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the gates by depth: the operands of those of a level lie in earlier ones."""
    depth = [0] * len(left)
    for n, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        if a >= 0:
            depth[n] = max(depth[a >> 1], depth[b >> 1]) + 1
    order = np.argsort(depth, kind="stable")
    starts = np.flatnonzero(np.diff(np.array(depth)[order])) + 1
    return [nodes for nodes in np.split(order, starts) if depth[int(nodes[0])] > 0]
