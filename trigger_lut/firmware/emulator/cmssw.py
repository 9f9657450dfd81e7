"""A network as an external of CMSSW: a shared library behind `hls4mlEmulator::Model`, with what builds and tests it.

It takes codes, real values of the inputs, and events as the data set has them, where that part has an emulator.
The interface is that of CMS' hls4mlEmulatorExtras: `prepare_input`, `predict` and `read_result` through `std::any`, and
the factory functions `create_model` and `destroy_model`. All other symbols are hidden, so that several models and
several versions of one model can share a process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trigger_lut.errors import ConfigurationError
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.emulator.cpp import header, identifier, source
from trigger_lut.firmware.emulator.decision_cpp import decision_header
from trigger_lut.firmware.front_end.channels_cpp import plain_channels, values_header, values_source
from trigger_lut.firmware.front_end.cpp import TYPES, inputs_header, inputs_source, member_names
from trigger_lut.network.network import Network
from trigger_lut.utils.escape import markdown

CMSSW = "cmssw"
"""Folder of the external in a release."""
TEMPLATES = Path(__file__).parent / "cmssw"
DECISION = {
    "COMMENT": " A pointer to bool receives the n_decisions bits of the trigger.",
    "READ": " && !give_bits(result)",
    "NAME": ", bool",
    "METHOD": """
    bool give_bits(const std::any& result) const {
        if (const auto* pointer = std::any_cast<bool*>(&result)) return decide(out_.data(), *pointer), true;
        const auto* bits = std::any_cast<std::vector<bool>*>(&result);
        if (bits == nullptr) return false;
        std::array<bool, n_decisions> found{};
        decide(out_.data(), found.data());
        (*bits)->assign(found.begin(), found.end());
        return true;
    }
""",
    "README": "\nA pointer to `bool`, or to `std::vector<bool>`, receives the decision bits of the trigger.",
}
EVENT = {
    "INCLUDE": '#include "NN/@NAME@_inputs.h"\n',
    "COMMENT": """
    // Accepts an event too: std::vector<std::vector<double>>, a list for each of @BRANCHES@ branches in the order of
    // the README; a branch with one number an event is a list of one. A pointer to it is accepted as well.""",
    "READ": " && !take_event(input)",
    "NAME": ", or an event",
    "METHOD": """
    using Lists = std::vector<std::vector<double>>;

    bool take_event(const std::any& input) {
        const auto* lists = std::any_cast<Lists>(&input);
        if (const auto* pointer = std::any_cast<const Lists*>(&input)) lists = *pointer;
        if (const auto* pointer = std::any_cast<Lists*>(&input)) lists = *pointer;
        if (lists == nullptr) return false;
        if (lists->size() != @BRANCHES@)
            throw std::invalid_argument("@MODEL@_v@VERSION@: prepare_input: expected @BRANCHES@ branches, found " +
                                        std::to_string(lists->size()));
        Event event;
@FILL@
        if (!encode_event(event, in_.data()))
            throw std::out_of_range("@MODEL@_v@VERSION@: the event has no codes: a value is NaN or infinite and has no "
                                    "replacement, or lists of the same objects have different lengths");
        return true;
    }

    template <class T>
    static T as(double value, const char* branch) {
        if constexpr (!std::is_same_v<T, double>) {
            if (value != std::floor(value) || std::abs(value) > 9007199254740992.0 ||
                (value < 0 && !std::is_signed_v<T>) || (value > 1 && std::is_same_v<T, bool>))
                throw std::out_of_range(std::string("@MODEL@_v@VERSION@: branch ") + branch +
                                        ": expected an integer of its type, found " + std::to_string(value));
        }
        return static_cast<T>(value);
    }

    template <class T>
    [[maybe_unused]] static void fill(std::vector<T>& member, const std::vector<double>& values, const char* branch) {
        for (const double value : values) member.push_back(as<T>(value, branch));
    }

    template <class T>
    [[maybe_unused]] static void fill(T& member, const std::vector<double>& values, const char* branch) {
        if (values.size() != 1)
            throw std::invalid_argument(std::string("@MODEL@_v@VERSION@: branch ") + branch +
                                        ": expected one number, found " + std::to_string(values.size()));
        member = as<T>(values[0], branch);
    }
""",
    "README": """

`prepare_input` also takes an event, a `std::vector<std::vector<double>>` with a list for each branch, in this order:

| branch | list | type |
|---|---|---|
@ROWS@

A branch with one number an event is a list of one. Selection, order, slots and scales follow as the data set has them.
An event that has no codes throws. Integers are exact up to 2^53.""",
}


def cmssw_files(
    network: Network,
    *,
    model: str,
    model_version: int,
    writer_version: str,
    decision: DecisionProject | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Write the external of a network.

    Parameters
    ----------
    network : Network
        The network of the firmware.
    model : str
        Name of the model in CMSSW: letters and digits, beginning with a letter.
    model_version : int
        Version of the model, at least 1. It is part of the names of library and namespace.
    writer_version : str
        Version of this package, for the header.
    decision : DecisionProject, optional
        The trigger's decision. `read_result` then also gives its bits.
    inputs : mapping, optional
        Result of `description.front_end`, or its `channels` alone: the library then takes no events. None: real values
        are rounded down to the formats of the network.

    Returns
    -------
    dict[str, str]
        Texts by path.

    Raises
    ------
    ConfigurationError
        If the name or the version is not possible in CMSSW.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", model, re.ASCII) is None:
        raise ConfigurationError(
            f"model: expected letters and digits, with a letter first, found {model!r}. Rename the model."
        )
    if model_version < 1:
        raise ConfigurationError(f"version: expected a number from 1, found {model_version}. Count versions from 1.")
    versioned = f"{model}_v{model_version}"
    name = identifier(versioned)
    network_header = header(network, versioned, version=writer_version)
    given = inputs or {}
    channels = given.get("channels") or plain_channels(network.inputs)
    with_events = "branches" in given
    values = {
        "MODEL": model,
        "VERSION": str(model_version),
        "NAME": name,
        "UPPER": model.upper(),
        "LOWER": model.lower(),
        "INPUTS": str(len(network.inputs)),
        "IN_TYPE": _alias(network_header, "input_t"),
        "OUT_TYPE": _alias(network_header, "output_t"),
        "DECISION_INCLUDE": f'#include "NN/{name}_decision.h"\n' if decision else "",
        **{f"DECISION_{key}": text if decision else "" for key, text in DECISION.items()},
    }
    branches = given.get("branches", {})
    values |= {
        "BRANCHES": str(len(branches)),
        "IS_LIST": ", ".join("true" if kind["list"] else "false" for kind in branches.values()) or "false",
        "FILL": "\n".join(_fills(branches)),
        "ROWS": "\n".join(_rows(branches)),
    }
    values |= {f"EVENT_{key}": _filled(text, values) if with_events else "" for key, text in EVENT.items()}
    folder = f"{versioned}/"
    files = {
        "README.md": _fill("README.md", values),
        "Makefile": _fill("Makefile", values),
        f"{folder}Makefile": _fill("Makefile.version", values),
        f"{folder}{model}_emulator_v{model_version}.cpp": _fill("emulator.cpp", values),
        f"{folder}NN/{name}.h": network_header,
        f"{folder}NN/{name}.cpp": source(network, versioned),
        f"{folder}NN/{name}_values.h": values_header(name),
        f"{folder}NN/{name}_values.cpp": values_source(channels, name),
        f"cmsdist/{model}.spec": _fill("model.spec", values),
        f"cmsdist/{model.lower()}.xml": _fill("tool.xml", values),
        "cmsdist/BuildFile.xml": _fill("BuildFile.xml", values),
        "test/Makefile": _fill("Makefile.test", values),
        f"test/test_{model}.cpp": _fill("test.cpp", values),
        "test/include/hls4ml/emulator.h": _fill("interface.h", values),
    }
    if with_events:
        files[f"{folder}NN/{name}_inputs.h"] = inputs_header(given, name)
        files[f"{folder}NN/{name}_inputs.cpp"] = inputs_source(given, name)
    if decision is not None:
        files[f"{folder}NN/{name}_decision.h"] = decision_header(decision, versioned)
    return files


def _fills(branches: Mapping[str, Any]) -> list[str]:
    """Write a statement for each branch, which copies its list into the event."""
    return [
        f'        fill<{TYPES[branches[branch]["kind"]]}>(event.{member}, (*lists)[{n}], "{member}");'
        for n, (branch, member) in enumerate(member_names(branches).items())
    ]


def _rows(branches: Mapping[str, Any]) -> list[str]:
    """Write a row of the README for each branch."""
    return [
        f"| {markdown(branch)} | {'a list' if kind['list'] else 'one number'} | {TYPES[kind['kind']]} |"
        for branch, kind in branches.items()
    ]


def _alias(header_text: str, alias: str) -> str:
    match = re.search(rf"using {alias} = (\S+);", header_text)
    assert match, alias
    return match[1]


def _fill(template: str, values: dict[str, str]) -> str:
    """Return a template with its placeholders filled."""
    return _filled((TEMPLATES / template).read_text(encoding="utf-8"), values)


def _filled(text: str, values: dict[str, str]) -> str:
    """Return a text with its `@NAME@` replaced; `@TOOL_ROOT@` and `@TOOL_VERSION@` are scram's own."""
    return re.sub(r"@([A-Z_]+)@", lambda word: values.get(word[1], word[0]), text)
