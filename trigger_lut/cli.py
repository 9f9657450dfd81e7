"""The command line: a few commands for people, and one for each stage of the workflow under `stage`."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from trigger_lut import commands
from trigger_lut.errors import TriggerLutError, warn_in_one_line
from trigger_lut.stages.registry import Stage, registry, stage_of_command
from trigger_lut.utils.files import REFUSED_WRITES, error_number
from trigger_lut.utils.messages import log_to_stderr
from trigger_lut.utils.scratch import Stopped, scratch_folder, stop_on_sigterm

FILES = {"--budget": "budget file (YAML)", "--targets": "trigger targets (YAML)"}
RENAMED = {
    "check": "check-release",
    "stage resolve": "stage resolve-design",
    "stage reference": "stage baselines",
    "stage teacher": "stage anomaly-score",
    "stage faults": "stage inject-faults",
    "stage verdict": "stage check-budgets",
    "--kept": "--failures-dir",
    "--outputs": "--baseline-predictions",
    "--warm": "--save-warm-start",
    "--start": "--warm-start",
}
"""New names of commands and options, by the old ones."""


def at_least(least: int) -> Callable[[str], int]:
    """Return the type of an option that takes integers from `least` on."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"expected an integer, at least {least}, found {text!r}")
        return value

    return number


class _Version(argparse.Action):
    """Print the installed version, which is looked up only here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import trigger_lut

        print(trigger_lut.__version__)
        parser.exit()


def parser(only: Stage | None = None) -> argparse.ArgumentParser:
    """Build the parser of the command line, with all commands, stages and pages; `only`: with one stage."""
    top = argparse.ArgumentParser(
        prog="trigger-lut",
        description="From collider data to trigger firmware that meets a budget and is proven bit-exact.",
        epilog="All stages are run in order, and only where something changed, by: snakemake --cores all",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    people = top.add_subparsers(title="commands", metavar="<command>", required=True)
    text = "Run one stage of the workflow; its arguments are files."
    stage = people.add_parser("stage", help=text.rstrip("."), description=text)
    stages = stage.add_subparsers(title="stages", metavar="<stage>", required=True)
    text = "Draw a page for debugging."
    report = people.add_parser("report", help=text.rstrip("."), description=text)
    reports = report.add_subparsers(title="pages", metavar="<page>", required=True)

    if only is not None:
        only.add_to(stages)
        return top
    for registered in registry().values():
        registered.add_to(stages)
    registry()["page_of_event"].add_to(reports, "event")

    def command(function: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        text = str(function.__doc__).partition("\n")[0]
        name = function.__name__.replace("_", "-")
        sub: argparse.ArgumentParser = people.add_parser(name, help=text.rstrip("."), description=text)
        sub.set_defaults(function=function)
        return sub

    def files(sub: argparse.ArgumentParser) -> None:
        for flag, meaning in FILES.items():
            default = Path("config") / f"{flag.removeprefix('--')}.yaml"
            sub.add_argument(flag, type=Path, default=default, metavar="PATH", help=meaning)

    sub = command(commands.init)
    sub.add_argument("files", nargs="+", metavar="FILE.root", help="ROOT files, or globs in quotes")
    sub.add_argument("--tree", metavar="NAME", help="TTree or RNTuple; default: the one with most entries")
    sub.add_argument("--name", metavar="NAME", help="name of the data set; default: from the output or first file")
    sub.add_argument("--output", type=Path, metavar="PATH", help="file to write; default: config/data_sets/NAME.yaml")
    sub = command(commands.new)
    sub.add_argument("project", type=Path, metavar="FOLDER", help="folder to write; new, or empty")
    sub = command(commands.convert)
    sub.add_argument("files", type=Path, nargs="+", metavar="FILE", help="HDF5 or ARFF files, of one data set")
    sub.add_argument("--root", type=Path, required=True, metavar="PATH", help="ROOT file to write")
    sub = command(commands.fetch)
    sub.add_argument("data_set", metavar="NAME", help="jsc-openml, jsc-cernbox, jsc-zenodo, l1-adc2021 or cms-dimuon")
    sub.add_argument("--folder", type=Path, default=Path("data"), metavar="PATH", help="folder of data; default: data")
    sub.add_argument("--mirror", metavar="URL", help="address of a folder that holds NAME/FILE")
    sub = command(commands.fuzz)
    files(sub)
    sub.add_argument("--networks", type=at_least(1), default=300, metavar="N", help="how many networks")
    sub.add_argument("--seed", type=at_least(0), default=1, help="of the run")
    sub.add_argument(
        "--failures-dir",
        type=Path,
        default=Path("build/fuzz"),
        metavar="PATH",
        help="folder for networks that differ; default: build/fuzz",
    )
    sub.add_argument("--jobs", type=at_least(1), default=1, metavar="N", help="networks at a time; default: 1")
    sub = command(commands.attack)
    files(sub)
    sub.add_argument("--mutants", type=at_least(1), default=400, metavar="N", help="number of mutants; default: 400")
    sub.add_argument("--seed", type=at_least(0), default=1, help="seed of the draw; default: 1")
    sub.add_argument(
        "--seconds", type=at_least(1), default=5, metavar="N", help="time limit of SAT in one proof; default: 5"
    )
    sub.add_argument("--jobs", type=at_least(1), default=1, metavar="N", help="processes at a time; default: 1")
    sub.add_argument("--output", type=Path, metavar="PATH", help="card to write (attack.json)")
    sub = command(commands.check_release)
    sub.description = (
        "Check a release: files against the manifest, and the manifest against cards and vectors. All forms are "
        "compared with our own reference model, on the vectors of the release and on new ones. The check runs code of "
        "the release, in a sandbox (bwrap) if there is one; --no-run runs none. "
        "Checksums show that a release is complete. Only --manifest-sha256 or --signature show who made it."
    )
    sub.add_argument("release", type=Path, metavar="RELEASE", help="zip or folder")
    sub.add_argument(
        "--no-run", action="store_true", help="run no code of the release; evaluate our own reference model"
    )
    sub.add_argument("--synthesize", action="store_true", help="count LUTs again with Yosys")
    drawn = "seed of the new vectors; default: drawn, and printed"
    sub.add_argument("--seed", type=at_least(0), metavar="N", help=drawn)
    sub.add_argument("--manifest-sha256", metavar="HEX", help="sha256 of manifest.json, as its sender states it")
    sub.add_argument("--signature", type=Path, metavar="PATH", help="signature of the release, by `trigger-lut sign`")
    sub.add_argument("--public-key", type=Path, metavar="PATH", help="public key of OpenSSH of its sender (*.pub)")
    sub = command(commands.sign)
    sub.add_argument("release", type=Path, metavar="RELEASE", help="zip or folder")
    sub.add_argument("--key", type=Path, required=True, metavar="PATH", help="private key of OpenSSH")
    sub.add_argument("--signature", type=Path, metavar="PATH", help="file to write; default: RELEASE.sig")
    sub = command(commands.compare)
    sub.add_argument("capture", type=Path, metavar="CAPTURE", help="pattern file of what the board sent")
    sub.add_argument("expected", type=Path, metavar="EXPECTED", help="pattern file of what it should have sent")
    sub.add_argument("--format", metavar="NAME", help="EMPv2, EMPv1 or APx; default: recognized")
    sub.add_argument("--delay", type=int, metavar="FRAMES", help="from expected to captured words; default: found")
    sub.add_argument("--release", type=Path, metavar="RELEASE", help="zip or folder whose outputs these are")
    sub = command(commands.diff)
    sub.add_argument("old", type=Path, metavar="OLD", help="zip or folder of a release")
    sub.add_argument("new", type=Path, metavar="NEW", help="zip or folder of the release that replaces it")
    sub.add_argument("--same-interface", action="store_true", help="fail if ports, formats or latency differ")
    sub = command(commands.bench)
    sub.add_argument("release", type=Path, metavar="RELEASE", help="zip or folder")
    sub.add_argument("--folder", type=Path, default=Path("build/bench"), metavar="PATH", help="default: build/bench")
    sub.add_argument("--clock-mhz", type=float, required=True, metavar="MHZ", help="clock of the board")
    sub.add_argument("--baud", type=at_least(1), default=115200, metavar="N", help="bits a second; default: 115200")
    text = "ports of the FPGA in the constraint file; default: clk rx tx"
    sub.add_argument("--ports", nargs=3, default=["clk", "rx", "tx"], metavar=("CLK", "RX", "TX"), help=text)
    sub.add_argument("--events", type=at_least(1), default=100, metavar="N", help="to simulate and send; default: 100")
    sub.add_argument(
        "--pins", type=Path, metavar="PATH", help="constraint file of the board (LPF); default: no bitstream"
    )
    sub.add_argument("--device", choices=["12k", "25k", "45k", "85k"], default="85k", help="size; default: 85k")
    sub.add_argument("--package", default="CABGA381", metavar="NAME", help="default: CABGA381")
    sub.add_argument("--speed", type=int, choices=[6, 7, 8], default=6, help="speed grade; default: 6")
    sub = command(commands.status)
    sub.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="FOLDER", help="of the workflow")
    sub = command(commands.schema)
    texts = ["budget", "targets", "data-set", "documentation", "cards", "guarantees"]
    sub.add_argument("file", choices=texts, help="which of them")
    sub.add_argument("--write", type=Path, metavar="PATH", help="file to write; default: print")
    return top


def stages_of(known: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers under `trigger-lut stage`, by name."""

    def choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
        actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(actions[0].choices)

    return choices(choices(known)["stage"])


def old_name(words: Sequence[str]) -> str:
    """Return a message if a command line has the former name of a command or an option; else ""."""
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    former = {name: RENAMED.get(name) for name in [" ".join(words[:2]), *words[:1], *options]}
    former |= {word: former.get(word) or RENAMED.get(f"stage {word}") for word in words[:1]}
    return next((f"{name}: this is now {new}." for name, new in former.items() if new), "")


def misplaced(words: Sequence[str], known: argparse.ArgumentParser) -> str:
    """Return a message if a command line begins with the name of a stage; else ""."""
    if words and words[0] in stages_of(known):
        return f"{words[0]}: a stage of the workflow. Run trigger-lut stage {words[0]}."
    return ""


def limit_threads(threads: int) -> None:
    """Tell the numeric libraries how many threads to use; to be called before they are imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; default: those of this process.

    Returns
    -------
    int
        Exit status: 0; 1 with a message on stderr for an error of the user's; 130 after Ctrl-C, 143 after SIGTERM.

    Raises
    ------
    OSError
        If the system refuses a call that names no file. This is an error of the program.
    """
    warn_in_one_line()
    words = list(sys.argv[1:] if arguments is None else arguments)
    known = parser(stage_of_command(words[1]) if words[:1] == ["stage"] and len(words) > 1 else None)
    if wrong := old_name(words) or misplaced(words, known):
        print(f"trigger-lut: error: {wrong}", file=sys.stderr)
        return 2
    args = known.parse_args(words)
    if getattr(args, "threads", None):
        limit_threads(args.threads)
    log_to_stderr()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's shell has for other work
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threading.current_thread() is threading.main_thread():
        stop_on_sigterm()
    try:
        with scratch_folder():
            args.function(args)
    except TriggerLutError as error:
        print(f"trigger-lut: error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Stopped) as stop:
        print("trigger-lut: stopped. Run the same command again to continue.", file=sys.stderr)
        return stop.status if isinstance(stop, Stopped) else 130
    except MemoryError:
        print("trigger-lut: error: not enough memory. Close other programs, or choose a smaller task.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # no permission, no space left, a folder where a file is expected
        number = error_number(error)
        if error.filename is None and number not in REFUSED_WRITES:
            raise
        place = error.filename or "an output or temporary file"
        print(f"trigger-lut: error: {place}: {os.strerror(number) if number else error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
