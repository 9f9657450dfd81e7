"""The CPU kernel of `kernel.cpp`: built once a machine, made known to XLA, called from any TensorFlow function.

XLA's own gather and segment sum work element by element. The kernel adds rows of floats in vector registers. The
compiled step calls it directly, as a custom call of a small StableHLO module.

TRIGGER_LUT_KERNEL=cpu demands the kernel, =xla leaves everything to XLA. Otherwise the kernel is used if there is a
C++ compiler and no GPU. The choice is printed once, on standard error.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_call_module

from trigger_lut.errors import ConfigurationError, ToolFailedError, ToolMissingError, nearest
from trigger_lut.utils.cache import cached
from trigger_lut.utils.programs import cxx_compiler, run_program

LOG = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("kernel.cpp")
FLAGS = ("-std=c++20", "-O3", "-march=native", "-mprefer-vector-width=512", "-fPIC", "-shared", "-w")
VARIABLE, CHOICES = "TRIGGER_LUT_KERNEL", ("auto", "cpu", "xla")
MODULE_VERSION = 10  # of XlaCallModule's conventions
TYPES = {tf.float32: "f32", tf.int32: "i32", tf.bool: "i1"}

Shape = tuple[tuple[int, int], tuple[int, int]]
"""Dimensions of a result: each is that of an operand, (operand, axis)."""


@functools.cache
def in_use() -> bool:
    """Return whether look-ups go through the kernel in this process; the first call builds and registers it.

    Returns
    -------
    bool

    Raises
    ------
    ConfigurationError
        For an unknown TRIGGER_LUT_KERNEL.
    ToolMissingError
        If it demands the kernel and there is no compiler.
    ToolFailedError
        If it demands the kernel and the compiler or XLA fails.
    OSError
        If it demands the kernel and the library cannot be loaded.
    """
    choice = os.environ.get(VARIABLE, "") or "auto"
    if choice not in CHOICES:
        raise ConfigurationError(
            f"{VARIABLE}: expected {', '.join(CHOICES)}, found {choice!r}{nearest(choice, CHOICES)}"
        )
    gpu = bool(tf.config.list_physical_devices("GPU"))
    if gpu:
        # GPUs round factors of products to 10 bits by default; results are to be those of a CPU to float rounding.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    if choice == "auto" and gpu:
        return _said(False, "there is a GPU")
    if choice == "xla":
        return _said(False, f"{VARIABLE}=xla")
    try:
        library = ctypes.CDLL(str(built()))
        _register(library)
    except (ToolMissingError, ToolFailedError, OSError) as error:
        if choice == "cpu":
            raise
        return _said(False, str(error).splitlines()[0], logging.WARNING)  # training is slower than it could be
    return _said(True, str(library._name))


def _said(kernel: bool, why: str, level: int = logging.INFO) -> bool:
    LOG.log(level, f"trigger_lut: look-ups by {'the CPU kernel' if kernel else 'XLA'} ({why})")
    return kernel


# ---------------------------------------------------------------- building


def built() -> Path:
    """Return the compiled kernel, from the user's cache or compiled now.

    Returns
    -------
    Path

    Raises
    ------
    ToolMissingError
        Without a compiler.
    ToolFailedError
        If the compiler fails.
    """
    include = Path(tf.sysconfig.get_include())
    sources = sorted((SOURCE, *SOURCE.parent.glob("kernel_*.h")))
    parts = (
        *(path.read_bytes() for path in sources),
        " ".join(FLAGS),
        os.environ.get("CXX", ""),
        tf.__version__,
        _processor(),
    )

    def build(path: Path) -> None:
        command = [cxx_compiler(), *FLAGS, SOURCE, f"-I{include}", "-o", path]
        run_program(command, what="compiling the look-up kernel")

    return cached("kernel.so", parts, build=build)


def _processor() -> str:
    """Return the processor's model and instruction sets, on which -march=native depends."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    named = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(named)}))


def _register(library: ctypes.CDLL) -> None:
    """Give XLA the calls. The interface comes from TensorFlow's library, so the kernel links against nothing."""
    framework = ctypes.CDLL(str(Path(tf.sysconfig.get_lib()) / "libtensorflow_framework.so.2"))
    framework.XLA_FFI_GetApi.restype = ctypes.c_void_p
    library.trigger_lut_register.restype = ctypes.c_char_p
    library.trigger_lut_register.argtypes = [ctypes.c_void_p]
    refusal = library.trigger_lut_register(framework.XLA_FFI_GetApi())
    if refusal is not None:
        raise ToolFailedError(f"XLA does not take the look-up kernel: {refusal.decode()}")


# ---------------------------------------------------------------- calling


def call(target: str, operands: Sequence[tf.Tensor], *, dtype: tf.DType, shape: Shape) -> tf.Tensor:
    """Return the result (rank 2) of a call of `kernel.cpp` on operands of rank 2; its shape follows from operands.

    Sizes may be unknown while a function is traced; XLA compiles it once they are known.
    """
    return calls(target, operands, dtype=dtype, shapes=(shape,))[0]


def calls(
    target: str, operands: Sequence[tf.Tensor], *, dtype: tf.DType, shapes: tuple[Shape, ...], **attributes: int
) -> list[tf.Tensor]:
    """Return the results of a call that has several, of one type; attributes are integers that it reads by name."""
    operands = [tf.convert_to_tensor(o) for o in operands]
    static = [[operands[operand].shape[axis] for operand, axis in shape] for shape in shapes]
    types = tuple(TYPES[o.dtype] for o in operands)
    module = _module(target, types, TYPES[dtype], shapes, tuple(attributes.items()))
    return xla_call_module(
        operands, version=MODULE_VERSION, module=module, Sout=static, Tout=[dtype] * len(shapes), platforms=["CPU"]
    )


@functools.cache
def _module(
    target: str, operands: tuple[str, ...], result: str, shapes: tuple[Shape, ...], attributes: tuple[tuple[str, int]]
) -> bytes:
    """Return StableHLO text: the custom call, and its results' shapes as operands that XLA resolves and drops."""
    types = [f"tensor<?x?x{t}>" for t in operands]
    names, n, r = [f"%a{k}" for k in range(len(types))], len(types), len(shapes)
    out = ", ".join([f"tensor<?x?x{result}>"] * r)
    results = ", ".join([f"%y#{k}" for k in range(r)] if r > 1 else ["%y"])
    sizes = ""
    for k, shape in enumerate(shapes):
        for axis, (operand, dim) in enumerate(shape):
            sizes += f"""
    %d{k}{axis} = stablehlo.get_dimension_size %a{operand}, dim = {dim} : ({types[operand]}) -> tensor<i32>
    %s{k}{axis} = stablehlo.reshape %d{k}{axis} : (tensor<i32>) -> tensor<1xi32>"""
        sizes += f"""
    %z{k} = stablehlo.concatenate %s{k}0, %s{k}1, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>"""
    config = ", ".join(f"{key} = {value} : i64" for key, value in attributes)
    return f"""module @{target} attributes {{jax.uses_shape_polymorphism = true}} {{
  func.func public @main({", ".join(f"{a}: {t}" for a, t in zip(names, types, strict=True))}) -> ({out}) {{{sizes}
    %y{f":{r}" if r > 1 else ""} = stablehlo.custom_call @trigger_lut.{target}(
        {", ".join([*names, *(f"%z{k}" for k in range(r))])})
      {{api_version = 4 : i32, backend_config = {{{config}}},
        indices_of_shape_operands = dense<[{", ".join(str(n + k) for k in range(r))}]> : tensor<{r}xi64>}}
      : ({", ".join([*types, *["tensor<2xi32>"] * r])}) -> ({out})
    return {results} : {out}
  }}
}}
""".encode()
