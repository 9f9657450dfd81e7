"""Toy bunch crossings."""
