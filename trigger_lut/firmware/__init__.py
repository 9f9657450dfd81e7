"""Firmware of a network: pipelined Verilog (`rtl`) and an hls4ml project (`hls`)."""
