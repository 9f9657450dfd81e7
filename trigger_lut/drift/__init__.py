"""Whether other data still look to a frozen network like those it was trained on."""
