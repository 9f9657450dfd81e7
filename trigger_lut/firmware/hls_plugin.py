"""What hls4ml's plug-in loader calls while hls4ml itself is being imported."""

from __future__ import annotations

from typing import Any


def register(register_backend: Any = None, register_writer: Any = None) -> None:
    """Make layers of tables known to hls4ml's converters."""
    from trigger_lut.firmware import hls_layer

    hls_layer.register()
