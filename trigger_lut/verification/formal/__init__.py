"""The proof that the Verilog is the network."""
