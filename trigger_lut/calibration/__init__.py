"""Weights of the surrogate's parts (tables, adders, selections, ...), fitted to Yosys on many networks.

`cost_model/weights.json` holds the weights, the networks they were fitted to, and the errors; `fit.py` makes it.
"""
