"""The decision bit of a trigger."""
