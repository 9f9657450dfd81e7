"""Every implementation of a network against the integer reference model, bit for bit."""
