"""Propose the description of a data set from its files."""
