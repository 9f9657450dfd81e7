"""The registry of back ends: all users of the firmware (verification, fuzzer, release) loop over it."""

from __future__ import annotations

from trigger_lut.firmware.alkaid.backend import Alkaid
from trigger_lut.firmware.backend import Backend
from trigger_lut.firmware.emulator.backend import CmsswLibrary, CppEmulator, PythonEmulator
from trigger_lut.firmware.hls.backend import Hls
from trigger_lut.firmware.rtl.backend import Verilog, Vhdl

BACKENDS: dict[str, Backend] = {
    "hls4ml": Hls(),
    "alkaid": Alkaid(),
    "rtl": Verilog(),
    "vhdl": Vhdl(),
    "python": PythonEmulator(),
    "cpp": CppEmulator(),
    "cmssw": CmsswLibrary(),
}
