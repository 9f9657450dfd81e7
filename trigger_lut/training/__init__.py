"""Training under a budget. docs/explanation/training.md lists what was tried for higher accuracy, and its effect."""
