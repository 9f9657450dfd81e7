"""The claims that a run makes: what each word means, how it is checked, and what it assumes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A word with an exact meaning.

    Attributes
    ----------
    word : str
        The word on cards and pages.
    meaning : str
        Statement that the word makes.
    checks : tuple of str
        Each check that must pass, in the order in which it runs.
    independence : str
        Why two of the checks cannot be wrong in the same way.
    assumptions : str
        Facts that no check tests.
    limits : str
        What the word does not say.
    """

    word: str
    meaning: str
    checks: tuple[str, ...]
    independence: str
    assumptions: str
    limits: str


CLAIMS = (
    Claim(
        word="bit-exact",
        meaning="On every compared vector, each form of the firmware gives the integers of the network: 0 mismatches, "
        "without a tolerance.",
        checks=(
            "`verify` runs the same vectors through Keras, the hls4ml emulator, alkaid's interpreter, the Verilog in "
            "Verilator and, where GHDL is installed, the VHDL.",
            "The vectors are test events, corners of the input formats, random codes, and inputs that look up table "
            "entries. Entries that no vector reached are counted.",
            "One flipped table bit must be noticed in each form (negative control).",
            "For an imported model, each event with a mismatch is evaluated again by Keras in float64. Only float32 "
            "rounding is accepted as the cause.",
        ),
        independence="The reference model shares no code with the generators. Each form is run by another program.",
        assumptions="The C++ compiler, Verilator and the processor compute correctly.",
        limits="The vectors are a sample. Equality for all inputs is the claim 'proven'.",
    ),
    Claim(
        word="proven",
        meaning="Output and valid at cycle t + latency are the network's function of the input and the valid bit at "
        "cycle t. This is true for every sequence of inputs, any pattern of gaps, and any state of the registers. "
        "Firmware with an II above 1 drops an event that another one follows within II cycles. The claim is about all "
        "others.",
        checks=(
            "The source check admits only the Verilog constructs that the generators use. It refuses directives, "
            "attributes and comments that could make two tools read different circuits.",
            "The structure check follows every path bit by bit. It finds exactly `latency` registers, all on the "
            "rising edge of the port `clk`. It refuses a second driver, a latch and feedback. Ports must have the "
            "names, widths and directions of the formats.",
            "The word proof compares Verilog and network as sums of functions, for all inputs, in exact integers.",
            "SAT (ABC) decides outputs that the word proof leaves open. An output that can read an undefined value is "
            "never proven.",
            "A second proof unrolls the sequential circuit from a free start state and uses another solver, for "
            "designs within its limits. If it finds a mismatch, the output counts as different.",
            "Firmware with an II above 1 is proven part by part. Its parts are the network, as sums of functions. Each "
            "pipeline is its part. Each block that uses hardware in several cycles is unrolled from a free start "
            "state. Its step gets the right words, and it collects the right outputs. The top module connects the "
            "parts, and nothing else.",
            "The proof of a network with one flipped table bit must fail (negative control). So must that of a block "
            "with another sum or another order of words.",
            "The decision firmware passes the same source, driver and structure checks: its logic alone, and the "
            "combined module from data_in to the decision. SAT compares the logic alone, and all that follows the "
            "network in the combined module, with thresholds on differences of outputs. A threshold moved by one code "
            "must not be proven (negative control).",
            "The proof reads files with the checksums that `firmware.json` lists.",
        ),
        independence="The word proof, SAT and the second proof have different algorithms and different solvers. The "
        "second proof builds the network's function from the integers without the first proof's Verilog.",
        assumptions="Yosys reads the admitted Verilog as the standard defines it. The solvers' answers are right. The "
        "host computes correctly.",
        limits="The claim is about the generated Verilog. VHDL, the HLS project and the synthesized netlist are "
        "compared on vectors. Place and route is not covered. An output that is not proven is called 'sampled'.",
    ),
    Claim(
        word="met",
        meaning="After synthesis at the target's clock, each line of the budget is met: LUTs, DSP, BRAM18, II, latency "
        "and clock.",
        checks=(
            "Yosys synthesizes the released Verilog for the target's family and counts each cell. A cell that it does "
            "not know ends the stage.",
            "The synthesized netlist is evaluated on vectors against the network. Each block RAM is compared with its "
            "table entry by entry.",
            "The clock is met if the estimated Fmax of the netlist is at least the target's clock. Else the latency in "
            "ns is missed too.",
            "`check_budgets` computes each line again from the measured figures.",
        ),
        independence="Latency and II are measured in simulation, not taken from the plan.",
        assumptions="The delay model describes the device. Its error is stated as an interval.",
        limits="Fmax is an estimate, not a timing run of the vendor's tool. With `verification.vivado: true` and "
        "Vivado on PATH, its figures appear in columns of their own.",
    ),
    Claim(
        word="passed",
        meaning="`check_budgets` has found no contradiction: all designs meet their budgets and are bit-exact, and "
        "all cards belong to the files that exist now. Points of a scan must be bit-exact.",
        checks=(
            "Each card's inputs are followed to the files. A changed or missing file is an error. Raw data that were "
            "deleted after they were read are listed as absent.",
            "Cards of one design must agree on design, network, specification, outputs and vectors.",
            "Impossible figures are refused, for example mismatches with `bit_exact: true`, or 0 vectors.",
            "A design fails if an output differs, a fault is undetected, or a negative control is missed.",
            "With `verification.require_proof: true`, a design fails if an output or its decision is not proven.",
            "The text lists what was proven, sampled, or not asked for.",
        ),
        independence="`check_budgets` computes each figure again that follows from others, and judges it again.",
        assumptions="Counts and proof results that only a tool gives are right on its card. Nobody with write access "
        "forged a consistent set of cards and files.",
        limits="A card is not signed. A release can be.",
    ),
    Claim(
        word="checked",
        meaning="`trigger-lut check-release` has found a release complete and unchanged since its manifest was "
        "written. Each form that ran gives the expected outputs for the vectors in the release and for fresh ones.",
        checks=(
            "Names, sizes and checksums are compared before any code of the release runs.",
            "Figures in the manifest are recomputed where the release holds what they follow from. Others are called "
            "'stated, not checked'.",
            "The release must hold at least 1,000 different vectors.",
            "The checker draws about 20,000 more vectors, and the corners of the input ranges. It prints the seed. "
            "`--seed` repeats a check.",
            "Verilog, the HLS project and the emulators in C++ and Python run on all these vectors. VHDL runs on 1,000 "
            "of them where GHDL is installed. A form that did not run is listed as 'not checked'.",
            "The network file, the RTL and the HLS project must state the same formats.",
            "Verilog and VHDL with directives or system tasks are refused: a simulator and synthesis may read them "
            "differently.",
        ),
        independence="The Python reference of the installed package evaluates the network file of the release. It "
        "gives the expected outputs of the fresh vectors. Each form runs in its own process and its own copy of the "
        "release, gets input codes alone, and its outputs are compared elsewhere.",
        assumptions="Without a signature or the printed checksum of the manifest: the sender is trusted. A program "
        "that notices that it is checked could behave well until it is not.",
        limits="Mismatches for few inputs can be missed: vectors are a sample. Test benches, the time-multiplexing "
        "wrapper, constraints and scripts are compared with the manifest alone. Checking runs code of the release, in "
        "a sandbox where `bwrap` exists. `--no-run` runs none.",
    ),
)
"""In the order in which a run makes them."""


def guarantees_markdown() -> str:
    """Return the claims as a page of Markdown."""
    lines = [
        "# What is guaranteed",
        "",
        "Each word has one meaning. A run's report has the same page with its own figures and those of the attack",
        "suite (`results/guarantees.html`). `trigger-lut schema guarantees` prints this page.",
    ]
    for claim in CLAIMS:
        lines += ["", f"## {claim.word}", "", claim.meaning, ""]
        lines += [f"{n}. {check}" for n, check in enumerate(claim.checks, 1)]
        lines += ["", f"- **Independent means.** {claim.independence}", f"- **Assumed.** {claim.assumptions}"]
        lines.append(f"- **Not covered.** {claim.limits}")
    return "\n".join(lines) + "\n"
