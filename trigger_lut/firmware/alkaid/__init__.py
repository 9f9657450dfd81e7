"""The plug-in for alkaid."""
