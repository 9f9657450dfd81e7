"""Comparison of later data with the training data."""
