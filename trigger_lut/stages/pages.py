"""Commands that draw pages from cards; see `commands.py`."""

from __future__ import annotations

import argparse


def page_of_drift(args: argparse.Namespace) -> None:
    """Draw the page of a comparison with later data."""
    from trigger_lut.report.pages.drift import page_of_drift

    page_of_drift(args.drift, args.folder)


def page_of_index(args: argparse.Namespace) -> None:
    """Draw the landing page, with links to all stages of all designs."""
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
    """Draw the page of the guarantees: claims, checks and assumptions."""
    from trigger_lut.report.pages.guarantees import page_of_guarantees

    page_of_guarantees(args.designs, args.output)


def page_of_teacher(args: argparse.Namespace) -> None:
    """Draw the page of the teacher of an anomaly detection."""
    from trigger_lut.report.pages.teacher import page_of_teacher

    page_of_teacher(args.teacher, args.folder)


def page_of_importance(args: argparse.Namespace) -> None:
    """Draw the page of input importance of a design."""
    from trigger_lut.report.pages.importance import page_of_importance

    page_of_importance(args.importance, args.folder)


def page_of_rate(args: argparse.Namespace) -> None:
    """Draw the page of the rates of a design."""
    from trigger_lut.report.pages.rate import page_of_rate

    page_of_rate(rate=args.rate, decision=args.decision, folder=args.folder)


def pages_of_data(args: argparse.Namespace) -> None:
    """Draw the pages of a data set from its cards."""
    from trigger_lut.report.pages.data import pages_of_data

    pages_of_data(ingest=args.ingest, reference=args.reference, folder=args.folder, simulation=args.simulation)


def pages_of_design(args: argparse.Namespace) -> None:
    """Draw the pages of one design from its cards."""
    from trigger_lut.report.pages.design import pages_of_design

    names = ("spec", "reference", "train", "physics", "verify", "synth", "timing", "folder", "vendor", "route")
    pages_of_design(**{name: getattr(args, name) for name in names})


def page_of_event(args: argparse.Namespace) -> None:
    """Draw one event in a network, with all integers, for debugging."""
    from trigger_lut.report.pages.event import page_of_event

    page_of_event(args.name, network=args.network, codes=args.codes, event=args.event, page=args.output)


def page_of_firmware(args: argparse.Namespace) -> None:
    """Draw the page of a design's firmware: the pipeline, and the layers of the HLS project."""
    from trigger_lut.report.pages.firmware import page_of_firmware

    page_of_firmware(args.firmware, args.folder)


def pages_of_proof(args: argparse.Namespace) -> None:
    """Draw the pages of the proof and of injected faults."""
    from trigger_lut.report.pages.proof import pages_of_proof

    pages_of_proof(prove=args.prove, faults=args.faults, folder=args.folder)


def page_of_release(args: argparse.Namespace) -> None:
    """Draw the page of a release."""
    from trigger_lut.report.pages.release import page_of_release

    page_of_release(args.release, args.output)


def pages_of_summary(args: argparse.Namespace) -> None:
    """Draw the table of all designs."""
    from trigger_lut.report.pages.summary import pages_of_summary

    pages_of_summary(summary=args.summary, folder=args.folder, routes=args.routes)


def pages_of_scan(args: argparse.Namespace) -> None:
    """Draw the page of a scan: accuracy against LUTs and latency."""
    from trigger_lut.report.pages.scan import pages_of_scan

    pages_of_scan(args.scan, args.folder)
