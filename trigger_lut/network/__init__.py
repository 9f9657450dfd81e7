"""The integer network and its reference model."""
