"""C++17 of the way from the real value of a channel to its code, as the data set describes it.

A value is rounded to 32 bits, replaced where it is NaN or infinite, scaled, rounded and saturated: as `ingest` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trigger_lut.fixed_point.formats import KIF


def plain_channels(formats: Sequence[KIF]) -> list[dict[str, Any]]:
    """Describe channels of which only the formats are known: rounded down, without replacement.

    Parameters
    ----------
    formats
        Format of each channel.

    Returns
    -------
    list of dict
        As `channels` of `description.front_end`.
    """
    return [{"kif": list(kif), "lsb": None, "half_up": False, "replace": None} for kif in formats]


def values_header(name: str) -> str:
    """Write the header of `encode_value`.

    Parameters
    ----------
    name
        Namespace of the emulator.

    Returns
    -------
    str
        Text.
    """
    guard = f"{name.upper()}_VALUES_H"
    return "\n".join(
        [
            "// From the real value of an input to its code, as the data set has it. Generated. C++17, thread-safe.",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <cstddef>",
            "",
            f'#include "{name}.h"',
            "",
            f"namespace {name} {{",
            "",
            "// Rounded to 32 bits, scaled, rounded and saturated. False, and no code, where the value is NaN or",
            "// infinite and has no replacement.",
            "bool encode_value(double value, std::size_t input, input_t& code);",
            "",
            f"}}  // namespace {name}",
            "",
            f"#endif  // {guard}",
            "",
        ]
    )


def values_source(channels: Sequence[Mapping[str, Any]], name: str) -> str:
    """Write the source file of `encode_value`.

    Parameters
    ----------
    channels
        `channels` of `description.front_end`, or `plain_channels`.
    name
        Namespace of the emulator.

    Returns
    -------
    str
        Text.
    """
    return "\n".join(
        [
            f'#include "{name}_values.h"',
            "",
            *(f"#include <{header}>" for header in ("algorithm", "cmath")),
            "",
            f"namespace {name} {{",
            "namespace {",
            "",
            *channel_table(channels),
            "",
            "}  // namespace",
            "",
            "bool encode_value(double value, std::size_t input, input_t& code) {",
            "    return encoded(channels[input], value, code);",
            "}",
            "",
            f"}}  // namespace {name}",
            "",
        ]
    )


def channel_table(channels: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the table `channels` and the function `encoded`, in lines.

    Parameters
    ----------
    channels
        `channels` of `description.front_end`.

    Returns
    -------
    list of str
        Lines.
    """
    return [
        *_ENCODED,
        "constexpr Channel channels[n_inputs] = {",
        *(f"    {_channel(channel)}," for channel in channels),
        "};",
    ]


_ENCODED = """\
struct Channel {
    double scale;  // a power of two to multiply with, or a step to divide by
    bool divide;
    double half;
    double low, high;
    bool replaced;
    double replacement;
};

bool encoded(const Channel& channel, double wide, input_t& code) {
    float value = static_cast<float>(wide);
    if (!std::isfinite(value)) {
        if (!channel.replaced) return false;
        value = static_cast<float>(channel.replacement);
    }
    const double exact = static_cast<double>(value);
    const double scaled = channel.divide ? exact / channel.scale + channel.half : exact * channel.scale;
    code = static_cast<input_t>(std::min(std::max(std::floor(scaled), channel.low), channel.high));
    return true;
}
""".splitlines()


def _channel(channel: Mapping[str, Any]) -> str:
    k, i, f = channel["kif"]
    high = (1 << (i + f)) - 1
    lsb, divide = channel["lsb"], channel["lsb"] is not None
    scale = literal(float(lsb) if divide else 2.0**f)
    half = "0.5" if channel["half_up"] else "0.0"
    replaced = channel["replace"] is not None
    bounds = f"{literal(float(-high - 1 if k else 0))}, {literal(float(high))}"
    flags = ["false", "true"]
    number = literal(channel["replace"] if replaced else 0.0)
    return f"{{{scale}, {flags[divide]}, {half}, {bounds}, {flags[replaced]}, {number}}}"


def literal(number: float) -> str:
    """Write a number exactly; hexadecimal floating point is C++17.

    Parameters
    ----------
    number
        Number; NaN and infinities become the names `nan` and `infinity`.

    Returns
    -------
    str
        C++ literal.
    """
    if number != number:
        return "nan"
    if number in (float("inf"), float("-inf")):
        return "infinity" if number > 0 else "-infinity"
    return f"{number!r}" if number == int(number) and abs(number) < 1e15 else float(number).hex()
