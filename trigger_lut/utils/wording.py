"""Wording of numbers in messages and on pages."""

from __future__ import annotations


def counted(number: int, noun: str, *, plural: str = "") -> str:
    """Write a number with its noun: 1 fault, 1,240 faults.

    Parameters
    ----------
    number : int
        The count.
    noun : str
        Singular of what is counted.
    plural : str
        Plural; by default the noun with s, or with es after ch, x and s.

    Returns
    -------
    str
        Number, with a comma for each thousand, and noun.
    """
    many = plural or noun + ("es" if noun.endswith(("ch", "x", "s")) else "s")
    return f"{number:,} {noun if number == 1 else many}"
