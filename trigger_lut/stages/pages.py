"""The commands that draw pages from cards, in the manner of `commands.py`."""

from __future__ import annotations

import argparse


def page_of_drift(args: argparse.Namespace) -> None:
    """Draw the page of how another data set differs for a design."""
    from trigger_lut.report.pages.drift import page_of_drift

    page_of_drift(args.drift, args.folder)


def page_of_index(args: argparse.Namespace) -> None:
    """Draw the landing page, which leads through all stages of all designs."""
    from trigger_lut.report.pages.index import page_of_index

    cards = (args.data, args.summary, args.scan)
    page_of_index(args.designs, args.stages, *cards, args.output, proof_required=args.proof_required)


def page_of_guarantees(args: argparse.Namespace) -> None:
    """Draw the page of what is guaranteed: each claim, its checks, its assumptions."""
    from trigger_lut.report.pages.guarantees import page_of_guarantees

    page_of_guarantees(args.designs, args.output)


def page_of_teacher(args: argparse.Namespace) -> None:
    """Draw the page of the teacher of an anomaly's networks."""
    from trigger_lut.report.pages.teacher import page_of_teacher

    page_of_teacher(args.teacher, args.folder)


def page_of_importance(args: argparse.Namespace) -> None:
    """Draw the page of what each bit of each input is worth to a design."""
    from trigger_lut.report.pages.importance import page_of_importance

    page_of_importance(args.importance, args.folder)


def page_of_rate(args: argparse.Namespace) -> None:
    """Draw the page of the rates of a design."""
    from trigger_lut.report.pages.rate import page_of_rate

    page_of_rate(args.rate, args.decision, args.folder)


def pages_of_data(args: argparse.Namespace) -> None:
    """Draw the pages of a data set from its cards."""
    from trigger_lut.report.pages.data import pages_of_data

    pages_of_data(args.simulation, args.ingest, args.reference, args.folder)


def pages_of_design(args: argparse.Namespace) -> None:
    """Draw the pages of one design from its cards."""
    from trigger_lut.report.pages.design import pages_of_design

    cards = (args.spec, args.reference, args.train, args.physics, args.verify, args.synth, args.timing)
    pages_of_design(*cards, args.folder, args.vendor, args.route)


def page_of_event(args: argparse.Namespace) -> None:
    """Draw the path of one event through a network, with all integers, for debugging."""
    from trigger_lut.report.pages.event import page_of_event

    page_of_event(args.name, args.network, args.codes, args.event, args.output)


def page_of_firmware(args: argparse.Namespace) -> None:
    """Draw the page of a design's firmware: the pipeline, and the layers of the HLS project."""
    from trigger_lut.report.pages.firmware import page_of_firmware

    page_of_firmware(args.firmware, args.folder)


def pages_of_proof(args: argparse.Namespace) -> None:
    """Draw the pages of what is proven of a design."""
    from trigger_lut.report.pages.proof import pages_of_proof

    pages_of_proof(args.prove, args.faults, args.folder)


def page_of_release(args: argparse.Namespace) -> None:
    """Draw the page of a release."""
    from trigger_lut.report.pages.release import page_of_release

    page_of_release(args.release, args.output)


def pages_of_summary(args: argparse.Namespace) -> None:
    """Draw the table over all designs."""
    from trigger_lut.report.pages.summary import pages_of_summary

    pages_of_summary(args.summary, args.folder, args.routes)


def pages_of_scan(args: argparse.Namespace) -> None:
    """Draw the page of a scan: accuracy against LUTs and latency."""
    from trigger_lut.report.pages.scan import pages_of_scan

    pages_of_scan(args.scan, args.folder)
