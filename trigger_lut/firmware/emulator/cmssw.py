"""A network as an external of CMSSW: a shared library behind `hls4mlEmulator::Model`, with what builds and tests it.

The interface is that of CMS' hls4mlEmulatorExtras: `prepare_input`, `predict` and `read_result` through `std::any`, and
the factory functions `create_model` and `destroy_model`. All other symbols are hidden, so that several models and
several versions of one model can share a process.
"""

from __future__ import annotations

import re
from pathlib import Path

from trigger_lut.errors import ConfigurationError
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.emulator.cpp import header, identifier, source
from trigger_lut.firmware.emulator.decision_cpp import decision_header
from trigger_lut.network.network import Network

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


def cmssw_files(
    network: Network,
    *,
    model: str,
    model_version: int,
    writer_version: str,
    decision: DecisionProject | None = None,
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
    folder = f"{versioned}/"
    files = {
        "README.md": _fill("README.md", values),
        "Makefile": _fill("Makefile", values),
        f"{folder}Makefile": _fill("Makefile.version", values),
        f"{folder}{model}_emulator_v{model_version}.cpp": _fill("emulator.cpp", values),
        f"{folder}NN/{name}.h": network_header,
        f"{folder}NN/{name}.cpp": source(network, versioned),
        f"cmsdist/{model}.spec": _fill("model.spec", values),
        f"cmsdist/{model.lower()}.xml": _fill("tool.xml", values),
        "cmsdist/BuildFile.xml": _fill("BuildFile.xml", values),
        "test/Makefile": _fill("Makefile.test", values),
        f"test/test_{model}.cpp": _fill("test.cpp", values),
        "test/include/hls4ml/emulator.h": _fill("interface.h", values),
    }
    if decision is not None:
        files[f"{folder}NN/{name}_decision.h"] = decision_header(decision, versioned)
    return files


def _alias(header_text: str, alias: str) -> str:
    found = re.search(rf"using {alias} = (\S+);", header_text)
    assert found, alias
    return found[1]


def _fill(template: str, values: dict[str, str]) -> str:
    """Return a template with its `@NAME@` replaced; `@TOOL_ROOT@` and `@TOOL_VERSION@` are scram's own."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda word: values.get(word[1], word[0]), text)
