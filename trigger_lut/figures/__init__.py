"""Plots, drawn from cards alone."""
