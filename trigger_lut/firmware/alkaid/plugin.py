"""Entry point of alkaid's group `alkaid_keras` for the layers of this package (pyproject.toml).

With the package installed, `alkaid convert model.keras folder --inputs-kif K I F` takes models of LUTDense, LUTConv1D,
LUTConv2D and HGQ2's layers. Without --inputs-kif the inputs get the formats of the layers that read them. Alkaid's own
comparison with Keras uses values up to +-512, so it counts differences where Keras saturates.
"""

from __future__ import annotations


def register() -> None:
    """Make the layers known to alkaid.converter.trace_model."""
    import hgq.layers  # noqa: F401  models of both kinds of layers load in any order

    import trigger_lut.firmware.alkaid.layers  # noqa: F401
