"""From ROOT files to integer codes."""
