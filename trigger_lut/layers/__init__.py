"""Keras layers of look-up tables."""

from trigger_lut.layers.lut_dense import LUTDense

__all__ = ["LUTDense"]
