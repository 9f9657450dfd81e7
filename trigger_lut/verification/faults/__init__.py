"""Faults that the test vectors must notice."""
