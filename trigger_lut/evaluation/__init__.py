"""Predictions of all methods."""
