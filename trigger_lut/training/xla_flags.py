"""XLA flags of trainings on a CPU.

A step is some 150 small kernels. XLA's newer emitter of fused kernels takes more time and memory to compile than its
faster code saves over a typical training.
"""

from __future__ import annotations

import os
import re

FLAGS = {"xla_cpu_use_fusion_emitters": "false"}


def choose_flags() -> None:
    """Add FLAGS to $XLA_FLAGS, but those that are in it; without effect once XLA has compiled something."""
    flags = os.environ.get("XLA_FLAGS", "")
    named = set(re.findall(r"--(\w+)", flags))
    added = [f"--{name}={value}" for name, value in FLAGS.items() if name not in named]
    os.environ["XLA_FLAGS"] = " ".join([flags, *added]).strip()
