"""The checks of a release that run its code: a program of its own, to be started in a sandbox."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from trigger_lut.release.check import form_lines, write_lines
from trigger_lut.release.manifest import MANIFEST


def main() -> None:
    """Run all forms of the unpacked release in a folder and write the results beside it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--synthesize", action="store_true")
    args = parser.parse_args()
    manifest = json.loads((args.folder / MANIFEST).read_text(encoding="utf-8"))
    with contextlib.redirect_stdout(sys.stderr):
        lines = form_lines(args.folder, manifest, args.synthesize)
    write_lines(lines, args.folder.parent)


if __name__ == "__main__":
    main()
