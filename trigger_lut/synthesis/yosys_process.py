"""Process in which Yosys runs: native code that writes to the terminal and may end the process.

Run as `python -m trigger_lut.synthesis.yosys_process COMMAND...`. It imports nothing else, so it starts at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the commands of the command line."""
    from pyosys import libyosys

    design = libyosys.Design()
    for command in sys.argv[1:]:
        design.run_pass(command)


if __name__ == "__main__":
    main()
