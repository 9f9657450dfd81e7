"""Vivado and Vitis HLS: constraints and build scripts, running them where they are installed, reading their reports."""
