"""Toy jets."""
