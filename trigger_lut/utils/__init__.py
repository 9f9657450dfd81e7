"""Files, programs, processes and names: nothing about networks."""
