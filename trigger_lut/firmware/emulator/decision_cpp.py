"""Trigger's decision in C++17: a header for the outputs of the emulator."""

from __future__ import annotations

from collections.abc import Sequence

from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.emulator.cpp import identifier
from trigger_lut.utils.escape import comment


def decision_header(project: DecisionProject, design: str) -> str:
    """Write the header `<name>_decision.h`."""
    name, score = identifier(design), project.score
    guard = f"{name.upper()}_DECISION_H"
    thresholds = [score.never if code is None else code for code in project.thresholds]

    def largest(group: Sequence[int]) -> str:
        return "std::max({" + ", ".join(f"at({o}, {score.shift(o)})" for o in group) + "})"

    points = [
        f"//   bit {n}: {wanted}" + (", which no threshold keeps to: never set" if code is None else "")
        for n, (wanted, code) in enumerate(zip(project.wanted, project.thresholds, strict=True))
    ]
    return "\n".join(
        [
            comment(
                "//",
                f"The decision of module {project.top} of design {design!r}, bit-exact. Generated. C++17, header only.",
            ),
            "//",
            *points,
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <algorithm>",
            "#include <cstddef>",
            "#include <cstdint>",
            "",
            f'#include "{name}.h"',
            "",
            f"namespace {name} {{",
            "",
            f"inline constexpr std::size_t n_decisions = {len(thresholds)};",
            f"inline constexpr int score_fraction = {score.fraction};",
            "",
            "// Smallest score that sets each bit.",
            f"inline constexpr std::int64_t threshold[n_decisions] = {{{', '.join(map(str, thresholds))}}};",
            "",
            "// The score of one event's outputs, in steps of 2^-score_fraction.",
            "inline std::int64_t score(const output_t* out) noexcept {",
            "    const auto at = [out](std::size_t o, int shift) {",
            "        return static_cast<std::int64_t>(out[o]) * (std::int64_t{1} << shift);",
            "    };",
            f"    return {largest(score.signal)}" + (f" - {largest(score.background)};" if score.background else ";"),
            "}",
            "",
            "// The bits of one event's outputs.",
            "inline void decide(const output_t* out, bool* bits) noexcept {",
            "    for (std::size_t n = 0; n < n_decisions; ++n) bits[n] = score(out) >= threshold[n];",
            "}",
            "",
            f"}}  // namespace {name}",
            "",
            f"#endif  // {guard}",
            "",
        ]
    )
