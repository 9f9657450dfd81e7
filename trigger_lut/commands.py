"""The commands for people; `stages/registry.py` has those of the workflow.

Each imports what it needs inside its own function. A command has the name of its function. Its help is the first line
of the function's docstring.
"""

from __future__ import annotations

import argparse


def init(args: argparse.Namespace) -> None:
    """Look into ROOT files and write a data set description to start from.

    Parameters
    ----------
    args : argparse.Namespace
        `files` (paths or globs), `tree`, `name` of the data set and `output`. All but `files` may be None.
    """
    from trigger_lut.data.scaffold.write_yaml import start

    print(start(args.files, args.tree, name=args.name, output=args.output))


def new(args: argparse.Namespace) -> None:
    """Write a project folder in which `snakemake --cores all` runs the workflow of the installed package.

    Parameters
    ----------
    args : argparse.Namespace
        `project`: folder to write.
    """
    from trigger_lut.project import new_project

    print(new_project(args.project))


def convert(args: argparse.Namespace) -> None:
    """Convert a public jet substructure data set (OpenML 42468, CERNBox, Zenodo 3602260) to a ROOT file.

    Parameters
    ----------
    args : argparse.Namespace
        `files`: HDF5 or ARFF files of one data set. `root`: ROOT file to write.
    """
    from trigger_lut.data.jsc import convert

    print(convert(args.files, args.root))


def fetch(args: argparse.Namespace) -> None:
    """Download a public data set, check it, and convert it to a ROOT file.

    Parameters
    ----------
    args : argparse.Namespace
        `data_set`: its name. `folder`: folder of all data. `mirror`: address of a folder with the files, or None.
    """
    from trigger_lut.data.fetch import fetch

    print(fetch(args.data_set, args.folder, mirror=args.mirror))


def fuzz(args: argparse.Namespace) -> None:
    """Send random networks through all forms of firmware and demand 0 differences.

    Parameters
    ----------
    args : argparse.Namespace
        `budget` and `targets`: files; the first design is used. `networks`, `seed` and `jobs`: numbers. `failures_dir`:
        folder for networks that differ.
    """
    from trigger_lut.config.budget import load_budget, resolve
    from trigger_lut.verification.fuzz.run import fuzz

    budget, target = load_budget(args.budget, args.targets)
    tally = fuzz(
        resolve(budget, target, design=next(iter(budget.designs))),
        args.networks,
        seed=args.seed,
        kept=args.failures_dir,
        jobs=args.jobs,
    )
    print(f"{tally.networks} networks, 0 mismatches")
    for what in ("forms", "holds", "outputs", "refused"):
        counts = getattr(tally, what)
        print(f"{what}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"models with HGQ2's tables that Keras evaluates differently, in float32: {tally.float_differences}")
    print(f"flipped table bits noticed: {tally.controls_caught} of {tally.controls}")


def attack(args: argparse.Namespace) -> None:
    """Change generated Verilog in hundreds of ways and fail if a mutant that differs is proven.

    Parameters
    ----------
    args : argparse.Namespace
        `budget` and `targets`: files; the first design is used. `mutants`, `seed` and `jobs`: numbers. `seconds`: time
        of one proof. `output`: card to write, or None.

    Raises
    ------
    NotReproducibleError
        If a mutant that differs is proven, or too few mutants differ.
    """
    from trigger_lut.cards.base import write_card
    from trigger_lut.config.budget import load_budget, resolve
    from trigger_lut.errors import NotReproducibleError
    from trigger_lut.utils.wording import counted
    from trigger_lut.verification.attack.run import LEAST_DIFFERENT, attack, table

    budget, target = load_budget(args.budget, args.targets)
    spec = resolve(budget, target, design=next(iter(budget.designs)))
    _, card = attack(spec, args.mutants, seed=args.seed, jobs=args.jobs, seconds=args.seconds)
    print(table(card))
    for what in ("refused_equal", "crashes", "claims_refuted", "proven_wrongly"):
        for line in getattr(card, what):
            print(f"{what}: {line}")
    if args.output:
        write_card(card, args.output)
    if card.proven_wrongly:
        raise NotReproducibleError(
            f"attack: the proof accepts {counted(len(card.proven_wrongly), 'mutant')} that a simulation distinguishes "
            f"from the network. Expected none, the first is: {card.proven_wrongly[0]}. Report it with the seed, which "
            "makes the same mutants again."
        )
    if card.total.different < LEAST_DIFFERENT * card.total.mutants:
        raise NotReproducibleError(
            f"attack: too few mutants differ from the network to test the proof. Expected at least "
            f"{LEAST_DIFFERENT:.0%}, found {card.total.different} of {card.total.mutants}. Give more --mutants or "
            "another --seed."
        )


def check_release(args: argparse.Namespace) -> None:
    """Check a release: its files, and that all forms in it are the same function.

    Parameters
    ----------
    args : argparse.Namespace
        `release`: zip or folder. `no_run` and `synthesize`: flags. `seed`, `manifest_sha256`, `signature` and
        `public_key` may be None.

    Raises
    ------
    ConfigurationError
        If both flags are set.
    NotReproducibleError
        If a check fails.
    """
    from trigger_lut.errors import ConfigurationError, NotReproducibleError
    from trigger_lut.release import check as release_check
    from trigger_lut.utils.wording import counted

    if args.no_run and args.synthesize:
        raise ConfigurationError(
            "check-release: --no-run and --synthesize. Expected one of them, found both. Give one of them."
        )
    asked = release_check.CheckOptions(
        run=not args.no_run,
        synthesize=args.synthesize,
        seed=args.seed,
        manifest_sha256=args.manifest_sha256,
        signature=args.signature,
        public_key=args.public_key,
    )
    lines = release_check.check_release(args.release, asked)
    for line in lines:
        print(f"{line.status:11} {line.name}: {line.detail}")
    if failed := [line.name for line in lines if line.status == "failed"]:
        raise NotReproducibleError(
            f"{args.release}: {counted(len(failed), 'check')} failed: {', '.join(failed)}. Do not use the release. "
            "The lines above state what was expected and found."
        )


def compare(args: argparse.Namespace) -> None:
    """Compare a board's output with the expectation: delay of each link, and the first difference by name.

    Parameters
    ----------
    args : argparse.Namespace
        `capture` and `expected`: pattern files. `format`, `delay` (frames) and `release` may be None.

    Raises
    ------
    NotReproducibleError
        If the outputs differ.
    """
    from trigger_lut.errors import NotReproducibleError
    from trigger_lut.release.compare_capture import compare_files, comparison_text, output_layout
    from trigger_lut.release.event_path import event_path_text

    result = compare_files(
        args.capture, args.expected, format_name=args.format, delay_frames=args.delay, release=args.release
    )
    print(comparison_text(result), end="")
    if args.release is not None and result.first is not None:
        print(event_path_text(args.release, output_layout(args.release), first=result.first), end="")
    if not result.is_equal:
        raise NotReproducibleError(
            f"{args.capture}: differs from {args.expected}. Expected equal words, the first difference is above."
        )


def sign(args: argparse.Namespace) -> None:
    """Sign a release with a key of OpenSSH, so that its receiver can check whose it is.

    Parameters
    ----------
    args : argparse.Namespace
        `release`: zip or folder. `key`: private key. `signature`: file to write; None: next to the release.
    """
    from trigger_lut.release.signature import sign_release

    signature = args.signature or args.release.with_name(args.release.name + ".sig")
    digest = sign_release(args.release, args.key, signature=signature)
    print(f"{signature}: signature of manifest.json, sha256 {digest}")


def diff(args: argparse.Namespace) -> None:
    """Show what differs between two releases: interface, network, figures, thresholds, results.

    Parameters
    ----------
    args : argparse.Namespace
        `old` and `new`: releases. `same_interface`: fail if the interface differs.

    Raises
    ------
    NotReproducibleError
        If the interface differs and must not.
    """
    from trigger_lut.errors import NotReproducibleError
    from trigger_lut.release.differences import differences, differences_text, read

    compared = differences(read(args.old), read(args.new))
    print(differences_text(compared), end="")
    if args.same_interface and (changes := compared.of("interface")):
        raise NotReproducibleError(
            f"{args.new}: interface: not that of {args.old}. Expected {changes[0].key} {changes[0].old}, "
            f"found {changes[0].new}. Train with retrain and keep, or compare without --same-interface."
        )


def bench(args: argparse.Namespace) -> None:
    """Put a release behind a serial port, simulate it, and make the bitstream of an ECP5 board.

    Parameters
    ----------
    args : argparse.Namespace
        `release`, `folder`, `clock_mhz`, `baud`, `events` and `ports`. Of the board: `pins`, `device`, `package` and
        `speed`.
    """
    from trigger_lut.release.bench import BenchOptions, write_bench
    from trigger_lut.synthesis.ecp5.bitstream import Board

    board = None if args.pins is None else Board(args.device, args.package, args.speed, args.pins)
    clk, rx, tx = args.ports
    options = BenchOptions(args.clock_mhz, args.baud, clk=clk, rx=rx, tx=tx, events=args.events)
    content = write_bench(args.release, args.folder, options=options, board=board)
    print(f"{args.folder}: {content['events']} events through the serial port in simulation, 0 mismatches")
    if board is not None:
        print(
            f"{content['bitstream']}: {content['fmax_mhz']} MHz {content['fmax_source']}, {content['luts']} LUT4 sites"
        )


def status(args: argparse.Namespace) -> None:
    """Show how far a running workflow is, and what its jobs do.

    Parameters
    ----------
    args : argparse.Namespace
        `folder`: folder in which Snakemake runs or has run.
    """
    from datetime import datetime

    from trigger_lut.report.workflow_status import status_text

    print(status_text(args.folder, datetime.now()), end="")


def schema(args: argparse.Namespace) -> None:
    """Print or write the JSON schema of a configuration file, or documentation: of these files, cards or claims.

    Parameters
    ----------
    args : argparse.Namespace
        `file`: name of a configuration file or of a documentation page. `write`: file to write; None: print.
    """
    from trigger_lut.cards.base import write_text
    from trigger_lut.cards.documentation import card_tables
    from trigger_lut.config.documentation import documentation
    from trigger_lut.config.schema import schema_text
    from trigger_lut.report.guarantees import guarantees_markdown

    pages = {"documentation": documentation, "cards": card_tables, "guarantees": guarantees_markdown}
    text = pages[args.file]() if args.file in pages else schema_text(args.file)
    if args.write:
        write_text(args.write, text)
    else:
        print(text, end="")
