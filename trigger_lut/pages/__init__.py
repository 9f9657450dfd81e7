"""HTML pages for people, filled from cards alone."""
