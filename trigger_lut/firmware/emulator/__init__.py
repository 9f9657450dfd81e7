"""Emulators in C++ and Python."""
