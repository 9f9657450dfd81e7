"""The prove stage: the generated Verilog is the network for all inputs, output by output."""

from __future__ import annotations

import tempfile
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cards.proof import ProveCard
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.config.budget import Spec
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.network.network import load_network
from trigger_lut.stages.registry import Output
from trigger_lut.verification.formal.prove import BY_SAT, BY_WORDS, prove_both_ways
from trigger_lut.verification.formal.prove_parts import BY_PARTS, prove_parts
from trigger_lut.verification.formal.sequential import second_proof


def run(
    *, spec: Path, network: Path, firmware_card: Path, card: Output, seconds: int, second_seconds: int = 0
) -> ProveCard:
    """Prove that the Verilog is the network for all inputs, output by output, with two proofs.

    Parameters
    ----------
    seconds : int
        Time for SAT in seconds; 0 proves nothing.
    second_seconds : int
        Processor time of the second proof in seconds; 0 skips it.

    Returns
    -------
    ProveCard
        The card.

    Raises
    ------
    CardError
        If the files do not belong together.
    FirmwareError
        If the plan of the firmware is not the network. An output that differs does not raise: the card lists
        it.
    """
    watch = Stopwatch()
    design, firmware = read_card(Spec, spec), read_card(FirmwareCard, firmware_card)
    require_current_files(firmware_card, spec, network)
    integers, project = load_network(network), read_project(Path(firmware.rtl_project))
    with tempfile.TemporaryDirectory(prefix="trigger_lut_prove_") as scratch:
        if project.parts:
            proof = prove_parts(integers, project, seconds=seconds, seed=design.seed, folder=Path(scratch))
        else:
            proof = prove_both_ways(integers, project, seconds=seconds, seed=design.seed, folder=Path(scratch))
    asked = second_seconds if seconds else 0
    outputs, second = second_proof(integers, project, seconds=asked, seed=design.seed, first=proof.outputs)
    result = ProveCard(
        design=design.design,
        outputs=outputs,
        method=(BY_PARTS if project.parts else BY_WORDS) + (f"; what is not seen so: {BY_SAT}" if proof.gates else ""),
        registers=proof.registers,
        gates=proof.gates,
        seconds_allowed=seconds,
        control=proof.control,
        control_caught=proof.control_caught,
        second=second,
        **watch.provenance([spec, network, firmware_card, *project.files], "pyosys", "alkaid", "python-sat"),
    )
    write_card(result, card)
    return result
