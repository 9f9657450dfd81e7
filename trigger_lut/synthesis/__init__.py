"""Yosys, its netlists and their timing."""
