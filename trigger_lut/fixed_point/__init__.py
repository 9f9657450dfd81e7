"""Fixed-point formats and their ranges."""
