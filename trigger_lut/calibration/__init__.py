"""How the surrogate's parts (tables, adders, selections, ...) are weighted: fitted to Yosys on many networks.

`data.json` holds the weights, the networks they were fitted to, and the errors; `run.py` makes it.
"""
