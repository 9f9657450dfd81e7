"""The trigger decision in firmware: one bit a working point, formed of the network's integers."""
