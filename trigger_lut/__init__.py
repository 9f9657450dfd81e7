"""From collider data to trigger firmware that meets a budget and is proven bit-exact.

The public names are loaded at their first use. `import trigger_lut` imports no other package.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trigger_lut.config.budget import load_design
    from trigger_lut.conversion.keras_model import integer_network as to_integer_network
    from trigger_lut.conversion.saved_model import load_model
    from trigger_lut.errors import TriggerLutError
    from trigger_lut.firmware.rtl.build import write_rtl
    from trigger_lut.layers.lut_conv import LUTConv1D, LUTConv2D
    from trigger_lut.layers.lut_dense import LUTDense
    from trigger_lut.network.network import Network, load_network, save_network
    from trigger_lut.network.reference_model import evaluate

    __version__: str

PUBLIC = {
    "LUTConv1D": "trigger_lut.layers.lut_conv:LUTConv1D",
    "LUTConv2D": "trigger_lut.layers.lut_conv:LUTConv2D",
    "LUTDense": "trigger_lut.layers.lut_dense:LUTDense",
    "Network": "trigger_lut.network.network:Network",
    "TriggerLutError": "trigger_lut.errors:TriggerLutError",
    "evaluate": "trigger_lut.network.reference_model:evaluate",
    "load_design": "trigger_lut.config.budget:load_design",
    "load_model": "trigger_lut.conversion.saved_model:load_model",
    "load_network": "trigger_lut.network.network:load_network",
    "save_network": "trigger_lut.network.network:save_network",
    "to_integer_network": "trigger_lut.conversion.keras_model:integer_network",
    "write_rtl": "trigger_lut.firmware.rtl.build:write_rtl",
}
"""Module and name behind each public name."""

__all__ = [
    "LUTConv1D",
    "LUTConv2D",
    "LUTDense",
    "Network",
    "TriggerLutError",
    "__version__",
    "evaluate",
    "load_design",
    "load_model",
    "load_network",
    "save_network",
    "to_integer_network",
    "write_rtl",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name == "__version__":
        from importlib.metadata import version

        return version("trigger_lut")
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = PUBLIC[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)


if "keras" in sys.modules and sys.modules["keras"].backend.backend() == "tensorflow":
    # `alkaid convert` imports Keras, then the package that a saved layer names, and expects that Keras knows it now.
    import trigger_lut.layers  # noqa: F401
