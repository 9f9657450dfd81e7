"""Keras layers of look-up tables."""

from trigger_lut.layers.lut_conv import LUTConv1D, LUTConv2D
from trigger_lut.layers.lut_dense import LUTDense

__all__ = ["LUTConv1D", "LUTConv2D", "LUTDense"]
