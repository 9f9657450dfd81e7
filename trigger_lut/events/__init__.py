"""From ROOT files to the integer codes that the firmware sees."""
