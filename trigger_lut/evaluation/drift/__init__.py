"""Later data against the data of training."""
