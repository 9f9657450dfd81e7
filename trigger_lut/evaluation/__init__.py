"""Predictions of all methods, figures against budgets, comparison with later data."""
