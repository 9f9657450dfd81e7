"""The firmware stage: a trained network as an hls4ml project and as pipelined Verilog."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from trigger_lut.budget import Spec
from trigger_lut.cards import Stopwatch, read_card, sha256, write_card
from trigger_lut.firmware.hls import has_project, write_hls
from trigger_lut.firmware.rtl import write_rtl
from trigger_lut.network import load_network
from trigger_lut.records_firmware import FirmwareCard
from trigger_lut.saved_model import load_model

NO_HLS = "hls4ml projects are made of chains of LUTDense layers on flat inputs alone"


def build_firmware(spec: Path, model: Path, network: Path, folder: Path, card: Path) -> None:
    """Write `folder`/hls from the Keras model and `folder`/rtl from the integer network, and a FirmwareCard.

    Networks other than chains of dense table layers get no hls4ml project; the card says so.
    Raises FirmwareError when the network cannot be built, ToolMissingError and ToolFailedError for the compiler.
    """
    watch = Stopwatch()
    design = read_card(Spec, spec)
    integers = load_network(network)
    folder.mkdir(parents=True, exist_ok=True)
    trained = load_model(model, design.network.function)
    hls = write_hls(trained, integers, folder / "hls", design) if has_project(trained, integers) else None
    if hls is None:
        shutil.rmtree(folder / "hls", ignore_errors=True)
        print(f"firmware: no hls4ml project: {NO_HLS}", file=sys.stderr)
    rtl = write_rtl(integers, folder / "rtl", design)
    write_card(
        FirmwareCard(
            **watch.provenance([spec, model, network], "tensorflow", "keras", "hls4ml", "alkaid", "numpy"),
            design=design.design,
            hls_project=None if hls is None else str(hls.folder),
            hls_note=NO_HLS if hls is None else None,
            hls_handlers={} if hls is None else hls.handlers,
            hls_result_types={} if hls is None else hls.result_types,
            rtl_project=str(rtl.folder),
            rtl_top=rtl.top,
            rtl_files={str(path): sha256(path) for path in rtl.files},
            rtl_latency_cycles_planned=rtl.latency_cycles_planned,
            rtl_cost=rtl.cost,
            clock_period_ns=design.target.clock_period_ns,
        ),
        card,
    )
