"""Commands that draw pages from cards; see `commands.py`."""

from __future__ import annotations

import argparse


def page_of_drift(args: argparse.Namespace) -> None:
    """Draw the page of a comparison with later data.

    Parameters
    ----------
    args : argparse.Namespace
        `drift`: card of the comparison. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.drift import page_of_drift

    page_of_drift(args.drift, args.folder)


def page_of_index(args: argparse.Namespace) -> None:
    """Draw the landing page, with links to all stages of all designs.

    Parameters
    ----------
    args : argparse.Namespace
        `designs` and `data`: folders of cards. `stages`: names of stages that were run. `summary` and `scan`: cards, or
        None. `proof_required`: flag. `output`: HTML file.
    """
    from trigger_lut.report.pages.index import page_of_index

    page_of_index(
        designs=args.designs,
        stages=args.stages,
        data=args.data,
        page=args.output,
        summary=args.summary,
        scan=args.scan,
        proof_required=args.proof_required,
    )


def page_of_guarantees(args: argparse.Namespace) -> None:
    """Draw the page of the guarantees: claims, checks and assumptions.

    Parameters
    ----------
    args : argparse.Namespace
        `designs`: folders of cards. `output`: HTML file.
    """
    from trigger_lut.report.pages.guarantees import page_of_guarantees

    page_of_guarantees(args.designs, args.output)


def page_of_teacher(args: argparse.Namespace) -> None:
    """Draw the page of the teacher of an anomaly detection.

    Parameters
    ----------
    args : argparse.Namespace
        `teacher`: card. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.teacher import page_of_teacher

    page_of_teacher(args.teacher, args.folder)


def page_of_importance(args: argparse.Namespace) -> None:
    """Draw the page of input importance of a design.

    Parameters
    ----------
    args : argparse.Namespace
        `importance`: card. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.importance import page_of_importance

    page_of_importance(args.importance, args.folder)


def page_of_rate(args: argparse.Namespace) -> None:
    """Draw the page of the rates of a design.

    Parameters
    ----------
    args : argparse.Namespace
        `rate` and `decision`: cards. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.rate import page_of_rate

    page_of_rate(rate=args.rate, decision=args.decision, folder=args.folder)


def pages_of_data(args: argparse.Namespace) -> None:
    """Draw the pages of a data set from its cards.

    Parameters
    ----------
    args : argparse.Namespace
        `ingest` and `reference`: cards. `simulation`: card of check-simulation, or None. `folder`: folder to write
        into.
    """
    from trigger_lut.report.pages.data import pages_of_data

    pages_of_data(ingest=args.ingest, reference=args.reference, folder=args.folder, simulation=args.simulation)


def pages_of_design(args: argparse.Namespace) -> None:
    """Draw the pages of one design from its cards.

    Parameters
    ----------
    args : argparse.Namespace
        `spec`, `reference`, `train`, `physics`, `verify`, `synth` and `timing`: cards. `vendor` and `route`: cards, or
        None. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.design import pages_of_design

    names = ("spec", "reference", "train", "physics", "verify", "synth", "timing", "folder", "vendor", "route")
    pages_of_design(**{name: getattr(args, name) for name in names})


def page_of_event(args: argparse.Namespace) -> None:
    """Draw one event in a network, with all integers, for debugging.

    Parameters
    ----------
    args : argparse.Namespace
        `name` of the design, for the title. `network` and `codes`: files. `event`: number in the test split, from 0.
        `output`: HTML file.
    """
    from trigger_lut.report.pages.event import page_of_event

    page_of_event(args.name, network=args.network, codes=args.codes, event=args.event, page=args.output)


def page_of_firmware(args: argparse.Namespace) -> None:
    """Draw the page of a design's firmware: the pipeline, and the layers of the HLS project.

    Parameters
    ----------
    args : argparse.Namespace
        `firmware`: card. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.firmware import page_of_firmware

    page_of_firmware(args.firmware, args.folder)


def pages_of_proof(args: argparse.Namespace) -> None:
    """Draw the pages of the proof and of injected faults.

    Parameters
    ----------
    args : argparse.Namespace
        `prove` and `faults`: cards. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.proof import pages_of_proof

    pages_of_proof(prove=args.prove, faults=args.faults, folder=args.folder)


def page_of_release(args: argparse.Namespace) -> None:
    """Draw the page of a release.

    Parameters
    ----------
    args : argparse.Namespace
        `release`: card. `output`: HTML file.
    """
    from trigger_lut.report.pages.release import page_of_release

    page_of_release(args.release, args.output)


def pages_of_summary(args: argparse.Namespace) -> None:
    """Draw the table of all designs.

    Parameters
    ----------
    args : argparse.Namespace
        `summary`: card. `routes`: cards of place and route; the list may be empty. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.summary import pages_of_summary

    pages_of_summary(summary=args.summary, folder=args.folder, routes=args.routes)


def pages_of_scan(args: argparse.Namespace) -> None:
    """Draw the page of a scan: accuracy against LUTs and latency.

    Parameters
    ----------
    args : argparse.Namespace
        `scan`: card. `folder`: folder to write into.
    """
    from trigger_lut.report.pages.scan import pages_of_scan

    pages_of_scan(args.scan, args.folder)
