"""The errors a user can cause. Each message says what was expected, what was found, and where."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from pathlib import Path


def visible(text: str, kept: str = "") -> str:
    """Write control characters, line breaks and marks of direction of a text as <U+2028>.

    Parameters
    ----------
    text : str
        The text.
    kept : str
        Characters that stay.

    Returns
    -------
    str
        The printable text.
    """
    return "".join(c if c.isprintable() or c in kept else f"<U+{ord(c):04X}>" for c in text)


class TriggerLutError(Exception):
    """Base of errors that are caused by user input; the command line prints only the message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(visible(str(message), kept="\n\t"))


class RenamedKeyWarning(FutureWarning):
    """A configuration file or a call of a layer has the earlier name of an option."""


_format_other_warning = warnings.formatwarning


def _one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    if issubclass(category, RenamedKeyWarning):
        return f"trigger-lut: warning: {message}\n"
    return _format_other_warning(message, category, filename, lineno, line)


def warn_in_one_line() -> None:
    """Print warnings about renamed keys in the form of error messages: one line, without a place in the code."""
    warnings.formatwarning = _one_line


class ConfigurationError(TriggerLutError):
    """The budget, a data set description or a target is not what it must be."""


class DataError(TriggerLutError):
    """A data file cannot be read, or what it holds cannot be used."""


class BadFileError(DataError):
    """A data file that is a fault in itself: out of reach, not ROOT, cut off or damaged. Another copy may be sound."""


class CardError(TriggerLutError):
    """A card or network file is missing, of another version, or damaged."""


class OutputError(TriggerLutError):
    """An output cannot be written: no space, no permission, or another process writes it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem

    def __reduce__(self) -> tuple[type[OutputError], tuple[Path, str]]:
        """Copy both arguments where the error comes from another process."""
        return type(self), (self.path, self.problem)


class ToolMissingError(TriggerLutError):
    """A program or package that a stage needs is not installed."""


class ToolFailedError(TriggerLutError):
    """A program that a stage runs (compiler, Yosys, Verilator) ended with an error."""


class ToolLimitError(ToolFailedError):
    """A program that a stage runs reached its limit of time or of memory."""


class ReportError(TriggerLutError):
    """A report of a vendor's tool is missing, cut off, or not of the form that is known."""


class DivergedError(TriggerLutError):
    """Training left the finite numbers."""


class FirmwareError(TriggerLutError):
    """A network cannot be turned into firmware as it is."""


class UnsupportedLayerError(TriggerLutError):
    """A back end does not handle a kind of integer layer."""


class NotReproducibleError(TriggerLutError):
    """Something that must be bit-exact is not."""


class BudgetMissedError(TriggerLutError):
    """A design misses its budget or is not bit-exact, or its budget leaves no room for a single edge."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known values nearest to a name in a clause: "; nearest: 'a', 'b'".

    Parameters
    ----------
    name : str
        The unknown name.
    known : iterable of str
        All known names.

    Returns
    -------
    str
        Clause for the end of an error message.
    """
    options = [str(k) for k in known]
    word = name.lower()
    alike = [option for option in options if option.lower() == word]
    alike += difflib.get_close_matches(name, options, n=3, cutoff=0.5)
    # Jet_pt for pt: too different by its length
    close = alike or [option for option in options if len(word) > 1 and word in option.lower()]
    if close:
        return "; nearest: " + ", ".join(repr(c) for c in list(dict.fromkeys(close))[:3])
    if not options:
        return "; there are none"
    shown = ", ".join(repr(o) for o in options[:8])
    return f"; there are: {shown}" + (f" and {len(options) - 8} more" if len(options) > 8 else "")
