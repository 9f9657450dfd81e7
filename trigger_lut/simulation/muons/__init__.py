"""Toy muons in a drift chamber."""
