"""Wrappers that put a network into frameworks of boards: AXI4-Stream, and the payload of the EMP framework."""
