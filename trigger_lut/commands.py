"""The commands of the command line: one a stage, whose arguments are files.

Each imports its stage inside its own function, so that no stage loads the libraries of another. A command has the name
of its function. Its help is the first line of the function's docstring.
"""

from __future__ import annotations

import argparse
import json


def init(args: argparse.Namespace) -> None:
    """Look into ROOT files and write a data set description to start from.

    Parameters
    ----------
    args : argparse.Namespace
        `files` (paths or globs), `tree`, `name` of the data set and `output`. All but `files` may be None.
    """
    from trigger_lut.data.scaffold.write_yaml import start

    print(start(args.files, args.tree, args.name, args.output))


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

    print(fetch(args.data_set, args.folder, args.mirror))


def resolve(args: argparse.Namespace) -> None:
    """Write one design with defaults and target spelled out.

    Parameters
    ----------
    args : argparse.Namespace
        `budget`, `targets` and `output`: files. `design`: name of a design or of a point of the scan.
    """
    from trigger_lut.cards.base import write_card
    from trigger_lut.config.budget import load_design

    write_card(load_design(args.design, args.budget, args.targets), args.output)


def resolve_data_set(args: argparse.Namespace) -> None:
    """Write a data set description with defaults spelled out.

    Parameters
    ----------
    args : argparse.Namespace
        `description`: YAML file. `output`: JSON file to write. Label and targets may be missing.
    """
    from trigger_lut.cards.base import write_card
    from trigger_lut.config.data_set.load import load_data_set

    write_card(load_data_set(args.description, truth=False), args.output)


def resolve_simulation(args: argparse.Namespace) -> None:
    """Write the part of a data set description that simulation depends on.

    Parameters
    ----------
    args : argparse.Namespace
        `description`: YAML file. `output`: JSON file to write.
    """
    from trigger_lut.cards.base import write_text
    from trigger_lut.config.data_set.load import load_data_set
    from trigger_lut.plan import simulation_of

    held = load_data_set(args.description, truth=False)
    write_text(args.output, json.dumps(simulation_of(held), indent=2) + "\n")


def simulate(args: argparse.Namespace) -> None:
    """Simulate one file: jets with Pythia8 and FastJet, muons in a chamber, or whole crossings.

    Parameters
    ----------
    args : argparse.Namespace
        `description`, `root` and `card`: files. `process` and `part`: class of the file and its number from 0.
    """
    from trigger_lut.config.crossings import CROSSING_CLASSES
    from trigger_lut.config.muons import MUON

    if args.process in CROSSING_CLASSES:
        from trigger_lut.simulation.crossings.files import simulate_crossing_file

        simulate_crossing_file(
            args.description, process=args.process, part=args.part, root_file=args.root, card=args.card
        )
        return
    if args.process == MUON:
        from trigger_lut.simulation.muons.files import simulate_muon_file

        simulate_muon_file(args.description, part=args.part, root_file=args.root, card=args.card)
        return
    from trigger_lut.stages.simulate import simulate_file

    simulate_file(args.description, args.process, args.part, args.root, args.card)


def check_simulation(args: argparse.Namespace) -> None:
    """Check simulated data: mass peaks of jets, efficiencies and angles of muons, kinds of crossings.

    Parameters
    ----------
    args : argparse.Namespace
        `root`: simulated files. `card`: file to write. `crossings` or `muons`: their description, else both are None.
    """
    if args.crossings is not None:
        from trigger_lut.simulation.crossings.check import check_crossings

        check_crossings(args.crossings, args.root, args.card)
        return
    if args.muons is not None:
        from trigger_lut.simulation.muons.files import check_muons

        check_muons(args.muons, args.root, args.card)
        return
    from trigger_lut.simulation.jets.mass_peaks import check_simulation

    check_simulation(args.root, args.card)


def read(args: argparse.Namespace) -> None:
    """Read one ROOT file of a data set into records.

    Parameters
    ----------
    args : argparse.Namespace
        `description` and `card`: files. `source`: JSON of a `Source`.
    """
    from trigger_lut.config.data_set.files import Source
    from trigger_lut.stages.read import read

    read(args.description, Source.of(args.source), args.card)


def drift(args: argparse.Namespace) -> None:
    """Run another data set through the frozen network and compare its inputs, outputs and rates.

    Parameters
    ----------
    args : argparse.Namespace
        `spec`, `network` and `card`: files. `description`, `codes` and `ingest`, of the trained data; with `new_`, of
        the other data. `thresholds` (file) and `trigger` (JSON): both or none.

    Raises
    ------
    ConfigurationError
        If only one of `thresholds` and `trigger` is given.
    """
    from trigger_lut.config.data_set.trigger import Trigger
    from trigger_lut.errors import ConfigurationError
    from trigger_lut.stages.drift import Files, drift

    if (args.thresholds is None) != (args.trigger is None):
        raise ConfigurationError("drift: --thresholds and --trigger go together, found one of them")
    rated = None if args.thresholds is None else (args.thresholds, Trigger.model_validate_json(args.trigger))
    trained = Files(args.description, args.codes, args.ingest)
    new = Files(args.new_description, args.new_codes, args.new_ingest)
    drift(args.spec, args.network, trained, new, rated, args.card)


def fuzz(args: argparse.Namespace) -> None:
    """Send random networks through all forms of firmware and demand 0 differences.

    Parameters
    ----------
    args : argparse.Namespace
        `budget` and `targets`: files; the first design is used. `networks`, `seed` and `jobs`: numbers. `kept`: folder
        for networks that differ.
    """
    from trigger_lut.config.budget import load_budget, resolve
    from trigger_lut.verification.fuzz.run import fuzz

    budget, target = load_budget(args.budget, args.targets)
    tally = fuzz(resolve(budget, target, next(iter(budget.designs))), args.networks, args.seed, args.kept, args.jobs)
    print(f"{tally.networks} networks, 0 differences")
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
    from trigger_lut.verification.attack.run import LEAST_DIFFERENT, attack, table

    budget, target = load_budget(args.budget, args.targets)
    spec = resolve(budget, target, next(iter(budget.designs)))
    _, card = attack(spec, args.mutants, args.seed, jobs=args.jobs, seconds=args.seconds)
    print(table(card))
    for what in ("refused_equal", "crashes", "claims_refuted", "proven_wrongly"):
        for line in getattr(card, what):
            print(f"{what}: {line}")
    if args.output:
        write_card(card, args.output)
    if card.proven_wrongly:
        raise NotReproducibleError(
            f"attack: {len(card.proven_wrongly)} mutants are proven that differ from the network. Expected 0. "
            f"The first: {card.proven_wrongly[0]}. The same seed draws it again."
        )
    if card.total.different < LEAST_DIFFERENT * card.total.mutants:
        raise NotReproducibleError(
            f"attack: too few mutants differ to attack the proof. Expected at least {LEAST_DIFFERENT:.0%}, found "
            f"{card.total.different} of {card.total.mutants}. Read the list of those that do not."
        )


def check(args: argparse.Namespace) -> None:
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
    from trigger_lut.release.check import CheckOptions, check_release

    if args.no_run and args.synthesize:
        raise ConfigurationError("check: --no-run and --synthesize. Expected one of them, found both. Leave one out.")
    asked = CheckOptions(
        run=not args.no_run,
        synthesize=args.synthesize,
        seed=args.seed,
        manifest_sha256=args.manifest_sha256,
        signature=args.signature,
        public_key=args.public_key,
    )
    lines = check_release(args.release, asked)
    for line in lines:
        print(f"{line.status:11} {line.name}: {line.detail}")
    if failed := [line.name for line in lines if line.status == "failed"]:
        raise NotReproducibleError(f"{args.release}: failed: {', '.join(failed)}")


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
    from trigger_lut.release.compare_capture import compare_files, comparison_text

    result = compare_files(
        args.capture, args.expected, format_name=args.format, delay_frames=args.delay, release=args.release
    )
    print(comparison_text(result), end="")
    if not result.is_equal:
        raise NotReproducibleError(f"{args.capture}: differs from {args.expected}")


def sign(args: argparse.Namespace) -> None:
    """Sign a release with a key of OpenSSH, so that its receiver can check whose it is.

    Parameters
    ----------
    args : argparse.Namespace
        `release`: zip or folder. `key`: private key. `signature`: file to write; None: next to the release.
    """
    from trigger_lut.release.signature import sign_release

    signature = args.signature or args.release.with_name(args.release.name + ".sig")
    digest = sign_release(args.release, args.key, signature)
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

    found = differences(read(args.old), read(args.new))
    print(differences_text(found), end="")
    if args.same_interface and (changes := found.of("interface")):
        raise NotReproducibleError(
            f"{args.new}: interface: not that of {args.old}. Expected {changes[0].key} {changes[0].old}, "
            f"found {changes[0].new}."
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


def verdict(args: argparse.Namespace) -> None:
    """Fail when a design misses its budget, is not bit-exact, or when cards and files do not agree.

    Parameters
    ----------
    args : argparse.Namespace
        `summary` and `scan`: cards, or None. `cards`: further cards. `output`: card to write. `budget` and `targets`:
        files, both or None.

    Raises
    ------
    ConfigurationError
        If only one of `budget` and `targets` is given.
    """
    from trigger_lut.errors import ConfigurationError
    from trigger_lut.stages.verdict import verdict

    if (args.budget is None) != (args.targets is None):
        raise ConfigurationError("verdict: --budget and --targets go together. Expected both or none, found one.")
    asked = None if args.budget is None else (args.budget, args.targets)
    card = verdict(args.summary, args.scan, args.output, args.cards, asked)
    for design in card.details:
        print(f"{design.name}:", *design.statements, sep="\n  ")
    print(f"{card.files} files agree with their checksums")
    if card.removed_files:
        print(f"{len(card.removed_files)} data files were removed after they were read: not compared")


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
