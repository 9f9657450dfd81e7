"""Training under a budget."""
