"""Messages of the package on stderr: set up by the command line, and in processes that it starts."""

from __future__ import annotations

import logging
import sys


class _Stderr(logging.Handler):
    """Prints messages on the present stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        print(self.format(record), file=sys.stderr, flush=True)


def log_to_stderr() -> None:
    """Show messages of the package, from INFO on, on stderr."""
    log = logging.getLogger("trigger_lut")
    log.handlers = [_Stderr()]
    log.setLevel(logging.INFO)
