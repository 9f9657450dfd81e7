"""Random networks through every form of firmware, with 0 differences demanded."""
