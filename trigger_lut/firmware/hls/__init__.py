"""The hls4ml project of a model."""
