"""Attack on the proof: mutants of generated Verilog, an independent judge, and the count of wrong proofs."""
