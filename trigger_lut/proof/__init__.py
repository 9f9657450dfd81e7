"""Proof beyond vectors: equivalence for all inputs by SAT, and faults that verification must notice."""
