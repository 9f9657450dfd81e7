"""Mutation operators, one module for each group of kinds; each registers itself."""
