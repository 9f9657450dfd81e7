"""hls4ml project of a trained model: exact types, a compiled bit-accurate emulator.

The project is made from the Keras model, layer by layer: layers of tables by the handlers of `hls4ml_plugin`, HGQ2's
arithmetic layers by hls4ml's own. Other models are written as one layer of exact arithmetic (`network_layer`), and so
are those whose emulator differs from the model's integers. The project says which way it took, and why.

Only the interface of the trained integer network is used: input formats and output fractions. So comparing the emulator
with the network's integer model compares two conversions of the Keras model.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import hashlib
import json
import logging
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import write_text
from trigger_lut.config.budget import Spec
from trigger_lut.errors import CardError, FirmwareError, ToolFailedError, ToolMissingError
from trigger_lut.firmware.hls.cpp import common_format
from trigger_lut.fixed_point.formats import KIF, IntArray, uniform
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.utils.cache import cached
from trigger_lut.utils.identifiers import hls_namespace, hls_top
from trigger_lut.utils.programs import run_program

LOG = logging.getLogger(__name__)

PROJECT_FILE = "project.json"
NO_SOURCES = (".so", ".o", ".log", ".keras", ".json", ".yml", ".tcl", ".part")
EMULATOR_BITS = 52  # the emulator's interface is double
CHECKED = 20_000  # random vectors on which a project made layer by layer is checked at once


@dataclass(frozen=True)
class HlsProject:
    """Written and compiled hls4ml project.

    Attributes
    ----------
    folder
        Folder of the project.
    name
        Name of the project and its top function; it follows the design.
    library
        File name of the compiled emulator, in folder/firmware.
    inputs
        Format of each input channel.
    sizes
        Channels of each input of the model.
    out_sizes
        Values of each output of the model.
    fractions
        Fraction bits of each output.
    handlers
        Converter handler by layer.
    result_types
        Result type by layer, as ap_fixed.
    note
        Reason why it was not made layer by layer; empty where it was.
    """

    folder: Path
    name: str
    library: str
    inputs: tuple[KIF, ...]
    sizes: tuple[int, ...]
    out_sizes: tuple[int, ...]
    fractions: tuple[int, ...]
    handlers: dict[str, str]
    result_types: dict[str, str]
    note: str = ""


def require_compiler() -> None:
    """Raise ToolMissingError without g++."""
    if shutil.which("g++") is None:
        raise ToolMissingError("g++ is not on PATH; hls4ml compiles its emulator with it (install a C++ compiler)")


def write_hls(
    model: Any, network: Network, *, folder: Path, spec: Spec, final_folder: Path | None = None, version: int = 1
) -> HlsProject:
    """Convert a Keras model with hls4ml, write the project and compile it.

    Parameters
    ----------
    model
        Keras model.
    network
        Integer network of the model, for its interface.
    folder
        Folder of the project; it is made anew.
    spec
        Specification of the design.
    final_folder
        Folder that the caller moves the project to; None: nowhere.
    version
        Version of the design, part of all names.

    Returns
    -------
    HlsProject
        Project.

    Raises
    ------
    FirmwareError
        If a layer has no integer form.
    ToolMissingError
        Without g++.
    ToolFailedError
        If compilation fails.
    """
    from trigger_lut.conversion.keras_model import integer_network

    require_compiler()
    whole = integer_network(model, prune=False, inputs=network.inputs, wraps=True)
    if len(whole.output_values) != len(network.output_values):
        raise FirmwareError(
            f"model {model.name!r}: other outputs than its network. Expected {len(network.output_values)}, found "
            f"{len(whole.output_values)}. Run the train stage again."
        )
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with contextlib.redirect_stdout(sys.stderr):
        project = _layer_by_layer(model, whole, network, part, spec, version=version)
        if project.note:
            LOG.warning(f"hls4ml: {project.note}")
            shutil.rmtree(part, ignore_errors=True)
            project = dataclasses.replace(
                _model_of_network(model, whole, network, part, spec, version=version), note=project.note
            )
    config = part / "hls4ml_config.yml"
    write_text(config, config.read_text().replace(str(part), str(final_folder or folder)))
    _save(project, part)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    return dataclasses.replace(project, folder=folder)


def _layer_by_layer(
    model: Any, whole: Network, network: Network, folder: Path, spec: Spec, *, version: int
) -> HlsProject:
    """Compile a project of one hls4ml layer a Keras layer; its `note` says why it cannot be used, if so."""
    import keras

    empty = HlsProject(folder, hls_top(spec.design, version), "", network.inputs, _sizes(model.inputs), (), (), {}, {})
    if loose := sorted({type(op).__name__ for op in _operations(model) if not isinstance(op, keras.Layer)}):
        what = f"hls4ml takes layers alone, the model holds operations: {', '.join(loose)}"
        return dataclasses.replace(empty, note=f"not layer by layer: {what}")
    # hls4ml writes names of layers into comments and symbols as they are
    if wrong := [op.name for op in _operations(model) if not re.fullmatch(r"[\w./ -]+", op.name, re.ASCII)]:
        return dataclasses.replace(empty, note=f"not layer by layer: {wrong[0]!r} is no name of a layer in C++")
    try:
        converted = _convert(model, network, folder, spec, version)
        project = _written(converted, model, empty, network)
    except FirmwareError:
        raise
    except Exception as error:  # hls4ml has no errors of its own: whatever it stumbles over
        lines = str(error).splitlines() or [type(error).__name__]
        return dataclasses.replace(empty, note=f"not layer by layer: hls4ml refuses the model ({lines[0]})")
    codes = uniform(network.inputs, CHECKED, rng=np.random.default_rng(spec.seed))
    try:
        finer = network.fractions - whole.fractions  # in kept output formats
        different = int((predict_hls(folder, codes) != evaluate(whole, codes) * 2.0**finer).sum())
        what = f"{different} of {CHECKED * len(project.fractions)} outputs differ from the model's integers"
    except ToolFailedError as error:
        different, what = 1, str(error)
    theirs = sorted({handler for handler in project.handlers.values() if handler.startswith(THEIRS)})
    note = f"not layer by layer: {what}, with {', '.join(theirs) or 'handlers of this package'}" if different else ""
    return dataclasses.replace(project, note=note)


def _model_of_network(
    model: Any, whole: Network, network: Network, folder: Path, spec: Spec, *, version: int
) -> HlsProject:
    from trigger_lut.conversion.network_layer import model_of_network

    empty = HlsProject(folder, hls_top(spec.design, version), "", network.inputs, _sizes(model.inputs), (), (), {}, {})
    one = model_of_network(model, whole)
    try:
        converted = _convert(one, network, folder, spec, version)
    except ValueError as error:
        raise FirmwareError(f"hls4ml refuses model {model.name!r}: {error}") from error
    return _written(converted, one, empty, network)


def _operations(model: Any) -> list[Any]:
    """Layers, and what is none: operations of keras.ops, which only models made of tensors can hold."""
    return list(getattr(model, "operations", model.layers))


def _sizes(tensors: list[Any]) -> tuple[int, ...]:
    return tuple(int(np.prod(tensor.shape[1:])) for tensor in tensors)


def _written(converted: Any, model: Any, empty: HlsProject, network: Network) -> HlsProject:
    handlers = _handlers(model, converted)
    converted.write()
    _keep_apart(empty.folder, empty.name)
    library = _compile(empty.folder, empty.name, _stamp(empty.folder, converted.config.get_config_value("Stamp")))
    types = {node.name: str(node.get_output_variable().type.precision) for node in converted.get_layers()}
    fractions = tuple(int(f) for f in network.fractions)
    project = dataclasses.replace(
        empty,
        library=library,
        out_sizes=_sizes(model.outputs),
        fractions=fractions,
        handlers=handlers,
        result_types=types,
    )
    _save(project, empty.folder)
    return project


def _convert(model: Any, network: Network, folder: Path, spec: Spec, version: int) -> Any:
    """hls4ml's model; its input vectors have types that hold the network's input formats."""
    import hls4ml

    from trigger_lut.conversion.keras_graph import producer
    from trigger_lut.firmware.hls.hls4ml_plugin import known_inputs, precision, register

    register()
    names = [producer(tensor)[0].name for tensor in model.inputs]
    ends = np.cumsum(_sizes(model.inputs)).tolist()
    parts = [network.inputs[end - n : end] for n, end in zip(_sizes(model.inputs), ends, strict=True)]
    formats = dict(zip(names, parts, strict=True))
    with known_inputs(formats):
        converted = hls4ml.converters.convert_from_keras_model(
            model,
            output_dir=str(folder),
            project_name=hls_top(spec.design, version),
            namespace=hls_namespace(spec.design, version),
            backend="Vitis",
            io_type="io_parallel",
            part=spec.target.part,
            clock_period=spec.target.clock_period_ns,
            write_weights_txt=False,
            allow_da_fallback=False,
            allow_v2_fallback=False,
            hls_config={
                "Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "PipelineInterval": spec.budget.ii},
                "LayerName": {
                    name: {"Precision": {"result": str(precision(common_format(part)))}}
                    for name, part in formats.items()
                },
            },
        )
    types = [v.type.precision for v in (*converted.get_input_variables(), *converted.get_output_variables())]
    if wide := [str(t) for t in types if t.width > EMULATOR_BITS]:
        raise FirmwareError(
            f"type {wide[0]}: too wide for the interface of the emulator. Expected at most {EMULATOR_BITS} bits. Use "
            "narrower inputs, or quantizers with fewer bits."
        )
    return converted


THEIRS = "hls4ml's "


def _handlers(model: Any, converted: Any) -> dict[str, str]:
    """Which handler took which Keras layer: of this package, or hls4ml's own."""
    from hls4ml.converters.keras_v3 import layer_handlers

    ours = {node.name: node.get_attr("handler") for node in converted.get_layers()}
    handlers = {}
    for layer in model.layers:
        kind = type(layer)
        if kind.__name__ == "InputLayer":
            continue
        handler = layer_handlers.get(f"{kind.__module__}.{kind.__name__}") or layer_handlers.get(kind.__name__)
        handlers[layer.name] = ours.get(layer.name) or f"{THEIRS}{type(handler).__name__}"
    return handlers


def predict_hls(folder: Path, codes: IntArray) -> IntArray:
    """Run the compiled emulator.

    Parameters
    ----------
    folder
        Folder of the project.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    IntArray of shape (N, C_out)
        Codes at the outputs' fractions.

    Raises
    ------
    CardError
        If there is no project.
    ToolFailedError
        If an output is not a code.
    """
    project = load_hls(folder)
    values = np.asarray(codes, dtype=np.float64) * 2.0 ** -np.array([float(kif.f) for kif in project.inputs])
    values = np.ascontiguousarray(values)
    outputs = np.zeros((len(values), len(project.fractions)), dtype=np.float64)
    call = getattr(ctypes.CDLL(str((folder / "firmware" / project.library).resolve())), project.name + "_double")
    call.restype = None
    call.argtypes = [ctypes.c_void_p] * (len(project.sizes) + len(project.out_sizes))
    x, y = values.ctypes.data, outputs.ctypes.data
    starts = [(x + 8 * at, values.strides[0]) for at in np.cumsum([0, *project.sizes[:-1]]).tolist()]
    starts += [(y + 8 * at, outputs.strides[0]) for at in np.cumsum([0, *project.out_sizes[:-1]]).tolist()]
    for n in range(len(values)):
        call(*(start + n * row for start, row in starts))
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
    library = _compile(folder, project.name, stamp)
    _save(dataclasses.replace(project, library=library), folder)
    return library


def load_hls(folder: Path) -> HlsProject:
    """Read the description of a project.

    Parameters
    ----------
    folder
        Folder of the project.

    Returns
    -------
    HlsProject
        Project.

    Raises
    ------
    CardError
        If there is none.
    """
    path = folder / PROJECT_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardError(f"{path}: no hls4ml project of this package. Run the firmware stage first.") from error
    try:
        return HlsProject(
            folder,
            _identifier(content["name"]),
            content["library"],
            tuple(KIF(*kif) for kif in content["inputs"]),
            tuple(content["sizes"]),
            tuple(content["out_sizes"]),
            tuple(content["fractions"]),
            content["handlers"],
            content["result_types"],
            content["note"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CardError(
            f"{path}: not a project of this version ({type(error).__name__}: {error}). Run the firmware stage again."
        ) from error


def _identifier(name: str) -> str:
    """Return a name that may become part of a path and of a symbol. Raises ValueError for another."""
    if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) is None:
        raise ValueError(f"name: expected an identifier, found {name!r}")
    return name


def _save(project: HlsProject, folder: Path) -> None:
    content = {
        field.name: getattr(project, field.name) for field in dataclasses.fields(project) if field.name != "folder"
    }
    write_text(folder / PROJECT_FILE, json.dumps(content, indent=2) + "\n")


def _keep_apart(folder: Path, name: str) -> None:
    """Let several designs share a process and a compilation unit."""
    # hls4ml's headers of types have one guard in all projects, and its bridge defines the same global functions. With
    # -Bsymbolic a library uses its own definitions, whichever libraries were loaded before.
    for header in ("defines", "parameters"):
        path = folder / "firmware" / f"{header}.h"
        guard = f"{header.upper()}_H_"
        path.write_text(re.sub(rf"\b{guard}", f"{name.upper()}_{guard}", path.read_text()))
    script = folder / "build_lib.sh"
    text = script.read_text()
    if text.count(" -shared ") != 1:
        raise ToolFailedError(f"{script}: expected one command with -shared, found {text.count(' -shared ')}")
    script.write_text(text.replace(" -shared ", " -shared -Wl,-Bsymbolic "))


def _stamp(folder: Path, theirs: str) -> str:
    """Name the library after the sources, not at random as hls4ml does: the same model gives the same files.

    Other sources in the same folder need another name, since a process that loaded a library finds it by its path.
    """
    sources = hashlib.sha256()
    for path in sorted((folder / "firmware").rglob("*")):
        if path.is_file():
            sources.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    stamp = f"s{sources.hexdigest()[:7]}"  # with a letter first, YAML never reads it as a number
    for name in ("build_lib.sh", "hls4ml_config.yml"):
        path = folder / name
        path.write_text(re.sub(rf"(['\"]?)\b{re.escape(theirs)}\b\1", stamp, path.read_text()))
    return stamp


def _compile(folder: Path, name: str, stamp: str) -> str:
    """Compile the emulator with the project's own script; return its file name. Messages go to compile.log.

    The script runs once a user for the same sources: the release stage compiles what the firmware stage compiled.
    """
    library = f"{name}-{stamp}.so"

    def build(path: Path) -> None:
        messages = _run_script(folder, library)
        with zipfile.ZipFile(path, "w") as cache_file:
            cache_file.write(folder / "firmware" / library, "library")
            cache_file.writestr("messages", messages)

    with zipfile.ZipFile(cached("hls.zip", _sources(folder), build=build)) as archive:
        (folder / "firmware" / library).write_bytes(archive.read("library"))
        (folder / "firmware" / library).chmod(0o755)
        write_text(folder / "compile.log", archive.read("messages").decode())
    LOG.info(f"hls4ml: compiled {folder / 'firmware' / library}")
    return library


def _sources(folder: Path) -> list[str | bytes]:
    """Return what decides the emulator: sources of a project by path, its script without the stamp, the compiler."""
    made_of: list[str | bytes] = [run_program(["g++", "--version"])]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != "build_lib.sh" and not _is_no_source(name):
            made_of += [name.as_posix(), path.read_bytes()]
    script = (folder / "build_lib.sh").read_text().splitlines()
    return [*made_of, "\n".join(line for line in script if not line.startswith("LIB_STAMP="))]


def _is_no_source(name: Path) -> bool:
    """Tell if the compiler does not read a file: results, descriptions, data of test benches, numbers as text."""
    return name.suffix in NO_SOURCES or bool({"weights", "tb_data"} & set(name.parts))


def _run_script(folder: Path, library: str) -> str:
    """Run the project's script and return its messages. Raises ToolFailedError; they are in compile.log then, too."""
    done = subprocess.run(["bash", "build_lib.sh"], cwd=folder, capture_output=True, text=True)
    messages = done.stdout + done.stderr
    if done.returncode != 0 or not (folder / "firmware" / library).exists():
        write_text(folder / "compile.log", messages)
        errors = [line for line in messages.splitlines() if "error" in line] or messages.splitlines()[-5:]
        raise ToolFailedError(f"{folder}: build_lib.sh ended with {done.returncode}: " + "; ".join(errors[:5]))
    return messages
