"""From collider data to trigger firmware that meets a budget and is proven bit-exact."""

import sys

__version__ = "0.1.0"

if "keras" in sys.modules and sys.modules["keras"].backend.backend() == "tensorflow":
    # `alkaid convert` imports Keras, then the package that a saved layer names, and expects that Keras knows it now.
    import trigger_lut.layers  # noqa: F401
