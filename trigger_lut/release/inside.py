"""Program that runs code of a release: the only process that loads such code, to be sandboxed."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np

from trigger_lut.errors import TriggerLutError
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.rtl.verilator import scratch_folder
from trigger_lut.release.forms import FORMS, form_of

RELEASE, CODES, OUTPUTS, FIGURES = "release", "codes.npy", "outputs.npy", "figures.json"
OBJECTS = "objects"  # of Verilator's own library: compiling it takes longer than most designs


def main() -> None:
    """Run one function of the unpacked release for the codes in the same folder, and write the results there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=[*BACKENDS, *FORMS])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    codes = np.load(args.folder / CODES, allow_pickle=False)
    for compiled in (args.folder / OBJECTS).iterdir():
        shutil.copy(compiled, scratch_folder())
    try:
        with contextlib.redirect_stdout(sys.stderr):
            ran = form_of(args.form)(args.folder / RELEASE, codes)
    except (TriggerLutError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.exit(str(error) or type(error).__name__)
    np.save(args.folder / OUTPUTS, ran.outputs)
    (args.folder / FIGURES).write_text(json.dumps(ran.figures), encoding="utf-8")


if __name__ == "__main__":
    main()
