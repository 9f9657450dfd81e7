"""Toy data in ROOT files: jets, muons, bunch crossings.

Only this package imports Pythia8 and FastJet (GPL), and only inside functions.
"""
