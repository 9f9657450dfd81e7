"""Everything that a user writes: budget, targets, network, scan."""
