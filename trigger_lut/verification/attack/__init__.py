"""Mutants of generated Verilog that the proof must refuse."""
