"""The way from physics objects to input codes, in C++ and Python, from the description of a data set."""
