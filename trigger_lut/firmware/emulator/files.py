"""Files of the emulators in a release, by path."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.emulator.cpp import header, identifier, source
from trigger_lut.firmware.emulator.decision_cpp import decision_header
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.network.network import Network

SOURCES = Path(__file__).parent


def emulator_files(network: Network, design: str, *, version: str) -> dict[str, str]:
    """Write the emulators in C++ and Python.

    Parameters
    ----------
    network
        Integer network.
    design
        Name of the design.
    version
        Version of trigger_lut that wrote the firmware.

    Returns
    -------
    dict
        Texts by path in the release.
    """
    name = identifier(design)
    return {
        f"emulator/cpp/{name}.h": header(network, design, version=version),
        f"emulator/cpp/{name}.cpp": source(network, design),
        "emulator/cpp/example.cpp": (SOURCES / "example.cpp").read_text(encoding="utf-8").replace("@NAME@", name),
        "emulator/python/emulator.py": (SOURCES / "python.py").read_text(encoding="utf-8"),
        "emulator/python/network.json": network_json(network, design),
    }


def decision_files(decision: DecisionProject, design: str) -> dict[str, str]:
    """Write the decision in C++ and Python.

    Parameters
    ----------
    decision
        Decision in firmware.
    design
        Name of the design.

    Returns
    -------
    dict
        Texts by path in the release.
    """
    name = identifier(design)
    return {
        f"emulator/cpp/{name}_decision.h": decision_header(decision, design),
        "emulator/cpp/decide.cpp": (SOURCES / "decide.cpp").read_text(encoding="utf-8").replace("@NAME@", name),
        "emulator/python/decide.py": (SOURCES / "decide.py").read_text(encoding="utf-8"),
    }
