"""From cards to HTML pages."""
