"""Scripts for Vivado and Vitis HLS, and their reports."""
