"""Layers as adders and comparisons."""
