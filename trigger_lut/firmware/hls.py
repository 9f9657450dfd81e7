"""An hls4ml project of a trained model: native `LUTDense` layers, exact types, a compiled bit-accurate emulator.

The project is made from the Keras model. Of the integer network only the interface is used - input formats and output
fractions - so that comparing the emulator with the network's integer model compares two ways from Keras.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.cards import write_text
from trigger_lut.errors import CardError, FirmwareError, ToolFailedError, ToolMissingError
from trigger_lut.firmware.hls_code import common_format
from trigger_lut.fixed_point import KIF, IntArray
from trigger_lut.network import Network

PROJECT_FILE = "project.json"
NAME = "lut_network"
EMULATOR_BITS = 52  # the emulator's interface is double


@dataclass(frozen=True)
class HlsProject:
    """A written and compiled hls4ml project.

    folder        where it lies
    library       file name of the compiled emulator, in folder/firmware
    inputs        format of each input channel
    fractions     fractional bits of each output
    handlers      converter handler by layer
    result_types  result type by layer, as ap_fixed
    """

    folder: Path
    library: str
    inputs: tuple[KIF, ...]
    fractions: tuple[int, ...]
    handlers: dict[str, str]
    result_types: dict[str, str]


def has_project(model: Any, network: Network) -> bool:
    """Whether hls4ml projects are made of such a model: a chain of LUTDense layers on a flat input."""
    kinds = {type(layer).__name__ for layer in model.layers}
    return kinds <= {"InputLayer", "LUTDense"} and len(model.inputs[0].shape) == 2 and network.is_dense_chain()


def write_hls(model: Any, network: Network, folder: Path, spec: Spec) -> HlsProject:
    """Convert a Keras model of LUTDense layers with hls4ml, write the project to `folder` (made anew) and compile it.

    Raises FirmwareError when a layer is of another kind or was taken by another handler than ours, ToolMissingError
    without g++, ToolFailedError when compilation fails.
    """
    if shutil.which("g++") is None:
        raise ToolMissingError("g++ is not on PATH; hls4ml compiles its emulator with it (install a C++ compiler)")
    expected = expected_handlers(model)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with contextlib.redirect_stdout(sys.stderr):
        converted = _convert(model, common_format(network.inputs), part, spec)
        handlers = check_handlers(converted, expected)
        converted.write()
    config = part / "hls4ml_config.yml"
    write_text(config, config.read_text().replace(str(part), str(folder)))
    library = _compile(part, converted.config.get_config_value("Stamp"))
    types = {node.name: str(node.get_output_variable().type.precision) for node in converted.get_layers()}
    project = HlsProject(folder, library, network.inputs, tuple(int(f) for f in network.fractions), handlers, types)
    _save(project, part)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    return project


def _convert(model: Any, source: KIF, folder: Path, spec: Spec) -> Any:
    """hls4ml's model, with `source` as the type of its input vector."""
    import hls4ml

    from trigger_lut.firmware.hls_layer import kif_of, precision

    entrance = model.inputs[0]._keras_history.operation.name
    try:
        converted = hls4ml.converters.convert_from_keras_model(
            model,
            output_dir=str(folder),
            project_name=NAME,
            backend="Vitis",
            io_type="io_parallel",
            part=spec.target.part,
            clock_period=spec.target.clock_period_ns,
            write_weights_txt=False,
            bit_exact=False,  # hls4ml's own inference of types; ours are exact already
            allow_da_fallback=False,
            allow_v2_fallback=False,
            hls_config={
                "Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "PipelineInterval": 1},
                "LayerName": {entrance: {"Precision": {"result": str(precision(source))}}},
            },
        )
    except ValueError as error:
        raise FirmwareError(f"hls4ml refuses model {model.name!r}: {error}") from error
    types = [v.type.precision for v in (*converted.get_input_variables(), *converted.get_output_variables())]
    if kif_of(converted.get_input_variables()[0]) != source:
        raise FirmwareError(f"hls4ml gave the input type {types[0]}, expected {precision(source)}")
    if wide := [str(t) for t in types if t.width > EMULATOR_BITS]:
        raise FirmwareError(f"{wide[0]} has more than the {EMULATOR_BITS} bits that the emulator's interface holds")
    return converted


def expected_handlers(model: Any) -> dict[str, str]:
    """Which handler must take which layer: ours takes every LUTDense.

    Raises FirmwareError for any other kind of layer, by name.
    """
    from trigger_lut.firmware.hls_layer import KERAS_LAYER, LUTDenseHandler

    expected = {}
    for layer in model.layers:
        kind = f"{type(layer).__module__}.{type(layer).__name__}"
        if type(layer).__name__ == "InputLayer":
            continue
        if kind != KERAS_LAYER:
            raise FirmwareError(
                f"layer {layer.name!r} is a {kind}; the hls4ml project is exact for LUTDense layers alone"
            )
        expected[layer.name] = LUTDenseHandler.__name__
    if not expected:
        raise FirmwareError(f"model {model.name!r} has no LUTDense layer")
    return expected


def check_handlers(converted: Any, expected: dict[str, str]) -> dict[str, str]:
    """Handlers by layer as hls4ml has them after conversion. Raises FirmwareError when one is not as expected."""
    found = {
        node.name: node.get_attr("handler") or f"none of ours (hls4ml layer {node.class_name})"
        for node in converted.get_layers()
        if node.class_name != "Input"
    }
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise FirmwareError(
                f"hls4ml: layer {name!r} was taken by {found.get(name, 'no handler')}, "
                f"expected {expected.get(name, 'no such layer')}"
            )
    return found


def predict_hls(folder: Path, codes: IntArray) -> IntArray:
    """Outputs of the compiled emulator: (N, C_in) codes to (N, C_out) int64 at the outputs' fractions.

    Raises CardError when there is no project, ToolFailedError when an output is off its integer grid.
    """
    project = load_hls(folder)
    values = np.asarray(codes, dtype=np.float64) * 2.0 ** -np.array([float(kif.f) for kif in project.inputs])
    values = np.ascontiguousarray(values)
    outputs = np.zeros((len(values), len(project.fractions)), dtype=np.float64)
    call = getattr(ctypes.CDLL(str((folder / "firmware" / project.library).resolve())), NAME + "_double")
    call.restype = None
    call.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    x, y = values.ctypes.data, outputs.ctypes.data
    for n in range(len(values)):
        call(x + n * values.strides[0], y + n * outputs.strides[0])
    scaled = outputs * 2.0 ** np.array(project.fractions, dtype=np.float64)
    whole = np.rint(scaled).astype(np.int64)
    if (whole != scaled).any():
        n, o = (int(v) for v in np.argwhere(whole != scaled)[0])
        raise ToolFailedError(f"{folder}: emulator output {o} of vector {n}, {outputs[n, o]}, is off its integer grid")
    return whole


def recompile(folder: Path, stamp: str) -> str:
    """Compile the project in `folder` again as another library and record it. Raises ToolFailedError."""
    project = load_hls(folder)
    script = folder / "build_lib.sh"
    lines = script.read_text().splitlines()
    script.write_text("\n".join(f"LIB_STAMP={stamp}" if x.startswith("LIB_STAMP=") else x for x in lines) + "\n")
    library = _compile(folder, stamp)
    _save(dataclasses.replace(project, library=library), folder)
    return library


def load_hls(folder: Path) -> HlsProject:
    """The project in a folder. Raises CardError when there is none."""
    path = folder / PROJECT_FILE
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardError(f"{path}: no hls4ml project of this package") from error
    return HlsProject(
        folder,
        held["library"],
        tuple(KIF(*kif) for kif in held["inputs"]),
        tuple(held["fractions"]),
        held["handlers"],
        held["result_types"],
    )


def _save(project: HlsProject, folder: Path) -> None:
    held = {field.name: getattr(project, field.name) for field in dataclasses.fields(project) if field.name != "folder"}
    write_text(folder / PROJECT_FILE, json.dumps(held, indent=2) + "\n")


def _compile(folder: Path, stamp: str) -> str:
    """Compile the emulator with the project's own script; gives the library's file name. Messages go to compile.log."""
    done = subprocess.run(["bash", "build_lib.sh"], cwd=folder, capture_output=True, text=True)
    messages = done.stdout + done.stderr
    write_text(folder / "compile.log", messages)
    library = f"{NAME}-{stamp}.so"
    if done.returncode != 0 or not (folder / "firmware" / library).exists():
        errors = [line for line in messages.splitlines() if "error" in line] or messages.splitlines()[-5:]
        raise ToolFailedError(f"{folder}: build_lib.sh ended with {done.returncode}: " + "; ".join(errors[:5]))
    print(f"hls4ml: compiled {folder / 'firmware' / library}", file=sys.stderr)
    return library
