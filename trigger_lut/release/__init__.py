"""Release of a design: one folder, one zip, and the check that its receiver makes."""
