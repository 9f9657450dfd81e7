"""Random models through the whole chain."""
