"""The command line: one command a stage, whose arguments are files.

Each command imports its stage inside its own function, so that no stage loads the libraries of another.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from trigger_lut.errors import TriggerLutError


def resolve(args: argparse.Namespace) -> None:
    """Write one design with defaults and target spelled out."""
    from trigger_lut.budget import load_budget, resolve
    from trigger_lut.cards import write_card

    write_card(resolve(*load_budget(args.budget, args.targets), args.design), args.output)


def resolve_data_set(args: argparse.Namespace) -> None:
    """Write a data set description with defaults spelled out."""
    from trigger_lut.cards import write_card
    from trigger_lut.events.description import load_data_set

    write_card(load_data_set(args.description), args.output)


def resolve_simulation(args: argparse.Namespace) -> None:
    """Write the part of a data set description that simulation depends on."""
    from trigger_lut.cards import write_text
    from trigger_lut.events.description import load_data_set
    from trigger_lut.plan import simulation_of

    write_text(args.output, json.dumps(simulation_of(load_data_set(args.description)), indent=2) + "\n")


def simulate(args: argparse.Namespace) -> None:
    """Simulate one file of jets with Pythia8 and FastJet."""
    from trigger_lut.simulation.run import simulate_file

    simulate_file(args.description, args.process, args.part, args.root, args.card)


def check_simulation(args: argparse.Namespace) -> None:
    """Find the mass peaks of simulated jets."""
    from trigger_lut.simulation.check import check_simulation

    check_simulation(args.root, args.card)


def ingest(args: argparse.Namespace) -> None:
    """Read the ROOT files of a data set into integer codes."""
    from trigger_lut.events.run import ingest

    ingest(args.description, args.codes, args.card)


def reference(args: argparse.Namespace) -> None:
    """Train a Dense network without quantisation and boosted trees, for comparison."""
    from trigger_lut.references import references

    references(args.codes, args.units, args.seed, args.card)


def train(args: argparse.Namespace) -> None:
    """Train one design to its budget."""
    from trigger_lut.training.run import train

    files = (args.spec, args.codes, args.checkpoints, args.model, args.network, args.card)
    train(*files, args.warm, args.start, args.gpus)


def firmware(args: argparse.Namespace) -> None:
    """Write a trained network as an hls4ml project and as pipelined Verilog."""
    from trigger_lut.firmware.run import build_firmware

    build_firmware(args.spec, args.model, args.network, args.folder, args.card)


def verify(args: argparse.Namespace) -> None:
    """Compare Keras, hls4ml, alkaid and the simulated RTL with the integer reference, bit for bit."""
    from trigger_lut.verification import verify

    verify(args.spec, args.model, args.network, args.codes, args.firmware, args.card, args.rtl_vectors)


def synth(args: argparse.Namespace) -> None:
    """Synthesise the RTL with Yosys, out of context."""
    from trigger_lut.synthesis import synth

    synth(args.spec, args.train, args.firmware, args.card)


def vendor(args: argparse.Namespace) -> None:
    """Write build scripts for Vivado and Vitis HLS, and run them where these are installed."""
    from trigger_lut.vendor.run import vendor

    vendor(args.spec, args.firmware, args.folder, args.card, args.vivado, args.vitis_hls)


def route(args: argparse.Namespace) -> None:
    """Place and route a design for an ECP5 with nextpnr, in several pipeline depths."""
    from trigger_lut.route.run import route

    route(args.spec, args.network, args.firmware, args.card)


def timing(args: argparse.Namespace) -> None:
    """Set latency and throughput against budget and target."""
    from trigger_lut.timing import timing

    timing(args.spec, args.verify, args.synth, args.card)


def physics(args: argparse.Namespace) -> None:
    """Measure how well the integer network tells the classes apart."""
    from trigger_lut.physics import physics

    physics(args.spec, args.network, args.codes, args.card)


def prove(args: argparse.Namespace) -> None:
    """Prove by SAT that the RTL is the network for all inputs, output by output."""
    from trigger_lut.proof.prove import prove

    prove(args.spec, args.network, args.firmware, args.card, args.seconds)


def faults(args: argparse.Namespace) -> None:
    """Put faults into the RTL and see whether verification notices them."""
    from trigger_lut.proof.faults import faults

    faults(args.spec, args.network, args.codes, args.firmware, args.card, args.count)


def fuzz(args: argparse.Namespace) -> None:
    """Send random networks through all forms of firmware and demand 0 differences."""
    from trigger_lut.budget import load_budget, resolve
    from trigger_lut.fuzz.run import fuzz

    budget, target = load_budget(args.budget, args.targets)
    tally = fuzz(resolve(budget, target, next(iter(budget.designs))), args.networks, args.seed, args.kept)
    print(f"{tally.networks} networks, 0 differences")
    for what, counts in (("by form", tally.forms), ("with", tally.holds), ("refused and drawn anew", tally.refused)):
        print(f"{what}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"flipped table bits noticed: {tally.controls_caught} of {tally.controls}")


def release(args: argparse.Namespace) -> None:
    """Put all that is delivered of a design into a folder and a zip, and check it."""
    from trigger_lut.release.pack import release

    release(
        *(args.spec, args.network, args.codes, args.firmware, args.verify, args.synth, args.timing),
        *(args.folder, args.archive, args.card),
    )


def check(args: argparse.Namespace) -> None:
    """Check a release: its files, and that all forms in it are the same function."""
    from trigger_lut.errors import NotReproducibleError
    from trigger_lut.release.check import check_release

    lines = check_release(args.release)
    for line in lines:
        print(f"{line.status:11} {line.name}: {line.detail}")
    if failed := [line.name for line in lines if line.status == "failed"]:
        raise NotReproducibleError(f"{args.release}: failed: {', '.join(failed)}")


def summary(args: argparse.Namespace) -> None:
    """Put all designs side by side."""
    from trigger_lut.summary import summary

    summary(args.reference, args.designs, args.json, args.tsv)


def scan(args: argparse.Namespace) -> None:
    """Put all designs of a scan side by side and find those that none beats."""
    from trigger_lut.pareto import scan

    scan(args.reference, args.designs, args.points, args.json, args.tsv, args.published)


def verdict(args: argparse.Namespace) -> None:
    """Fail when a design misses its budget or is not bit-exact, and say by how much."""
    from trigger_lut.verdict import verdict

    verdict(args.summary, args.scan, args.output, args.proofs)


def pages_of_data(args: argparse.Namespace) -> None:
    """Draw the pages of a data set from its cards."""
    from trigger_lut.pages.of_data import pages_of_data

    pages_of_data(args.simulation, args.ingest, args.reference, args.folder)


def pages_of_design(args: argparse.Namespace) -> None:
    """Draw the pages of one design from its cards."""
    from trigger_lut.pages.of_design import pages_of_design

    cards = (args.spec, args.reference, args.train, args.physics, args.verify, args.synth, args.timing)
    pages_of_design(*cards, args.folder, args.vendor, args.route)


def page_of_event(args: argparse.Namespace) -> None:
    """Draw the path of one event through a network, with all integers, for debugging."""
    from trigger_lut.pages.of_event import page_of_event

    page_of_event(args.name, args.network, args.codes, args.event, args.output)


def pages_of_proof(args: argparse.Namespace) -> None:
    """Draw the pages of what is proven of a design."""
    from trigger_lut.pages.of_proof import pages_of_proof

    pages_of_proof(args.prove, args.faults, args.folder)


def page_of_release(args: argparse.Namespace) -> None:
    """Draw the page of a release."""
    from trigger_lut.pages.of_release import page_of_release

    page_of_release(args.release, args.output)


def pages_of_summary(args: argparse.Namespace) -> None:
    """Draw the table over all designs."""
    from trigger_lut.pages.of_summary import pages_of_summary

    pages_of_summary(args.summary, args.folder, args.routes)


def pages_of_scan(args: argparse.Namespace) -> None:
    """Draw the page of a scan: accuracy against LUTs and latency."""
    from trigger_lut.pages.of_scan import pages_of_scan

    pages_of_scan(args.scan, args.folder)


def schema(args: argparse.Namespace) -> None:
    """Print or write the JSON schema of a configuration file, or the documentation of these files or of the cards."""
    from trigger_lut.card_documentation import card_tables, with_card_tables
    from trigger_lut.cards import write_text
    from trigger_lut.documentation import documentation
    from trigger_lut.schemas import schema_text

    if args.file == "cards":
        text = with_card_tables(args.write.read_text(encoding="utf-8")) if args.write else card_tables()
    else:
        text = documentation() if args.file == "documentation" else schema_text(args.file)
    if args.write:
        write_text(args.write, text)
    else:
        print(text, end="")


FILES = {
    "--spec": "specification of the design (spec.json)",
    "--codes": "integer codes of the data set (codes.npz)",
    "--model": "Keras model (model.keras)",
    "--network": "trained integer network (network.npz)",
    "--card": "card to write (JSON)",
    "--description": "description of the data set (YAML or JSON)",
    "--output": "file to write",
    "--folder": "folder to write into",
    "--budget": "budget file (YAML)",
    "--targets": "trigger targets (YAML)",
    "--checkpoints": "folder of the checkpoints that an interrupted training goes on from",
    "--reference": "card of the references (reference.json)",
    "--train": "card of the training (train.json)",
    "--physics": "card of the physics (physics.json)",
    "--firmware": "card of the firmware (firmware.json)",
    "--verify": "card of the verification (verify.json)",
    "--synth": "card of the synthesis (synth.json)",
    "--timing": "card of the timing (timing.json)",
    "--prove": "card of the proofs (prove.json)",
    "--faults": "card of the faults (faults.json)",
    "--ingest": "card of the ingest (ingest.json)",
    "--summary": "summary of all designs (summary.json)",
    "--scan": "card of the scan (scan.json)",
}


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="trigger-lut",
        description="From collider data to trigger firmware that meets a budget and is proven bit-exact.",
        epilog="The stages are run in order, and only where something changed, by: snakemake --cores all",
    )
    commands = top.add_subparsers(title="commands", metavar="<command>", required=True)

    def command(function: object, *files: str) -> argparse.ArgumentParser:
        name = function.__name__.replace("_", "-")  # type: ignore[attr-defined]
        text = str(function.__doc__)
        sub = commands.add_parser(name, help=text.rstrip("."), description=text)
        sub.set_defaults(function=function)
        for flag in files:
            sub.add_argument(flag, type=Path, required=True, metavar="PATH", help=FILES[flag])
        return sub

    command(resolve, "--budget", "--targets", "--output").add_argument(
        "--design", required=True, help="name of a design in the budget"
    )
    command(resolve_data_set, "--description", "--output")
    command(resolve_simulation, "--description", "--output")
    sub = command(simulate, "--description", "--card")
    sub.add_argument("--process", required=True, help="class of the jets: g, q, W, Z or t")
    sub.add_argument("--part", type=int, required=True, help="number of the file of this class, from 0")
    sub.add_argument("--root", type=Path, required=True, metavar="PATH", help="ROOT file to write")
    sub = command(check_simulation, "--card")
    sub.add_argument("--root", type=Path, nargs="+", required=True, metavar="PATH", help="simulated ROOT files")
    command(ingest, "--description", "--codes", "--card")
    sub = _threads(command(reference, "--codes", "--card"))
    sub.add_argument("--units", type=int, nargs="+", required=True, help="outputs of each layer")
    sub.add_argument("--seed", type=int, required=True, help="seed of initialisation and shuffling")
    sub = _threads(command(train, "--spec", "--codes", "--checkpoints", "--model", "--network", "--card"))
    sub.add_argument("--warm", type=Path, metavar="PATH", help="file to write, that smaller designs start from")
    sub.add_argument("--start", type=Path, metavar="PATH", help="that file of the design that this one starts from")
    sub.add_argument("--gpus", type=int, default=1, metavar="N", help="GPUs that share the training; default: one")
    command(firmware, "--spec", "--model", "--network", "--folder", "--card")
    sub = _threads(command(verify, "--spec", "--model", "--network", "--codes", "--firmware", "--card"))
    sub.add_argument("--rtl-vectors", type=int, default=0, metavar="N", help="vectors of the Verilog, at least")
    command(synth, "--spec", "--train", "--firmware", "--card")
    sub = command(vendor, "--spec", "--firmware", "--folder", "--card")
    sub.add_argument("--vivado", action="store_true", help="run Vivado where it is on PATH")
    sub.add_argument("--vitis-hls", action="store_true", help="run Vitis HLS where it is on PATH")
    command(route, "--spec", "--network", "--firmware", "--card")
    command(timing, "--spec", "--verify", "--synth", "--card")
    command(physics, "--spec", "--network", "--codes", "--card")
    sub = command(prove, "--spec", "--network", "--firmware", "--card")
    sub.add_argument("--seconds", type=int, default=60, metavar="N", help="time for SAT; 0: prove nothing")
    sub = command(faults, "--spec", "--network", "--codes", "--firmware", "--card")
    sub.add_argument("--count", type=int, default=500, metavar="N", help="how many faults")
    sub = command(fuzz)
    for flag in ("--budget", "--targets"):
        default = Path("config") / f"{flag.removeprefix('--')}.yaml"
        sub.add_argument(flag, type=Path, default=default, metavar="PATH", help=FILES[flag])
    sub.add_argument("--networks", type=int, default=300, metavar="N", help="how many networks")
    sub.add_argument("--seed", type=int, default=1, help="of the run")
    sub.add_argument(
        "--kept", type=Path, default=Path("build/fuzz"), metavar="PATH", help="where one that differs goes"
    )
    stages = ("--firmware", "--verify", "--synth", "--timing")
    sub = command(release, "--spec", "--network", "--codes", *stages, "--folder", "--card")
    sub.add_argument("--archive", type=Path, required=True, metavar="PATH", help="zip to write")
    command(check).add_argument("release", type=Path, metavar="RELEASE", help="zip or folder")
    sub = command(summary, "--reference")
    sub.add_argument("--designs", type=Path, nargs="+", required=True, metavar="PATH", help="folders with their cards")
    sub.add_argument("--json", type=Path, required=True, metavar="PATH", help="summary to write")
    sub.add_argument("--tsv", type=Path, required=True, metavar="PATH", help="the same as a table, to write")
    sub = command(scan, "--reference")
    sub.add_argument("--points", type=Path, nargs="+", required=True, metavar="PATH", help="folders of the scan")
    sub.add_argument("--designs", type=Path, nargs="*", default=[], metavar="PATH", help="folders of other designs")
    sub.add_argument("--json", type=Path, required=True, metavar="PATH", help="card to write")
    sub.add_argument("--tsv", type=Path, required=True, metavar="PATH", help="the same as a table, to write")
    sub.add_argument(
        "--published", metavar="NAME", help="public data set that this one is (published in its description)"
    )
    sub = command(verdict, "--output")
    sub.add_argument("--proofs", type=Path, nargs="*", default=[], metavar="PATH", help="prove.json and faults.json")
    for flag in ("--summary", "--scan"):
        sub.add_argument(flag, type=Path, metavar="PATH", help=FILES[flag])
    command(pages_of_data, "--ingest", "--reference", "--folder").add_argument(
        "--simulation", type=Path, metavar="PATH", help="card of check-simulation, where data are simulated"
    )
    sub = command(
        pages_of_design,
        *("--spec", "--reference", "--train", "--physics", "--verify", "--synth", "--timing", "--folder"),
    )
    sub.add_argument("--vendor", type=Path, metavar="PATH", help="card of the vendor's tools, where it is made")
    sub.add_argument("--route", type=Path, metavar="PATH", help="card of place and route, where it is made")
    sub = command(page_of_event, "--network", "--codes", "--output")
    sub.add_argument("--name", default="network", metavar="NAME", help="name of the design, for the title")
    sub.add_argument("--event", type=int, default=0, metavar="N", help="number in the test split, from 0; default: 0")
    command(pages_of_proof, "--prove", "--faults", "--folder")
    sub = command(page_of_release, "--output")
    sub.add_argument("--release", type=Path, required=True, metavar="PATH", help="card of the release (release.json)")
    command(pages_of_summary, "--summary", "--folder").add_argument(
        "--routes",
        type=Path,
        nargs="*",
        default=[],
        metavar="PATH",
        help="cards of place and route, where they are made",
    )
    command(pages_of_scan, "--scan", "--folder")
    sub = command(schema)
    sub.add_argument("file", choices=["budget", "targets", "data-set", "documentation", "cards"], help="which of them")
    sub.add_argument("--write", type=Path, metavar="PATH", help="file to write (cards: to put tables into)")
    return top


def _threads(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub.add_argument("--threads", type=int, metavar="N", help="threads to use; default: what the libraries choose")
    return sub


def limit_threads(threads: int) -> None:
    """Tell the numeric libraries how many threads to use; to be called before they are imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, or 1 with a message on stderr for an error of the user's."""
    args = parser().parse_args(arguments)
    if getattr(args, "threads", None):
        limit_threads(args.threads)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        args.function(args)
    except TriggerLutError as error:
        print(f"trigger-lut: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # no permission, no space left, a folder where a file is expected
        if error.filename is None:
            raise
        print(f"trigger-lut: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
