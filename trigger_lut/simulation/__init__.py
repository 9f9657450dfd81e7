"""Simulated jets in ROOT files. Only this package imports Pythia8 and FastJet (GPL), and only inside functions."""
