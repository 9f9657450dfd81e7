"""Typed JSON between stages."""
