"""What is delivered of a design: one folder, one zip, and the check that anyone can make of it."""
