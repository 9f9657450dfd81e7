"""Score of a trigger in integers: the largest output of a signal class minus the largest of a background class.

In anomaly detection the score is the one output: there is no background to subtract.

Outputs have binary points of their own. A shift to the left brings them to the finest of them and loses nothing. A
score is an integer number of its steps. Every width here is the narrowest for all possible values, so nothing wraps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range

WIDEST = 53  # bits of a score: real numbers, in which thresholds are chosen, hold whole ones up to there


@dataclass(frozen=True)
class Score:
    """Outputs that make a score. Without background nothing is subtracted.

    Attributes
    ----------
    outputs
        Formats of the network's outputs.
    signal, background
        Numbers of outputs.

    Raises
    ------
    FirmwareError
        If an output is missing, or a score takes more than WIDEST bits.
    """

    outputs: tuple[KIF, ...]
    signal: tuple[int, ...]
    background: tuple[int, ...]

    def __post_init__(self) -> None:
        used = sorted((*self.signal, *self.background))
        if not self.signal or len(set(used)) != len(used):
            raise FirmwareError(f"score: expected at least one output of signal, and each output once, found {used}")
        if used[0] < 0 or used[-1] >= len(self.outputs):
            raise FirmwareError(f"score: expected outputs below {len(self.outputs)}, found {used}")
        if self.bits > WIDEST:
            raise FirmwareError(
                f"score: expected at most {WIDEST} bits, found {self.bits}. Use outputs with fewer bits."
            )

    @property
    def fraction(self) -> int:
        """Fractional bits of a score: the most of any output that makes it."""
        return max(self.outputs[o].f for o in (*self.signal, *self.background))

    def shift(self, output: int) -> int:
        """Return the number of bits by which an output is shifted to the left.

        Parameters
        ----------
        output
            Number of the output.

        Returns
        -------
        int
            Number of bits.
        """
        return self.fraction - self.outputs[output].f

    def reach(self, group: Sequence[int]) -> tuple[int, int]:
        """Bound the largest output of a group.

        Parameters
        ----------
        group
            Numbers of outputs.

        Returns
        -------
        tuple of int
            Smallest and largest value at `fraction`; 0 for an empty group.
        """
        if not group:
            return 0, 0
        ends = [(self.outputs[o].lo << self.shift(o), self.outputs[o].hi << self.shift(o)) for o in group]
        return max(lo for lo, _ in ends), max(hi for _, hi in ends)

    @property
    def lo(self) -> int:
        """Smallest score."""
        return self.reach(self.signal)[0] - self.reach(self.background)[1]

    @property
    def hi(self) -> int:
        """Largest score."""
        return self.reach(self.signal)[1] - self.reach(self.background)[0]

    @property
    def operand_bits(self) -> int:
        """Width of a signed number for each of the outputs at `fraction`."""
        ends = [self.reach([o]) for o in (*self.signal, *self.background)]
        return _signed_bits(min(lo for lo, _ in ends), max(hi for _, hi in ends))

    @property
    def bits(self) -> int:
        """Width of a signed number for each score, a code beyond either end, and a bit more than operands."""
        return max(_signed_bits(self.lo - 1, self.never), self.operand_bits + 1)

    @property
    def never(self) -> int:
        """Smallest threshold that no score reaches."""
        return self.hi + 1

    def codes(self, outputs: IntArray) -> IntArray:
        """Compute scores.

        Parameters
        ----------
        outputs : IntArray of shape (N, outputs)
            Output codes, each within the format of its output.

        Returns
        -------
        IntArray of shape (N,)
            Scores.
        """

        def largest(group: tuple[int, ...]) -> IntArray:
            aligned = outputs[:, list(group)] << np.array([self.shift(o) for o in group], dtype=np.int64)
            return np.asarray(aligned.max(axis=1))

        return largest(self.signal) - largest(self.background) if self.background else largest(self.signal)

    def decided(self, outputs: IntArray, thresholds: Sequence[int | None]) -> NDArray[np.int64]:
        """Compare scores with thresholds.

        Parameters
        ----------
        outputs : IntArray of shape (N, outputs)
            Output codes.
        thresholds
            Smallest score that passes; None: none does.

        Returns
        -------
        NDArray of shape (N, thresholds)
            1 where the score is at least the threshold.
        """
        scores = self.codes(outputs)
        return np.stack([scores >= (self.never if t is None else t) for t in thresholds], axis=1).astype(np.int64)


def score_in_words(signal: Sequence[str], background: Sequence[str]) -> str:
    """Describe a score.

    Parameters
    ----------
    signal, background
        Names of outputs.

    Returns
    -------
    str
        Text.
    """
    if len(signal) == 1 and not background:
        return f"output {signal[0]}"
    subtracted = f" minus the largest of ({', '.join(background)})" if background else ""
    return f"the largest of ({', '.join(signal)}){subtracted}"


def _signed_bits(lo: int, hi: int) -> int:
    return kif_for_range(min(lo, -1), hi, f=0).bits
