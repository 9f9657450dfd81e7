"""LUTs, flip-flops and latency before anything is built."""
